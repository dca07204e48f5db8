"""Receipts: what a sale earns, and what a cancelled, reopened or replaced one gives back.

Pure. A receipt is judged at its own time (`closed_at`): version, tier, membership and dates are those of then, however late it
arrives; what it gives back is taken now. A higher revision replaces the receipt: all that it still holds is taken back first,
and what could not be taken (`kept`) is not earned again, so no sequence of cancel, reopen and close is worth more than one sale.
"""

from fractions import Fraction

from msgspec import structs

from agents import consent, standing
from agents.crediting import Portion, credit, joins, portion
from agents.incoming import Incoming
from agents.programs import Version
from agents.returns import Place, returned_before, seen_again, take_all_back, use
from agents.visit import Visit
from schemas.outcomes import APPLIED, DUPLICATE, NOT_A_MEMBER, PARKED, STALE_REVISION, Refused
from schemas.records import Sale, fingerprint
from tables import limits, tiers
from tables.basis import Basis, basis_of, rest_of
from tables.earning import Award
from tables.facts import Situation
from tables.returning import left_of
from tables.rounding import apportion
from tables.state import Earned, Receipt, Saw, ledger_key
from tables.table import receipt_key
from tables.timelines import fields_at


def on_sale(visit: Visit, sale: Sale, incoming: Incoming, versions: list[Version]) -> str:
    """Settle the profile up to the sale, replace what an earlier revision earned, accrue what its lines earn.

    Returns the outcome. Raises `Refused` with `conflicting-duplicate`,
    `wrong-currency` or `invalid-field`.
    """
    key = receipt_key(visit.profile_id, sale.application, sale.receipt_id)
    known = visit.find(Receipt, key)
    mark = f"sale:{sale.revision}"
    content = fingerprint(sale)
    if known is not None:
        if mark in known.seen:
            seen_again(known.seen[mark] == content, f"revision {sale.revision} of receipt {sale.receipt_id}")
            return _count_later(visit, sale, incoming, versions, known, key)
        if sale.revision <= known.revision:
            return STALE_REVISION
    judged = _bases(sale, versions)
    if known is not None:
        _check_same_place(sale, known)
    visit.settle_to(sale.closed_at)
    kept = {} if known is None else take_all_back(visit, known, sale)
    earned: list[Earned] = []
    saw: list[Saw] = []
    uncounted = _earn(visit, sale, judged, kept, earned, saw)
    earned += [Earned(*place, 0, kept=points, kept_before=points) for place, points in kept.items()]
    seen = {mark: content} if known is None else known.seen | {mark: content}
    waiting = [version for version in uncounted if consent.wait(visit, version, incoming, key + mark.encode(), content)]
    seen |= {consent.waiting_mark(version, sale.revision): consent.waiting_until(version, incoming) for version in waiting}
    last_at = sale.closed_at if known is None else max(known.last_at, sale.closed_at)
    visit.remember(key, Receipt(sale.revision, last_at, seen, tuple(earned), incoming.value or b"", tuple(saw)))
    if visit.profile.parked:
        visit.arrived.append(key)
    if not all([basis.consistent for _, basis in judged]):
        visit.count(("inconsistent-total",))
    if len(uncounted) < len(judged):
        return APPLIED
    return PARKED if waiting else NOT_A_MEMBER


def _earn(
    visit: Visit,
    sale: Sale,
    judged: list[tuple[Version, Basis]],
    kept: dict[Place, int],
    earned: list[Earned],
    saw: list[Saw],
) -> list[Version]:
    """What the sale earns of each program goes to `earned`, what it saw there to `saw`; what earlier revisions kept of that is
    taken out of `kept`. Returns the programs that it does not count for.
    """
    uncounted: list[Version] = []
    for version, basis in judged:
        situation = _situation(visit, version, sale)
        if situation is None:
            uncounted.append(version)
            continue
        room: dict[str, int] = {}
        if version.rulebook.limited:
            usage = visit.membership(version.program.program).usage
            room = limits.counters(version.program, usage, sale.closed_at)
        for award in version.rulebook.earn(sale, basis, situation):
            _gain(visit, version, sale, award, kept, earned, room)
        by_spend = version.ladder is not None and version.ladder.measure == "spend"
        seen = _saw(version, situation, room)
        if seen is not None or by_spend:
            saw.append(seen or Saw(version.program.program))
        if by_spend:
            standing.spent(visit, version, sale.subledger or "", standing.gross_nano(basis), sale.closed_at)
    return uncounted


