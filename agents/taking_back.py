"""Taking back: points that a receipt owes leave the profile now, from where the point type's policy allows.

Pure. How much is owed is not known here. What could not be taken is kept with the receipt's claim, and the use of limits goes back
with a receipt of which nothing is left.
"""

from msgspec import structs

from agents import standing
from agents.entries import say
from agents.visit import Visit
from schemas.instants import Instant
from schemas.program import PointType
from tables import ledger, pages
from tables.ledger_keys import ledger_key
from tables.lots import spending_key
from tables.state import Earned, Ledger


def take_back(visit: Visit, claim: Earned, owed: int, point: PointType, at: Instant) -> Earned:
    """Take so many points of a receipt of an instant back, as the point type's policy allows. Returns what it claims then.

    Of a lot partly expired the expired part counts as given back first.
    """
    if not owed:
        return claim
    program, subledger = claim.program, claim.subledger
    held = visit.head(program, point.sid, subledger)
    own = frozenset(claim.lots)
    if held.pages:
        pages.open_earned(held, (at,), visit.fetch(program, ledger_key(point.sid, subledger)))
    gone = min(owed, max(_expired_of(visit, held, claim.lots) - claim.gone, 0))
    if held.pages:
        _open_others(visit, held, claim, owed - gone, point)
    taken = ledger.take_back(held, owed - gone, own, point.returns, point.spend_order)
    for lot, points in taken.parts:
        if points == lot.remaining < lot.issued and not lot.reserved:  # what expired of it, or was spent, may be asked for again
            visit.remember_used(structs.replace(lot, remaining=0))
    if taken.parts or taken.debt_added:
        now = visit.profile.settled_at
        say(visit, program, "points.reversed", now, point, subledger, taken.points, taken.parts, debt_added=taken.debt_added)
        visit.due_by(now)  # what was due of the lots taken back is reckoned anew
    version = visit.programs.version(program, at)
    if version is not None:
        standing.earned(visit, version, point.sid, subledger, taken.kept - owed, at, "earning")
    return structs.replace(claim, points=claim.points - owed, gone=claim.gone + gone, kept=claim.kept + taken.kept)


def _open_others(visit: Visit, held: Ledger, claim: Earned, points: int, point: PointType) -> None:
    """Open the pages of the lots that may have to give where the receipt's own have less than that."""
    own = frozenset(claim.lots)
    active_too = point.returns != "pending-only"
    if sum([lot.remaining for lot in held.lots if lot.lot_id in own and (active_too or not lot.active)]) < points:
        fetch = visit.fetch(claim.program, ledger_key(claim.point, claim.subledger))
        pages.open_pending(held, fetch)
        if active_too:
            pages.open_for_spending(held, points, spending_key(point.spend_order), fetch)


def _expired_of(visit: Visit, held: Ledger, lots: tuple[str, ...]) -> int:
    """How much of these lots has expired, of open and used-up ones; these are remembered as long as the receipt from now on."""
    still_open = {lot.lot_id: lot for lot in held.lots}
    expired = 0
    for lot_id in lots:
        lot = still_open.get(lot_id)
        if lot is None:
            lot = visit.used_lot(lot_id)
            if lot is not None:
                visit.remember_used(lot)
        expired += 0 if lot is None else lot.expired
    return expired


def unuse(visit: Visit, claim: Earned) -> Earned:
    """A receipt of which nothing is left gives its use of limits back."""
    use(visit, claim.program, claim.usage, -1)
    return structs.replace(claim, usage=())


def use(visit: Visit, program: str, usage: tuple[tuple[str, int], ...], sign: int = 1) -> None:
    """Limits are used, or (sign -1) their use is given back."""
    counters = visit.membership(program).usage
    for counter, used in usage:
        counters[counter] = max(counters.get(counter, 0) + sign * used, 0)
