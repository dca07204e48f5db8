"""Promo codes that work so often over all profiles, or for one of them: a receipt that carries one waits until it is granted.

Pure. The sale waits at its profile while the code's own key is asked, as a claimed one does, and is then applied with the codes that it was
granted: a code that is used up matches no rule. A receipt uses a code once, whatever its revisions; cancelled, opened again or returned
whole it gives the use back, as it does with limits, and so does a revision that no longer carries the code. The answers are remembered
beside the receipt.
"""

from typing import Final

import msgspec

from agents import consent, counts, parking
from agents.carrying import carried_by
from agents.incoming import Incoming
from agents.programs import Version
from agents.visit import Visit
from schemas.effect_ids import effect_id
from schemas.instants import LATEST, Instant
from schemas.messages import Granted
from schemas.outcomes import DUPLICATE, PARKED, Refused
from schemas.records import Sale, fingerprint
from tables.basis import basis_of
from tables.keys import identity_key, receipt_key
from tables.state import Receipt, Seen

SUBJECT: Final = "code/"
WAITS: Final[bytes] = b"g"
_KIND: Final = "codes"
_ASKED: Final = 0
_GRANTED: Final = 1
_REFUSED: Final = 2
_FREE: Final = 3  # it was given back: who carries it again asks again

Answers = dict[str, tuple[int, int, Instant]]
"""By `program/code`: how it stands, how often it was given back, and the time of the sale that asked."""
_DECODER: Final = msgspec.json.Decoder(Answers)


def wait(visit: Visit, sale: Sale, incoming: Incoming, versions: list[Version]) -> str | None:
    """The outcome of a sale that waits for its codes, or waits already; None: it may be applied."""
    wanted = _wanted(visit, sale, versions)
    if not wanted:
        return None
    answers = _answers(visit, sale.application, sale.receipt_id)
    missing = [name for name in wanted if answers.get(name, _NONE)[0] in (_ASKED, _FREE)]
    if not missing:
        return None
    waits_for = _waits_for(sale.application, sale.receipt_id)
    identity = b"%d:%b" % (sale.revision, waits_for)
    travels = parking.is_full(visit.profile, incoming) and not any(
        waiting.identity == identity for waiting in visit.profile.parked
    )
    if travels:
        missing = missing[:1]  # one after the other, for the sale goes there and back with the question
    elif parking.park(visit, incoming, waits_for, LATEST, identity, fingerprint(sale)) != PARKED:
        return DUPLICATE
    for name in missing:
        version, code = wanted[name]
        state, times, at = answers.get(name, _NONE)
        if state == _ASKED and not travels:
            continue
        if state == _FREE:
            at = sale.closed_at
        answers[name] = (_ASKED, times, at)
        bounds = version.codes[code]
        counts.ask(
            visit,
            version.program.program,
            f"{SUBJECT}{name}",
            _entry(visit, sale.application, sale.receipt_id, name, answers[name]),
            sale.closed_at,
            cap=bounds.uses,
            per_profile=bounds.per_profile,
            cause=visit.cause,
            carried=carried_by(incoming) if travels else None,
        )
    _remember(visit, sale.application, sale.receipt_id, answers, sale.closed_at)
    return PARKED


_NONE: Final = (_FREE, 0, 0)


def _wanted(visit: Visit, sale: Sale, versions: list[Version]) -> dict[str, tuple[Version, str]]:
    """The bounded codes that the sale carries, by `program/code`, of programs that it counts for and has not counted for yet."""
    found: dict[str, tuple[Version, str]] = {}
    known = visit.find(Receipt, receipt_key(visit.profile_id, sale.application, sale.receipt_id))
    for version in versions:
        program = version.program
        carries = [code for code in sale.promo_codes if code in version.codes] if version.codes else []
        if not carries or not consent.counts(visit.profile, program, sale.closed_at):
            continue
        if not consent.counts_first(version, known, sale.revision):
            continue  # a duplicate, or stale, or cancelled meanwhile
        try:
            basis_of(sale, program)
        except Refused:
            continue  # it will be refused, and uses no code
        found |= {f"{program.program}/{code}": (version, code) for code in carries}
    return found


