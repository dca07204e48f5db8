"""What a program asks for and this version does not do stops a command that would act on it, unless the user names it."""

from dataclasses import replace

import pytest

from schemas.program import Catalog
from streams.programs import not_in_force
from tests.unit.schemas.shop import program


@pytest.mark.parametrize(
    ("without", "missing"),
    [
        ([], ["scenarios", "tiers.window"]),
        (["scenarios"], ["tiers.window"]),
        (["scenarios,tiers"], []),
        (["tiers.window", "scenarios"], []),
        (["tiers.win"], ["scenarios", "tiers.window"]),
    ],
)
def test_what_is_not_in_force_is_named_unless_it_or_the_section_around_it_is_waived(
    without: list[str], missing: list[str]
) -> None:
    asking = replace(program({}), not_in_force=("tiers.window", "scenarios"))
    assert not_in_force(Catalog([asking]), without) == missing


def test_this_version_does_all_that_a_program_can_ask_for() -> None:
    assert not_in_force(Catalog([program({})])) == []
