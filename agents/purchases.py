"""Receipts: a sale is recognised, replaces what an earlier revision was, and earns.

Pure. A receipt is judged at its own time (`closed_at`): version, tier, membership and dates are those of then, however late it
arrives; what it gives back is taken now. A higher revision replaces the receipt: all that it still claims is taken back first,
and what could not be taken (`kept`) is not earned again, so no sequence of cancel, reopen and close is worth more than one sale.
What it earns is in `gains.py`, what comes back of it in `returns.py`.
"""

from msgspec import structs

from agents import codes, consent
from agents.gains import earn
from agents.hearing import WHO_JOINS, Whom
from agents.incoming import Incoming
from agents.programs import Version
from agents.returns import marks_of, returned_before, sale_of, saw_before, seen_again, take_all_back
from agents.visit import Visit
from schemas.outcomes import APPLIED, DUPLICATE, NOT_A_MEMBER, PARKED, STALE_REVISION, Refused
from schemas.records import Sale, fingerprint
from tables.basis import Basis, basis_of, rest_of
from tables.keys import receipt_key
from tables.returning import left_of
from tables.state import SALE, Earned, Receipt, Saw


def on_sale(visit: Visit, sale: Sale, incoming: Incoming, versions: list[Version]) -> str:
    """Settle the profile up to the sale, replace what an earlier revision earned, accrue what its lines earn.

    Returns the outcome. Raises `Refused` with `conflicting-duplicate`, `wrong-currency` or `invalid-field`.
    """
    key = receipt_key(visit.profile_id, sale.application, sale.receipt_id)
    known = visit.find(Receipt, key)
    mark = f"sale:{sale.revision}"
    if known is not None:
        if mark in known.seen:
            seen_again(marks_of(known)[mark] == fingerprint(sale), f"revision {sale.revision} of receipt {sale.receipt_id}")
            return _count_later(visit, sale, incoming, versions, known, key)
        if sale.revision <= known.revision:
            return STALE_REVISION
    judged = _bases(sale, versions)
    if known is not None:
        _check_same_place(sale, known)
    at = sale.closed_at
    visit.settle_to(at)
    if known is not None and visit.hearing is not None:  # it set scenarios off when it was closed first, where it counted
        marks = {version.program.program: known.seen.get(consent.waiting_mark(version, known.revision)) for version in versions}
        visit.hearing.sets_off = {name: consent.who_hears(waits) for name, waits in marks.items() if waits is not None}
    kept = {} if known is None else take_all_back(visit, known, sale)
    if known is not None and visit.programs.coded:
        codes.give_back(visit, sale.application, sale.receipt_id, sale.closed_at, keep=sale.promo_codes)
    earned: list[Earned] = []
    saw: list[Saw] = []
    uncounted = earn(visit, sale, judged, kept, earned, saw, {} if known is None else saw_before(known, at))
    if kept:
        earned += [Earned(*place, 0, kept=points, kept_before=points) for place, points in kept.items()]
    seen = {mark: SALE} if known is None else marks_of(known) | {mark: SALE}
    waiting: list[Version] = []
    if uncounted:
        content = fingerprint(sale)
        waiting = [version for version in uncounted if consent.wait(visit, version, incoming, key + mark.encode(), content)]
        seen |= {
            consent.waiting_mark(version, sale.revision): consent.waiting_until(visit, version, incoming) for version in waiting
        }
    last_at = at if known is None else max(known.last_at, at)
    visit.remember(key, Receipt(sale.revision, last_at, seen, tuple(earned), incoming.value or b"", tuple(saw)))
    if visit.profile.parked:
        visit.arrived.append(key)
    if not all([basis.consistent for _, basis in judged]):
        visit.count(("inconsistent-total",))
    if len(uncounted) < len(judged):
        return APPLIED
    return PARKED if waiting else NOT_A_MEMBER


def _count_later(visit: Visit, sale: Sale, incoming: Incoming, versions: list[Version], known: Receipt, key: bytes) -> str:
    """A sale that waited for its profile to join, or to consent, counts now for the programs that it waited for: what is left of it.

    Not if the receipt has been cancelled, opened or replaced since; and one that has not waited is a duplicate. It may have to wait on.
    """
    marks, now, already = known.seen, visit.profile.settled_at, len(visit.profile.parked)
    waiting = [
        version
        for version in versions
        if consent.still_waits(marks.get(consent.waiting_mark(version, sale.revision)), incoming, now)
    ]
    if not waiting or not known.sale or sale.revision != known.revision:
        if visit.programs.coded and (
            not known.sale or sale.revision != known.revision
        ):  # cancelled or replaced while it was asked for
            stands = sale_of(known)
            codes.give_back(
                visit, sale.application, sale.receipt_id, sale.closed_at, keep=None if stands is None else stands.promo_codes
            )
        return DUPLICATE
    waited = [version for version in waiting if consent.counts(visit.profile, version.program, sale.closed_at)]
    whom: dict[str, Whom] = {}
    for version in waiting:
        mark = consent.waiting_mark(version, sale.revision)
        if version in waited:
            whom[version.program.program] = consent.who_hears(marks[mark])
            continue
        consent.wait(visit, version, incoming, key + f"sale:{sale.revision}".encode(), fingerprint(sale))  # on and on
        heard = consent.hears_now(visit, version, marks[mark])
        if heard is not None:
            marks, whom[version.program.program] = marks | {mark: heard}, WHO_JOINS
    if visit.hearing is not None:
        visit.hearing.sets_off = whom
    if not waited:
        if marks is not known.seen:
            visit.remember(key, structs.replace(known, seen=marks))
        return PARKED if len(visit.profile.parked) > already else DUPLICATE  # the feed's own repetition is there already
    visit.settle_to(sale.closed_at)
    judged = _bases(sale, waited)
    rest = sale
    if known.returned:
        left = left_of(sale, known.returned)
        rests = [(version, *rest_of(sale, version.program, basis, left)) for version, basis in judged]
        rest, judged = rests[0][1], [(version, basis) for version, _, basis in rests]
    names = {version.program.program for version in waited}
    kept = {(claim.program, claim.point, claim.subledger): claim.kept for claim in known.earned if claim.program in names}
    others = tuple([claim for claim in known.earned if claim.program not in names])
    earned: list[Earned] = []
    saw: list[Saw] = []
    earn(visit, rest, judged, kept, earned, saw)
    earned += [Earned(*place, 0, kept=points, kept_before=points) for place, points in kept.items()]
    late = structs.replace(known, earned=tuple(earned), saw=tuple(saw))
    if known.returned or known.refunded:
        late = returned_before(visit, late, sale)
    done = {consent.waiting_mark(version, sale.revision) for version in waited}
    seen = {mark: content for mark, content in marks.items() if mark not in done}
    visit.remember(key, structs.replace(known, seen=seen, earned=others + late.earned, saw=known.saw + late.saw))
    return APPLIED


def _bases(sale: Sale, versions: list[Version]) -> list[tuple[Version, Basis]]:
    """What the sale is worth to each program; one that does not know its currency does not count it, if another does."""
    if len(versions) == 1:
        return [(versions[0], basis_of(sale, versions[0].program))]
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
