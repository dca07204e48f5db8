"""Returns: what a returned, cancelled, reopened or replaced receipt gives back.

Pure. What is owed is reckoned by what the receipt saw (`tables/returning.py`); it is taken now, at the profile's settled time, from
where the point type's policy allows, in each program by the version that is in force at the record's own time. What could not be
taken is kept: no later return or cancel asks for it again, and a later revision earns only what exceeds it.

A record that comes before its sale waits for it (`parking.py`).
"""

from collections.abc import Mapping
from contextlib import suppress

from msgspec import structs

from agents import admission, codes, figures, standing
from agents.hearing import EVERYBODY
from agents.incoming import Incoming
from agents.parking import park
from agents.programs import Programs, Version
from agents.taking_back import CameBack, take_back, unuse
from agents.visit import Visit
from schemas import records
from schemas.instants import Instant
from schemas.outcomes import APPLIED, DUPLICATE, STALE_REVISION, Refused
from schemas.records import Cancel, Return, Sale, fingerprint
from tables.basis import knows_currency
from tables.keys import identity_key, receipt_key
from tables.returning import Reckoning, come_back
from tables.state import SALE, Earned, Receipt, Saw, Seen

Place = tuple[str, str, str]  # program, point, subledger


def on_return(visit: Visit, record: Return, incoming: Incoming, versions: list[Version]) -> str:
    """Units or money of a receipt came back: what it owes now is taken back.

    Raises `Refused` with `over-returned` or `conflicting-duplicate`.
    """
    identity = identity_key(visit.profile_id, "return", record.application, record.return_id)
    content = _content(visit, record)
    seen = visit.find(Seen, identity)
    if seen is not None:
        return seen_again(seen.content == content, f"return {record.return_id}")
    key = receipt_key(visit.profile_id, record.application, record.receipt_id)
    known = visit.find(Receipt, key)
    if known is None:
        return _wait(visit, incoming, versions, key, identity, content)
    sale = sale_of(known)
    if sale is None:
        raise Refused("over-returned", f"receipt {record.receipt_id} is cancelled, or open again", "receipt_id")
    judges = _judges(visit.programs, known, sale, versions)
    returned, refunded = come_back(sale, known, record, [judge.program for judge in judges.values()])
    visit.settle_to(record.closed_at)
    now = structs.replace(known, last_at=max(known.last_at, record.closed_at), returned=returned, refunded=refunded)
    _unspend(visit, known, sale, judges, now)
    lines = _came_back(sale, known, now) if record.amount is None else None
    visit.remember(key, _give_back(visit, now, sale, judges, record.closed_at, lines))
    visit.remember(identity, Seen(content, record.closed_at))
    if visit.programs.coded and sale.promo_codes and all([_nothing_left(judge, sale, now) for judge in judges.values()]):
        codes.give_back(visit, record.application, record.receipt_id, record.closed_at)
    return APPLIED


def _nothing_left(judge: Version, sale: Sale, known: Receipt) -> bool:
    return Reckoning(judge.rulebook, sale, Saw(judge.program.program), known.returned, known.refunded).nothing_left


def came_back_whole(visit: Visit, version: Version, record: Return) -> bool:
    """Whether nothing is left of the receipt after this return of it, for a program that knows its currency."""
    known = visit.recall(Receipt, receipt_key(visit.profile_id, record.application, record.receipt_id))
    sale = None if known is None else sale_of(known)
    if known is None or sale is None:
        return False
    judge = visit.programs.version(version.program.program, sale.closed_at) or version
    return knows_currency(judge.program, sale) and _nothing_left(judge, sale, known)


def _content(visit: Visit, record: Return | Cancel) -> bytes:
    """What it says, whether it names its profile or was sent on to it."""
    return fingerprint(record if record.profile_id is not None else structs.replace(record, profile_id=visit.profile_id))


