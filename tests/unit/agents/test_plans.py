"""Plans: steps as one list with jumps; who waits for what; what a run has to keep of what set it off."""

from dataclasses import replace
from typing import Any

import pytest

from agents.plans import END, Choice, Fork, Jump, Plan, playbook_of
from schemas.program import Program
from tests.unit.agents.scene import PROGRAM, Scene

AWARD = {"award": {"promotion": "five"}}
PARTS: dict[str, Any] = {
    "promotions": [{"promotion": "five", "action": "accrue", "points": "5"}],
    "segments": [{"segment": "friends", "where": {"profile.friend": "true"}}],
    "templates": {"told": "{{ trigger.pixel.attributes.city }} {{ points }}", "lot": "{{ expires_on }}"},
}


def program_of(**changes: Any) -> Program:
    return Scene(PARTS | changes).catalog.programs[PROGRAM["program"]][0]


def plan_of(*steps: Any, trigger: Any = "receipt") -> Plan:
    scenario = {"scenario": "s", "trigger": trigger, "steps": list(steps)}
    return playbook_of(program_of(scenarios=[scenario])).plans["s"]


def shape(plan: Plan) -> list[Any]:
    """Jumps and forks by where they lead, everything else by its name."""
    return [
        op.to
        if isinstance(op, Jump)
        else [op.to]
        if isinstance(op, Fork)
        else op.to
        if isinstance(op, Choice)
        else type(op).__name__
        for op in plan.ops
    ]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([AWARD, "join"], ["Award", "Join"], id="one step after the other"),
        pytest.param([{"if": {"member": "true"}, "then": [AWARD]}, "join"], [[2], "Award", "Join"], id="an if without else"),
        pytest.param(
            [{"if": {"member": "true"}, "then": [AWARD], "else": ["join"]}, AWARD],
            [[3], "Award", 4, "Join", "Award"],
            id="both branches come together",
        ),
        pytest.param([{"in_segment": "friends"}, AWARD], [[END], "Award"], id="who is not in the segment leaves"),
        pytest.param([{"control_group": "0.1"}, AWARD], [[END], "Award"], id="who is in the control group leaves"),
        pytest.param([AWARD, "stop", AWARD], ["Award", END, "Award"], id="a stop leads to the end"),
        pytest.param([{"limit": "10"}, AWARD], [[END], "Award"], id="who gets no place leaves"),
        pytest.param(
            [{"limit": {"participants": "10"}, "else": ["join"]}, AWARD],
            [[2], 4, "Join", END, "Award"],
            id="who gets no place takes the other way, and that ends",
        ),
        pytest.param(
            [{"split": [{"name": "A", "weight": "1", "steps": [AWARD]}, {"name": "B", "weight": "1", "steps": ["join"]}]}, AWARD],
            [(1, 3), "Award", 5, "Join", 5, "Award"],
            id="the branches of a split come together",
        ),
    ],
)
def test_steps_become_a_list_with_jumps(steps: list[Any], expected: list[Any]) -> None:
    assert shape(plan_of(*steps)) == expected


def test_the_same_file_gives_the_same_list() -> None:
    steps = [{"if": {"member": "true"}, "then": [AWARD], "else": ["join"]}, {"wait": "1 day"}, AWARD]
    assert plan_of(*steps).ops == plan_of(*steps).ops


def test_splits_and_groups_are_told_apart_by_their_number() -> None:
    plan = plan_of({"control_group": "0.1"}, {"control_group": "0.1"}, {"limit": "3"})
    assert [op.ordinal for op in plan.ops if isinstance(op, Fork)] == [0, 1, 0]


def test_a_run_keeps_what_conditions_and_templates_of_its_scenario_name() -> None:
    told = {"notify": {"channel": "push", "template": "told"}}
    plan = plan_of({"if": {"gross": {"at_least": "5"}, "trigger.receipt.store": "7", "member": "true"}, "then": [told]})
    assert plan.facts == ("pixel.attributes.city", "receipt.store")
    assert set(plan.fields) == {"gross", "member"}
    assert not plan.asks_entry


def test_a_template_that_tells_of_lots_keeps_the_entry() -> None:
    assert plan_of({"notify": {"channel": "push", "template": "lot"}}).asks_entry


@pytest.mark.parametrize(
    ("trigger", "keys"),
    [
        ("receipt", ["receipt"]),
        ({"item": ["A", "B"]}, ["receipt"]),
        ({"pixel": ["b", "a"]}, ["pixel:a", "pixel:b"]),
        ({"entry": "points.expired"}, ["entry:points.expired"]),
        ({"segment": "friends"}, ["segment:friends"]),
        ({"date": "profile.date_of_birth"}, ["timer:s"]),
    ],
)
def test_who_waits_for_what(trigger: Any, keys: list[str]) -> None:
    program = program_of(scenarios=[{"scenario": "s", "trigger": trigger, "steps": [AWARD]}])
    assert sorted(playbook_of(program).waiting) == keys


def test_who_is_not_in_force_waits_for_nothing() -> None:
    scenario = {"scenario": "s", "trigger": "receipt", "steps": [AWARD]}
    program = program_of(scenarios=[scenario])
    assert playbook_of(program).waiting
    assert not playbook_of(replace(program, status="ended")).waiting
    assert not playbook_of(program_of(scenarios=[scenario | {"enabled": "false"}])).waiting
