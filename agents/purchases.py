"""Receipts: what a sale earns, and what a cancelled, reopened or replaced one gives back.

Pure. A receipt is judged at its own time (`closed_at`): version, tier, membership and dates are those of then, however late it
arrives; what it gives back is taken now. A higher revision replaces the receipt: all that it still holds is taken back first,
and what could not be taken (`kept`) is not earned again, so no sequence of cancel, reopen and close is worth more than one sale.
"""

from fractions import Fraction

from agents.crediting import credit, joins, portion
from agents.programs import Version
from agents.settle import reschedule, settle
from agents.visit import Visit
from schemas.outcomes import APPLIED, DUPLICATE, NOT_A_MEMBER, STALE_REVISION, Refused
from schemas.records import Cancel, Sale, fingerprint
from tables import ledger, limits, tiers
from tables.basis import basis_of
from tables.earning import Award
from tables.facts import Situation
from tables.rounding import apportion
from tables.state import Earned, Receipt


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
    bases = [basis_of(sale, version.program) for version in versions]
    _settle_to(visit, sale.closed_at)
    kept = _take_back(visit, known, sale, versions) if known is not None else {}
    earned: list[Earned] = []
    counted = False
    for version, basis in zip(versions, bases, strict=True):
        situation = _situation(visit, version, sale)
        if situation is not None:
            counted = True
            for award in version.rulebook.earn(sale, basis, situation):
                _gain(visit, version, sale, award, kept, earned)
    earned += [Earned(*place, points=points) for place, points in kept.items() if points]
    if known is None:
        receipt = Receipt(sale.revision, sale.closed_at, {mark: content}, tuple(earned))
    else:
        receipt = Receipt(sale.revision, max(known.last_at, sale.closed_at), known.seen | {mark: content}, tuple(earned))
    visit.put_receipt(key, receipt)
    settle(visit, visit.profile.settled_at)  # what would have happened by now to the lots of a late receipt
    return APPLIED if counted else NOT_A_MEMBER, all([basis.consistent for basis in bases])


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
    kept = _take_back(visit, known, record, versions)
    left = tuple(Earned(*place, points=points) for place, points in kept.items() if points)
    seen = {**known.seen, mark: content}
    visit.put_receipt(key, Receipt(revision, max(known.last_at, record.closed_at), seen, left))
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


def _take_back(visit: Visit, known: Receipt | None, record: Sale | Cancel, versions: list[Version]) -> dict[Place, int]:
    """Take back what the receipt still holds, as each point type's policy allows. Returns what is kept, by ledger.

    Of a lot partly expired the expired part counts as given back already.
    """
    kept: dict[Place, int] = {}
    for earned in known.earned if known is not None else ():
        membership = visit.membership(earned.program)
        held = visit.ledger(earned.program, earned.point, earned.subledger)
        point = visit.programs.point(earned.program, earned.point, record.closed_at)
        own = frozenset(earned.lots)
        gone = sum(lot.expired for lot_id in earned.lots if (lot := visit.used_lot(lot_id)) is not None)
        gone += sum(lot.expired for lot in held.lots if lot.lot_id in own)
        taken = ledger.take_back(held, max(earned.points - gone, 0), own, point.returns, point.spend_order)
        place = (earned.program, earned.point, earned.subledger)
        kept[place] = kept.get(place, 0) + taken.kept
        for counter, used in earned.usage:
            membership.usage[counter] = max(membership.usage.get(counter, 0) - used, 0)
        if not taken.parts and not taken.debt_added:
            continue
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
        version = next((version for version in versions if version.program.program == earned.program), None)
        if version is not None and version.program.tiers.definitions and version.program.tiers.point == earned.point:
            visit.qualify(version, earned.subledger, -(taken.points + taken.debt_added), None)
    if kept:
        reschedule(visit)
    return kept


def _gain(visit: Visit, version: Version, sale: Sale, award: Award, kept: dict[Place, int], earned: list[Earned]) -> None:
    """Lay limits over an award, take off what an earlier revision kept, and accrue the rest."""
    program, point = version.program, award.point
    subledger = sale.subledger or ""
    membership = visit.membership(program.program)
    held = visit.ledger(program.program, point.sid, subledger)
    balance = held.active + held.pending
    if point.initial_balance_minor and membership.joined_at is None:
        wanted = [portion(points, point, rule) for rule, points in award.rows]
        if joins(version, point, wanted, sale.closed_at):
            balance += point.initial_balance_minor  # which is credited first
    granted = limits.grant(award, program, membership.usage, balance, sale.closed_at)
    rows, given = [points for _, points in award.rows], granted.given
    total = rest = sum(given)
    before = kept.pop((program.program, point.sid, subledger), 0) if kept else 0
    if before:
        rest = max(total - before, 0)
        rows, given = _shrunk(rows, rest + granted.withheld), _shrunk(given, rest)
    if granted.withheld:
        visit.withheld(program.program, point.sid, granted.withheld)
    if rest <= 0:
        if before:
            earned.append(Earned(program.program, point.sid, subledger, before))
        return
    if held.issued + rest > ledger.POINTS_MINOR_MAX:
        raise Refused("invalid-field", "the receipt earns more points than a ledger can hold", "lines")
    if granted.usage:
        limits.forget_usage(membership.usage, visit.profile.settled_at - program.remember_us)
        for counter, used in granted.usage:
            membership.usage[counter] = membership.usage.get(counter, 0) + used
    lots = credit(
        visit,
        version,
        point,
        subledger,
        [portion(points, point, rule) for (rule, _), points in zip(award.rows, given, strict=True) if points],
        sale.closed_at,
        "earning",
        sale=sale,
        rules=tuple([(rule.rule, points) for (rule, _), points in zip(award.rows, rows, strict=True) if points]),
        withheld=granted.withheld,
    )
    earned.append(Earned(program.program, point.sid, subledger, max(total, before), lots, granted.usage))


def _shrunk(rows: list[int], total: int) -> list[int]:
    """The same rows in proportion to a smaller total."""
    whole = sum(rows)
    return rows if whole <= total or not whole else apportion([Fraction(points * total, whole) for points in rows], total)
