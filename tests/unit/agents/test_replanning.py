"""A new version gets to every profile, also to one at which nothing happens: in one tick or in pieces, known in time or late, once."""

from typing import Any

import pytest

from schemas.instants import parse_instant
from tests.unit.agents.scene import PROGRAM, Scene, moment

GIFT: dict[str, Any] = {"promotions": [{"promotion": "gift", "action": "accrue", "points": "5"}]}
BIRTHDAY: dict[str, Any] = GIFT | {
    "scenarios": [
        {"scenario": "birthday", "trigger": {"date": "profile.date_of_birth"}, "steps": [{"award": {"promotion": "gift"}}]},
    ]
}
RICH: dict[str, Any] = GIFT | {
    "segments": [{"segment": "rich", "where": {"balance.active": {"at_least": "10"}}}],
    "scenarios": [{"scenario": "rich", "trigger": {"segment": "rich"}, "steps": [{"award": {"promotion": "gift"}}]}],
}


def later(day: float, **changes: Any) -> dict[str, Any]:
    return {"effective_from": moment(day), **changes}


def people(scene: Scene, count: int = 5) -> None:
    for number in range(count):
        scene.send("profiles", 1, profile_id=f"p{number}", fields={"date_of_birth": "1990-07-20"})
        scene.sell(2, "R", profile_id=f"p{number}")


def given(scene: Scene) -> list[tuple[str, str]]:
    return [(entry.profile_id, entry.occurred_at) for entry in scene.said if entry.promotion == "gift"]


@pytest.mark.parametrize("at_most", [1, 2, 3, None])
def test_quiet_profiles_learn_of_a_birthday_scenario_whatever_the_pieces(at_most: int | None) -> None:
    scene = Scene({}, later(10, **BIRTHDAY))
    people(scene)
    for day in (11, 19, 21):
        at = parse_instant(moment(day))
        while not scene.core.tick(scene.table, at, scene.outbox, at_most):
            pass
        scene._collect()
    assert given(scene) == [(f"p{number}", "2024-07-20T00:00:00Z") for number in range(5)]


def test_one_tick_over_everything_comes_to_the_same() -> None:
    scene = Scene({}, later(10, **BIRTHDAY), later(20.2, scenarios=[]))
    people(scene)
    scene.tick(30)
    assert len(given(scene)) == 5


def test_who_is_in_a_new_segment_enters_it_when_the_version_begins() -> None:
    scene = Scene({}, later(10, **RICH))
    people(scene, 2)
    scene.tick(12)
    assert given(scene) == [("p0", moment(10)), ("p1", moment(10))]
    scene.tick(30)
    assert len(given(scene)) == 2


def test_a_version_that_ends_a_scenario_ends_its_timers() -> None:
    scene = Scene(BIRTHDAY, later(10))
    people(scene, 2)
    scene.tick(30)
    assert given(scene) == []
    profile = scene.table.profile("p0")
    assert profile is not None
    assert profile.engagements[PROGRAM["program"]].timers == {}


def test_a_version_that_plans_alike_is_made_known_to_nobody() -> None:
    scene = Scene(BIRTHDAY, later(10, **BIRTHDAY, title="Another"))
    people(scene, 2)
    scene.tick(5)
    before = scene.table.profile("p0")
    scene.tick(15)
    assert scene.table.profile("p0") is before
    assert not scene.core.is_due(scene.table, parse_instant(moment(16)))


def test_programs_that_plan_nothing_look_through_nothing() -> None:
    scene = Scene({}, later(10, title="Another"))
    people(scene, 2)
    scene.table.flush({})
    scene.tick(15)
    assert scene.table.changes() == []


def test_a_version_that_becomes_known_late_is_made_known_as_of_the_settled_time() -> None:
    first = Scene({})
    people(first, 2)
    first.sell(15, "S", profile_id="p1")
    first.tick(16)
    late = Scene({}, later(10, **RICH))
    late.table = first.table
    late.tick(17)
    assert given(late) == [("p0", moment(10)), ("p1", moment(15))]


def test_a_stopped_or_erased_profile_is_left_alone() -> None:
    scene = Scene({}, later(10, **RICH))
    people(scene, 2)
    scene.send("profiles", 3, profile_id="p0", kind="erase")
    scene.tick(12)
    assert given(scene) == [("p1", moment(10))]


@pytest.mark.parametrize("changes", [BIRTHDAY, RICH], ids=["a birthday", "a segment"])
def test_who_came_back_after_an_erasure_learns_of_a_version_like_anybody(changes: dict[str, Any]) -> None:
    scene = Scene({}, later(10, **changes))
    people(scene, 2)
    scene.send("profiles", 3, profile_id="p1", kind="erase")
    scene.send("profiles", 4, profile_id="p1", fields={"date_of_birth": "1990-07-20"})
    scene.sell(4, "R", profile_id="p1")
    scene.tick(25)
    assert [name for name, _ in given(scene)] == ["p0", "p1"]


A_DAY: dict[str, Any] = RICH | {
    "scenarios": [
        *RICH["scenarios"],
        {"scenario": "day", "trigger": {"date": "2024-07-20"}, "steps": [{"award": {"promotion": "gift"}}]},
    ]
}