def returned_before(visit: Visit, known: Receipt, sale: Sale) -> Receipt:
    """The rest of a sale counts only now for these programs: their claims are as if the whole had counted before the returns.

    Money that came back is of no line; it is taken back now.
    """
    judges = _judges(visit.programs, known, sale, [])
    saws = {saw.program: saw for saw in known.saw}
    claims: list[Earned] = []
    for claim in known.earned:
        whole = Reckoning(judges[claim.program].rulebook, sale, saws.get(claim.program) or Saw(claim.program), {}, 0)
        claims.append(structs.replace(claim, given=max(whole.rest_earns(claim.point) - claim.kept_before, claim.points)))
    known = structs.replace(known, earned=tuple(claims))
    if not known.refunded:
        return known
    _unspend(visit, structs.replace(known, refunded=0), sale, judges, known)
    return _give_back(visit, known, sale, judges, visit.profile.settled_at, None)


def _came_back(sale: Sale, before: Receipt, after: Receipt) -> dict[str, CameBack]:
    """What a return brought back, by the id of the line."""
    found: dict[str, CameBack] = {}
    for place, quantity in after.returned.items():
        line = sale.lines[place]
        if quantity != before.returned.get(place, 0):
            found[line.line_id or str(place + 1)] = before.returned.get(place, 0), quantity, line.quantity
    return found


def _give_back(
    visit: Visit, known: Receipt, sale: Sale, judges: dict[str, Version], at: Instant, came_back: Mapping[str, CameBack] | None
) -> Receipt:
    """What is owed after all that came back of a receipt is taken, by the policies of an instant. Returns what it is then.

    `came_back`: the lines of this return; None where only an amount is known.
    """
    saws = {saw.program: saw for saw in known.saw}
    reckonings: dict[str, Reckoning] = {}
    earned: list[Earned] = []
    for claim in known.earned:
        program = claim.program
        point = visit.programs.point(program, claim.point, at)
        reckoning = reckonings.get(program)
        if reckoning is None:
            rulebook, saw = judges[program].rulebook, saws.get(program) or Saw(program)
            reckoning = reckonings[program] = Reckoning(rulebook, sale, saw, known.returned, known.refunded)
        owed = reckoning.owed(point, claim, by_amount=came_back is None)
        claim = take_back(visit, claim, owed, point, sale.closed_at, came_back or {})
        earned.append(unuse(visit, claim) if reckoning.nothing_left else claim)
    return structs.replace(known, earned=tuple(earned))


def on_cancel(visit: Visit, record: Cancel, incoming: Incoming, versions: list[Version]) -> str:
    """A cancelled or reopened receipt gives back all that it still holds; a higher revision may close it again.

    Without a `revision` the record speaks of the newest one. Raises `Refused` with `conflicting-duplicate`.
    """
    key = receipt_key(visit.profile_id, record.application, record.receipt_id)
    known = visit.find(Receipt, key)
    content = _content(visit, record)
    if known is None:
        named = "" if record.revision is None else str(record.revision)
        identity = identity_key(visit.profile_id, record.kind, record.application, f"{record.receipt_id}\x00{named}")
        return _wait(visit, incoming, versions, key, identity, content)
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
    if visit.hearing is not None:
        visit.hearing.sets_off = dict.fromkeys(_concerned(visit.programs, known, versions), EVERYBODY)
    kept = [
        Earned(program, point, subledger, 0, kept=points)
        for (program, point, subledger), points in take_all_back(visit, known, record).items()
    ]
    seen, last_at = marks_of(known) | {mark: content}, max(known.last_at, record.closed_at)
    saw = tuple(_seen_by(known).values())
    visit.remember(key, Receipt(revision, last_at, seen, tuple(kept), saw=saw, closed_at=_closed_at(known)))
    if visit.programs.coded:
        codes.give_back(visit, record.application, record.receipt_id, record.closed_at)
    return APPLIED


def _concerned(programs: Programs, known: Receipt, versions: list[Version]) -> set[str]:
    """The programs that hear of a cancel. It names none itself: a sale that names a program, or comes in a currency or subledger that another
    one does not know, is nothing to that, and so is its cancel. Of a receipt that is open no more is known.
    """
    sale = sale_of(known)
    if sale is not None:
        with suppress(Refused):  # no program would count it today
            versions = admission.of_application(programs, sale, sale.closed_at, sale.closed_at)
    return {version.program.program for version in versions}


