"""Crediting: how points come to a profile, and how it becomes a member by them.

An accrual makes one lot for each pair of dates (and legal entity and description) among what it is made of. On joining:
`membership.joined`, the initial balances in the order of the point types, then the entry that caused it. A lot that could never
be used, because it expires at or before its activation, is born expired: accrued and expired at once, and the entry says so.
"""

from collections.abc import Sequence

from msgspec import Struct

from agents import standing
from agents.programs import Version
from agents.visit import Visit
from schemas.events import Cause
from schemas.instants import Instant
from schemas.program import PointType, Rule
from schemas.records import Sale
from schemas.schedules import Schedule
from tables import ledger
from tables.state import Lot

LOT_ID_DIGITS = 16


class Portion(Struct, gc=False, frozen=True):
    """Whole points (minor) of one origin, with the dates and labels that its lot gets."""

    points: int
    activation: Schedule
    expiration: Schedule
    legal_entity: str | None
    description: str | None


def portion(points: int, point: PointType, rule: Rule | None = None) -> Portion:
    """The rule's own dates and labels where it has them, else the point type's."""
    if rule is None:
        return Portion(points, point.activation, point.expiration, point.legal_entity, point.description)
    return Portion(
        points,
        rule.activation or point.activation,
        rule.expiration or point.expiration,
        rule.legal_entity or point.legal_entity,
        rule.description or point.description,
    )


def credit(
    visit: Visit,
    version: Version,
    point: PointType,
    subledger: str,
    portions: Sequence[Portion],
    at: Instant,
    source: str,
    *,
    sale: Sale | None = None,
    rules: tuple[tuple[str, int], ...] = (),
    withheld: int = 0,
    cause: Cause | None = None,
    reason: str | None = None,
    adjusted_by: str | None = None,
) -> tuple[str, ...]:
    """Accrue, joining first where that joins; by hand where `adjusted_by` names an actor. Returns the ids of the lots."""
    program = version.program.program
    kind = "points.accrued" if adjusted_by is None else "points.adjusted"
    entry_id = visit.effect_id(program, kind, f"{point.sid}:{subledger}:{source}", cause)
    lots = _lots(version, point, portions, at, entry_id, sale)
    if visit.membership(program).joined_at is None and joins(version, point, portions, at):
        join(visit, version, at, cause)
    parts = tuple([(lot, lot.issued) for lot in lots])
    alike = len(lots) == 1 or len({(lot.legal_entity, lot.description) for lot in lots}) == 1
    accrued = ledger.accrue(visit.head(program, point.sid, subledger), lots)
    visit.say(
        program,
        kind,
        at,
        point,
        subledger,
        accrued.issued,
        parts,
        entry_id=entry_id,
        cause=cause,
        rules=rules,
        legal_entity=lots[0].legal_entity if alike else None,
        description=lots[0].description if alike else None,
        reason=reason,
        actor=adjusted_by,
        direction=None if adjusted_by is None else "credit",
        withheld=withheld,
        debt_paid=accrued.debt_paid,
    )
    if version.ladder is not None:
        standing.credited(visit, version, point.sid, subledger, accrued.issued, at, source, lots, cause)
    for lot in lots:
        if _born_expired(lot, at):
            expired = ledger.expire(visit.head(program, point.sid, subledger), lot)
            visit.remember_used(expired)
            visit.say(
                program,
                "points.expired",
                at,
                point,
                subledger,
                lot.issued,
                ((lot, lot.issued),),
                cause=cause,
                reason="born-expired",
            )
        else:
            visit.due_by(ledger.due_at(lot))
    return (lots[0].lot_id,) if len(lots) == 1 else tuple([lot.lot_id for lot in lots])


def join(visit: Visit, version: Version, at: Instant, cause: Cause | None) -> None:
    """Become a member: the entry, a tier at 0, then the initial balances."""
    membership = visit.membership(version.program.program)
    membership.joined_at = at
    visit.say_joined(version, at, cause)
    standing.joined(visit, version, cause)
    for point in version.program.points:
        if point.initial_balance_minor:
            initial = [portion(point.initial_balance_minor, point)]
            credit(visit, version, point, "", initial, at, "initial", cause=cause, reason="initial-balance")


def joins(version: Version, point: PointType, portions: Sequence[Portion], at: Instant) -> bool:
    """Whether an accrual of these portions makes a member of one who is not."""
    policy = version.program.membership.join
    if policy == "on-points-activated":
        return any(_usable(*_dates(version, point, part, at), at) for part in portions)
    return policy == "on-points-earned"


def _dates(version: Version, point: PointType, part: Portion, at: Instant) -> tuple[Instant | None, Instant | None]:
    """When points earned at an instant become active, and when they expire."""
    zone, leap_day = version.program.timezone, version.program.leap_day
    activates_at = part.activation.activates_at(at, zone, leap_day)
    anchor = activates_at if point.expires_from == "activation" else at
    return activates_at, None if anchor is None else part.expiration.expires_at(anchor, zone, leap_day)


def _usable(activates_at: Instant | None, expires_at: Instant | None, at: Instant) -> bool:
    return activates_at is not None and activates_at <= at and (expires_at is None or expires_at > at)


def _lots(
    version: Version, point: PointType, portions: Sequence[Portion], at: Instant, entry_id: str, sale: Sale | None
) -> list[Lot]:
    """One lot for each distinct (dates, labels), in order of first appearance."""
    if len(portions) == 1:
        only = portions[0]
        grouped = {(*_dates(version, point, only, at), only.legal_entity, only.description): only.points}
    else:
        grouped = {}
        for part in portions:
            key = (*_dates(version, point, part, at), part.legal_entity, part.description)
            grouped[key] = grouped.get(key, 0) + part.points
    application, receipt_id = (None, None) if sale is None else (sale.application, sale.receipt_id)
    return [
        Lot(
            f"{entry_id[:LOT_ID_DIGITS]}.{number}",
            points,
            points,
            _usable(activates_at, expires_at, at),
            at,
            activates_at,
            expires_at,
            application=application,
            receipt_id=receipt_id,
            legal_entity=legal_entity,
            description=description,
        )
        for number, ((activates_at, expires_at, legal_entity, description), points) in enumerate(grouped.items())
        if points > 0
    ]


def _born_expired(lot: Lot, at: Instant) -> bool:
    if lot.expires_at is None or lot.activates_at is None:
        return False
    return lot.expires_at <= max(lot.activates_at, at)
