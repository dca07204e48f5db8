"""Corruptions under which every sum still adds up: signs, states and lots that no right entry has."""

from collections.abc import Callable
from typing import Any

import pytest

from streams.audit.accounts import Accounts
from streams.audit.auditor import Auditor
from tests.unit.audit.made import Told, lines

NAMES = [f"L{number}" for number in range(400)]


def debt_below_nothing(told: Told) -> None:
    told.terms["debt"] = 5
    told.move("reversed", {}, None, "reversed", debt_added="5")
    told.terms["debt"] = 3
    told.move("reversed", {}, None, "reversed", debt_added="-2")


def no_debt_added(told: Told) -> None:
    told.move("reversed", {}, None, "reversed", debt_added="0")


def less_than_nothing_withheld(told: Told) -> None:
    told.accrue({"L1": 10}, rules=[{"rule": "base", "points": "8"}], withheld="-2")


def less_than_nothing_withheld_of_no_rule(told: Told) -> None:
    told.accrue({"L1": 10}, withheld="-2")


def nothing_accrued(told: Told) -> None:
    told.accrue({})


def nothing_redeemed(told: Told) -> None:
    told.accrue({"L1": 10})
    told.redeem({})


def nothing_taken_back(told: Told) -> None:
    told.move("reversed", {}, None, "reversed")


def less_than_nothing_extended(told: Told) -> None:
    told.accrue({"L1": 10})
    told.redeem({"L2": 1})  # wrong: from here on the lots are not followed
    told.terms |= {"active": 10, "redeemed": 0}
    rule = {"lots_omitted": 1, "expires_after": "2024-03-01T00:00:00Z", "expires_at": "2024-03-09T00:00:00Z"}
    told.move("extended", {}, None, "active", extended=rule, points="-1")


def issued_again_after_it_has_expired(told: Told) -> None:
    told.accrue({"L1": 10, "L2": 10})
    told.expire({"L1": 10})
    told.accrue({"L1": 10})


def issued_again_after_it_was_spent_long_ago(told: Told) -> None:
    told.accrue(dict.fromkeys(NAMES, 1))
    told.redeem(dict.fromkeys(NAMES, 1))
    told.accrue({NAMES[100]: 1})


def issued_again_after_it_came_back_and_was_spent_once_more(told: Told) -> None:
    told.accrue(dict.fromkeys(NAMES, 1))
    told.redeem(dict.fromkeys(NAMES, 1))
    told.reinstate({NAMES[0]: 1})
    told.redeem({NAMES[0]: 1})
    told.accrue({NAMES[0]: 1})


def pending_and_redeemed(told: Told) -> None:
    told.accrue({"L1": 10})
    told.redeem({"L1": 1}, state="pending")


def pending_and_reserved(told: Told) -> None:
    told.accrue({"L1": 10})
    told.move("reserved", {"L1": 2}, "active", "reserved", state="pending")


def pending_and_released(told: Told) -> None:
    told.accrue({"L1": 10})
    told.move("reserved", {"L1": 2}, "active", "reserved")
    told.move("released", {"L1": 2}, "reserved", "active", state="pending")


def pending_and_committed(told: Told) -> None:
    told.accrue({"L1": 10})
    told.move("reserved", {"L1": 2}, "active", "reserved")
    told.move("redeemed", {"L1": 2}, "reserved", "redeemed", state="pending", cause={"kind": "commit"})


def pending_and_reinstated(told: Told) -> None:
    told.accrue({"L1": 10})
    told.redeem({"L1": 1})
    told.reinstate({"L1": 1}, state="pending")


def activated_and_pending(told: Told) -> None:
    told.accrue({"L1": 10}, "pending")
    told.move("activated", {"L1": 10}, "pending", "active", state="pending")


def active_and_cancelled(told: Told) -> None:
    told.accrue({"L1": 10}, "pending")
    told.move("cancelled", {"L1": 10}, "pending", "written_off")


def active_and_extended_as_pending(told: Told) -> None:
    told.accrue({"L1": 10})
    told.terms["active"] = 0
    told.move("extended", {"L1": 10}, None, "active", state="pending")


def of_no_state(told: Told) -> None:
    told.accrue({"L1": 10})
    told.redeem({"L1": 1}, state="")


WRONG: dict[str, tuple[Callable[[Told], None], str]] = {
    "debt below nothing is added": (debt_below_nothing, "adds -2 of debt"),
    "no debt is added": (no_debt_added, "adds 0 of debt"),
    "less than nothing is withheld": (less_than_nothing_withheld, "withholds -2"),
    "less than nothing is withheld and no rule named": (less_than_nothing_withheld_of_no_rule, "withholds -2"),
    "nothing is accrued": (nothing_accrued, "is about 0 points"),
    "nothing is redeemed": (nothing_redeemed, "is about 0 points"),
    "nothing is taken back and nothing owed": (nothing_taken_back, "is about 0 points"),
    "less than nothing is extended": (less_than_nothing_extended, "is about -1 points"),
    "a lot is issued again after it has expired": (issued_again_after_it_has_expired, "issues the lot L1 again"),
    "a lot is issued again after it was spent long ago": (issued_again_after_it_was_spent_long_ago, "issues the lot L100 again"),
    "a lot is issued again after it came back": (issued_again_after_it_came_back_and_was_spent_once_more, "the lot L0 again"),
    "a pending lot is redeemed": (pending_and_redeemed, "says of the lot L1 that it is 'pending', and it is active"),
    "a pending lot is reserved": (pending_and_reserved, "that it is 'pending', and it is active"),
    "a pending lot is released": (pending_and_released, "that it is 'pending', and it is active"),
    "a pending lot is committed": (pending_and_committed, "that it is 'pending', and it is active"),
    "a pending lot is reinstated": (pending_and_reinstated, "that it is 'pending', and it is active"),
    "an activated lot is pending": (activated_and_pending, "that it is 'pending', and it is active"),
    "an active lot is cancelled": (active_and_cancelled, "that it is 'active', and it is pending"),
    "an active lot is extended as a pending one": (active_and_extended_as_pending, "'pending', and it is active"),
    "a lot is of no state": (of_no_state, "that it is '', and it is active"),
}


@pytest.mark.parametrize(("spoil", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_what_still_adds_up_and_is_wrong_is_found(spoil: Callable[[Told], None], sentence: str) -> None:
    told = Told()
    spoil(told)
    found = told.faults
    assert found, "nothing was found"
    assert sentence in found[-1], found


def test_a_return_that_finds_nothing_to_take_may_make_debt_alone() -> None:
    told = Told()
    told.terms["debt"] = 5
    told.move("reversed", {}, None, "reversed", debt_added="5")
    assert told.faults == []


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ({}, None),
        ({"key": b"p1"}, None),
        ({"key": b"p2"}, "lies under a key that is not its profile"),
        ({"key": b""}, "lies under a key that is not its profile"),
        ({"key": None}, "lies under no key"),
    ],
    ids=["a line of a file, which has none", "its profile", "another profile", "an empty one", "none in the topic"],
)
def test_the_key_of_a_record_is_its_profile(key: dict[str, Any], found: str | None) -> None:
    told = Told()
    told.accrue({"L1": 10})
    violation = Auditor(Accounts()).check(lines(told.entries)[0], **key)
    assert (violation is None) if found is None else (found in str(violation))