def _count_later(visit: Visit, sale: Sale, incoming: Incoming, versions: list[Version], known: Receipt, key: bytes) -> str:
    """A sale that waited for its profile to join, or to consent, counts now for the programs that it waited for: what is left of it.

    Not if the receipt has been cancelled, opened or replaced since; and one that has not waited is a duplicate.
    """
    marks = known.seen
    waiting = [
        version for version in versions if consent.still_waits(marks.get(consent.waiting_mark(version, sale.revision)), incoming)
    ]
    if not waiting or not known.sale or sale.revision != known.revision:
        return DUPLICATE
    waited = [version for version in waiting if consent.counts(visit.profile, version.program, sale.closed_at)]
    for version in waiting:
        if version not in waited:  # on and on
            consent.wait(visit, version, incoming, key + f"sale:{sale.revision}".encode(), fingerprint(sale))
    if not waited:
        return DUPLICATE
    visit.settle_to(sale.closed_at)
    judged = _bases(sale, waited)
    rest = sale
    if known.returned:
        left = left_of(sale, known.returned)
        rests = [(version, *rest_of(sale, version.program, basis, left)) for version, basis in judged]
        rest, judged = rests[0][1], [(version, basis) for version, _, basis in rests]
    earned: list[Earned] = []
    saw: list[Saw] = []
    _earn(visit, rest, judged, {}, earned, saw)
    late = structs.replace(known, earned=tuple(earned), saw=tuple(saw))
    if known.returned or known.refunded:
        late = returned_before(visit, late, sale)
    done = {consent.waiting_mark(version, sale.revision) for version in waited}
    seen = {mark: content for mark, content in marks.items() if mark not in done}
    visit.remember(key, structs.replace(known, seen=seen, earned=known.earned + late.earned, saw=known.saw + late.saw))
    return APPLIED


def _bases(sale: Sale, versions: list[Version]) -> list[tuple[Version, Basis]]:
    """What the sale is worth to each program; one that does not know its currency does not count it, if another does."""
    judged: list[tuple[Version, Basis]] = []
    refusal: Refused | None = None
    for version in versions:
        try:
            judged.append((version, basis_of(sale, version.program)))
        except Refused as refused:
            refusal = refusal or refused
    if refusal is not None and not judged:
        raise refusal
    return judged


def _check_same_place(sale: Sale, known: Receipt) -> None:
    """A revision may change what was bought, but not where its points go: they would count in both places."""
    for earned in known.earned:
        if earned.subledger != (sale.subledger or ""):
            raise Refused("conflicting-duplicate", "a revision names another subledger than the receipt did", "subledger")
        if sale.program is not None and earned.program != sale.program:
            raise Refused("conflicting-duplicate", "a revision names another program than the receipt did", "program")


def _situation(visit: Visit, version: Version, sale: Sale) -> Situation | None:
    """The profile at the sale's own time; None where the sale does not count (`consent.counts`)."""
    if not consent.counts(visit.profile, version.program, sale.closed_at):
        return None
    asked = version.asked_fields
    fields = fields_at(visit.profile.fields, asked, sale.closed_at) if asked else {}
    membership = visit.profile.programs.get(version.program.program)
    if membership is None or membership.joined_at is None:
        return Situation(sale.closed_at, None, False, fields)
    held = None
    if version.program.tiers.definitions:
        held = tiers.held_at(membership.tiers.get(sale.subledger or ""), sale.closed_at)
    return Situation(sale.closed_at, held, membership.joined_at <= sale.closed_at, fields)


def _saw(version: Version, situation: Situation, room: dict[str, int]) -> Saw | None:
    """What the sale saw of a program, as far as its rules ask for it; None where they ask for nothing, as most do."""
    asks = version.rulebook.asks
    tier = situation.tier if "tier" in asks else None
    member = situation.member and "member" in asks
    if tier is None and not member and not room and not situation.fields:
        return None
    return Saw(version.program.program, tier, member, tuple(room.items()), dict(situation.fields))


def _gain(
    visit: Visit,
    version: Version,
    sale: Sale,
    award: Award,
    kept: dict[Place, int],
    earned: list[Earned],
    room: dict[str, int],
) -> None:
    """Lay limits over an award, take off what an earlier revision kept, and accrue the rest."""
    program, point = version.program, award.point
    subledger = sale.subledger or ""
    membership = visit.membership(program.program)
    held = membership.ledgers.get(ledger_key(point.sid, subledger))
    balance = 0 if held is None else held.active + held.pending
    if point.initial_balance_minor and membership.joined_at is None and not subledger:
        wanted = [portion(points, point, rule) for rule, points in award.rows]
        if joins(version, point, wanted, sale.closed_at):
            balance += point.initial_balance_minor  # which is credited first
    if point.max_balance_minor is not None and balance:
        room[point.sid] = balance
    granted = limits.grant(award, program, membership.usage, balance, sale.closed_at)
    kept_before = kept.pop((program.program, point.sid, subledger), 0) if kept else 0
    rest = max(granted.total - kept_before, 0)
    if granted.withheld:
        visit.count(("withheld", program.program, point.sid), granted.withheld)
    if granted.usage:
        limits.forget_usage(membership.usage, visit.profile.settled_at - program.remember_us)
        use(visit, program.program, granted.usage)
    lots: tuple[str, ...] = ()
    if rest > 0:
        portions, rules = _split(award, granted, rest)
        lots = credit(
            visit,
            version,
            point,
            subledger,
            portions,
            sale.closed_at,
            "earning",
            sale=sale,
            rules=rules,
            lines=_line_ids(sale, award) if award.lines else None,
            withheld=granted.withheld,
        )
    if rest > 0 or kept_before:
        earned.append(Earned(program.program, point.sid, subledger, rest, lots, granted.usage, 0, rest, kept_before, kept_before))


def _line_ids(sale: Sale, award: Award) -> dict[str, tuple[str, ...]]:
    """The lines that each rule counted, for those that ask for some of them."""
    return {
        rule: tuple([sale.lines[place].line_id or str(place + 1) for place in places]) for rule, places in award.lines.items()
    }


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
