"""A sale in a currency that one program knows and another does not: it counts for the one, and the other hears nothing of it."""

from typing import Any, Final

import pytest

from tests.unit.agents.scene import Scene

_TRAVELS: Final[dict[str, Any]] = {"program": "travels", "rates": {"USD": "0.5"}}
_GIFT: Final[dict[str, Any]] = {"promotions": [{"promotion": "gift", "points": "5"}]}
_REFERRAL: Final[dict[str, Any]] = _GIFT | {"referral": {"promotion": "gift", "final_after": "1 day"}}


def _scenario(trigger: Any) -> dict[str, Any]:
    return _GIFT | {"scenarios": [{"scenario": "s", "trigger": trigger, "steps": [{"award": {"promotion": "gift"}}]}]}


@pytest.mark.parametrize(
    "club",
    [
        pytest.param(_scenario("receipt"), id="no trigger of receipts"),
        pytest.param(
            _scenario({"item": "A", "when": {"total": {"at_least": "1"}}}), id="no trigger of items, with a condition on money"
        ),
        pytest.param(_scenario({"date": "receipt.attributes.delivery"}), id="no date of an order"),
        pytest.param(_REFERRAL, id="no first purchase of a friend"),
    ],
)
def test_a_sale_in_a_currency_that_a_program_does_not_know_is_nothing_to_it(club: dict[str, Any]) -> None:
    scene = Scene(club, _TRAVELS)
    scene.write(1, referral_code="MINE")
    assert scene.sell(1, "R1", currency="USD", referral_code="MINE", attributes={"delivery": "2024-07-03"}) == "applied"
    scene.tick(9)
    assert scene.told() == [("travels", "joined", None), ("travels", "accrued", "5")]
    assert scene.letters == []


def test_a_first_purchase_that_is_replaced_by_one_in_a_currency_that_is_not_known_rewards_nobody() -> None:
    scene = Scene(_REFERRAL, _TRAVELS)
    scene.send("profiles", 1, profile_id="ann", fields={"referral_code": "ANN"})
    scene.sell(1, "R1", referral_code="ANN")
    scene.sell(1.5, "R1", currency="USD", referral_code="ANN", revision=2)
    scene.tick(9)
    assert [entry for entry in scene.told() if entry[1] == "accrued"] == [
        ("club", "accrued", "10"),
        ("travels", "accrued", "10"),
        ("travels", "accrued", "5"),
    ]
    assert scene.letters == []
    assert scene.counted["referral", "club", "not-final"] == 1


def test_a_return_of_such_a_sale_gives_the_use_of_a_code_back_though_the_sale_earned_nothing() -> None:
    coded = {
        "codes": [{"code": "SPRING", "uses": 1}],
        "earning": [{"rule": "spring", "code": "SPRING", "fixed": {"points": "7"}, "when": {"store": "L1"}}],
    }
    scene = Scene({}, _TRAVELS | coded)
    scene.sell(1, "R1", currency="USD", promo_codes=["SPRING"])
    returned = {
        "kind": "return",
        "return_id": "B1",
        "receipt_id": "R1",
        "application": "pos",
        "lines": [{"sku": "A", "quantity": 1}],
    }
    assert scene.send("purchases", 2, **returned) == "applied"
    scene.sell(3, "R2", currency="USD", promo_codes=["SPRING"], store="L1")
    assert [entry for entry in scene.told() if entry[1] == "accrued"] == [("travels", "accrued", "7")]
