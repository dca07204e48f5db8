"""Consent and joining: who counts at which time, and what waits until one counts, program by program."""

import pytest

from schemas.outcomes import APPLIED, DUPLICATE, NOT_A_MEMBER, PARKED
from tests.unit.agents.scene import Scene

ASKS = {"membership": {"consent": "agreed"}}
WAITS = {"membership": {"consent": "agreed", "before_join": "park"}}


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ([], False),
        ([(1, True)], True),
        ([(1, False)], False),
        ([(1, True), (4, False)], False),
        ([(1, True), (6, False)], True),  # withdrawn later
        ([(6, True)], False),  # given later
        ([(1, "true")], False),  # no Boolean
        ([(1, True), (5, None)], False),  # removed at that very instant
    ],
)
def test_consent_is_asked_of_the_receipts_own_time(said: list[tuple[int, object]], counts: bool) -> None:
    scene = Scene(ASKS)
    for day, value in said:
        scene.write(day, agreed=value)
    assert scene.sell(5, "R") == (APPLIED if counts else NOT_A_MEMBER)


def test_what_one_program_counts_and_the_other_waits_for_is_counted_once_by_each() -> None:
    scene = Scene({}, WAITS | {"program": "extra"})
    assert scene.sell(1, "R") == APPLIED
    assert scene.told() == [("club", "joined", None), ("club", "accrued", "10")]
    assert scene.sell(1, "R") == DUPLICATE
    scene.write(2, agreed=True)
    assert scene.told() == [("extra", "joined", None), ("extra", "accrued", "10")]
    assert scene.sell(1, "R") == DUPLICATE
    assert scene.told() == []


@pytest.mark.parametrize("record", ["sale", "pixel"])
@pytest.mark.parametrize("sent_again", [False, True])
def test_what_has_to_wait_on_is_told_when_it_counts_and_not_before(record: str, sent_again: bool) -> None:
    scene = Scene(WAITS)

    def come() -> str:
        return scene.sell(1, "R") if record == "sale" else scene.tell(1, "E", "visit")

    assert come() == PARKED
    scene.write(2, agreed="yes")  # no Boolean, so it waits on
    if sent_again:
        assert come() == DUPLICATE
    assert {name: count for name, count in scene.counted.items() if name[0] == "parked"} == {("parked", PARKED): 1}
    scene.write(3, agreed=True)
    assert scene.counted[("parked", APPLIED)] == 1
    assert scene.counted[("parked", DUPLICATE)] == 0


def test_what_was_returned_while_a_sale_waited_is_not_earned() -> None:
    scene = Scene({}, WAITS | {"program": "extra"})
    lines = [{"sku": "A", "quantity": 4, "unit_price": "10.00"}]
    scene.sell(1, "R", lines=lines)
    scene.send(
        "purchases", 2, kind="return", return_id="X", receipt_id="R", application="pos", lines=[{"sku": "A", "quantity": 1}]
    )
    scene.write(3, agreed=True)
    assert scene.books() == {
        ("club", "pts"): {"active": "30", "reversed": "10", "lifetime": "40"},
        ("extra", "pts"): {"active": "30", "lifetime": "30"},
    }


@pytest.mark.parametrize("on_return", ["recompute", "proportional", "by-amount"])
def test_later_returns_of_a_sale_that_waited_take_as_if_it_had_counted_before_the_first(on_return: str) -> None:
    points = [{"sid": "pts", "returns": "within-balance", "on_return": on_return}]
    scene = Scene(WAITS | {"points": points})
    scene.sell(1, "R", lines=[{"sku": "A", "quantity": 3, "unit_price": "10.00"}])
    one = [{"sku": "A", "quantity": 1}]
    scene.send("purchases", 2, kind="return", return_id="X", receipt_id="R", application="pos", lines=one)
    scene.write(3, agreed=True)
    scene.send("purchases", 4, kind="return", return_id="Y", receipt_id="R", application="pos", lines=one)
    assert scene.books() == {("club", "pts"): {"active": "10", "reversed": "10", "lifetime": "20"}}


def test_money_that_came_back_while_a_sale_waited_is_taken_back() -> None:
    scene = Scene(WAITS | {"points": [{"sid": "pts", "returns": "within-balance"}]})
    scene.sell(1, "R", lines=[{"sku": "A", "quantity": 3, "unit_price": "10.00"}])
    scene.send("purchases", 2, kind="return", return_id="X", receipt_id="R", application="pos", amount="12.00")
    scene.write(3, agreed=True)
    assert scene.books() == {("club", "pts"): {"active": "18", "reversed": "12", "lifetime": "30"}}


