"""The ledger: every way in which a balance may change, and the invariant that each of them keeps.

This is the only file that changes a `Ledger`. Each move takes the draft of a ledger and says what it did; the caller writes the
entry. A move never looks at a clock or at the program: instants and policies come in as arguments. After each move the books
are checked, in production too (`books.py`). Whatever becomes active pays debt first, in the same move.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar

from msgspec import Struct, structs

from schemas.amounts import POINTS_MINOR_MAX
from schemas.instants import Instant
from schemas.outcomes import Refused
from tables.books import InvariantViolated, check, check_lots, require
from tables.drafts import add
from tables.lots import SpendOrder, spending_order
from tables.pages import renewed
from tables.state import Ledger, Lot, PageRef

Policy = Literal["pending-only", "within-balance", "allow-debt"]
Parts = tuple[tuple[Lot, int], ...]
Move = TypeVar("Move")


class Accrued:
    """`held`: how many open lots lie in the ledger's own record now."""

    __slots__ = ("debt_paid", "held", "issued")

    def __init__(self, issued: int, debt_paid: int, held: int) -> None:
        self.issued = issued
        self.debt_paid = debt_paid
        self.held = held


class Activated(Struct, gc=False, frozen=True):
    """The lot as it is then: less what it paid of the debt."""

    lot: Lot
    debt_paid: int


class Spent(Struct, gc=False, frozen=True):
    """`parts`: how much of which lot, as it stood before, in the order of spending; `used`: the lots that are used up by it."""

    parts: Parts
    used: tuple[Lot, ...]


class GivenBack(Struct, gc=False, frozen=True):
    """`parts`: how much came back to which lot, as it stands after; `debt_paid`; `used`: the lots that debt used up."""

    parts: Parts
    debt_paid: int
    used: tuple[Lot, ...]

    @property
    def points(self) -> int:
        return sum(points for _, points in self.parts)


class TakenBack(Struct, gc=False, frozen=True):
    """`parts`: how much came out of which lot (as it stood before); `debt_added`; `kept`: what could not be taken."""

    parts: Parts
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
    issued_now = issued_before
    held = 0
    for lot in lots:
        issued = lot.issued
        if issued <= 0 or lot.remaining != issued:
            raise InvariantViolated(f"a new lot holds what it issues: {lot!r}")
        issued_now += issued
        if issued_now > POINTS_MINOR_MAX:
            raise Refused("invalid-field", "these are more points than a ledger can hold", "lines")
        ledger.issued = issued_now
        if lot.active:
            ledger.active += issued
            if debt_before:
                lot = _pay_debt(ledger, lot)
        else:
            ledger.pending += issued
        if not debt_before or lot.remaining:
            held = add(ledger, lot)
    check(ledger)
    return Accrued(issued_now - issued_before, debt_before - ledger.debt if debt_before else 0, held)


def activate(ledger: Ledger, lot: Lot) -> Activated:
    """A pending lot becomes active; it pays debt first."""
    require(not lot.active and lot.remaining > 0, "only a pending lot is activated", lot)
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
    require(lot.remaining > 0, "a lot that expires has something remaining", lot)
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


def count_expired(ledger: Ledger, lot: Lot, points: int) -> Lot:
    """So much of what has expired of a lot, open or used up, counts as given back by a return. Returns the lot as it is then."""
    require(0 < points <= lot.expired, "what counts as given back has expired, and has not counted yet", lot)
    counted = structs.replace(lot, expired=lot.expired - points)
    if lot.remaining or lot.reserved:
        _replace(ledger, lot, counted)
    return counted


def cancel(ledger: Ledger, lot: Lot) -> Lot:
    """What remains of a pending lot will never activate. Returns the lot as it is then; for returns it counts as expired."""
    require(not lot.active and lot.remaining > 0, "only a pending lot is cancelled", lot)
    ledger.pending -= lot.remaining
    ledger.written_off += lot.remaining
    cancelled = structs.replace(lot, remaining=0, expired=lot.expired + lot.remaining)
    _replace(ledger, lot, cancelled)
    check(ledger)
    check_lots(ledger)
    return cancelled


