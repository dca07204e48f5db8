"""docs/scenarios.md: all 26 triggers and 17 actions are there, and what stands in the tables is what the program file takes."""

import re
from typing import Any

import pytest

from schemas.program_file import parse_program, read_document
from tests.conftest import ROOT

DOCUMENT = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
PROGRAM = """\
program: shop
timezone: UTC
environment: sandbox
effective_from: 2026-01-01T00:00:00Z
applications: [pos]
currency: EUR
points: [{sid: miles}, {sid: bonus}]
promotions: [{promotion: miles, action: accrue, points: "1"}, {promotion: bonus, action: accrue, point: bonus, points: "1"}]
segments: [{segment: regulars, where: {tags: vip}}, {segment: best-customers, where: {rfm.frequency: {at_least: 3}}}]
templates: {thanks: Thank you}
"""


def rows(heading: str) -> list[list[str]]:
    lines = DOCUMENT[DOCUMENT.index(f"## {heading}") :].split("\n## ", 1)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][1:]


def written(cell: str) -> list[str]:
    """What stands between backticks and is a mapping or a single word of the file."""
    return [
        text
        for text in re.findall(r"`([^`]+)`", cell)
        if text.startswith("{") or text in ("receipt", "cancelled", "registration")
    ]


TRIGGERS, ACTIONS = rows("The 26 triggers"), rows("The 17 actions")
CONDITION = "{rfm."


def test_every_trigger_and_every_action_has_a_row() -> None:
    assert len({row[0] for row in TRIGGERS}) == len(TRIGGERS) == 26
    assert len({row[0] for row in ACTIONS}) == len(ACTIONS) == 17
    assert all(written(row[2]) for row in TRIGGERS)
    assert all(written(row[1]) or "cannot be" in row[1] or "nothing to do" in row[1] for row in ACTIONS)


def loaded(scenario: str) -> Any:
    return parse_program(read_document(f"{PROGRAM}scenarios: [{scenario}]\n", "shop.yaml")).campaigns.scenarios[0]


@pytest.mark.parametrize("text", [text for row in TRIGGERS for text in written(row[2]) if not text.startswith(CONDITION)])
def test_every_trigger_in_the_table_is_one(text: str) -> None:
    assert loaded(f"{{scenario: s, trigger: {text}, steps: [join]}}").trigger is not None


@pytest.mark.parametrize("text", [text for row in ACTIONS for text in written(row[1])])
def test_every_step_in_the_table_is_one(text: str) -> None:
    if text.startswith("{abandoned"):
        assert loaded(f"{{scenario: s, trigger: {text}, steps: [join]}}").trigger is not None
    else:
        assert len(loaded(f"{{scenario: s, trigger: receipt, steps: [{text}]}}").steps) == 1
