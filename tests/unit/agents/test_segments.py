"""Segments: what is said of entering and leaving, once each, with ids that stand; what is kept, and what a program that asks nothing pays."""

from typing import Any

import pytest

from schemas.events import SegmentChange
from schemas.instants import format_instant
from tests.unit.agents.scene import PROGRAM, Scene, moment

REGULARS = {"segment": "regulars", "where": {"purchases.count": {"within": "5 days", "at_least": "2"}}}


class Told(Scene):
    """A scene that keeps what it said of segments."""

    def __init__(self, *programs: dict[str, Any]) -> None:
        self.changes: list[SegmentChange] = []
        super().__init__(*programs)

    def _collect(self) -> None:
        self.changes += [effect.record for effect in self.outbox.effects if isinstance(effect.record, SegmentChange)]
        super()._collect()

    def short(self) -> list[tuple[str, str, str]]:
        return [(change.type, change.segment, change.occurred_at) for change in self.changes]


def with_segments(*segments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"segments": list(segments), **more}


def test_entering_and_leaving_are_records_with_their_own_times_and_causes() -> None:
    scene = Told(with_segments(REGULARS))
    scene.sell(1, "R1")
    scene.sell(2, "R2")
    scene.tick(20)
    assert scene.short() == [
        ("segment.entered", "regulars", moment(2)),
        ("segment.left", "regulars", moment(6)),
    ]
    entered, left = scene.changes
    assert entered.cause["receipt_id"] == "R2"
    assert left.cause == {"timer": "segment", "due_at": moment(6)}
    assert len({change.id for change in scene.changes}) == 2


def test_a_record_that_comes_again_says_nothing_again() -> None:
    scene = Told(with_segments(REGULARS))
    for _ in range(3):
        scene.sell(1, "R1")
        scene.sell(2, "R2")
    assert [kind for kind, _, _ in scene.short()] == ["segment.entered"]


def test_in_and_out_and_in_again_by_one_day_have_ids_of_their_own() -> None:
    scene = Told(with_segments({"segment": "leeds", "where": {"profile.city": "Leeds"}}))
    for day, city in ((1, "Leeds"), (1.1, "York"), (1.2, "Leeds"), (1.3, "York")):
        scene.write(day, city=city)
    assert [kind for kind, _, _ in scene.short()] == ["segment.entered", "segment.left"] * 2
    assert len({change.id for change in scene.changes}) == 4


def test_a_segment_that_a_later_version_has_no_more_is_left() -> None:
    later = {"effective_from": moment(10)}
    scene = Told(with_segments(REGULARS), later)
    scene.sell(9, "R1")
    scene.sell(9.5, "R2")
    scene.sell(11, "R3")
    assert scene.short() == [("segment.entered", "regulars", moment(9.5)), ("segment.left", "regulars", moment(10))]


def test_what_a_record_brings_when_it_comes_and_when_it_is_applied_has_two_ids() -> None:
    """A return that waits for its sale makes an edited program known to its profile; applied, it brings the profile back into the segment."""
    here = {"any": [{"days_since_registration": {"at_most": "5"}}, {"purchases.total": {"at_least": "5", "at_most": "50"}}]}
    before, scene = Told(with_segments(REGULARS)), Told(with_segments(REGULARS, {"segment": "here", "where": here}))
    before.send("profiles", 1, registered_at=moment(1))
    scene.table = before.table
    lines = [{"sku": "A", "quantity": 6}]
    assert scene.send("purchases", 3, application="pos", kind="return", return_id="X", receipt_id="R", lines=lines) == "parked"
    scene.tick(8)
    scene.sell(2.5, "R", lines=[{"sku": "A", "quantity": 10, "unit_price": "10.00"}])
    assert [kind for kind, _, _ in scene.short()] == ["segment.entered", "segment.left", "segment.entered"]
    assert [change.cause.get("return_id") for change in scene.changes] == ["X", None, "X"]
    assert len({change.id for change in scene.changes}) == 3


def test_who_is_erased_leaves_what_they_are_in_and_begins_outside() -> None:
    here = {"segment": "here", "where": {"profile.city": "Leeds"}}
    scene = Told(with_segments(here, REGULARS))
    scene.write(1, city="Leeds")
    scene.sell(1, "R1")
    scene.sell(2, "R2")
    scene.sell(7, "R3")  # regulars was left before
    scene.changes.clear()
    scene.send("profiles", 8, kind="erase")
    scene.send("profiles", 8, kind="erase")
    assert scene.short() == [("segment.left", "here", moment(8))]
    assert scene.changes[0].cause == {"topic": "profiles", "kind": "erase", "updated_at": moment(8)}
    scene.write(9, city="Leeds")
    assert scene.short()[1:] == [("segment.entered", "here", moment(9))]
    assert len({change.id for change in scene.changes}) == 2


def test_what_is_settled_by_a_record_or_by_a_tick_is_told_alike() -> None:
    by_tick, by_record = Told(with_segments(REGULARS)), Told(with_segments(REGULARS))
    for scene in (by_tick, by_record):
        scene.sell(1, "R1")
        scene.sell(2, "R2")
    for day in (3, 4, 6, 7):
        by_tick.tick(day)
    by_record.sell(20, "R9")
    assert by_tick.short() == by_record.short()
    assert [change.id for change in by_tick.changes] == [change.id for change in by_record.changes]


def test_a_late_record_that_would_have_let_one_in_then_lets_nobody_in_now() -> None:
    scene = Told(with_segments(REGULARS))
    scene.sell(1, "R1")
    scene.sell(20, "R2")
    scene.sell(3, "R3")
    assert scene.short() == []


@pytest.mark.parametrize("figure", ["days_since_last_visit", "days_since_registration"])
def test_what_nobody_asks_for_is_not_recorded(figure: str) -> None:
    scene = Scene({"earning": []})
    scene.sell(1, "R1")
    scene.tell(2, "E1", "page_view")
    profile = scene.table.profile("p1")
    assert profile is not None
    assert profile.engagements == {}
    asking = Scene(with_segments({"segment": "s", "where": {figure: {"at_least": "3"}}}))
    asking.sell(1, "R1")
    asking.tell(2, "E1", "page_view")
    asked = asking.table.profile("p1")
    assert asked is not None
    known = asked.engagements[PROGRAM["program"]].figures
    assert known.purchases == ()
    assert (known.visits != ()) == (figure == "days_since_last_visit")
    assert (known.first_at is not None) == (figure == "days_since_registration")


def test_a_segment_that_only_changes_with_time_is_looked_at_when_it_changes_and_not_before() -> None:
    year = {"segment": "year", "where": {"days_since_registration": {"at_least": "365"}}}
    scene = Scene(with_segments(year))
    scene.write(1, city="Leeds")
    profile = scene.table.profile("p1")
    assert profile is not None
    assert format_instant(profile.due_at or 0) == "2025-07-01T00:00:00Z"
    scene.tick(5)
    assert scene.table.profile("p1") is profile


def test_segments_that_undo_each_other_come_to_an_end() -> None:
    program = with_segments(
        {"segment": "on", "where": {"tags": "on"}},
        {"segment": "off", "where": {"not": {"tags": "on"}}},
        scenarios=[
            {"scenario": "switch-off", "trigger": {"segment": "on"}, "reentry": "true", "steps": [{"tag": {"remove": ["on"]}}]},
            {"scenario": "switch-on", "trigger": {"segment": "off"}, "reentry": "true", "steps": [{"tag": {"add": ["on"]}}]},
        ],
    )
    scene = Told(program)
    scene.write(1, city="Leeds")
    assert 0 < len(scene.changes) <= 64
