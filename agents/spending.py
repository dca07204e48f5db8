"""Spending: what a redemption request does to the points, by its kind.

Points are redeemed; or reserved, and then committed or released; or rolled back. Each reaction does the whole of it and says so in
an entry, or raises `Declined` with the reason before anything has changed. What a request takes is reckoned in
`tables/spending.py`; when a hold runs out, and how points come back to their lots, is in `holds.py`.
"""

from typing import Final, NamedTuple

from msgspec import structs

from agents import holds, lifetimes
from agents.entries import can_tell, say
from agents.programs import Version
from agents.visit import Visit
from schemas import records
from schemas.instants import Instant
from schemas.program import PointType
from schemas.schedules import parse_length
from tables import ledger, pages
from tables.ledger_keys import ledger_key
from tables.lots import spending_key
from tables.spending import Declined, Wanted, points_named, points_taken
from tables.state import Ledger, Lot, Membership, Redemption

HOLDS_MAX: Final = 1_000
"""Of one profile in one program at a time: they stand in its record, which must stay small."""


class Request(NamedTuple):
    """One request at one profile. `at`: the settled time; `version`: in force then; `known`: what came before under its id."""

    visit: Visit
    record: records.Redemption
    at: Instant
    version: Version
    point: PointType
    subledger: str
    known: Redemption | None


class Done(NamedTuple):
    """The redemption as it stands after a request, and how many points (minor) it took, held, let go or gave back."""

    redemption: Redemption
    points: int
    hold_ends_at: Instant | None = None


def redeem(request: Request) -> Done:
    there, points = _spendable(request)
    spent = ledger.redeem(there, points, request.point.spend_order)
    _use_up(request.visit, spent.used)
    _say_spent(request, points, spent.parts)
    return Done(_taken(request, "redeemed", spent.parts, request.at), points)


def reserve(request: Request) -> Done:
    if len(_membership(request).holds) >= HOLDS_MAX:
        raise Declined("too-many-holds")
    there, points = _spendable(request)
    held = ledger.reserve(there, points, request.point.spend_order)
    until = _held_until(request)
    holds.begin(request.visit, request.record.program, request.record.redemption_id, until)
    _say(request, "points.reserved", points, held.parts)
    return Done(_taken(request, "reserved", held.parts, until), points, until)


def _held_until(request: Request) -> Instant:
    zone, point, wanted = request.version.program.timezone, request.point, request.record.hold
    hold = point.hold if wanted is None else parse_length(wanted)
    return min(hold.later(request.at, zone), point.max_hold.later(request.at, zone))


def commit(request: Request) -> Done:
    held = _held(request)
    holds.end(request.visit, held.program, request.record.redemption_id)
    spent = ledger.commit(_ledger(request), held.parts)
    _use_up(request.visit, spent.used)
    _say_spent(request, held.points, spent.parts)
    return Done(structs.replace(held, status="redeemed"), held.points)


def release(request: Request) -> Done:
    held = _held(request)
    holds.end(request.visit, held.program, request.record.redemption_id)
    holds.let_go(request.visit, held, request.at)
    return Done(structs.replace(held, status="released"), held.points)


def roll_back(request: Request) -> Done:
    """Points go back into the lots that they came from, the last spent first."""
    redeemed = _of_its_own(request)
    if redeemed.status != "redeemed":
        raise Declined("unknown-redemption")
    points = _rolled_back(request, redeemed)
    there = _ledger(request)
    parts = tuple(
        [
            (_as_last_seen(request.visit, lot), part)
            for lot, part in _part_of(tuple(reversed(redeemed.parts)), redeemed.reinstated, points)
        ]
    )
    fetch = request.visit.fetch(redeemed.program, ledger_key(redeemed.point, redeemed.subledger))
    pages.open_earned(there, {lot.earned_at for lot, _ in parts}, fetch)
    zone, again = request.version.program.timezone, request.point.reinstate_expired
    given = ledger.reinstate(there, parts, request.at, again.earlier(request.at, zone), again.later(request.at, zone))
    holds.come_back(request.visit, "points.reinstated", redeemed, given, request.at)
    return Done(structs.replace(redeemed, reinstated=redeemed.reinstated + points), points)


