"""Redemptions: points are spent, or held and then spent or let go, or given back; every request gets a decision.

Pure. A request is judged at the profile's settled time, on what is there then, however early it says that it was made: nothing
that has expired is revived for it. What cannot be done is declined with a reason, and that is a decision like any other: it is
remembered, and the same request again gets the same decision again, word for word. Only what nobody can understand (a point type
that does not exist, an amount finer than its scale) is a dead letter, and decides nothing.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec import structs

from agents import holds, lifetimes
from agents.programs import Version
from agents.visit import Visit
from schemas import records
from schemas.amounts import format_points
from schemas.events import RedemptionDecision
from schemas.instants import Instant, format_instant
from schemas.outcomes import APPLIED, DUPLICATE, Refused
from schemas.program import PointType
from schemas.schedules import parse_duration
from schemas.topics import REDEMPTION_DECISIONS
from tables import ledger, pages, spending
from tables.lots import spending_key
from tables.spending import Declined, Wanted
from tables.state import Decision, Ledger, Lot, Redemption, ledger_key
from tables.table import redemption_key


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


def on_redemption(visit: Visit, record: records.Redemption, version: Version) -> str:
    """Settle the profile, carry the request out or decline it, and tell the decision.

    Returns the outcome. Raises `Refused` with `conflicting-duplicate` or `invalid-field`.
    """
    key = redemption_key(visit.profile_id, record.redemption_id)
    known = visit.find(Redemption, key)
    name = f"rollback:{record.part}" if record.kind == "rollback" and record.part is not None else record.kind
    content = records.fingerprint(record)
    if known is not None and name in known.decisions:
        earlier = known.decisions[name]
        if earlier.content != content:
            what = f"{record.kind} of redemption {record.redemption_id}"
            raise Refused("conflicting-duplicate", f"{what} came before with other content")
        visit.send(REDEMPTION_DECISIONS, earlier.told)
        return DUPLICATE
    visit.settle_to(record.requested_at)
    request = _understood(visit, record, version, visit.find(Redemption, key))  # its hold may have run out just now
    if record.receipt_id is not None:
        visit.cause["receipt_id"] = record.receipt_id
    try:
        done = _REACTIONS[record.kind](request)
        redemption, told = done.redemption, _accepted(request, done)
    except Declined as declined:
        redemption, told = request.known or _nothing(request), _declined(request, declined.reason)
    last_at = max(redemption.last_at, record.requested_at)
    decisions = redemption.decisions | {name: Decision(content, told)}
    visit.remember(key, structs.replace(redemption, last_at=last_at, decisions=decisions))
    visit.send(REDEMPTION_DECISIONS, told)
    return APPLIED


def _understood(visit: Visit, record: records.Redemption, version: Version, known: Redemption | None) -> Request:
    """The request with what it names. A commit, release or rollback is of the point type that the redemption is of."""
    at = visit.profile.settled_at
    version = visit.programs.version(record.program, at) or version
    opens = record.kind in ("redeem", "reserve")
    own = None if opens or known is None or known.program != record.program else known
    if record.subledger is not None and not version.program.subledgers_enabled:
        raise Refused("invalid-field", f"{record.program} has no subledgers", "subledger")
    if record.point is not None and record.point not in version.points:
        raise Refused("invalid-field", f"{record.program} has no point type {record.point}", "point")
    if own is not None:
        point, subledger = visit.programs.point(record.program, own.point, at), own.subledger
    else:
        point, subledger = version.program.points[0], ""
    if record.point is not None:
        point = version.points[record.point]
    if record.subledger is not None:
        subledger = record.subledger
    return Request(visit, record, at, version, point, subledger, known)


# the reactions


def _redeem(request: Request) -> Done:
    there, points = _spendable(request)
    spent = ledger.redeem(there, points, request.point.spend_order)
    _use_up(request.visit, spent.used)
    _say_spent(request, points, spent.parts)
    return Done(_taken(request, "redeemed", spent.parts, request.at), points)


def _reserve(request: Request) -> Done:
    hold_us = request.point.hold_us if request.record.hold is None else parse_duration(request.record.hold)
    if hold_us > request.point.max_hold_us:
        raise Refused("invalid-field", f"points of {request.point.sid} are not held that long", "hold")
    there, points = _spendable(request)
    held = ledger.reserve(there, points, request.point.spend_order)
    until = request.at + hold_us
    holds.begin(request.visit, request.record.program, request.record.redemption_id, until)
    _say(request, "points.reserved", points, held.parts)
    return Done(_taken(request, "reserved", held.parts, until), points, until)


def _commit(request: Request) -> Done:
    held = _held(request)
    holds.end(request.visit, held.program, request.record.redemption_id)
    spent = ledger.commit(_ledger(request), held.parts)
    _use_up(request.visit, spent.used)
    _say_spent(request, held.points, spent.parts)
    return Done(structs.replace(held, status="redeemed"), held.points)


def _release(request: Request) -> Done:
    held = _held(request)
    holds.end(request.visit, held.program, request.record.redemption_id)
    holds.let_go(request.visit, held, request.at)
    return Done(structs.replace(held, status="released"), held.points)


def _roll_back(request: Request) -> Done:
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
    given = ledger.reinstate(there, parts, request.at, request.point.reinstate_expired_us)
    holds.come_back(request.visit, "points.reinstated", redeemed, given, request.at)
    return Done(structs.replace(redeemed, reinstated=redeemed.reinstated + points), points)


_REACTIONS: Final[dict[str, Callable[[Request], Done]]] = {
    "redeem": _redeem,
    "reserve": _reserve,
    "commit": _commit,
    "release": _release,
    "rollback": _roll_back,
}


# what they ask


def _spendable(request: Request) -> tuple[Ledger, int]:
    """The ledger with the lots that are next to be spent, and how many points the request takes. Raises `Declined`."""
    visit, record, point = request.visit, request.record, request.point
    _check_member(request)
    if request.known is not None and request.known.status != "declined":
        raise Declined("already-used")
    key = ledger_key(point.sid, request.subledger)
    there = visit.membership(record.program).ledgers.get(key, Ledger())
    points = spending.points_taken(Wanted(record.points, record.money, record.order_total), point, there.active)
    pages.open_for_spending(there, points, spending_key(point.spend_order), visit.fetch(record.program, key))
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
    _check_member(request)
    known, place = request.known, (request.record.program, request.point.sid, request.subledger)
    if known is None or (known.program, known.point, known.subledger) != place:
        raise Declined("unknown-redemption")
    return known


def _check_member(request: Request) -> None:
    membership = request.visit.profile.programs.get(request.record.program)
    if membership is None or membership.joined_at is None:
        raise Declined("not-a-member")


def _rolled_back(request: Request, redeemed: Redemption) -> int:
    """How many points a rollback gives back: those it names, or all that are left. Raises `Declined`."""
    record, left = request.record, redeemed.points - redeemed.reinstated
    if record.points is None and record.money is None:
        points = left
    else:
        points = spending.points_named(Wanted(record.points, record.money), _priced(request, redeemed))
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
    request.visit.say(request.record.program, kind, request.at, request.point, request.subledger, points, parts)


def _say_spent(request: Request, points: int, parts: ledger.Parts) -> None:
    _say(request, "points.redeemed", points, parts)
    lifetimes.renew(request.visit, request.version, request.point, request.subledger, "spending", request.at)


def _taken(request: Request, status: str, parts: ledger.Parts, last_at: Instant) -> Redemption:
    decisions = {} if request.known is None else request.known.decisions
    place = (request.record.program, request.point.sid, request.subledger)
    return Redemption(*place, last_at, status, request.at, parts, 0, decisions)


def _nothing(request: Request) -> Redemption:
    return Redemption(request.record.program, request.point.sid, request.subledger, request.at, "declined", request.at)


def _priced(request: Request, redemption: Redemption) -> PointType:
    """The point type as it was when the points were taken: by its ratio their worth is told, however often."""
    return request.visit.programs.point(redemption.program, redemption.point, redemption.taken_at)


def _accepted(request: Request, done: Done) -> RedemptionDecision:
    hold_ends_at = None if done.hold_ends_at is None else format_instant(done.hold_ends_at)
    return _decision(request, "redemption.accepted", _priced(request, done.redemption), done.points, hold_ends_at=hold_ends_at)


def _declined(request: Request, reason: str) -> RedemptionDecision:
    return _decision(request, "redemption.declined", request.point, 0, reason=reason)


def _decision(
    request: Request, kind: str, point: PointType, points: int, *, reason: str | None = None, hold_ends_at: str | None = None
) -> RedemptionDecision:
    visit, record = request.visit, request.record
    return RedemptionDecision(
        id=visit.effect_id(record.program, kind, record.redemption_id),
        type=kind,
        program=record.program,
        profile_id=visit.profile_id,
        occurred_at=format_instant(request.at),
        recorded_at=visit.recorded_at,
        cause=visit.cause,
        redemption_id=record.redemption_id,
        kind=record.kind,
        part=record.part,
        point=point.sid,
        subledger=request.subledger or None,
        points=format_points(points, point.scale),
        money=spending.worth(points, point.ratio, request.version.program.currency_decimals),
        reason=reason,
        hold_ends_at=hold_ends_at,
    )
