"""Gains: what a sale earns of each program that it counts for, and what of that is credited.

Pure. A sale is judged by the profile as it was at the sale's own time. What its rules asked for (`Saw`) is remembered with the
receipt, so that what is left of it after a return can be judged alike.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

import msgspec

from agents import codes, consent, figures, person, segments, standing
from agents.crediting import Portion, credit, joins, portion
from agents.programs import Version
from agents.returns import Place
from agents.taking_back import use
from agents.visit import Visit
from schemas.instants import Instant
from schemas.outcomes import Refused
from schemas.records import Sale
from tables import limits, tiers
from tables.basis import Basis
from tables.earning import Award
from tables.facts import Situation
from tables.ledger_keys import ledger_key
from tables.rounding import apportion
from tables.state import Earned, Saw

_NOTHING: Final[Mapping[str, Saw]] = {}
_TOLD_BYTES: Final = 6 * 1024 * 1024
"""Of what rules counted; with all else of it an entry fits into its topic (`schemas.topics.LARGE`)."""
_TOLD_SURELY: Final = 4_000  # ids of lines: as long as they may be and escaped, they have fewer bytes


def earn(
    visit: Visit,
    sale: Sale,
    judged: list[tuple[Version, Basis]],
    kept: dict[Place, int],
    earned: list[Earned],
    saw: list[Saw],
    before: Mapping[str, Saw] = _NOTHING,
) -> list[Version]:
    """What the sale earns of each program goes to `earned`, what it saw there to `saw`; what earlier revisions kept of that is
    taken out of `kept`. `before`: by program, what the receipt saw when it was closed at the same instant before.

    Returns the programs that it does not count for.
    """
    uncounted: list[Version] = []
    at, subledger = sale.closed_at, sale.subledger or ""
    for version, basis in judged:
        situation = _situation(visit, version, sale, at, subledger)
        if situation is not None and before:
            _see_again(situation, before.get(version.program.program))
        if situation is None:
            uncounted.append(version)
            continue
        room: dict[str, int] = {}
        if version.rulebook.limited:
            membership = visit.profile.programs.get(version.program.program)
            room = {} if membership is None else limits.counters(version.program, membership.usage, at)
        for award in version.rulebook.earn(sale, basis, situation, limits.asker(version.program, room, at)):
            _gain(visit, version, sale, at, subledger, award, kept, earned, room)
        by_spend = version.ladder is not None and version.ladder.measure == "spend"
        seen = (
            _saw(version, situation, room)
            if version.rulebook.asks or room or situation.fields or situation.refused_codes
            else None
        )
        if seen is not None or by_spend or version.notes_purchases:
            saw.append(seen or Saw(version.program.program))
        if version.notes_purchases and basis.counted:
            figures.bought(visit, version, standing.gross_nano(basis), at)
        if by_spend:
            standing.spent(visit, version, subledger, standing.gross_nano(basis), at)
    return uncounted


def _situation(visit: Visit, version: Version, sale: Sale, at: Instant, subledger: str) -> Situation | None:
    """The profile at the sale's own time; None where the sale does not count (`consent.counts`)."""
    if not version.counts_everybody and not consent.counts(visit.profile, version.program, at):
        return None
    asked = version.asked_fields
    fields = person.fields_of(visit.profile, asked, at) if asked else {}
    refused = codes.refused(visit, version, sale) if version.codes and sale.promo_codes else ()
    figured = segments.figured(visit, version, at) if version.watch.rules_ask else {}
    membership = visit.profile.programs.get(version.program.program)
    joined_at = None if membership is None else membership.joined_at
    if membership is None or joined_at is None:
        return Situation(at, None, False, fields, refused, figured)
    held = None
    if version.program.tiers.definitions:
        held = tiers.held_at(membership.tiers.get(subledger), at)
    return Situation(at, held, joined_at <= at, fields, refused, figured)


def _see_again(situation: Situation, before: Saw | None) -> None:
    """A revision sees the tier, the membership, segments and figures that the receipt saw at the same instant before: not what it has
    brought, nor what has come beside it at that instant since.
    """
    if before is not None:
        situation.tier, situation.member, situation.figures = before.tier, before.member, before.figures