@pytest.mark.parametrize("at_most", [1, 2, None])
@pytest.mark.parametrize(
    "ticks", [[], [12], [7, 12], [10, 13]], ids=["no tick", "one over both", "one for each", "at the beginning"]
)
def test_a_newcomer_whose_first_record_comes_late_learns_of_versions_like_anybody(
    ticks: list[float], at_most: int | None
) -> None:
    scene = Scene({}, later(6, **RICH), later(10, **A_DAY))
    people(scene, 2)
    for day in ticks:
        while not scene.core.tick(scene.table, parse_instant(moment(day)), scene.outbox, at_most):
            pass
        scene._collect()
    scene.sell(2, "R", profile_id="late")
    scene.send("profiles", 3, profile_id="later", fields={"first_name": "Ann"})
    scene.tick(25)
    bought = [(name, at) for name in ("late", "p0", "p1") for at in (moment(6), moment(20))]
    assert sorted(given(scene)) == sorted([*bought, ("later", moment(20))])


def test_a_newcomer_learns_of_it_at_once_where_the_tick_has_come_past_and_else_by_the_tick() -> None:
    scene = Scene({}, later(10, **RICH))
    people(scene, 4)
    scene.core.tick(scene.table, parse_instant(moment(12)), scene.outbox, 2)  # it has come as far as p1
    scene._collect()
    scene.sell(2, "R", profile_id="p01")
    scene.sell(2, "R", profile_id="p9")
    assert given(scene) == [("p0", moment(10)), ("p1", moment(10)), ("p01", moment(10))]
    scene.tick(12)
    assert sorted(name for name, _ in given(scene)) == ["p0", "p01", "p1", "p2", "p3", "p9"]


@pytest.mark.parametrize("edited", [False, True], ids=["a version", "another text of one"])
def test_who_was_stopped_while_everybody_learned_of_a_version_learns_of_it_when_released(*, edited: bool) -> None:
    scene = Scene({})
    people(scene, 2)
    scene.tick(5)
    scene.operate("stop")
    scene.core = (Scene(RICH) if edited else Scene({}, later(10, **RICH))).core
    scene.tick(12)
    assert [name for name, _ in given(scene)] == ["p0"]
    scene.operate("release")
    assert [name for name, _ in given(scene)] == ["p0", "p1"]


def test_what_an_edited_file_says_under_the_same_beginning_is_made_known_too() -> None:
    first = Scene(GIFT)
    people(first, 2)
    first.tick(5)
    edited = Scene(BIRTHDAY)
    edited.table = first.table
    edited.tick(25)
    assert len(given(edited)) == 2


@pytest.mark.parametrize("changes", [BIRTHDAY, RICH], ids=["a birthday", "a segment"])
def test_whoever_learned_of_a_version_in_time_holds_the_same_as_who_knew_it_from_the_start(changes: dict[str, Any]) -> None:
    knew, learned = Scene({}, later(10, **changes)), Scene({}, later(10, **changes))
    knowing, learned.core = learned.core, Scene({}).core
    for scene in (knew, learned):
        people(scene)
        scene.tick(5)
        if scene is learned:
            scene.core = knowing
        scene.sell(12, "S", profile_id="p3")
        scene.tick(25)
        scene.table.flush({})
    assert given(knew) == given(learned)
    assert [*knew.table.profiles()] == [*learned.table.profiles()]


def test_where_no_tick_comes_a_record_makes_the_version_known_as_of_its_beginning() -> None:
    by_tick, by_record = Scene({}, later(10, **RICH)), Scene({}, later(10, **RICH))
    for scene in (by_tick, by_record):
        people(scene, 1)
        if scene is by_tick:
            scene.tick(11)
        scene.sell(12, "S", profile_id="p0")
    assert given(by_record) == given(by_tick) == [("p0", moment(10))]
    assert [entry.id for entry in by_record.said] == [entry.id for entry in by_tick.said]


ANOTHER: dict[str, Any] = {"segments": [{"segment": "fans", "where": {"purchases.count": {"at_least": 5}}}]}
MONTHLY, MISSED = {"every": "1 month"}, {"idle": {"since": "purchase", "for": "10 days"}}


def set_off_by(trigger: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return (
        GIFT | {"scenarios": [{"scenario": "timed", "trigger": trigger, "steps": [{"award": {"promotion": "gift"}}]}]} | changes
    )


@pytest.mark.parametrize("ticks", [True, False], ids=["by a tick", "by a record"])
@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (set_off_by(MONTHLY), set_off_by(MONTHLY, **ANOTHER), ["2024-08-01T00:00:00Z"]),
        (set_off_by(MISSED), set_off_by(MISSED, **ANOTHER), [moment(12)]),
        (BIRTHDAY, BIRTHDAY | ANOTHER, ["2024-07-20T00:00:00Z"]),
        (set_off_by(MONTHLY), GIFT | ANOTHER, []),
        (set_off_by(MISSED), set_off_by(MONTHLY), ["2024-08-01T00:00:00Z"]),
        (set_off_by(MONTHLY), set_off_by({"date": "profile.name_day"}), []),
    ],
    ids=["a month", "a wait", "a birthday", "nothing is said of it any more", "another time", "another day"],
)
def test_what_falls_due_before_an_edited_file_is_known_happens_by_what_it_says(
    before: dict[str, Any], after: dict[str, Any], expected: list[str], *, ticks: bool
) -> None:
    first, edited = Scene(before), Scene(after)
    people(first, 1)
    first.tick(5)
    edited.table = first.table
    if ticks:
        edited.tick(34)
    edited.sell(34, "S", profile_id="p0")
    assert given(edited) == [("p0", at) for at in expected]