@pytest.mark.parametrize("kind", ["cancel", "reopen"])
def test_what_was_cancelled_while_it_waited_counts_no_more(kind: str) -> None:
    scene = Scene(WAITS)
    assert scene.sell(1, "R") == PARKED
    scene.send("purchases", 2, kind=kind, receipt_id="R", application="pos")
    scene.write(3, agreed=True)
    assert scene.told() == []


def test_of_two_revisions_that_wait_the_newer_one_counts() -> None:
    scene = Scene(WAITS)
    scene.sell(1, "R")
    scene.sell(2, "R", 25, revision=2)
    scene.write(3, agreed=True)
    assert scene.told() == [("club", "joined", None), ("club", "accrued", "25")]


def test_what_waits_is_applied_in_the_order_of_its_arrival() -> None:
    scene = Scene(WAITS)
    scene.sell(3, "late", 7)
    scene.sell(2, "early", 5)
    scene.write(4, agreed=True)
    assert [points for _, kind, points in scene.told() if kind == "accrued"] == ["7", "5"]


def test_consent_that_does_not_reach_a_waiting_sale_leaves_it_waiting() -> None:
    """Said late, and withdrawn long since: it covers one sale and not the other."""
    scene = Scene(WAITS)
    scene.sell(3, "covered", 7)
    scene.sell(5, "beyond", 5)
    scene.write(4, agreed=False)
    scene.write(2, agreed=True)
    assert scene.told() == [("club", "joined", None), ("club", "accrued", "7")]
    scene.write(6, agreed=True)
    assert scene.told() == [("club", "accrued", "5")]


def test_what_nobody_consented_to_in_time_was_of_no_member_and_is_no_dead_letter() -> None:
    scene = Scene(WAITS)
    scene.sell(1, "R")
    scene.tick(8)
    scene.write(9, agreed=True)
    assert (scene.told(), scene.letters) == ([], [])
    assert scene.sell(1, "R") == DUPLICATE


def test_a_pixel_waits_like_a_sale_and_activates_when_it_counts() -> None:
    point = {"sid": "pts", "activation": "on event", "activate_on": {"pixel": "delivered"}}
    scene = Scene(WAITS | {"points": [point]})
    scene.write(1, agreed=True)
    scene.sell(2, "R")
    scene.write(3, agreed=False)
    assert scene.tell(4, "E", "delivered") == PARKED
    assert scene.tell(4, "E", "delivered") == DUPLICATE
    scene.told()
    scene.write(5, agreed=True)
    assert scene.told() == [("club", "activated", "10")]


def test_points_that_become_active_without_consent_join_nobody() -> None:
    scene = Scene(
        {"membership": {"consent": "agreed", "join": "on-points-activated"}, "points": [{"sid": "pts", "activation": "2 days"}]}
    )
    scene.write(1, agreed=True)
    scene.sell(1, "R1")
    scene.write(2, agreed=False)
    scene.tick(3)
    assert scene.told() == [("club", "accrued", "10"), ("club", "activated", "10")]
    scene.write(4, agreed=True)
    scene.sell(4, "R2")
    scene.tick(6)
    assert scene.told() == [("club", "accrued", "10"), ("club", "joined", None), ("club", "activated", "10")]


def test_a_revision_that_waits_for_consent_earns_only_what_exceeds_what_was_kept() -> None:
    scene = Scene({"points": [{"sid": "pts"}], "membership": {"consent": "agreed", "before_join": "park"}})
    scene.write(1, agreed=True)
    scene.sell(1.5, "R1", 10)
    scene.write(2, agreed=False)
    assert scene.sell(3, "R1", 14, revision=2) == "parked"
    scene.write(4, agreed=True)
    assert scene.books()["club", "pts"] == {"active": "14", "lifetime": "14"}
    scene.send("purchases", 5, kind="cancel", receipt_id="R1", application="pos")
    scene.sell(6, "R1", 15, revision=3)
    assert scene.books()["club", "pts"] == {"active": "15", "lifetime": "15"}


def test_a_consent_inside_a_field_is_given_and_withdrawn_wherever_it_is_said() -> None:
    scene = Scene({"membership": {"consent": "terms.agreed", "before_join": "park"}})
    assert scene.sell(1, "R1") == "parked"
    scene.write(2, terms={"agreed": True})
    assert scene.books()["club", "pts"] == {"active": "10", "lifetime": "10"}
    scene.tell(3, "E1", "form", terms={"agreed": True})
    scene.write(4, terms={"agreed": False})
    assert scene.sell(5, "R2") == "parked"
    scene.tell(6, "E2", "form", terms={"agreed": True})
    assert scene.books()["club", "pts"] == {"active": "20", "lifetime": "20"}
    scene.write(7, terms=None)
    assert scene.sell(8, "R3") == "parked"
