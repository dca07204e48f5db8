"""Taking back: points that a receipt owes leave the profile now, from where the point type's policy allows.

Pure. How much is owed is not known here. What could not be taken is kept with the receipt's claim, and the use of limits goes back
with a receipt of which nothing is left.

**What has expired.** Of a lot partly expired the expired part counts as given back first, and is not taken again; each lot tells how much of
it has expired and counts for no return yet. A receipt may have made several lots, of lines whose rules give them other dates. So where lines
came back and have lots of their own, these answer for what these lines bring to what is owed: what expired of another line is not theirs.
What is owed beyond that, and all of it where a lot is of several lines or only an amount is known, is of all the receipt's lots.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import structs

from agents import standing
from agents.entries import say
from agents.visit import Visit
from schemas.instants import Instant
from schemas.program import PointType
from tables import ledger, pages
from tables.ledger_keys import ledger_key
from tables.lots import spending_key
from tables.state import Earned, Ledger, Lot

CameBack = tuple[int, int, int]
"""Of a line: how many units (nano) had come back before a return, how many after it, and how many there were."""
_ALL_OF_IT: Final[Mapping[str, CameBack]] = {}


def take_back(
    visit: Visit, claim: Earned, owed: int, point: PointType, at: Instant, came_back: Mapping[str, CameBack] = _ALL_OF_IT
) -> Earned:
    """Take so many points of a receipt of an instant back, as the point type's policy allows. Returns what it claims then.

    `came_back`: by its id, what came back of each line; empty where that is not told.
    """
    if not owed:
        return claim
    program, subledger = claim.program, claim.subledger
    held = visit.head(program, point.sid, subledger)
    if held.pages:
        pages.open_earned(held, (at,), visit.fetch(program, ledger_key(point.sid, subledger)))
    own = _own_lots(visit, held, claim)
    theirs = [lot for lot in own.values() if lot.line_id in came_back]
    of_theirs = min(owed, _share_of(theirs, came_back))
    gone = _count_expired(visit, held, own, theirs, of_theirs)
    gone += _count_expired(visit, held, own, own.values(), owed - of_theirs)
    if held.pages:
        _open_others(visit, held, claim, owed - gone, point)
    first = frozenset([lot.lot_id for lot in theirs])
    taken = ledger.take_back(held, owed - gone, frozenset(claim.lots), point.returns, point.spend_order, first)
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
    return structs.replace(claim, points=claim.points - owed, gone=0, kept=claim.kept + taken.kept)


def _open_others(visit: Visit, held: Ledger, claim: Earned, points: int, point: PointType) -> None:
    """Open the pages of the lots that may have to give where the receipt's own have less than that."""
    own = frozenset(claim.lots)
    active_too = point.returns != "pending-only"
    if sum([lot.remaining for lot in held.lots if lot.lot_id in own and (active_too or not lot.active)]) < points:
        fetch = visit.fetch(claim.program, ledger_key(claim.point, claim.subledger))
        pages.open_pending(held, fetch)
        if active_too:
            pages.open_for_spending(held, points, spending_key(point.spend_order), fetch)


def _own_lots(visit: Visit, held: Ledger, claim: Earned) -> dict[str, Lot]:
    """The lots that a receipt made, open and used-up ones; these are remembered as long as the receipt from now on."""
    still_open = {lot.lot_id: lot for lot in held.lots}
    found: dict[str, Lot] = {}
    for lot_id in claim.lots:
        lot = still_open.get(lot_id)
        if lot is None:
            lot = visit.used_lot(lot_id)
            if lot is not None:
                visit.remember_used(lot)
        if lot is not None:
            found[lot_id] = lot
    if claim.gone:  # counted when the claim told it, and not the lots
        _count_expired(visit, held, found, found.values(), claim.gone)
    return found


def _share_of(lots: list[Lot], came_back: Mapping[str, CameBack]) -> int:
    """How many of their points these lots bring to what is owed, by how much of their lines came back now."""
    points = 0
    for lot in lots:
        before, after, quantity = came_back[lot.line_id or ""]
        points += lot.issued * after // quantity - lot.issued * before // quantity
    return points


def _count_expired(visit: Visit, held: Ledger, own: dict[str, Lot], among: Iterable[Lot], at_most: int) -> int:
    """Let what has expired of these lots count as given back, in their order. Returns how much of it there was; `own` holds them as they are then."""
    counted = 0
    for lot in list(among):
        lot = own[lot.lot_id]
        points = min(lot.expired, at_most - counted)
        if points:
            counted += points
            own[lot.lot_id] = after = ledger.count_expired(held, lot, points)
            if not (after.remaining or after.reserved):
                visit.remember_used(after)
    return counted


def unuse(visit: Visit, claim: Earned) -> Earned:
    """A receipt of which nothing is left gives its use of limits back."""
    use(visit, claim.program, claim.usage, -1)
    return structs.replace(claim, usage=())


def use(visit: Visit, program: str, usage: tuple[tuple[str, int], ...], sign: int = 1) -> None:
    """Limits are used, or (sign -1) their use is given back."""
    counters = visit.membership(program).usage
    for counter, used in usage:
        counters[counter] = max(counters.get(counter, 0) + sign * used, 0)
