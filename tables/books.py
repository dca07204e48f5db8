"""The books: what is true of every ledger after every move, checked in production too (U1).

    issued = active + pending + reserved + redeemed + expired + reversed + written_off + debt_paid

with `debt` beside the equation, and debt > 0 only where active = 0. Nothing is changed here. Who finds the books wrong stops the
profile, never the worker.
"""

from typing import Final

from msgspec.structs import astuple

from tables.state import Ledger

_LOTS_CHECKED: Final = 256

Totals = tuple[int, int, int, int, int, int, int, int, int, int]


class InvariantViolated(Exception):
    """The books of one ledger do not balance. It stops the profile, never the worker."""


def totals(ledger: Ledger) -> Totals:
    """(active, pending, reserved, redeemed, expired, reversed, written_off, debt_paid, debt, issued): with one question, not ten."""
    found = astuple(ledger)
    return found[0], found[1], found[2], found[3], found[4], found[5], found[6], found[7], found[8], found[9]


def check(ledger: Ledger) -> None:
    """The invariant over the totals. Raises `InvariantViolated`."""
    active, pending, reserved, redeemed, expired, taken_back, written_off, debt_paid, debt, issued = totals(ledger)
    if issued != active + pending + reserved + redeemed + expired + taken_back + written_off + debt_paid:
        raise InvariantViolated(f"issued is the sum of where the points are: {ledger!r}")
    if active < 0 or pending < 0 or reserved < 0 or redeemed < 0 or debt < 0:
        raise InvariantViolated(f"no balance is below zero: {ledger!r}")
    if debt and active:
        raise InvariantViolated(f"debt only where nothing is active: {ledger!r}")


def check_lots(ledger: Ledger) -> None:
    """The part that costs a look at every open lot: what the lots hold is what the totals say. Raises `InvariantViolated`.

    Asked where lots that were there before have changed; a new lot is proved as it is added. Ledgers of very many open lots are
    left to the totals and to the auditor, so that a move costs the same whatever the history.
    """
    if len(ledger.lots) > _LOTS_CHECKED:
        return
    active = pending = reserved = 0
    for page in ledger.pages:
        active += page.active
        pending += page.pending
    for lot in ledger.lots:
        if lot.active:
            active += lot.remaining
        else:
            pending += lot.remaining
        reserved += lot.reserved
        if not 0 < lot.remaining + lot.reserved <= lot.issued:
            raise InvariantViolated(f"an open lot holds part of what it issued: {lot!r}")
    if (active, pending, reserved) != (ledger.active, ledger.pending, ledger.reserved):
        raise InvariantViolated(f"the open lots sum to the balance: {ledger!r}")


def require(holds: bool, claim: str, subject: object) -> None:
    """What a move takes for granted. Raises `InvariantViolated`; unlike `assert` it cannot be turned off."""
    if not holds:
        raise InvariantViolated(f"{claim}: {subject!r}")