# what they ask


def _spendable(request: Request) -> tuple[Ledger, int]:
    """The ledger with the lots that are next to be spent, and how many points the request takes. Raises `Declined`."""
    visit, record, point, membership = request.visit, request.record, request.point, _membership(request)
    if request.known is not None and request.known.status != "declined":
        raise Declined("already-used")
    key = ledger_key(point.sid, request.subledger)
    there = membership.ledgers.get(key, Ledger())
    points = points_taken(Wanted(record.points, record.money, record.order_total), point, there.active)
    pages.open_for_spending(there, points, spending_key(point.spend_order), visit.fetch(record.program, key))
    if not can_tell(ledger.next_spent(there, points, point.spend_order), point.scale):
        raise Declined("too-many-lots")
    return there, points


def _held(request: Request) -> Redemption:
    """What a commit or release is of. Raises `Declined` where it is not held any more, or never was."""
    held = _of_its_own(request)
    if held.status != "reserved":
        raise Declined(_NOT_HELD[held.status])
    return held


_NOT_HELD: Final = {
    "declined": "unknown-redemption",
    "redeemed": "already-committed",
    "released": "already-released",
    "hold-over": "hold-over",
}


def _of_its_own(request: Request) -> Redemption:
    """What came before under the id, in the ledger that the request names. Raises `Declined`."""
    _membership(request)
    known, place = request.known, (request.record.program, request.point.sid, request.subledger)
    if known is None or (known.program, known.point, known.subledger) != place:
        raise Declined("unknown-redemption")
    return known


def _membership(request: Request) -> Membership:
    membership = request.visit.profile.programs.get(request.record.program)
    if membership is None or membership.joined_at is None:
        raise Declined("not-a-member")
    return membership


def _rolled_back(request: Request, redeemed: Redemption) -> int:
    """How many points a rollback gives back: those it names, or all that are left. Raises `Declined`."""
    record, left = request.record, redeemed.points - redeemed.reinstated
    if record.points is None and record.money is None:
        points = left
    else:
        points = points_named(Wanted(record.points, record.money), priced(request, redeemed))
    if not 0 < points <= left:
        raise Declined("over-rolled-back")
    return points


def _part_of(parts: ledger.Parts, passed: int, points: int) -> ledger.Parts:
    """So many points of these parts, after so many that are passed over."""
    found: list[tuple[Lot, int]] = []
    for lot, part in parts:
        skipped = min(passed, part)
        passed -= skipped
        taken = min(part - skipped, points)
        points -= taken
        if taken:
            found.append((lot, taken))
    return tuple(found)


def _as_last_seen(visit: Visit, lot: Lot) -> Lot:
    """A lot as it was when it left the open lots, or with nothing in it; the ledger prefers it as it lies open."""
    return structs.replace(visit.used_lot(lot.lot_id) or lot, remaining=0, reserved=0)


# what they leave


def _ledger(request: Request) -> Ledger:
    return request.visit.head(request.record.program, request.point.sid, request.subledger)


def _use_up(visit: Visit, lots: tuple[Lot, ...]) -> None:
    for lot in lots:
        visit.remember_used(lot)


def _say(request: Request, kind: str, points: int, parts: ledger.Parts) -> None:
    say(request.visit, request.record.program, kind, request.at, request.point, request.subledger, points, parts)


def _say_spent(request: Request, points: int, parts: ledger.Parts) -> None:
    _say(request, "points.redeemed", points, parts)
    lifetimes.renew(request.visit, request.version, request.point, request.subledger, "spending", request.at)


def _taken(request: Request, status: str, parts: ledger.Parts, last_at: Instant) -> Redemption:
    decisions = {} if request.known is None else request.known.decisions
    place = (request.record.program, request.point.sid, request.subledger)
    return Redemption(*place, last_at, status, request.at, parts, 0, decisions)


def priced(request: Request, redemption: Redemption) -> PointType:
    """The point type as it was when the points were taken: by its ratio their worth is told, however often."""
    return request.visit.programs.point(redemption.program, redemption.point, redemption.taken_at)
