"""Receipts: what a sale earns, and what a cancelled, reopened or replaced one gives back.

Pure. A receipt is judged at its own time (`closed_at`): version, tier, membership and dates are those of then, however late it
arrives; what it gives back is taken now. A higher revision replaces the receipt: all that it still holds is taken back first,
and what could not be taken (`kept`) is not earned again, so no sequence of cancel, reopen and close is worth more than one sale.
"""

from fractions import Fraction

from msgspec import structs

from agents.crediting import Portion, credit, joins, portion
from agents.programs import Version
from agents.settle import reschedule, settle
from agents.visit import Visit
from schemas.outcomes import APPLIED, DUPLICATE, NOT_A_MEMBER, STALE_REVISION, Refused
from schemas.records import Cancel, Sale, fingerprint
from tables import ledger, limits, tiers
from tables.basis import Basis, basis_of
from tables.earning import Award
from tables.facts import Situation
from tables.rounding import apportion
from tables.state import Earned, Ledger, Receipt, ledger_key


def on_sale(visit: Visit, sale: Sale, versions: list[Version], key: bytes, known: Receipt | None) -> tuple[str, bool]:
    """Settle the profile up to the sale, replace what an earlier revision earned, accrue what its lines earn.

    Returns the outcome and whether the record's total agrees with its lines. Raises `Refused` with `conflicting-duplicate`,
    `wrong-currency` or `invalid-field`.
    """
    mark = f"sale:{sale.revision}"
    content = fingerprint(sale)
    if known is not None:
        if mark in known.seen:
            return _seen_again(known.seen[mark] == content, f"revision {sale.revision} of receipt {sale.receipt_id}"), True
        if sale.revision <= known.revision:
            return STALE_REVISION, True
    judged = _bases(sale, versions)
    if known is not None:
        _check_same_place(sale, known)
    _settle_to(visit, sale.closed_at)
    left = _take_back(visit, known, sale, versions) if known is not None else {}
    earned: list[Earned] = []
    counted = False
    for version, basis in judged:
        situation = _situation(visit, version, sale)
        if situation is not None:
            counted = True
            for award in version.rulebook.earn(sale, basis, situation):
                _gain(visit, version, sale, award, left, earned)
    earned += [structs.replace(kept, usage=()) for kept in left.values() if kept.points]
    if known is None:
        receipt = Receipt(sale.revision, sale.closed_at, {mark: content}, tuple(earned))
    else:
        receipt = Receipt(sale.revision, max(known.last_at, sale.closed_at), known.seen | {mark: content}, tuple(earned))
    visit.put_receipt(key, receipt)
    settle(visit, visit.profile.settled_at)  # what would have happened by now to the lots of a late receipt
    return APPLIED if counted else NOT_A_MEMBER, all([basis.consistent for _, basis in judged])


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
    """The profile at the sale's own time; None where the sale does not count, for it is no member of an explicit program."""
    membership = visit.profile.programs.get(version.program.program)
    if membership is None or membership.joined_at is None:
        return None if version.program.membership.join == "explicit" else Situation(sale.closed_at, None, False)
    held = None
    if version.program.tiers.definitions:
        held = tiers.held_at(membership.tiers.get(sale.subledger or ""), sale.closed_at)
    return Situation(sale.closed_at, held, membership.joined_at <= sale.closed_at)


def on_cancel(visit: Visit, record: Cancel, versions: list[Version], key: bytes, known: Receipt | None) -> str:
    """A cancelled or reopened receipt gives back all that it still holds; a higher revision may close it again.

    Without a `revision` the record speaks of the newest one. Raises `Refused` with `unknown-receipt` or
    `conflicting-duplicate`.
    """
    if known is None:
        raise Refused("unknown-receipt", f"receipt {record.receipt_id} of {record.application} is not known", "receipt_id")
    content = fingerprint(record)
    if record.revision is None and any(
        mark.startswith(f"{record.kind}:") and found == content for mark, found in known.seen.items()
    ):
        return DUPLICATE
    revision = known.revision if record.revision is None else record.revision
    mark = f"{record.kind}:{revision}"
    if mark in known.seen:
        return _seen_again(known.seen[mark] == content, f"{record.kind} of revision {revision} of receipt {record.receipt_id}")
    if revision < known.revision:
        return STALE_REVISION
    visit.cause["revision"] = revision
    _settle_to(visit, record.closed_at)
    kept = [left for left in _take_back(visit, known, record, versions).values() if left.points]
    for left in kept:
        _use(visit, left.program, left.usage)  # what is kept has used its limits
    seen = known.seen | {mark: content}
    visit.put_receipt(key, Receipt(revision, max(known.last_at, record.closed_at), seen, tuple(kept)))
    return APPLIED


