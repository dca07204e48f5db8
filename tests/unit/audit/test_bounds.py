"""Numbers beyond measure: they are a violation as any other, and the auditor goes on behind them."""

from pathlib import Path
from typing import Any

import pytest

from streams.audit.accounts import Accounts, Kept
from streams.audit.entries import NUMBER_MAX
from tests.unit.audit.made import Told, balance, faults, lines

HUGE = "9" * 5_000
MOST = str(NUMBER_MAX)

BEYOND: dict[str, tuple[dict[str, Any], str]] = {
    "an amount of thousands of digits": ({"points": HUGE}, "which is more than any ledger holds"),
    "an amount below nothing of as many": ({"points": f"-{HUGE}"}, "which is more than any ledger holds"),
    "a term of thousands of digits": ({"balance": balance(active=2, lifetime=2) | {"debt": HUGE}}, "more than any ledger holds"),
    "terms of 64 bits and one more": ({"balance": balance(active=2**63, lifetime=2**63)}, "more than any ledger holds"),
    "thousands of decimals": ({"points": f"1.{HUGE}"}, "which is no amount of scale 0"),
    "an entry's number of 65 bits": ({"entry": 2**64}, "is no entry that anybody could read: Expected `int` <= "),
    "an entry's number of 64 bits": ({"entry": 2**63}, "is no entry that anybody could read: Expected `int` <= "),
    "an entry's number of nothing": ({"entry": 0}, "is no entry that anybody could read: Expected `int` >= 1"),
    "a sequence of 65 bits": ({"sequence": 2**64}, "is no entry that anybody could read: Expected `int` <= "),
    "a program without a name": ({"program": "", "profile_id": "positions"}, "Expected `str` of length >= 1"),
    "a sequence below nothing": ({"sequence": -1}, "is no entry that anybody could read: Expected `int` >= 1"),
}


@pytest.mark.parametrize(("wrong", "sentence"), BEYOND.values(), ids=BEYOND.keys())
def test_what_is_beyond_measure_is_a_violation_and_what_is_known_can_be_kept(
    tmp_path: Path, wrong: dict[str, Any], sentence: str
) -> None:
    told = Told()
    for number in range(4):
        told.accrue({f"L{number}": 1})
    told.entries[1] |= wrong
    accounts = Accounts(tmp_path / "state")
    found = faults(lines(told.entries), accounts)
    accounts.keep(Kept())
    accounts.close()
    assert sentence in found[0]
    assert len(found[0]) < 300


@pytest.mark.parametrize("scale", [10, 5_000])
def test_a_ledger_that_begins_with_more_decimals_than_there_may_be_is_found(tmp_path: Path, scale: int) -> None:
    told = Told()
    told.accrue({"L1": 1})
    nothing, one = f"0.{'0' * scale}", f"1.{'0' * scale}"
    terms = dict.fromkeys(told.entries[0]["balance"], nothing)
    told.entries[0] |= {"balance": terms | {"active": one, "lifetime": one}, "points": one}
    accounts = Accounts(tmp_path / "state")
    found = faults(lines(told.entries), accounts)
    accounts.keep(Kept())
    accounts.close()
    assert "which has not the 9 decimals" in found[0]


def test_the_most_that_a_ledger_may_hold_is_no_violation(tmp_path: Path) -> None:
    told = Told()
    told.accrue({"L1": NUMBER_MAX - 1})
    told.accrue({"L2": 1})
    told.redeem({"L1": NUMBER_MAX - 1, "L2": 1})
    accounts = Accounts(tmp_path / "state")
    assert faults(lines(told.entries), accounts) == []
    accounts.keep(Kept())
    accounts.close()
    assert told.entries[-1]["balance"]["redeemed"] == MOST


def test_what_a_limit_keeps_back_may_be_more_than_any_ledger_holds() -> None:
    told = Told()
    told.accrue({"L1": 25}, rules=[{"rule": "base", "points": "10000000000000000025"}], withheld="10000000000000000000")
    told.accrue({"L2": 1}, rules=[{"rule": "base", "points": "10000000000000000025"}], withheld="10000000000000000025")
    assert len(told.faults) == 1, "the rows of the second do not sum to what was given and kept back"
