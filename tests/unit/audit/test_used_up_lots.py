"""Lots that are used up: what may come back of them, however long ago it was, and in however many parts."""

from pathlib import Path

import pytest

from streams.audit.accounts import Accounts, Kept
from tests.unit.audit.made import Told, faults, lines

MANY = 700
NAMES = [f"L{number}" for number in range(MANY)]
OLD, NEW = NAMES[0], NAMES[-1]
"""One of which only the sum is known, and one that is known by itself."""


@pytest.fixture
def told() -> Told:
    """Lots of 10 points each, all of them redeemed."""
    told = Told()
    for name in NAMES:
        told.accrue({name: 10})
    told.redeem(dict.fromkeys(NAMES, 10))
    return told


def test_they_give_points_back_however_long_ago_and_never_more_than_they_had(told: Told) -> None:
    told.reinstate({OLD: 10})
    told.reinstate({NEW: 10})
    assert told.faults == []
    told.reinstate({NEW: 1})
    found = told.faults
    assert len(found) == 1
    assert f"takes 1 redeemed of the lot {NEW}, of which 0 is redeemed" in found[0]


@pytest.mark.parametrize("name", [OLD, NEW], ids=["known by the sum alone", "known by itself"])
def test_what_comes_back_in_parts_is_right_in_each(told: Told, name: str) -> None:
    told.reinstate(dict.fromkeys(NAMES[1:-1], 10) | {name: 5})
    told.reinstate({name: 2})
    told.redeem({name: 7})  # it is used up again
    told.reinstate({name: 1})
    told.reinstate({name: 9})
    assert told.faults == []


def test_parts_are_right_over_an_end_of_the_auditor_between_them(told: Told, tmp_path: Path) -> None:
    told.reinstate({OLD: 4})
    told.reinstate({OLD: 6})
    entries = lines(told.entries)
    for part in (entries[:-1], entries[-1:]):
        accounts = Accounts(tmp_path / "state")
        assert faults(part, accounts) == []
        accounts.keep(Kept())
        accounts.close()


def test_what_was_redeemed_of_several_gives_no_more_than_it_is(told: Told) -> None:
    several = NAMES[: MANY - 256]
    told.reinstate({OLD: 10 * len(several)})
    assert told.faults == []
    told.reinstate({OLD: 1})
    found = told.faults
    assert len(found) == 1
    assert f"takes 1 redeemed of the lot {OLD}, of which 0 is redeemed" in found[0]
