"""The ledger: every way in which a balance may change, and the invariant that each of them keeps.

This is the only file that changes a `Ledger`. Each move takes the draft of a ledger and says what it did; the caller writes the
entry. A move never looks at a clock or at the program: instants and policies come in as arguments. After each move the books
are checked, in production too (U1):

    issued = active + pending + reserved + redeemed + expired + reversed + written_off + debt_paid

with `debt` beside the equation, and debt > 0 only where active = 0: whatever becomes active pays debt first, in the same move.
"""

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct, structs

from schemas.amounts import POINTS_MINOR_MAX
from schemas.instants import Instant
from schemas.outcomes import Refused
from tables.state import Ledger, Lot

Policy = Literal["pending-only", "within-balance", "allow-debt"]
SpendOrder = Literal["earliest-expiry", "earliest-earned"]

_NEVER: Final = 1 << 62
_LOTS_CHECKED: Final = 64


class InvariantViolated(Exception):
    """The books of one ledger do not balance. It stops the profile, never the worker."""


class Accrued(Struct, gc=False, frozen=True):
    issued: int
    debt_paid: int


class Activated(Struct, gc=False, frozen=True):
    """The lot as it is then: less what it paid of the debt."""

    lot: Lot
    debt_paid: int


class TakenBack(Struct, gc=False, frozen=True):
    """`parts`: how much came out of which lot (as it stood before); `debt_added`; `kept`: what could not be taken."""

    parts: tuple[tuple[Lot, int], ...]
    debt_added: int
    kept: int

    @property
    def points(self) -> int:
        return sum(points for _, points in self.parts)


def accrue(ledger: Ledger, lots: Sequence[Lot]) -> Accrued:
    """Credit new lots, each pending or active as it says. Active ones pay debt first.

    Raises `Refused` with `invalid-field` where the ledger would hold more than `POINTS_MINOR_MAX`.
    """
    debt_before, issued_before = ledger.debt, ledger.issued
    for lot in lots:
        issued = lot.issued
        if issued <= 0 or lot.remaining != issued:
            raise InvariantViolated(f"a new lot holds what it issues: {lot!r}")
        ledger.issued += issued
        if lot.active:
            ledger.active += issued
            if debt_before:
                lot = _pay_debt(ledger, lot)
        else:
            ledger.pending += issued
        if lot.remaining:
            ledger.lots.append(lot)
    if ledger.issued > POINTS_MINOR_MAX:
        raise Refused("invalid-field", "the receipt earns more points than a ledger can hold", "lines")
    check(ledger)
    return Accrued(ledger.issued - issued_before, debt_before - ledger.debt)


def activate(ledger: Ledger, lot: Lot) -> Activated:
    """A pending lot becomes active; it pays debt first."""
    _require(not lot.active and lot.remaining > 0, "only a pending lot is activated", lot)
    debt_before = ledger.debt
    ledger.pending -= lot.remaining
    ledger.active += lot.remaining
    active = _pay_debt(ledger, structs.replace(lot, active=True))
    _replace(ledger, lot, active)
    check(ledger)
    check_lots(ledger)
    return Activated(active, debt_before - ledger.debt)


def expire(ledger: Ledger, lot: Lot) -> Lot:
    """What remains of a lot, pending or active, is gone. Returns the lot as it is then; what is reserved stays."""
    _require(lot.remaining > 0, "a lot that expires has something remaining", lot)
    if lot.active:
        ledger.active -= lot.remaining
    else:
        ledger.pending -= lot.remaining
    ledger.expired += lot.remaining
    expired = structs.replace(lot, remaining=0, expired=lot.expired + lot.remaining)
    _replace(ledger, lot, expired)
    check(ledger)
    check_lots(ledger)
    return expired


