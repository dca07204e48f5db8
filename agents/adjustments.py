"""Adjustments: points given or taken by hand, with a reason and the name of whoever did it.

Pure. A credit is an accrual like any other, at its own time: it joins, it gets the dates of its point type or its own, it pays
debt; it only meets no limits. A debit takes what is there now, and is refused where that is less.
"""

from agents import consent
from agents.crediting import Portion, credit, portion
from agents.entries import say
from agents.programs import Version
from agents.visit import Visit
from schemas.amounts import to_minor
from schemas.outcomes import APPLIED, DUPLICATE, Refused
from schemas.program import PointType
from schemas.records import Adjustment, fingerprint
from schemas.schedules import parse_schedule
from tables import ledger, pages
from tables.keys import identity_key
from tables.ledger_keys import ledger_key
from tables.lots import spending_key
from tables.state import Ledger, Seen


def on_adjustment(visit: Visit, record: Adjustment, version: Version) -> str:
    """Settle the profile up to the adjustment, then credit or debit it.

    Returns the outcome. Raises `Refused` with `conflicting-duplicate`, `invalid-field`, `not-a-member` or `insufficient-points`.
    """
    key = identity_key(visit.profile_id, "adjustment", "", record.adjustment_id)
    content = fingerprint(record)
    known = visit.find(Seen, key)
    if known is not None:
        if known.content != content:
            raise Refused("conflicting-duplicate", f"adjustment {record.adjustment_id} came before with other content")
        return DUPLICATE
    visit.settle_to(record.occurred_at)
    if record.points > 0:
        _credit(visit, record, version)
    else:
        _debit(visit, record, visit.programs.version(record.program, visit.profile.settled_at) or version)
    visit.remember(key, Seen(content, record.occurred_at))
    return APPLIED


def _credit(visit: Visit, record: Adjustment, version: Version) -> None:
    point, points = _understood(record, version)
    if version.program.status == "ended":
        _check_member(visit, record)  # it joins nobody any more
    if not consent.may_accrue(visit.profile, version.program, record.occurred_at):
        message = f"the profile is no member of {record.program}, or has not consented"
        raise Refused("not-a-member", message, "profile_id")
    own = portion(points, point)
    part = Portion(
        points,
        own.activation if record.activation is None else parse_schedule(record.activation),
        own.expiration if record.expiration is None else parse_schedule(record.expiration),
        own.legal_entity if record.legal_entity is None else record.legal_entity,
        own.description if record.description is None else record.description,
    )
    try:
        credit(
            visit,
            version,
            point,
            record.subledger or "",
            [part],
            record.occurred_at,
            "adjustments",
            reason=record.reason,
            adjusted_by=record.actor,
        )
    except Refused as refused:
        raise Refused(refused.reason, refused.message, "points") from None


def _debit(visit: Visit, record: Adjustment, version: Version) -> None:
    point, points = _understood(record, version)
    _check_member(visit, record)
    program, subledger = record.program, record.subledger or ""
    key = ledger_key(point.sid, subledger)
    there = visit.membership(program).ledgers.get(key, Ledger())
    if -points > there.active:
        raise Refused("insufficient-points", "a debit takes no more than is active", "points")
    pages.open_for_spending(there, -points, spending_key(point.spend_order), visit.fetch(program, key))
    spent = ledger.write_off(there, -points, point.spend_order)
    for lot in spent.used:
        visit.remember_used(lot)
    now = visit.profile.settled_at
    visit.due_by(now)  # what was due of the lots that it took is reckoned anew
    say(
        visit,
        program,
        "points.adjusted",
        now,
        point,
        subledger,
        -points,
        spent.parts,
        legal_entity=record.legal_entity,
        description=record.description,
        reason=record.reason,
        actor=record.actor,
        direction="debit",
    )


def _understood(record: Adjustment, version: Version) -> tuple[PointType, int]:
    """The point type that is adjusted, and by how much (minor, signed)."""
    if record.subledger is not None and not version.program.subledgers_enabled:
        raise Refused("invalid-field", f"{record.program} has no subledgers", "subledger")
    point = version.program.points[0] if record.point is None else version.points.get(record.point)
    if point is None:
        raise Refused("invalid-field", f"{record.program} has no point type {record.point}", "point")
    try:
        return point, to_minor(record.points, point.scale)
    except ValueError as error:
        raise Refused("invalid-field", f"points: {error}", "points") from None


def _check_member(visit: Visit, record: Adjustment) -> None:
    membership = visit.profile.programs.get(record.program)
    if membership is None or membership.joined_at is None:
        raise Refused("not-a-member", f"the profile is no member of {record.program}", "profile_id")