def refused(visit: Visit, version: Version, sale: Sale) -> tuple[str, ...]:
    """The bounded codes of a sale that it may not use in a program, in order."""
    answers = _answers(visit, sale.application, sale.receipt_id)
    program = version.program.program
    return tuple(
        [
            code
            for code in dict.fromkeys(sale.promo_codes)
            if code in version.codes and answers.get(f"{program}/{code}", _NONE)[0] != _GRANTED
        ]
    )


def answered(visit: Visit, granted: Granted) -> list[Incoming]:
    """What may go on now: the sales of the receipt, once all of its codes are answered."""
    cause = granted.cause or {}
    application, receipt_id = str(cause.get("application", "")), str(cause.get("receipt_id", ""))
    name = granted.subject.partition("/")[2]
    answers = _answers(visit, application, receipt_id)
    stands = answers.get(name, _NONE)
    if granted.entry != _entry(visit, application, receipt_id, name, stands):
        counts.give_back(
            visit, granted.program, granted.subject, granted.entry, granted.amount, granted.at
        )  # it was erased meanwhile
        return counts.carried_of(granted)
    if stands[0] != _ASKED:
        return counts.carried_of(granted)  # told before, to a revision that waits here
    answers[name] = (_GRANTED if granted.amount else _REFUSED, *stands[1:])
    _remember(visit, application, receipt_id, answers, granted.at)
    if any(state == _ASKED for state, _, _ in answers.values()):
        return []
    waiting = parking.take(visit.profile, _waits_for(application, receipt_id))
    return [parking.incoming_of(parked) for parked in waiting] + counts.carried_of(granted)


def give_back(visit: Visit, application: str, receipt_id: str, at: Instant, keep: list[str] | None = None) -> None:
    """A receipt counts no more, or carries only these codes: the uses of the others are free again."""
    answers = _answers(visit, application, receipt_id)
    gone = [name for name, stands in answers.items() if stands[0] != _FREE and name.partition("/")[2] not in (keep or ())]
    for name in gone:
        state, times, asked_at = answers[name]
        if state == _ASKED:
            continue  # a later revision waits for it
        if state == _GRANTED:
            entry = _entry(visit, application, receipt_id, name, answers[name])
            counts.give_back(visit, name.partition("/")[0], f"{SUBJECT}{name}", entry, 1, at)
        answers[name] = (_FREE, times + 1, asked_at)
    if gone:
        _remember(visit, application, receipt_id, answers, at)


def _entry(visit: Visit, application: str, receipt_id: str, name: str, stands: tuple[int, int, Instant]) -> str:
    _, times, at = stands
    stem = f"{name}\x1f{visit.profile_id}\x1f{application}\x1f{receipt_id}\x1f{at}\x1f{visit.profile.erased_at}"
    return effect_id(stem, times)


def _waits_for(application: str, receipt_id: str) -> bytes:
    return b"%b%b\x00%b" % (WAITS, application.encode(), receipt_id.encode())


def _key(visit: Visit, application: str, receipt_id: str) -> bytes:
    return identity_key(visit.profile_id, _KIND, application, receipt_id)


def _answers(visit: Visit, application: str, receipt_id: str) -> Answers:
    found = visit.find(Seen, _key(visit, application, receipt_id))
    return {} if found is None else _DECODER.decode(found.content)


def _remember(visit: Visit, application: str, receipt_id: str, answers: Answers, at: Instant) -> None:
    key = _key(visit, application, receipt_id)
    found = visit.find(Seen, key)
    visit.remember(key, Seen(msgspec.json.encode(answers), at if found is None else max(found.last_at, at)))
