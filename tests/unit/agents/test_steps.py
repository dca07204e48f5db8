"""Steps that draw lots: in the shares that were asked for, always the same for a profile, and one independent of the other."""

from typing import Any

import pytest

from tests.unit.agents.scene import Scene

PROFILES = 1_000
PROMOTIONS = [
    {"promotion": name, "action": "accrue", "points": points} for name, points in (("one", "1"), ("two", "2"), ("four", "4"))
]


def award(name: str) -> dict[str, Any]:
    return {"award": {"promotion": name}}


def outcomes(*steps: Any, scenario: str = "s") -> list[int]:
    """How many points each of many profiles has got by these steps."""
    club = Scene(
        {"promotions": PROMOTIONS, "scenarios": [{"scenario": scenario, "trigger": {"pixel": "visit"}, "steps": list(steps)}]}
    )
    for number in range(PROFILES):
        club.send("pixels", 1, event_id="E", type="visit", profile_id=f"p{number}")
    got = dict.fromkeys([f"p{number}" for number in range(PROFILES)], 0)
    for entry in club.said:
        got[entry.profile_id] += int(entry.points or 0)
    return list(got.values())


@pytest.mark.parametrize("share", ["0.1", "0.5"])
def test_a_control_group_is_as_large_as_it_says(share: str) -> None:
    left = outcomes({"control_group": share}, award("one")).count(0)
    assert abs(left - PROFILES * float(share)) < PROFILES * 0.03


def test_a_split_goes_by_its_weights() -> None:
    got = outcomes(
        {"split": [{"name": "A", "weight": "1", "steps": [award("one")]}, {"name": "B", "weight": "3", "steps": [award("two")]}]}
    )
    assert abs(got.count(1) - PROFILES / 4) < PROFILES * 0.04
    assert got.count(1) + got.count(2) == PROFILES


def test_two_splits_and_a_group_know_nothing_of_each_other() -> None:
    def split(name: str) -> dict[str, Any]:
        return {
            "split": [
                {"name": "A", "weight": "1", "steps": [award(name)]},
                {"name": "B", "weight": "1", "steps": [award("four")]},
            ]
        }

    got = outcomes({"control_group": "0.5"}, split("one"), split("two"))
    for points in (3, 5, 6, 8):  # both first branches, and so on
        assert abs(got.count(points) - PROFILES / 8) < PROFILES * 0.03


def test_another_scenario_draws_otherwise_and_the_same_one_alike() -> None:
    steps = ({"control_group": "0.5"}, award("one"))
    assert outcomes(*steps) == outcomes(*steps)
    alike = sum([one == other for one, other in zip(outcomes(*steps), outcomes(*steps, scenario="t"), strict=True)])
    assert abs(alike - PROFILES / 2) < PROFILES * 0.05