def marks_of(known: Receipt) -> dict[str, bytes]:
    """Which records of the receipt were seen, with their contents: that of the sale that is there is reckoned up only when it is asked for."""
    sale = sale_of(known) if SALE in known.seen.values() else None
    return known.seen if sale is None else {mark: content or fingerprint(sale) for mark, content in known.seen.items()}


def seen_again(same: bool, what: str) -> str:
    if not same:
        raise Refused("conflicting-duplicate", f"{what} came before with other content")
    return DUPLICATE


def _wait(visit: Visit, incoming: Incoming, versions: list[Version], receipt: bytes, identity: bytes, content: bytes) -> str:
    """Wait for the sale as long as the most patient program that counts the application."""
    until = incoming.arrived_at + max([version.program.park_us for version in versions])
    return park(visit, incoming, receipt, until, identity, content)


def take_all_back(visit: Visit, known: Receipt, record: Sale | Cancel) -> dict[Place, int]:
    """Take back all that a receipt still claims. Returns what is kept of it altogether, by ledger, where anything is."""
    sale = sale_of(known)
    at = known.last_at if sale is None else sale.closed_at
    kept: dict[Place, int] = {}
    for claim in known.earned:
        point = visit.programs.point(claim.program, claim.point, record.closed_at)
        claim = unuse(visit, take_back(visit, claim, claim.points, point, at))
        if claim.kept:
            kept[claim.program, claim.point, claim.subledger] = claim.kept
    if sale is not None:
        _unspend(visit, known, sale, _judges(visit.programs, known, sale, []), None)
    return kept


def saw_before(known: Receipt, at: Instant) -> Mapping[str, Saw]:
    """What a receipt that was closed at this very instant before saw of each program then: what it has brought since is its own effect."""
    return _seen_by(known) if _closed_at(known) == at else {}


def _seen_by(known: Receipt) -> dict[str, Saw]:
    return {claim.program: Saw(claim.program) for claim in known.earned} | {saw.program: saw for saw in known.saw}


def _closed_at(known: Receipt) -> Instant | None:
    sale = sale_of(known)
    return known.closed_at if sale is None else sale.closed_at


def sale_of(known: Receipt) -> Sale | None:
    """The sale as it came; None where the receipt counts no more: it is cancelled, or open again."""
    if not known.sale:
        return None
    record = records.decode("purchases", known.sale)
    return record if isinstance(record, Sale) else None


def _judges(programs: Programs, known: Receipt, sale: Sale, versions: list[Version]) -> dict[str, Version]:
    """The versions that the receipt was judged by, of all programs that it has to do with, or else may have."""
    names = [saw.program for saw in known.saw] + [claim.program for claim in known.earned]
    found = {name: programs.version(name, sale.closed_at) or programs.first(name) for name in names if name in programs}
    if not found:
        by_then = [programs.version(version.program.program, sale.closed_at) or version for version in versions]
        found = {judge.program.program: judge for judge in by_then if knows_currency(judge.program, sale)}
    return found


def _unspend(visit: Visit, known: Receipt, sale: Sale, judges: dict[str, Version], now: Receipt | None) -> None:
    """What came back was not spent after all, where tiers or derived figures count that. `now` None: all of it."""
    for saw in known.saw:
        version = judges.get(saw.program)
        by_spend = version is not None and version.ladder is not None and version.ladder.measure == "spend"
        if version is None or not (by_spend or version.notes_purchases):
            continue
        before = Reckoning(version.rulebook, sale, saw, known.returned, known.refunded)
        after = None if now is None else Reckoning(version.rulebook, sale, saw, now.returned, now.refunded)
        amount = before.spend_nano - (0 if after is None else after.spend_nano)
        if by_spend:
            standing.spent(visit, version, sale.subledger or "", -amount, sale.closed_at, comes_off=True)
        if version.notes_purchases and not before.nothing_left:
            figures.came_back(visit, version, amount, after is None or after.nothing_left, sale.closed_at)
