"""Redemptions: points are spent, or held and then spent or let go, or given back; every request gets a decision.

Pure. A request is judged at the profile's settled time, on what is there then, however early it says that it was made: nothing
that has expired is revived for it. What cannot be done is declined with a reason, and that is a decision like any other: it is
remembered, and the same request again gets the same decision again, word for word. Only what nobody can understand (a point type
that does not exist, a hold longer than any) is a dead letter, and decides nothing. What a request does is in `spending.py`.
"""

from collections.abc import Callable
from typing import Final

from msgspec import structs

from agents import spending
from agents.programs import Version
from agents.spending import Done, Request
from agents.visit import Visit
from schemas import records
from schemas.amounts import format_points
from schemas.events import RedemptionDecision
from schemas.instants import format_instant
from schemas.outcomes import APPLIED, DUPLICATE, Refused
from schemas.program import PointType
from schemas.topics import REDEMPTION_DECISIONS
from tables.keys import redemption_key
from tables.spending import Declined, worth
from tables.state import Decision, Redemption

REQUESTS_MAX: Final = 1_000
"""Of one redemption, parts of its rollback above all: their decisions stand in its record, which must stay small."""

_REACTIONS: Final[dict[str, Callable[[Request], Done]]] = {
    "redeem": spending.redeem,
    "reserve": spending.reserve,
    "commit": spending.commit,
    "release": spending.release,
    "rollback": spending.roll_back,
}


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
    if known is not None and len(known.decisions) >= REQUESTS_MAX:
        raise Refused("invalid-field", f"redemption {record.redemption_id} has had {REQUESTS_MAX:,} requests already", "part")
    visit.settle_to(record.requested_at)
    request = _understood(visit, record, version, visit.find(Redemption, key))  # anew: its hold may have run out just now
    if record.receipt_id is not None:
        visit.cause["receipt_id"] = record.receipt_id
    try:
        done = _REACTIONS[record.kind](request)
        redemption, told = done.redemption, _accepted(request, done)
        visit.due_by(request.at)  # what was due of the lots that it touched is reckoned anew
    except Declined as declined:
        redemption, told = request.known or _nothing(request), _declined(request, declined.reason)
    last_at = max(redemption.last_at, record.requested_at)
    decisions = redemption.decisions | {name: Decision(content, told)}
    visit.remember(key, structs.replace(redemption, last_at=last_at, decisions=decisions))
    visit.send(REDEMPTION_DECISIONS, told)
    return APPLIED


def _understood(visit: Visit, record: records.Redemption, version: Version, known: Redemption | None) -> Request:
    """The request with what it names, by default the first point type; or the redemption's own, where it is of what came before."""
    at = visit.profile.settled_at
    version = visit.programs.version(record.program, at) or version
    point, subledger = version.program.points[0], ""
    if known is not None and known.program == record.program and record.kind not in ("redeem", "reserve"):
        point, subledger = visit.programs.point(record.program, known.point, at), known.subledger
    if record.point is not None:
        if record.point not in version.points:
            raise Refused("invalid-field", f"{record.program} has no point type {record.point}", "point")
        point = version.points[record.point]
    if record.subledger is not None:
        if not version.program.subledgers_enabled:
            raise Refused("invalid-field", f"{record.program} has no subledgers", "subledger")
        subledger = record.subledger
    return Request(visit, record, at, version, point, subledger, known)


def _nothing(request: Request) -> Redemption:
    return Redemption(request.record.program, request.point.sid, request.subledger, request.at, "declined", request.at)


def _accepted(request: Request, done: Done) -> RedemptionDecision:
    hold_ends_at = None if done.hold_ends_at is None else format_instant(done.hold_ends_at)
    return _decision(
        request, "redemption.accepted", spending.priced(request, done.redemption), done.points, hold_ends_at=hold_ends_at
    )


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
        money=worth(points, point.ratio, request.version.program.currency_decimals),
        reason=reason,
        hold_ends_at=hold_ends_at,
    )