def take_back(ledger: Ledger, points: int, own: frozenset[str], policy: Policy, order: SpendOrder) -> TakenBack:
    """Take back what a receipt earned, from where the policy allows, in LEDGER's order of sources:

    own pending; own active (not under `pending-only`); other pending; other active in spending order (`within-balance` and
    `allow-debt`); debt (`allow-debt`). `own` are the lots that the receipt made. Reserved points are not touched.
    """
    _require(points >= 0, "what is taken back is not negative", points)
    parts: list[tuple[Lot, int]] = []
    left = points
    for lot in _sources(ledger, own, policy, order):
        if not left:
            break
        taken = min(left, lot.remaining)
        left -= taken
        parts.append((lot, taken))
        if lot.active:
            ledger.active -= taken
        else:
            ledger.pending -= taken
        ledger.reversed += taken
        _replace(ledger, lot, structs.replace(lot, remaining=lot.remaining - taken))
    debt_added = left if policy == "allow-debt" else 0
    ledger.debt += debt_added
    check(ledger)
    check_lots(ledger)
    return TakenBack(tuple(parts), debt_added, left - debt_added)


def _sources(ledger: Ledger, own: frozenset[str], policy: Policy, order: SpendOrder) -> list[Lot]:
    lots = [lot for lot in spending_order(ledger.lots, order) if lot.remaining and (policy != "pending-only" or not lot.active)]

    def rank(lot: Lot) -> tuple[bool, bool]:
        return lot.lot_id not in own, lot.active

    return sorted(lots, key=rank)


def spending_order(lots: Sequence[Lot], order: SpendOrder) -> list[Lot]:
    """Earliest expiry first, never-expiring last, then earliest earned, then id; or earliest earned first."""
    if order == "earliest-earned":
        return sorted(lots, key=lambda lot: (lot.earned_at, _NEVER if lot.expires_at is None else lot.expires_at, lot.lot_id))
    return sorted(lots, key=lambda lot: (_NEVER if lot.expires_at is None else lot.expires_at, lot.earned_at, lot.lot_id))


def due_at(lot: Lot) -> Instant | None:
    """The next instant at which something happens to an open lot: its activation or its expiry."""
    if not lot.remaining:
        return None
    if lot.active or lot.activates_at is None:
        return lot.expires_at
    return lot.activates_at if lot.expires_at is None else min(lot.activates_at, lot.expires_at)


def check(ledger: Ledger) -> None:
    """The invariant over the totals. Raises `InvariantViolated`."""
    settled = ledger.reserved + ledger.redeemed + ledger.expired + ledger.reversed + ledger.written_off + ledger.debt_paid
    if ledger.issued != ledger.active + ledger.pending + settled:
        raise InvariantViolated(f"issued is the sum of where the points are: {ledger!r}")
    if ledger.active < 0 or ledger.pending < 0 or ledger.debt < 0:
        raise InvariantViolated(f"no balance is below zero: {ledger!r}")
    if ledger.debt and ledger.active:
        raise InvariantViolated(f"debt only where nothing is active: {ledger!r}")


def check_lots(ledger: Ledger) -> None:
    """The part that costs a look at every open lot: what the lots hold is what the totals say. Raises `InvariantViolated`.

    Asked where lots that were there before have changed; a new lot is proved as it is added. Ledgers of very many open lots are
    left to the totals and to the auditor, so that a move costs the same whatever the history.
    """
    if len(ledger.lots) > _LOTS_CHECKED:
        return
    active = pending = reserved = 0
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


def _pay_debt(ledger: Ledger, lot: Lot) -> Lot:
    """The lot is in `active` already; what it pays leaves it."""
    if not ledger.debt:
        return lot
    paid = min(ledger.debt, lot.remaining)
    ledger.debt -= paid
    ledger.active -= paid
    ledger.debt_paid += paid
    return structs.replace(lot, remaining=lot.remaining - paid)


def _replace(ledger: Ledger, old: Lot, new: Lot) -> None:
    """Put the new form of a lot in the old one's place; one that is used up leaves the open lots."""
    for position, lot in enumerate(ledger.lots):
        if lot is old:
            if new.remaining or new.reserved:
                ledger.lots[position] = new
            else:
                del ledger.lots[position]
            return
    raise InvariantViolated(f"the lot {old.lot_id} is not among the open lots")


def _require(holds: bool, claim: str, subject: object) -> None:
    if not holds:
        raise InvariantViolated(f"{claim}: {subject!r}")
