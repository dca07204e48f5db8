"""Returns, cancels and reopens through the core: who is settled by them, what they make known, and what several programs take."""

from typing import Any

import pytest
from msgspec import structs

from schemas.amounts import NANO
from schemas.instants import parse_instant
from schemas.outcomes import APPLIED, DEAD_LETTER, DUPLICATE, PARKED, STALE_REVISION
from tables.keys import identity_key, receipt_key
from tables.state import Receipt, Seen
from tests.unit.agents.scene import Scene, moment

DATED = [
    {"rule": "base", "when": {"not": {"attributes.lasts": "long"}}, "rate": {}, "expiration": "10 days"},
    {"rule": "long", "when": {"attributes.lasts": "long"}, "rate": {}},
]
HALF = [{"sku": "A", "quantity": 1}]
SALE = receipt_key("p1", "pos", "R")
RETURN = identity_key("p1", "return", "pos", "X")


def give_back(scene: Scene, day: float, return_id: str = "X", **more: Any) -> str:
    units: dict[str, Any] = {} if "amount" in more else {"lines": HALF}
    record = {"kind": "return", "return_id": return_id, "receipt_id": "R", "application": "pos", **units, **more}
    return scene.send("purchases", day, **record)


def cancel(scene: Scene, day: float, **more: Any) -> str:
    return scene.send("purchases", day, **{"kind": "cancel", "receipt_id": "R", "application": "pos", **more})


def sold(*programs: dict[str, Any], **more: Any) -> Scene:
    """Two units of 10.00 on the first of July."""
    scene = Scene(*programs)
    scene.sell(1, "R", lines=[{"sku": "A", "quantity": 2, "unit_price": "10.00"}], **more)
    scene.told()
    return scene


def settled(scene: Scene) -> int:
    profile = scene.table.profile("p1")
    assert profile is not None
    return profile.settled_at


UNUSED: list[tuple[str, dict[str, Any], str]] = [
    ("the same again", {}, DUPLICATE),
    ("the same with other content", {"lines": [{"sku": "A", "quantity": 2}]}, DEAD_LETTER),
    ("more than is left", {"return_id": "Y", "lines": [{"sku": "A", "quantity": 2}]}, DEAD_LETTER),
    ("more money than is left", {"return_id": "Y", "amount": "10.01"}, DEAD_LETTER),
    ("money below zero", {"return_id": "Y", "amount": "-1.00"}, DEAD_LETTER),
    ("of a receipt that did not come", {"return_id": "Y", "receipt_id": "other"}, PARKED),
]


@pytest.mark.parametrize(("name", "more", "outcome"), UNUSED, ids=[case[0] for case in UNUSED])
def test_what_is_not_applied_settles_nothing(name: str, more: dict[str, Any], outcome: str) -> None:
    scene = sold({"points": [{"sid": "pts", "returns": "within-balance", "expiration": "5 days"}]})
    assert give_back(scene, 2) == APPLIED
    before, at = scene.table.find(Receipt, SALE), settled(scene)
    day = 2 if outcome == DUPLICATE else 20
    assert give_back(scene, day, **more) == outcome
    assert scene.table.find(Receipt, SALE) == before
    assert settled(scene) == at
    assert scene.told() == [("club", "reversed", "10")]


def test_a_return_that_was_refused_is_not_known() -> None:
    scene = sold()
    give_back(scene, 2, lines=[{"sku": "A", "quantity": 3}])
    assert scene.table.find(Seen, RETURN) is None
    assert give_back(scene, 3) == APPLIED
    assert scene.table.find(Seen, RETURN) is not None


def test_a_return_that_waits_leaves_a_profile_that_nothing_has_settled() -> None:
    """Its sale lies before it, and is not late for that: the tier is entered at the sale's own time."""
    tiers = {"definitions": [{"name": "Gold", "threshold": "5"}]}
    scene = Scene({"tiers": tiers})
    assert give_back(scene, 3) == PARKED
    scene.send("purchases", 1, kind="cancel", receipt_id="other", application="pos")
    scene.sell(1, "R", lines=[{"sku": "A", "quantity": 2, "unit_price": "10.00"}])
    profile = scene.table.profile("p1")
    assert profile is not None
    assert profile.programs["club"].tiers[""].history == ((parse_instant(moment(1)), "Gold"),)
    assert scene.told() == [("club", "joined", None), ("club", "accrued", "20"), ("club", "reversed", "10")]
    assert scene.table.find(Seen, RETURN) is not None
    assert give_back(scene, 3) == DUPLICATE


