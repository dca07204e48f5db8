"""Runs: what stands still in a profile is small, bounded, and there again after whatever stopped the worker."""

from collections import Counter
from typing import Any

import pytest

from agents.runs import RUNS_MAX, RUNS_OF_ONE_MAX
from agents.trigger_facts import FACTS_BYTES_MAX, read
from tables.engagement import Engagement, Run
from tables.memory import MemoryStore
from tests.unit.agents.scene import Scene

PROMOTIONS = [{"promotion": "five", "action": "accrue", "points": "5"}]
WAITING = [{"wait": "10 days"}, {"award": {"promotion": "five"}}]


def scene(*scenarios: dict[str, Any], store: MemoryStore | None = None, **changes: Any) -> Scene:
    return Scene({"promotions": PROMOTIONS, "scenarios": list(scenarios)} | changes, store=store)


def visiting(name: str = "s", **changes: Any) -> dict[str, Any]:
    return {"scenario": name, "reentry": "true", "trigger": {"pixel": "visit"}, "steps": WAITING} | changes


def visit(club: Scene, day: float, number: int, **attributes: Any) -> str:
    return club.send("pixels", day, event_id=f"E{number}", type="visit", attributes=attributes)


def engagement(club: Scene) -> Engagement:
    profile = club.table.profile("p1")
    assert profile is not None
    return profile.engagements["club"]


def runs(club: Scene) -> tuple[Run, ...]:
    return engagement(club).runs


def fates(club: Scene) -> Counter[str]:
    """What became of whom, over all scenarios."""
    found: Counter[str] = Counter()
    for name, count in club.counted.items():
        if name[0] == "scenario":
            found[name[3]] += count
    return found


def test_a_run_that_waits_stands_in_its_profile_with_the_instant_at_which_it_wakes() -> None:
    club = scene(visiting())
    visit(club, 1, 1)
    profile = club.table.profile("p1")
    assert profile is not None
    (run,) = runs(club)
    assert (run.scenario, run.number, run.step, run.wakes_at) == ("s", 1, 1, profile.due_at)


def test_of_the_record_it_keeps_what_its_scenario_asks_for_and_nothing_else() -> None:
    steps = [{"wait": "1 day"}, {"if": {"attributes.plan": "gold"}, "then": [{"award": {"promotion": "five"}}]}]
    club = scene(visiting(steps=steps))
    visit(club, 1, 1, plan="gold", secret="x" * 1_000)
    facts = read(runs(club)[0].trigger)
    assert (facts.fields, facts.trigger) == ({"attributes.plan": "gold"}, {})


def test_of_more_than_it_may_keep_the_largest_goes_first() -> None:
    steps = [
        {"wait": "1 day"},
        {"if": {"attributes.small": "1", "attributes.large": "2"}, "then": [{"award": {"promotion": "five"}}]},
    ]
    club = scene(visiting(steps=steps))
    visit(club, 1, 1, small="1", large="y" * 10_000)
    stored = runs(club)[0].trigger
    assert len(stored) <= FACTS_BYTES_MAX
    assert read(stored).fields == {"attributes.small": "1"}


@pytest.mark.parametrize(
    ("scenarios", "expected"), [(1, RUNS_OF_ONE_MAX), (12, RUNS_MAX)], ids=["of one scenario", "of all scenarios of a program"]
)
def test_no_more_runs_stand_side_by_side_than_may(scenarios: int, expected: int) -> None:
    club = scene(*[visiting(f"s{number}") for number in range(scenarios)])
    for number in range(RUNS_OF_ONE_MAX + 1):
        visit(club, 1, number)
    assert len(runs(club)) == expected
    assert fates(club)["too-many"] == scenarios * (RUNS_OF_ONE_MAX + 1) - expected


def test_with_large_facts_fewer_runs_stand_side_by_side() -> None:
    steps = [{"wait": "1 day"}, {"if": {"attributes.large": "2"}, "then": [{"award": {"promotion": "five"}}]}]
    club = scene(visiting(steps=steps))
    for number in range(60):
        visit(club, 1, number, large="y" * 8_000)
    assert 30 <= len(runs(club)) < 40


def test_every_run_ends_by_one_name() -> None:
    ending = [
        visiting("ends", steps=[{"award": {"promotion": "five"}}]),
        visiting("stops", steps=["stop"]),
        visiting("leaves", steps=[{"wait_until": "profile.none"}]),
    ]
    club = scene(*ending)
    visit(club, 1, 1)
    assert fates(club) == {"entered": 3, "ended": 2, "left": 1, "no-date": 1}


def test_three_that_set_each_other_off_by_three_entries_each_are_not_forty_million() -> None:
    names = ["a", "b", "c"]
    steps = [{"award": {"promotion": "five"}}] * 3
    club = scene(
        *[{"scenario": name, "reentry": "true", "trigger": {"entry": "points.accrued"}, "steps": steps} for name in names]
    )
    club.sell(1, "R1")
    assert 256 < fates(club)["entered"] < 300
    assert fates(club)["too-deep"] > 0


def test_an_erasure_counts_whom_it_takes_out() -> None:
    club = scene(visiting())
    visit(club, 1, 1)
    club.send("profiles", 2, kind="erase")
    profile = club.table.profile("p1")
    assert profile is not None
    assert not profile.engagements
    assert fates(club) == {"entered": 1, "erased": 1}


def test_runs_are_there_again_after_a_restart() -> None:
    store = MemoryStore()
    club = scene(visiting(), store=store)
    visit(club, 1, 1)
    club.table.flush({})
    again = scene(visiting(), store=store)
    assert runs(again) == runs(club)
    again.sell(12, "R1", 1)
    assert [entry.points for entry in again.said if entry.scenario == "s"] == ["5"]


def test_a_stopped_profile_waits_with_its_runs_and_they_go_on_when_it_is_released() -> None:
    club = scene(visiting())
    visit(club, 1, 1)
    club.operate("stop")
    club.tick(20)
    assert [entry for entry in club.said if entry.scenario == "s"] == []
    club.operate("release")
    club.tick(21)
    (award,) = [entry for entry in club.said if entry.scenario == "s"]
    assert award.occurred_at == "2024-07-11T00:00:00Z"


@pytest.mark.parametrize(
    "after",
    [
        pytest.param({"effective_from": "2021-01-01T00:00:00Z"}, id="the version in which it entered is not there any more"),
        pytest.param({"scenarios": [visiting(steps=["stop"])]}, id="its plan ends before its place"),
        pytest.param({"scenarios": []}, id="nothing is left of any scenario"),
    ],
)
def test_a_run_whose_file_was_taken_away_from_under_it_ends(after: dict[str, Any]) -> None:
    store = MemoryStore()
    club = scene(visiting(steps=[{"tag": "seen"}, *WAITING]), store=store)
    visit(club, 1, 1)
    club.table.flush({})
    again = Scene({"promotions": PROMOTIONS, "scenarios": [visiting()]} | after, store=store)
    again.tick(20)
    assert runs(again) == ()
    assert [entry for entry in again.said if entry.scenario == "s"] == []
    assert fates(again) == {"withdrawn": 1}