def extend(ledger: Ledger, lots: Sequence[Lot], expires_at: Instant, pages: Sequence[PageRef] = ()) -> list[Lot]:
    """These open lots expire later, and so does all that lies in these pages, all at the same instant. Returns the lots."""
    extended: dict[str, Lot] = {}
    for lot in lots:
        require(lot.expires_at is not None and expires_at > lot.expires_at, "a lot is only ever extended", lot)
        extended[lot.lot_id] = structs.replace(lot, expires_at=expires_at)
    ledger.lots = [extended.get(lot.lot_id, lot) for lot in ledger.lots]
    if pages:
        for page in pages:
            require(page.last_expiry is not None and expires_at > page.last_expiry, "a page is only ever extended", page)
        moved = {page.number for page in pages}
        ledger.pages = tuple([renewed(page, expires_at) if page.number in moved else page for page in ledger.pages])
    return list(extended.values())


def date(ledger: Ledger, lot: Lot, activates_at: Instant, expires_at: Instant | None) -> Lot:
    """What a pending lot waited for has happened: it has its dates now, and is activated next."""
    require(not lot.active and lot.activates_at is None, "only what waits for an event gets its dates by one", lot)
    dated = structs.replace(lot, activates_at=activates_at, expires_at=expires_at, expiration=None)
    _replace(ledger, lot, dated)
    return dated


def write_off_lots(ledger: Ledger, lots: Sequence[Lot]) -> Spent:
    """What remains of these lots, active or pending, is written off; nothing of them is reserved. For erasure."""
    for lot in lots:
        require(lot.remaining > 0 and not lot.reserved, "a lot that is written off holds something, and is not held", lot)
        if lot.active:
            ledger.active -= lot.remaining
        else:
            ledger.pending -= lot.remaining
        ledger.written_off += lot.remaining
        _replace(ledger, lot, structs.replace(lot, remaining=0))
    check(ledger)
    check_lots(ledger)
    return Spent(tuple([(lot, lot.remaining) for lot in lots]), ())


def next_spent(ledger: Ledger, points: int, order: SpendOrder) -> list[Lot]:
    """The open lots that so many points would be taken from."""
    found: list[Lot] = []
    for lot in _spendable(ledger, order):
        if points <= 0:
            break
        points -= lot.remaining
        found.append(lot)
    return found


def redeem(ledger: Ledger, points: int, order: SpendOrder) -> Spent:
    """Active points are spent, lot by lot in spending order."""
    spent = _spend(ledger, points, order)
    ledger.redeemed += points
    return _proved(ledger, spent)


def write_off(ledger: Ledger, points: int, order: SpendOrder) -> Spent:
    """Active points are taken by hand, lot by lot in spending order."""
    spent = _spend(ledger, points, order)
    ledger.written_off += points
    return _proved(ledger, spent)


def reserve(ledger: Ledger, points: int, order: SpendOrder) -> Spent:
    """Active points are held, lot by lot in spending order. They stay in their lots and keep their dates."""
    spent = _spend(ledger, points, order, held=True)
    ledger.reserved += points
    return _proved(ledger, spent)


def commit(ledger: Ledger, parts: Parts) -> Spent:
    """What was reserved is spent. `parts`: what `reserve` told; the lots may have changed since."""
    now = _as_they_stand(ledger, parts)
    changed = {lot.lot_id: structs.replace(lot, reserved=lot.reserved - points) for lot, points in now}
    points = sum(points for _, points in now)
    ledger.reserved -= points
    ledger.redeemed += points
    return _proved(ledger, Spent(now, _replace_all(ledger, changed)))


def release(ledger: Ledger, parts: Parts) -> GivenBack:
    """What was reserved is active again, and pays debt first; what is past its date is for the caller to expire."""
    points = sum(points for _, points in parts)
    ledger.reserved -= points
    given = [(structs.replace(lot, reserved=lot.reserved - part), part) for lot, part in _as_they_stand(ledger, parts)]
    return _give_back(ledger, given)


def reinstate(ledger: Ledger, parts: Parts, at: Instant, since: Instant, until: Instant) -> GivenBack:
    """What was redeemed is active again in the same lots, and pays debt first.

    `parts`: the lots as they were when they were last open. What expired by `at`, but not before `since`, comes back until `until`;
    what is past its date otherwise is for the caller to expire.
    """
    points = sum(points for _, points in parts)
    ledger.redeemed -= points
    still_open = {lot.lot_id: lot for lot in ledger.lots}
    given: list[tuple[Lot, int]] = []
    for then, part in parts:
        lot = still_open.get(then.lot_id, then)
        if lot.expires_at is not None and since <= lot.expires_at <= at:
            lot = structs.replace(lot, expires_at=until)
        given.append((lot, part))
    return _give_back(ledger, given)


