"""What a record may say at the edges, and must not break: figures without end, instants at the end of time, names that are alike."""

import json
from typing import Any

import pytest

from agents.incoming import Incoming
from schemas.instants import parse_instant
from tests.unit.agents.scene import Scene

CAPPED = {"sid": "pts", "returns": "within-balance", "limit": {"points": "100", "per": "ever"}}
MUCH = "100000000000"  # times 10^9 it does not fit into 64 bits


def _sell(scene: Scene, quantity: str, price: str) -> str:
    lines = [{"sku": "A", "quantity": quantity, "unit_price": price}]
    return scene.send("purchases", 1, receipt_id="R1", application="pos", currency="EUR", lines=lines)


def _reasons(scene: Scene) -> list[str]:
    return [letter.reason for letter in scene.letters]


@pytest.mark.parametrize(
    ("quantity", "price", "back"),
    [(MUCH, "0.01", {"lines": [{"sku": "A", "quantity": MUCH}]}), ("1", MUCH, {"amount": "50000000000"})],
    ids=["units", "money"],
)
def test_what_cannot_be_stored_is_refused_before_it_is_kept(quantity: str, price: str, back: dict[str, Any]) -> None:
    scene = Scene({"points": [CAPPED]})
    assert _sell(scene, quantity, price) == "applied"
    scene.send("purchases", 2, kind="return", return_id="B1", receipt_id="R1", application="pos", **back)
    assert _reasons(scene) == ["invalid-field"]
    assert scene.send("purchases", 3, kind="cancel", receipt_id="R1", application="pos") == "applied"
    scene.table.flush({})
    assert scene.books()["club", "pts"] == {"reversed": "100", "lifetime": "100"}


@pytest.mark.parametrize("price", [MUCH, f"-{MUCH}"])
@pytest.mark.parametrize("window", ["review", "20 days"])
def test_more_than_a_tier_can_count_is_refused(price: str, window: str) -> None:
    tiers = {"measure": "spend", "window": window, "definitions": [{"name": "Silver", "threshold": "10"}]}
    scene = Scene({"points": [CAPPED], "tiers": tiers})
    _sell(scene, "1", price)
    assert _reasons(scene) == ["invalid-field"]
    scene.table.flush({})


def test_nothing_lasts_longer_than_the_calendar() -> None:
    scene = Scene()
    at = "9999-12-31T23:59:59Z"

    def tell(topic: str, when: str, **record: Any) -> None:
        value = json.dumps({"profile_id": "p1", when: at, **record}).encode()
        scene.core.apply(scene.table, Incoming(topic, 0, 0, None, value, parse_instant(at)), scene.outbox)

    tell(
        "purchases",
        "closed_at",
        receipt_id="R1",
        application="pos",
        currency="EUR",
        lines=[{"sku": "A", "quantity": 1, "unit_price": "10"}],
    )
    tell("redemptions", "requested_at", redemption_id="D1", program="club", kind="reserve", points="5")
    tell("purchases", "closed_at", kind="cancel", receipt_id="R2", application="pos")
    scene._collect()  # it holds that nothing broke inside
    assert scene.books()["club", "pts"] == {"active": "5", "reserved": "5", "lifetime": "10"}


def test_an_erasure_leaves_the_claims_of_a_till_that_is_named_like_the_profile() -> None:
    scene = Scene({"receipts": "claimed"})
    scene.sell(1, "R1", profile_id="p2")
    scene.table.flush({})
    assert scene.send("profiles", 2, profile_id="pos", kind="erase") == "applied"
    scene.sell(3, "R1", profile_id="p3")
    assert _reasons(scene) == ["claimed-by-another"]