def test_a_dead_letter_of_what_waited_tells_where_it_lay_itself() -> None:
    scene = Scene()
    give_back(scene, 1, lines=[{"sku": "A", "quantity": 5}])
    scene.sell(2, "R")
    assert [(letter.reason, letter.topic) for letter in scene.letters] == [("over-returned", "purchases")]
    assert '"return_id": "X"' in (scene.letters[0].value or "")


def test_each_program_takes_by_its_own_settings_and_version() -> None:
    def points(**how: str) -> list[dict[str, Any]]:
        return [{"sid": "pts", **how}]

    bonus = {"rule": "b", "when": {"gross": {"at_least": "20.00"}}, "fixed": {"points": "100", "per": "receipt"}}
    base = {"rule": "base", "rate": {"points": "1", "per": "1.00"}}
    rules = {"earning": [base, bonus]}
    scene = sold(
        {"program": "a", "points": points(returns="within-balance")} | rules,
        {"program": "b", "points": points(returns="within-balance", on_return="proportional")} | rules,
        {"program": "c", "points": points(returns="within-balance", on_return="by-amount")} | rules,
        {"program": "d", "points": points(returns="pending-only")} | rules,
        {"program": "d", "effective_from": "2024-07-02T00:00:00Z", "points": points(returns="within-balance")} | rules,
    )
    give_back(scene, 1.5)
    assert scene.told() == [("a", "reversed", "110"), ("b", "reversed", "10"), ("c", "reversed", "60")]
    give_back(scene, 2.5, "Y")
    assert scene.told() == [(name, "reversed", "10" if name in "ad" else points) for name, points in
                            (("a", "10"), ("b", "110"), ("c", "60"), ("d", "10"))]  # fmt: skip


def test_what_is_kept_is_counted_and_asked_for_no_more() -> None:
    scene = sold({"points": [{"sid": "pts", "returns": "pending-only"}]})
    give_back(scene, 2)
    receipt = scene.table.find(Receipt, SALE)
    assert receipt is not None
    assert [(claim.points, claim.given, claim.kept) for claim in receipt.earned] == [(10, 20, 10)]
    cancel(scene, 3)
    receipt = scene.table.find(Receipt, SALE)
    assert receipt is not None
    assert receipt.sale == b""
    assert [(claim.points, claim.kept) for claim in receipt.earned] == [(0, 20)]
    scene.sell(4, "R", revision=2, lines=[{"sku": "A", "quantity": 5, "unit_price": "10.00"}])
    receipt = scene.table.find(Receipt, SALE)
    assert receipt is not None
    assert [(claim.points, claim.given, claim.kept, claim.kept_before) for claim in receipt.earned] == [(30, 30, 20, 20)]
    assert scene.told() == [("club", "accrued", "30")]


def test_the_use_of_a_limit_comes_back_with_the_whole_receipt_and_once() -> None:
    scene = sold({"points": [{"sid": "pts", "returns": "pending-only", "limit": {"points": "25", "per": "month"}}]})
    give_back(scene, 2)
    assert _used(scene) == [20]
    give_back(scene, 3, "Y")
    assert _used(scene) == [0]  # also where all of its points were kept
    scene.sell(4, "S", 9)
    cancel(scene, 5)
    assert _used(scene) == [9]


def _used(scene: Scene) -> list[int]:
    profile = scene.table.profile("p1")
    assert profile is not None
    return list(profile.programs["club"].usage.values())


def test_a_plain_sale_remembers_no_more_than_itself() -> None:
    receipt = sold().table.find(Receipt, SALE)
    assert receipt is not None
    assert receipt.sale.startswith(b"{")
    assert (receipt.saw, receipt.returned, receipt.refunded) == ((), {}, 0)