def take_back(
    ledger: Ledger, points: int, own: frozenset[str], policy: Policy, order: SpendOrder, first: frozenset[str] = frozenset()
) -> TakenBack:
    """Take back what a receipt earned, from where the policy allows, in LEDGER's order of sources:

    own pending; own active (not under `pending-only`); other pending; other active in spending order (`within-balance` and
    `allow-debt`); debt (`allow-debt`). `own` are the lots that the receipt made, `first` those among them that give before the others.
    Reserved points are not touched.
    """
    require(points >= 0, "what is taken back is not negative", points)
    parts: list[tuple[Lot, int]] = []
    left = points
    for lot in _sources(ledger, own, policy, order, first):
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


def _sources(ledger: Ledger, own: frozenset[str], policy: Policy, order: SpendOrder, first: frozenset[str]) -> list[Lot]:
    lots = [lot for lot in spending_order(ledger.lots, order) if lot.remaining and (policy != "pending-only" or not lot.active)]

    def rank(lot: Lot) -> tuple[bool, bool, bool]:
        return lot.lot_id not in own, lot.active, lot.lot_id not in first

    return sorted(lots, key=rank)


def _pay_debt(ledger: Ledger, lot: Lot) -> Lot:
    """The lot is in `active` already; what it pays leaves it."""
    if not ledger.debt:
        return lot
    paid = min(ledger.debt, lot.remaining)
    ledger.debt -= paid
    ledger.active -= paid
    ledger.debt_paid += paid
    return structs.replace(lot, remaining=lot.remaining - paid)


def _spend(ledger: Ledger, points: int, order: SpendOrder, *, held: bool = False) -> Spent:
    """Take so many points out of active lots; the caller says where they go."""
    require(0 < points <= ledger.active, "what is spent is there", points)
    parts: list[tuple[Lot, int]] = []
    changed: dict[str, Lot] = {}
    left = points
    for lot in _spendable(ledger, order):
        part = min(left, lot.remaining)
        left -= part
        parts.append((lot, part))
        reserved = lot.reserved + part if held else lot.reserved
        changed[lot.lot_id] = structs.replace(lot, remaining=lot.remaining - part, reserved=reserved)
        if not left:
            break
    ledger.active -= points
    return Spent(tuple(parts), _replace_all(ledger, changed))


def _spendable(ledger: Ledger, order: SpendOrder) -> list[Lot]:
    return spending_order([lot for lot in ledger.lots if lot.active and lot.remaining], order)


def _as_they_stand(ledger: Ledger, parts: Parts) -> Parts:
    """The same parts with the open lots as they are now."""
    still_open = {lot.lot_id: lot for lot in ledger.lots}
    for lot, points in parts:
        held = still_open.get(lot.lot_id)
        require(held is not None and 0 < points <= held.reserved, "what is held is in its lot", lot)
    return tuple([(still_open[lot.lot_id], points) for lot, points in parts])


def _give_back(ledger: Ledger, given: Iterable[tuple[Lot, int]]) -> GivenBack:
    debt_before = ledger.debt
    changed: dict[str, Lot] = {}
    parts: list[tuple[Lot, int]] = []
    for lot, points in given:
        ledger.active += points
        lot = _pay_debt(ledger, structs.replace(lot, remaining=lot.remaining + points))
        changed[lot.lot_id] = lot
        parts.append((lot, points))
    used = _replace_all(ledger, changed)
    return _proved(ledger, GivenBack(tuple(parts), debt_before - ledger.debt, used))


def _replace_all(ledger: Ledger, changed: dict[str, Lot]) -> tuple[Lot, ...]:
    """Put the new forms of lots in the old ones' places, and those that are open again behind them. Returns what is used up."""
    used = tuple([lot for lot in changed.values() if not (lot.remaining or lot.reserved)])
    lots = [changed.pop(lot.lot_id, lot) for lot in ledger.lots]
    ledger.lots = [lot for lot in (*lots, *changed.values()) if lot.remaining or lot.reserved]
    return used


def _proved(ledger: Ledger, move: Move) -> Move:
    check(ledger)
    check_lots(ledger)
    return move


def _replace(ledger: Ledger, old: Lot, new: Lot) -> None:
    """Put the new form of a lot in the old one's place; one that is used up leaves the open lots."""
    for position, lot in enumerate(ledger.lots):
        if lot.lot_id == old.lot_id:
            if new.remaining or new.reserved:
                ledger.lots[position] = new
            else:
                del ledger.lots[position]
            return
    raise InvariantViolated(f"the lot {old.lot_id} is not among the open lots")
