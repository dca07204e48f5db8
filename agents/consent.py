"""Who counts: consent on its time line, membership of programs that ask for it, and records that wait until one of them comes.

Consent is a Boolean field of the profile; where a program names one, nothing accrues and nobody joins without it, at the record's
own time. Under `before_join: park` a sale or pixel that does not count yet waits at its profile, a copy for each program that it
waits for. It counts when consent comes or the profile joins, and if that never does, it was simply of no member: no dead letter.
"""

from typing import Final

from agents.hearing import EVERYBODY, NOBODY, OTHERS, WHO_JOINS, Whom
from agents.incoming import Incoming
from agents.parking import is_full, park
from agents.programs import Version
from agents.visit import Visit
from schemas.instants import Instant
from schemas.program import Program
from tables.state import Profile, Receipt
from tables.timelines import field_at, with_value

_INSTANT_BYTES: Final = 8
_HEARD: Final = b"j"


def waits_for(program: str) -> bytes:
    """What a record waits for that came before its profile joined, or consented."""
    return b"join:" + program.encode()


def consents(profile: Profile, program: Program, at: Instant) -> bool:
    """Whether points may accrue at an instant. Where records are kept until consent comes, consent by now is enough."""
    name = program.membership.consent
    if name is None or field_at(profile.fields, name, at) is True:
        return True
    return program.membership.before_join == "park" and field_at(profile.fields, name, profile.settled_at) is True


def joins_at(profile: Profile, program: Program, at: Instant) -> Instant:
    """When one becomes a member by what happened at an instant: then, or now where consent came only afterwards."""
    name = program.membership.consent
    return at if name is None or field_at(profile.fields, name, at) is True else profile.settled_at


def may_accrue(profile: Profile, program: Program, at: Instant) -> bool:
    """Whether points may accrue to this profile: it consents, and is a member where the program asks for that first."""
    join = program.membership
    if join.consent is None and join.join != "explicit":
        return True
    if join.join == "explicit":
        membership = profile.programs.get(program.program)
        if membership is None or membership.joined_at is None:
            return False
    return consents(profile, program, at)


def counts(profile: Profile, program: Program, at: Instant) -> bool:
    """Whether a sale or pixel of an instant counts: points may accrue, and it is none of before joining, unless such are kept for it."""
    if not may_accrue(profile, program, at):
        return False
    if program.membership.join != "explicit" or program.membership.before_join == "park":
        return True
    joined_at = profile.programs[program.program].joined_at
    return joined_at is not None and joined_at <= at


def wait(visit: Visit, version: Version, incoming: Incoming, key: bytes, content: bytes) -> bool:
    """Let a record that does not count wait, where the program says so. `key`: its identity. False: it does not wait."""
    program = version.program
    if program.membership.before_join != "park" or is_full(visit.profile, incoming):
        return False
    until = incoming.arrived_at + program.park_us
    name = waits_for(program.program)
    park(visit, incoming, name, until, b"%b\x00%b" % (name, key), content)
    if visit.hearing is not None:
        visit.hearing.held_back[program.program] = WHO_JOINS if heard_at_once(visit, version) else NOBODY
    return True


def waiting_mark(version: Version, revision: int) -> str:
    """Beside the marks of what was seen of a receipt: this revision waits for that program."""
    return f"wait:{version.program.program}:{revision}"


def counts_first(version: Version, known: Receipt | None, revision: int) -> bool:
    """Whether a revision of a receipt has still to count for a program, as far as the receipt tells: it is none that was seen, or is past, but
    one that has waited for this program to count.
    """
    if known is None or revision > known.revision:
        return True
    return revision == known.revision and bool(known.sale) and waiting_mark(version, revision) in known.seen


def waiting_until(visit: Visit, version: Version, incoming: Incoming) -> bytes:
    """What a waiting mark holds: until when, and whether the scenarios that join have heard of it."""
    until = (incoming.arrived_at + version.program.park_us).to_bytes(_INSTANT_BYTES, "big", signed=True)
    return until + _HEARD if heard_at_once(visit, version) else until


def heard_at_once(visit: Visit, version: Version) -> bool:
    """Whether what waits does so for membership alone: then scenarios that join hear of it, which could not be heard of otherwise."""
    return version.playbook.joining and consents(visit.profile, version.program, visit.happened_at)


def who_hears(mark: bytes) -> Whom:
    """Which scenarios hear of a record that counts at last."""
    return OTHERS if mark[_INSTANT_BYTES:] else EVERYBODY


def hears_now(visit: Visit, version: Version, mark: bytes) -> bytes | None:
    """The mark of a record that waits on, where scenarios that join hear of it now; None: they did before, or do not yet."""
    if mark[_INSTANT_BYTES:] or not heard_at_once(visit, version):
        return None
    return mark + _HEARD


def still_waits(until: bytes | None, incoming: Incoming, settled_at: Instant) -> bool:
    """Whether a waiting mark is there and its time is not over: when the record came, and by now, for it may have waited for another."""
    return until is not None and max(incoming.arrived_at, settled_at) < int.from_bytes(until[:_INSTANT_BYTES], "big", signed=True)


def say(visit: Visit, field: str, at: Instant, value: object) -> None:
    """A field of the profile holds this from an instant on; where that is consent, what waited for it may go on."""
    profile = visit.profile
    before = visit.arrived_at - visit.programs.remember_us
    line = with_value(profile.fields.get(field, ()), at, value, before)
    kept = {name: other for name, other in profile.fields.items() if name != field}
    gone = len(line) == 1 and line[0][1] is None and line[0][0] <= before
    profile.fields = kept if gone else kept | {field: line}
    visit.touch()
    if value and profile.parked:
        for program in visit.programs.asking_consent(field):
            has_come(visit, program)


def has_come(visit: Visit, program: str) -> None:
    """The profile has joined, or consents: what waited for that may go on."""
    if visit.profile.parked:
        visit.arrived.append(waits_for(program))
