"""Parking: a record that came before what it speaks of waits for it, as it came, and is a dead letter when its time is over.

A return that overtakes its sale, for one. The record stands in its profile; when what it waits for has come, the core takes it
out and applies it again, as a record of its own. The same record again while it waits is a duplicate.
"""

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Final

from msgspec import structs

from agents.dead_letters import dead_letter
from agents.due import PARKED, Due
from agents.incoming import Incoming
from agents.visit import Visit
from schemas.instants import LATEST, Instant, format_instant
from schemas.outcomes import DUPLICATE, Refused
from schemas.outcomes import PARKED as PARKED_OUTCOME
from tables.state import Parked, Profile

PARKED_MAX: Final = 1_000
PARKED_BYTES_MAX: Final = 2 * 1024 * 1024
"""Records that may wait at one profile: its state must stay small enough to be written with every change, as one message."""
TURN: Final = b"t"
"""What a record waits for behind a sale that waits for an answer (`agents/turns.py`)."""
ANSWERED: Final = (b"c", b"g")
"""How it begins what a sale waits for: the answer to its claim (`tables.keys.claim_key`), or that of its codes (`agents/codes.py`)."""
_AGAIN_US: Final = 60 * 1_000_000
_OVER: Final = b"u"


def park(visit: Visit, incoming: Incoming, waits_for: bytes, until: Instant, identity: bytes, content: bytes) -> str:
    """Let a record wait. Returns its outcome: `parked`, or `duplicate` where it waits already.

    Raises `Refused` with `conflicting-duplicate`, or with `unknown-receipt` where too many wait at this profile.
    """
    profile = visit.profile
    for waiting in profile.parked:
        if (
            waiting.identity == identity and waiting.until > incoming.arrived_at
        ):  # else its time is over, and it only is not told yet
            if waiting.content != content:
                raise Refused("conflicting-duplicate", "the same record waits already, with other content")
            return DUPLICATE
    if is_full(profile, incoming):
        waiting_now = len(profile.parked)
        raise Refused(
            "unknown-receipt", f"what it speaks of is not known, and {waiting_now:,} records of the profile wait already"
        )
    value = incoming.value or b""
    parked = Parked(
        until,
        waits_for,
        identity,
        content,
        incoming.topic,
        incoming.partition,
        incoming.offset,
        incoming.key,
        value,
        incoming.arrived_at,
    )
    profile.parked = (*profile.parked, parked)
    visit.due_by(until)
    visit.touch()
    return PARKED_OUTCOME


def is_full(profile: Profile, incoming: Incoming) -> bool:
    """Whether one more record would be too many, or too much."""
    waiting = sum([len(parked.value) for parked in profile.parked]) + len(incoming.value or b"")
    return len(profile.parked) >= PARKED_MAX or waiting > PARKED_BYTES_MAX


def take(profile: Profile, *come: bytes) -> list[Parked]:
    """Take out of a draft what has waited for any of this, in order of arrival."""
    found = sorted([parked for parked in profile.parked if parked.waits_for in come], key=attrgetter("arrived_at"))
    profile.parked = tuple([parked for parked in profile.parked if parked.waits_for not in come])
    return found


def incoming_of(parked: Parked) -> Incoming:
    """The record as it came."""
    return Incoming(parked.topic, parked.partition, parked.offset, parked.key, parked.value, parked.arrived_at)


def due(profile: Profile) -> Iterator[Due]:
    for parked in profile.parked:
        if parked.until != LATEST:  # waits for an answer, which comes
            yield Due(parked.until, PARKED, 0, f"{parked.topic}:{parked.offset:020}", "", "")


def fire(visit: Visit, due: Due) -> Iterable[Due]:
    """Its time is over: a dead letter; but one that waited for its profile to join was simply of no member, one that waited for its turn goes on, and
    a return of a sale that is here, and waits for an answer itself, waits as long again.
    """
    profile = visit.profile
    for parked in profile.parked:
        if parked.until == due.at and f"{parked.topic}:{parked.offset:020}" == due.id:
            profile.parked = tuple([other for other in profile.parked if other is not parked])
            if parked.waits_for[:1] == b"j":  # for joining, or for consent
                visit.count(("parked", "not-a-member"))
                break
            if parked.waits_for == TURN:  # it has waited long enough, and is applied as everything stands
                profile.parked = (*profile.parked, structs.replace(parked, until=LATEST, waits_for=_OVER))
                visit.arrived.append(_OVER)
                break
            if _is_asked_for(profile, parked.waits_for):
                until = due.at + max(due.at - parked.arrived_at, _AGAIN_US)
                profile.parked = (*profile.parked, structs.replace(parked, until=until))
                return (due._replace(at=until),)
            message = f"what it speaks of did not come until {format_instant(due.at)}"
            visit.effects.append(dead_letter(incoming_of(parked), Refused("unknown-receipt", message)))
            visit.count(("parked", "dead-letter"))
            break
    return ()


def _is_asked_for(profile: Profile, receipt: bytes) -> bool:
    """Whether the sale that a return waits for has come, and itself waits for its claim or its codes: the answer may take longer than a return waits."""
    return any(parked.waits_for[:1] in ANSWERED and receipt.endswith(b"\x00" + parked.waits_for[1:]) for parked in profile.parked)