def _saw(version: Version, situation: Situation, room: dict[str, int]) -> Saw | None:
    """What the sale saw of a program, as far as its rules ask for it; None where they ask for nothing, as most do."""
    asks = version.rulebook.asks
    tier = situation.tier if "tier" in asks else None
    member = situation.member and "member" in asks
    asked = situation.fields or situation.refused_codes or situation.figures
    if tier is None and not member and not room and not asked:
        return None
    return Saw(
        version.program.program,
        tier,
        member,
        tuple(room.items()),
        dict(situation.fields),
        situation.refused_codes,
        dict(situation.figures),
    )


def _gain(
    visit: Visit,
    version: Version,
    sale: Sale,
    at: Instant,
    subledger: str,
    award: Award,
    kept: dict[Place, int],
    earned: list[Earned],
    room: dict[str, int],
) -> None:
    """Lay limits over an award, take off what an earlier revision kept, and accrue the rest."""
    program, point = version.program, award.point
    membership = visit.membership(program.program)
    if not kept and version.rulebook.free and len(award.rows) == 1:
        rule, points = award.rows[0]  # what most receipts are: nothing holds any of it back
        lines = _line_ids(sale, award) if award.lines else None
        parts = [portion(points, point, rule)]
        gained = ((rule.rule, points),)
        lots = credit(visit, version, point, subledger, parts, at, "earning", sale=sale, rules=gained, lines=lines)
        earned.append(Earned(program.program, point.sid, subledger, points, lots, (), 0, points))
        return
    held = membership.ledgers.get(ledger_key(point.sid, subledger))
    kept_before = kept.pop((program.program, point.sid, subledger), 0) if kept else 0
    balance = 0  # without what is there of what the receipt itself has kept: that comes off what it earns anyway
    if held is not None:
        balance = max(held.active - kept_before, 0) + held.pending
    if point.initial_balance_minor and membership.joined_at is None and not subledger:
        wanted = [portion(points, point, rule) for rule, points in award.rows]
        if joins(visit, version, point, wanted, at, sale.receipt_id):
            balance += point.initial_balance_minor  # which is credited first
    if point.max_balance_minor is not None and balance:
        room[point.sid] = balance
    granted = limits.grant(award, program, membership.usage, balance, at)
    rest = max(granted.total - kept_before, 0)
    if granted.withheld:
        visit.count(("withheld", program.program, point.sid), granted.withheld)
    if granted.usage:
        limits.forget_usage(membership.usage, visit.profile.settled_at - program.remember_us)
        use(visit, program.program, granted.usage)
    lots = ()
    if rest > 0:
        portions, rules = _split(award, granted, rest)
        lots = credit(
            visit,
            version,
            point,
            subledger,
            portions,
            at,
            "earning",
            sale=sale,
            rules=rules,
            lines=_line_ids(sale, award) if award.lines else None,
            withheld=granted.withheld,
        )
    if rest > 0 or kept_before:
        earned.append(Earned(program.program, point.sid, subledger, rest, lots, granted.usage, 0, rest, kept_before, kept_before))


def _line_ids(sale: Sale, award: Award) -> dict[str, tuple[str, ...]]:
    """The lines that a rule counted, of those that did not count every line. Raises `Refused` where no entry could tell them all."""
    found = {
        rule: tuple([sale.lines[place].line_id or str(place + 1) for place in places]) for rule, places in award.lines.items()
    }
    if sum([len(ids) for ids in found.values()]) > _TOLD_SURELY and len(msgspec.json.encode(found)) > _TOLD_BYTES:
        raise Refused("too-large", "its rules counted so many lines that its entry would be larger than a record may be", "lines")
    return found


def _split(award: Award, granted: limits.Granted, rest: int) -> tuple[list[Portion], tuple[tuple[str, int], ...]]:
    """So many points as portions of the rules that gave them, and the rows that say so: these sum to them and what is withheld."""
    point = award.point
    if len(award.rows) == 1:
        rule, _ = award.rows[0]
        return [portion(rest, point, rule)], ((rule.rule, rest + granted.withheld),)
    rows = _shrunk([points for _, points in award.rows], rest + granted.withheld)
    given = _shrunk(granted.given, rest)
    portions = [portion(points, point, rule) for (rule, _), points in zip(award.rows, given, strict=True) if points]
    return portions, tuple([(rule.rule, points) for (rule, _), points in zip(award.rows, rows, strict=True) if points])


def _shrunk(rows: list[int], total: int) -> list[int]:
    """The same rows in proportion to a smaller total."""
    whole = sum(rows)
    return rows if whole <= total or not whole else apportion([Fraction(points * total, whole) for points in rows], total)
