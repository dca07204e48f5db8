"""Returns: what a returned, cancelled, reopened or replaced receipt gives back.

Pure. What is given back is taken now, at the profile's settled time, from where the point type's policy allows.
"""

from msgspec import structs

from agents import standing
from agents.incoming import Incoming
from agents.programs import Version
from agents.visit import Visit
from schemas.instants import Instant
from schemas.outcomes import APPLIED, DUPLICATE, STALE_REVISION, Refused
from schemas.records import Cancel, Return, Sale, fingerprint
from tables import ledger
from tables.state import Earned, Ledger, Receipt
from tables.table import receipt_key


def on_return(visit: Visit, record: Return, incoming: Incoming, versions: list[Version]) -> str:
    raise Refused("not-supported-yet", "return: records of this kind are understood, but not applied yet")


def on_cancel(visit: Visit, record: Cancel, incoming: Incoming, versions: list[Version]) -> str:
    """A cancelled or reopened receipt gives back all that it still holds; a higher revision may close it again.

    Without a `revision` the record speaks of the newest one. Raises `Refused` with `unknown-receipt` or
    `conflicting-duplicate`.
    """
    key = receipt_key(visit.profile_id, record.application, record.receipt_id)
    known = visit.find(Receipt, key)
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
        return seen_again(known.seen[mark] == content, f"{record.kind} of revision {revision} of receipt {record.receipt_id}")
    if revision < known.revision:
        return STALE_REVISION
    visit.cause["revision"] = revision
    visit.settle_to(record.closed_at)
    kept = [left for left in take_back(visit, known, record, versions).values() if left.points]
    for left in kept:
        use(visit, left.program, left.usage)  # what is kept has used its limits
    seen = known.seen | {mark: content}
    visit.remember(key, Receipt(revision, max(known.last_at, record.closed_at), seen, tuple(kept)))
    return APPLIED


def seen_again(same: bool, what: str) -> str:
    if not same:
        raise Refused("conflicting-duplicate", f"{what} came before with other content")
    return DUPLICATE


Place = tuple[str, str, str]  # program, point, subledger


def take_back(visit: Visit, known: Receipt, record: Sale | Cancel, versions: list[Version]) -> dict[Place, Earned]:
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
        use(visit, earned.program, earned.usage, -1)
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
        _disqualify(visit, earned, earned.points - taken.kept, known.last_at, versions)
    if left:
        visit.due_by(visit.profile.settled_at)  # what was due of the lots taken back is reckoned anew
    return left


def _expired_of(visit: Visit, held: Ledger, lots: tuple[str, ...]) -> int:
    """How much of these lots has expired, of open and used-up ones."""
    own = set(lots)
    still_open = sum([lot.expired for lot in held.lots if lot.lot_id in own])
    return still_open + sum([lot.expired for lot_id in lots if (lot := visit.used_lot(lot_id)) is not None])


def _disqualify(visit: Visit, earned: Earned, points: int, at: Instant, versions: list[Version]) -> None:
    """Points that a receipt has given back, or that expired first, no longer count for a tier."""
    for version in versions:
        if version.program.program == earned.program and points:
            standing.earned(visit, version, earned.point, earned.subledger, -points, at, "earning")


def use(visit: Visit, program: str, usage: tuple[tuple[str, int], ...], sign: int = 1) -> None:
    """Limits are used, or (sign -1) their use is given back."""
    counters = visit.membership(program).usage
    for counter, used in usage:
        counters[counter] = max(counters.get(counter, 0) + sign * used, 0)
