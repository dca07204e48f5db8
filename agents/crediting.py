"""Crediting: how points come to a profile, and how it becomes a member by them.

An accrual makes one lot for each pair of dates (and legal entity and description) among what it is made of. On joining:
`membership.joined`, the initial balances in the order of the point types, then the entry that caused it. A lot that could never
be used, because it expires at or before its activation, is born expired: accrued and expired at once, and the entry says so.
"""

from collections.abc import Mapping, Sequence

from agents import consent, lifetimes, standing
from agents.entries import say, say_joined
from agents.lifetimes import Dates
from agents.programs import Version
from agents.visit import Visit
from schemas.events import Cause
from schemas.instants import Instant
from schemas.program import PointType, Rule
from schemas.records import Sale
from schemas.schedules import Schedule
from tables import ledger
from tables.ledger_keys import ledger_key
from tables.lots import next_at
from tables.state import Lot

LOT_ID_DIGITS = 16


class Portion:
    """Whole points (minor) of one origin, with the dates and labels that its lot gets."""

    __slots__ = ("activation", "description", "expiration", "legal_entity", "points", "rule")

    def __init__(
        self,
        points: int,
        activation: Schedule,
        expiration: Schedule,
        legal_entity: str | None,
        description: str | None,
        rule: str | None = None,
    ) -> None:
        self.points = points
        self.activation = activation
        self.expiration = expiration
        self.legal_entity = legal_entity
        self.description = description
        self.rule = rule


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
        rule.rule,
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
    lines: Mapping[str, tuple[str, ...]] | None = None,
    withheld: int = 0,
    cause: Cause | None = None,
    reason: str | None = None,
    adjusted_by: str | None = None,
    promotion: str | None = None,
    scenario: str | None = None,
    about: str = "",
) -> tuple[str, ...]:
    """Accrue, joining first where that joins; by hand where `adjusted_by` names an actor. Returns the ids of the lots.

    `about`: what tells an award of a promotion from others of the same cause.

    `lines`: for rules that counted some of the sale's lines, the ids of these; a rule that is not named counted every line.
    """
    program = version.program.program
    kind = "points.accrued" if adjusted_by is None else "points.adjusted"
    stem = f"{point.sid}:{subledger}:{source}"
    if promotion is not None:
        stem += f":{promotion}:{scenario or ''}:{about}"
    entry_id = visit.effect_id(program, kind, stem, cause)
    dated = _dated(visit, version, point, portions, at, sale)
    lots = _lots(dated, at, entry_id, sale, lines)
    membership = visit.membership(program)
    if membership.joined_at is None and _joins_by(visit, version, lots, at):
        join(visit, version, at, cause)
    single = len(lots) == 1
    parts = ((lots[0], lots[0].issued),) if single else tuple([(lot, lot.issued) for lot in lots])
    alike = single or len({(lot.legal_entity, lot.description) for lot in lots}) == 1
    held = membership.ledgers.get(ledger_key(point.sid, subledger)) or visit.head(program, point.sid, subledger)
    accrued = ledger.accrue(held, lots)
    if accrued.held > visit.programs.head_lots:
        visit.grown = True
    say(
        visit,
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
        rules_of=_rules_of(dated, lots, lines or {}) if lines or not single else None,
        legal_entity=lots[0].legal_entity if alike else None,
        description=lots[0].description if alike else None,
        reason=reason,
        actor=adjusted_by,
        direction=None if adjusted_by is None else "credit",
        withheld=withheld,
        debt_paid=accrued.debt_paid,
        promotion=promotion,
        scenario=scenario,
    )
    if version.ladder is not None:
        standing.credited(visit, version, point.sid, subledger, accrued.issued, at, source, lots, cause)
    for lot in lots:
        if _born_expired(lot, at):
            expired = ledger.expire(held, lot)
            visit.remember_used(expired)
            say(
                visit,
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
        elif not accrued.debt_paid:
            visit.due_by(next_at(lot))
        else:
            visit.due_by(visit.profile.settled_at)  # a lot that paid debt may be gone: what is due is reckoned anew
    if at < visit.profile.settled_at and (program, point.sid) in visit.programs.sliding:
        lifetimes.catch_up(visit, version, point, subledger, lots, cause)
        standing.active_changed(visit, version, point.sid, subledger, at, cause)  # by what is not over after all
    if point.renew_on and source != "initial":
        lifetimes.renew(visit, version, point, subledger, "earning", at, cause)
    return (lots[0].lot_id,) if single else tuple([lot.lot_id for lot in lots])


def join(visit: Visit, version: Version, at: Instant, cause: Cause | None) -> None:
    """Become a member: the entry, a tier at 0, then the initial balances. Consent that came only later makes a member only then."""
    membership = visit.membership(version.program.program)
    membership.joined_at = at = consent.joins_at(visit.profile, version.program, at)
    consent.has_come(visit, version.program.program)
    say_joined(visit, version, at, cause)
    standing.joined(visit, version, cause)
    for point in version.program.points:
        if point.initial_balance_minor:
            initial = [portion(point.initial_balance_minor, point)]
            credit(visit, version, point, "", initial, at, "initial", cause=cause, reason="initial-balance")


def joins(
    visit: Visit, version: Version, point: PointType, portions: Sequence[Portion], at: Instant, receipt_id: str | None = None
) -> bool:
    """Whether an accrual of these portions makes a member of one who is not, as far as their dates tell."""
    policy = version.program.membership.join
    if policy == "on-points-activated":
        event_at = lifetimes.event_of(visit, version, point, receipt_id, at)
        dated = [lifetimes.dates(version, point, part.activation, part.expiration, at, event_at) for part in portions]
        return any([_usable(dates, at) for dates in dated])
    return policy == "on-points-earned"


def _joins_by(visit: Visit, version: Version, lots: Sequence[Lot], at: Instant) -> bool:
    """Whether these lots make a member of one who is not."""
    program = version.program
    policy = program.membership.join
    if policy == "explicit" or program.status != "active" or not consent.consents(visit.profile, program, at):
        return False
    return policy == "on-points-earned" or any(lot.active for lot in lots)


def _usable(dates: Dates, at: Instant) -> bool:
    activates_at, expires_at, _ = dates
    return activates_at is not None and activates_at <= at and (expires_at is None or expires_at > at)


def _dated(
    visit: Visit, version: Version, point: PointType, portions: Sequence[Portion], at: Instant, sale: Sale | None
) -> list[tuple[Portion, Dates]]:
    """Each portion with its dates. What waits for an event may find that it has happened already."""
    event_at = None
    if point.activate_on is not None and any(part.activation.kind == "on event" for part in portions):
        event_at = lifetimes.event_of(visit, version, point, None if sale is None else sale.receipt_id, at)
    return [(part, lifetimes.dates(version, point, part.activation, part.expiration, at, event_at)) for part in portions]


def _lots(
    dated: list[tuple[Portion, Dates]],
    at: Instant,
    entry_id: str,
    sale: Sale | None,
    lines: Mapping[str, tuple[str, ...]] | None,
) -> list[Lot]:
    """One lot for each distinct (dates, labels), in order of first appearance."""
    if len(dated) == 1:
        part, dates = dated[0]
        line_id = None if sale is None or (lines is None and len(sale.lines) > 1) else _one_line(sale, lines, (part,))
        return [_lot(f"{entry_id[:LOT_ID_DIGITS]}.0", part.points, dates, part, at, sale, line_id)]
    grouped: dict[tuple[Dates, str | None, str | None], list[Portion]] = {}
    for part, dates in dated:
        grouped.setdefault((dates, part.legal_entity, part.description), []).append(part)
    return [
        _lot(f"{entry_id[:LOT_ID_DIGITS]}.{number}", points, dates, parts[0], at, sale, _one_line(sale, lines, parts))
        for number, ((dates, _, _), parts) in enumerate(grouped.items())
        if (points := sum([part.points for part in parts])) > 0
    ]


def _one_line(sale: Sale | None, lines: Mapping[str, tuple[str, ...]] | None, parts: Sequence[Portion]) -> str | None:
    """The line that all of these points came from, where it was one."""
    if sale is None:
        return None
    if len(sale.lines) == 1:
        return sale.lines[0].line_id or "1"
    counted = {(lines or {}).get(part.rule or "", ()) for part in parts}
    only = counted.pop() if len(counted) == 1 else ()
    return only[0] if len(only) == 1 else None


def _lot(lot_id: str, points: int, dates: Dates, part: Portion, at: Instant, sale: Sale | None, line_id: str | None) -> Lot:
    activates_at, expires_at, expiration = dates
    return Lot(
        lot_id,
        points,
        points,
        _usable(dates, at),
        at,
        activates_at,
        expires_at,
        application=None if sale is None else sale.application,
        receipt_id=None if sale is None else sale.receipt_id,
        legal_entity=part.legal_entity,
        description=part.description,
        expiration=expiration,
        line_id=line_id,
    )


def _rules_of(
    dated: list[tuple[Portion, Dates]], lots: list[Lot], lines: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str | None, tuple[str, ...]]]:
    """For each rule its lot, where there are several, and its lines, where it asks for some: so every point tells where it is from."""
    found: dict[str, tuple[str | None, tuple[str, ...]]] = {}
    for part, dates in dated:
        if part.rule is not None:
            lot_id = None if len(lots) == 1 else next((lot.lot_id for lot in lots if _is_of(lot, part, dates)), None)
            found[part.rule] = lot_id, lines.get(part.rule, ())
    return found


def _is_of(lot: Lot, part: Portion, dates: Dates) -> bool:
    labels = lot.legal_entity == part.legal_entity and lot.description == part.description
    return labels and (lot.activates_at, lot.expires_at, lot.expiration) == dates


def _born_expired(lot: Lot, at: Instant) -> bool:
    if lot.expires_at is None or lot.activates_at is None:
        return False
    return lot.expires_at <= max(lot.activates_at, at)