SAW: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
    ({"earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}, "when": {"channel": "online"}}]}, ()),
    ({"earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}, "limit": {"points": "5", "per": "receipt"}}]}, ()),
    ({"earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}], "membership": {"join": "on-points-earned"}}, ()),
]


@pytest.mark.parametrize(("changes", "saw"), SAW)
def test_what_the_rules_do_not_ask_for_is_not_kept(changes: dict[str, Any], saw: tuple[Any, ...]) -> None:
    receipt = sold(changes).table.find(Receipt, SALE)
    assert receipt is not None
    assert receipt.saw == saw


def test_a_receipt_is_judged_again_as_a_member_and_with_the_room_it_had() -> None:
    rules = [
        {"rule": "base", "rate": {"points": "1", "per": "1.00"}, "limit": {"points": "25", "per": "day"}},
        {"rule": "members", "when": {"member": True}, "fixed": {"points": "3", "per": "unit"}},
    ]
    scene = Scene({"earning": rules})
    scene.sell(1, "Q", 15)
    scene.sell(1, "R", lines=[{"sku": "A", "quantity": 2, "unit_price": "10.00"}])  # 10 of 20, and 6
    receipt = scene.table.find(Receipt, SALE)
    assert receipt is not None
    assert (receipt.saw[0].member, [used for _, used in receipt.saw[0].room]) == (True, [15])
    scene.told()
    give_back(scene, 2)
    assert scene.told() == [("club", "reversed", "3")]
    give_back(scene, 3, "Y")
    assert scene.told() == [("club", "reversed", "13")]


CANCELS: list[tuple[str, dict[str, Any], str]] = [
    ("the same again", {}, DUPLICATE),
    ("again at another time", {"day": 4}, DEAD_LETTER),
    ("of an older revision", {"revision": 1}, STALE_REVISION),
    ("a reopen of the same revision", {"kind": "reopen"}, APPLIED),
]


@pytest.mark.parametrize(("name", "more", "outcome"), CANCELS, ids=[case[0] for case in CANCELS])
def test_a_cancelled_receipt(name: str, more: dict[str, Any], outcome: str) -> None:
    scene = sold(revision=2)
    assert cancel(scene, 3) == APPLIED
    assert cancel(scene, more.pop("day", 3), **more) == outcome
    assert scene.books() == {("club", "pts"): {"reversed": "20", "lifetime": "20"}}


def test_spend_takes_off_what_came_back() -> None:
    tiers = {"definitions": [{"name": "Gold", "threshold": "100"}], "measure": "spend", "window": "lifetime"}
    scene = sold({"tiers": tiers})
    assert _spent(scene) == 20
    give_back(scene, 2)
    assert _spent(scene) == 10
    give_back(scene, 3, "Y", amount="4.00")
    assert _spent(scene) == 6
    cancel(scene, 4)
    assert _spent(scene) == 0
    scene.sell(5, "R", 70, revision=2)
    scene.sell(6, "R", 60, revision=3)
    assert _spent(scene) == 60


def _spent(scene: Scene) -> int:
    profile = scene.table.profile("p1")
    assert profile is not None
    return profile.programs["club"].tiers[""].qualifying // 10**9


def test_what_a_claim_of_before_says_to_be_given_back_is_not_counted_again_by_the_lots() -> None:
    """Claims told how much of what has expired counts as given back, before the lots did; their lots still hold all of it as expired."""
    scene = sold({"points": [{"sid": "pts", "returns": "within-balance"}], "earning": DATED})
    scene.sell(1.5, "W", 30, attributes={"lasts": "long"})
    scene.send("redemptions", 2, redemption_id="D", program="club", points="8")
    scene.tick(20)
    assert scene.books()["club", "pts"] == {"active": "30", "redeemed": "8", "expired": "12", "lifetime": "50"}
    receipt = scene.table.find(Receipt, SALE)
    assert receipt is not None
    claim = structs.replace(receipt.earned[0], points=10, gone=10)
    scene.table.put(SALE, structs.replace(receipt, earned=(claim,), returned={0: NANO}))
    assert give_back(scene, 21) == APPLIED
    assert scene.books()["club", "pts"]["active"] == "22"  # 2 more of the 12 that have expired, and 8 of others
    receipt = scene.table.find(Receipt, SALE)
    assert receipt is not None
    assert [(claim.points, claim.gone) for claim in receipt.earned] == [(0, 0)]