def _seen_again(same: bool, what: str) -> str:
    if not same:
        raise Refused("conflicting-duplicate", f"{what} came before with other content")
    return DUPLICATE


def _settle_to(visit: Visit, at: int) -> None:
    """What is due up to and including the record's time comes before it; a late record moves nothing back."""
    settle(visit, at)
    visit.profile.settled_at = max(visit.profile.settled_at, at)


Place = tuple[str, str, str]  # program, point, subledger


def _take_back(visit: Visit, known: Receipt, record: Sale | Cancel, versions: list[Version]) -> dict[Place, Earned]:
    """Take back what the receipt still holds, as each point type's policy allows. Returns what is kept, by ledger.

    Of a lot partly expired the expired part counts as given back already. The use of limits is given back with the points.
    """
    left: dict[Place, Earned] = {}
    for earned in known.earned:
        held = visit.ledger(earned.program, earned.point, earned.subledger)
        point = visit.programs.point(earned.program, earned.point, record.closed_at)
        gone = _expired_of(visit, held, earned.lots)
        owed = max(earned.points - (gone - earned.gone), 0)
        taken = ledger.take_back(held, owed, frozenset(earned.lots), point.returns, point.spend_order)
        left[earned.program, earned.point, earned.subledger] = structs.replace(earned, points=taken.kept, gone=gone)
        _use(visit, earned.program, earned.usage, -1)
        if taken.parts or taken.debt_added:
            visit.say(
                earned.program,
                "points.reversed",
                visit.profile.settled_at,
                point,
                earned.subledger,
                taken.points,
                taken.parts,
                debt_added=taken.debt_added,
            )
        _disqualify(visit, earned, earned.points - taken.kept, versions)
    if left:
        reschedule(visit)
    return left


def _expired_of(visit: Visit, held: Ledger, lots: tuple[str, ...]) -> int:
    """How much of these lots has expired, of open and used-up ones."""
    own = set(lots)
    still_open = sum([lot.expired for lot in held.lots if lot.lot_id in own])
    return still_open + sum([lot.expired for lot_id in lots if (lot := visit.used_lot(lot_id)) is not None])


def _disqualify(visit: Visit, earned: Earned, points: int, versions: list[Version]) -> None:
    """Points that a receipt has given back, or that expired first, no longer count for a tier."""
    for version in versions:
        tiers_of = version.program.tiers
        counted = tiers_of.definitions and tiers_of.point == earned.point and "earning" in tiers_of.counts
        if version.program.program == earned.program and counted and points:
            visit.qualify(version, earned.subledger, -points, None)


def _use(visit: Visit, program: str, usage: tuple[tuple[str, int], ...], sign: int = 1) -> None:
    """Limits are used, or (sign -1) their use is given back."""
    counters = visit.membership(program).usage
    for counter, used in usage:
        counters[counter] = max(counters.get(counter, 0) + sign * used, 0)


def _gain(visit: Visit, version: Version, sale: Sale, award: Award, left: dict[Place, Earned], earned: list[Earned]) -> None:
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
    granted = limits.grant(award, program, membership.usage, balance, sale.closed_at)
    total = rest = granted.total
    kept = left.pop((program.program, point.sid, subledger), None) if left else None
    if kept is not None and kept.points:
        rest = max(total - kept.points, 0)
    if granted.withheld:
        visit.withheld(program.program, point.sid, granted.withheld)
    if granted.usage:
        limits.forget_usage(membership.usage, visit.profile.settled_at - program.remember_us)
        _use(visit, program.program, granted.usage)
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
            withheld=granted.withheld,
        )
    if kept is not None and kept.points:
        earned.append(structs.replace(kept, points=max(total, kept.points), lots=kept.lots + lots, usage=granted.usage))
    elif rest > 0:
        earned.append(Earned(program.program, point.sid, subledger, total, lots, granted.usage))


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
