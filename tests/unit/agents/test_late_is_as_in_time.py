"""Sales and the events that move their dates, in any order: late or in time, the lots come to the same."""

from itertools import permutations
from typing import Any

import pytest

from tests.unit.agents.scene import Scene

Step = tuple[str, float, dict[str, Any]]


def sale(day: float, receipt_id: str, points: int = 10) -> Step:
    return "sale", day, {"receipt_id": receipt_id, "points": points}


def pixel(day: float, event_id: str, kind: str, **attributes: Any) -> Step:
    return "pixel", day, {"event_id": event_id, "kind": kind, **attributes}


def outcome(point: dict[str, Any], steps: tuple[Step, ...], end: float) -> tuple[object, object]:
    scene = Scene({"points": [{"sid": "pts", **point}]})
    for what, day, record in steps:
        outcome = scene.sell(day, **record) if what == "sale" else scene.tell(day, **record)
        assert outcome == "applied"
    scene.tick(end)
    assert not scene.letters
    return scene.books(), scene.lots()


DELIVERED = {"activation": "on event", "activate_on": {"pixel": "delivered", "receipt": "attributes.receipt"}}
CASES = [
    # the event of a receipt, also one that is told before the receipt is
    (DELIVERED, [sale(2, "A"), sale(3, "B"), pixel(5, "1", "delivered", receipt="A"), pixel(4, "2", "delivered", receipt="B")], 6),
    # of two events the first counts, and what expires counts from it
    (
        DELIVERED | {"expiration": "10 days", "expires_from": "activation"},
        [sale(2, "A"), pixel(7, "1", "delivered", receipt="A"), pixel(4, "2", "delivered", receipt="A")],
        5,
    ),
    # an event of no receipt activates what was earned by then, and nothing that comes after it
    (
        {"activation": "on event", "activate_on": {"pixel": "visit"}, "expiration": "20 days"},
        [sale(2, "A"), sale(4, "B"), sale(4.5, "C"), pixel(3, "1", "visit"), pixel(4, "2", "visit")],
        5,
    ),
    # sliding expiry: each sale renews what is there
    ({"expiration": "10 days", "renew_on": ["earning"]}, [sale(1, "A"), sale(4, "B"), sale(8, "C"), sale(9, "D")], 10),
    # and a visit does too
    ({"expiration": "10 days", "renew_on": ["visit"]}, [sale(1, "A"), pixel(5, "1", "visit"), pixel(9, "2", "visit"), sale(10, "B")], 10.5),
]  # fmt: skip


@pytest.mark.parametrize(("point", "steps", "end"), CASES)
def test_in_any_order(point: dict[str, Any], steps: list[Step], end: float) -> None:
    """No lot expires before the last record, so nothing is too late to be mended."""
    in_time = outcome(point, tuple(sorted(steps, key=lambda step: step[1])), end)
    for order in permutations(steps):
        events = [day for what, day, _ in order if what == "pixel"]
        if (
            "activate_on" in point
            and len({record.get("receipt") for what, _, record in order if what == "pixel"}) == 1
            and events != sorted(events)
        ):
            continue  # what a later event has activated was activated then, when an earlier one comes
        assert outcome(point, order, end) == in_time, order


def test_a_late_lot_lives_through_every_renewal_that_it_would_have_lived_through() -> None:
    scene = Scene({"points": [{"sid": "pts", "expiration": "5 days", "renew_on": ["earning"]}]})
    for day in (4, 8, 12):
        scene.sell(day, f"R{day}")
    scene.told()
    scene.sell(1, "late", 3)  # would have lasted to the 6th, renewed on the 4th, the 8th and the 12th
    assert scene.told() == [("club", "accrued", "3"), ("club", "extended", "3")]
    assert {expires_at for _, _, _, expires_at in scene.lots()} == {"2024-07-17T00:00:00Z"}


def test_a_late_lot_that_nothing_renewed_in_time_has_expired() -> None:
    scene = Scene({"points": [{"sid": "pts", "expiration": "5 days", "renew_on": ["earning"]}]})
    scene.sell(10, "R")
    scene.told()
    scene.sell(4, "late", 3)
    assert scene.told() == [("club", "accrued", "3"), ("club", "expired", "3")]


def test_what_has_expired_is_not_revived_by_a_late_renewal() -> None:
    scene = Scene({"points": [{"sid": "pts", "expiration": "5 days", "renew_on": ["visit"]}]})
    scene.sell(1, "R")
    scene.tick(7)
    scene.told()
    scene.tell(4, "E", "visit")
    assert (scene.told(), scene.lots()) == ([], [])
