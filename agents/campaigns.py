"""Campaigns: where scenarios, segments and reminders meet everything else that happens at a profile. The seam, and nothing else.

`after_record` is called after the reaction to a record, `after_timer` after a timer that said something, `due` and `fire` are their timers.
Each costs one comparison where no program has any of them. The order is that of decision 0014: a record's own effect, then the record as a
happening, then each entry and tier change in order of `sequence`, those included that scenarios make; then what all of it has changed.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from agents import calendar, codes, counts, referrals, reminders, replanning, runs, triggers
from agents.due import REFERRAL, REMINDER, Due
from agents.hearing import EVERYBODY
from agents.incoming import Incoming
from agents.programs import Programs, Version
from agents.visit import Visit
from schemas.events import LedgerEntry
from schemas.instants import Instant, parse_instant
from schemas.messages import Granted
from schemas.outcomes import APPLIED, NOT_A_MEMBER
from schemas.records import Cancel, Pixel, ProfileRecord, Record, Sale
from tables.state import Profile

_NOTHING: Final[frozenset[str]] = frozenset()
_TOLD: Final = frozenset({Sale, Cancel, Pixel, ProfileRecord})
_SETS_OFF: Final = frozenset({APPLIED, NOT_A_MEMBER})


def after_record(visit: Visit, record: Record, versions: list[Version], outcome: str) -> str:
    """What the record sets off, and what the entries that it made set off; the outcome of the record after that."""
    kind = type(record)
    if kind is ProfileRecord and isinstance(record, ProfileRecord) and record.kind == "erase":
        if visit.heard:
            visit.heard.clear()  # what the erasure says sets nothing off
        return outcome
    calendar.note(visit, record, versions, outcome)
    if (
        (outcome in _SETS_OFF or _waits(visit))
        and kind in _TOLD
        and isinstance(record, (Sale, Cancel, Pixel, ProfileRecord))
        and _of_record(visit, record, versions)
    ):
        outcome = APPLIED if outcome == NOT_A_MEMBER else outcome
    _attend(visit, record)
    return outcome


def after_timer(visit: Visit, at: Instant) -> None:
    """What the entries of a timer set off."""
    _attend(visit, due_at=at)


def begins(visit: Visit, at: Instant) -> None:
    """A version has begun that the profile may not know of yet."""
    visit.settle_to(at)
    if visit.hearing is not None:
        if visit.programs.reminding:
            visit.touch()  # reminders ask for a change
        visit.hearing.moved = True
        _attend(visit, due_at=at)


def catch_up(visit: Visit, at: Instant) -> None:
    """A record of an instant comes: versions that have begun since the profile was settled, and that no tick has made known, come before."""
    for instant in begun(visit.programs, visit.profile, at):
        begins(visit, instant)


def begun(programs: Programs, profile: Profile, at: Instant) -> list[Instant]:
    """When such versions have begun, in order."""
    found = {
        version.program.effective_from
        for name in programs.changing
        for version in programs.versions(name)
        if profile.settled_at < version.program.effective_from <= at
        and not replanning.knows(
            programs, profile, replanning.Round(name, version.program.effective_from, version.watch.whole_plan, None)
        )
    }
    return sorted(found)


def answered(visit: Visit, granted: Granted) -> list[Incoming]:
    """What was asked across profiles is answered. Returns the records that may go on now; what the answer's entries set off comes at once."""
    released: list[Incoming] = []
    if granted.kind == "referred":
        referrals.referred(visit, granted)
    elif granted.subject.startswith(codes.SUBJECT):
        released = codes.answered(visit, granted)
    elif not referrals.answered(visit, granted):
        said = len(visit.effects)
        if runs.answered(visit, granted.program, granted.entry, granted.amount):
            counts.settle_up(visit, granted, said)
    _attend(visit)
    visit.settle_to(visit.profile.settled_at)
    return released


def due(profile: Profile) -> Iterator[Due]:
    """Runs that wake, time triggers, reminders, first purchases that become final."""
    if profile.engagements:
        yield from runs.due(profile)
        yield from reminders.due(profile)
        yield from calendar.due(profile)
        yield from referrals.due(profile)


def fire(visit: Visit, due: Due) -> Iterable[Due]:
    """One of them. What falls due by it is found by the queue itself."""
    if due.key == runs.KEY:
        runs.wake(visit, due)
    elif due.kind == REMINDER:
        reminders.fire(visit, due)
        return ()  # what it sends moves nothing
    elif due.kind == REFERRAL:
        referrals.fire(visit, due)
    elif due.key == calendar.KEY:
        calendar.fire(visit, due)
    if visit.hearing is not None:
        visit.hearing.moved = True
    return ()


def _waits(visit: Visit) -> bool:
    """Whether the record waits for some program, and not as a whole: all others hear of it, and of that one's scenarios those that join."""
    return visit.hearing is not None and bool(visit.hearing.held_back)


def _of_record(visit: Visit, record: Sale | Cancel | Pixel | ProfileRecord, versions: list[Version]) -> bool:
    """The record itself, for the programs that it counts for, in order of name. Returns whether anybody entered."""
    entered, hearing = False, visit.hearing
    if hearing is None:
        return False
    kind = type(record)
    if kind is ProfileRecord and isinstance(record, ProfileRecord):
        for version in calendar.of_profile(visit, record.application, record.updated_at):
            entered = triggers.of_fields(visit, version, record.updated_at) or entered
        return entered
    for version in versions:
        name = version.program.program
        if not version.playbook.waiting:
            continue
        if kind is Sale and isinstance(record, Sale):
            if "receipt" in version.playbook.waiting:
                entered = triggers.of_sale(visit, version, record, hearing.whom(name)) or entered
        elif kind is Cancel and isinstance(record, Cancel):
            entered = (hearing.whom(name) == EVERYBODY and triggers.of_cancel(visit, version, record)) or entered
        elif isinstance(record, Pixel):
            entered = triggers.of_pixel(visit, version, record, hearing.whom(name)) or entered
            entered = triggers.of_fields(visit, version, record.occurred_at) or entered
    return entered


def _attend(visit: Visit, record: Record | None = None, due_at: Instant | None = None) -> None:
    """What was said is heard by all; then segments and timers, by what is so now, and what these set off, which may change them again."""
    heard = visit.heard
    if heard is None:
        return
    begun = _listen(visit, 0)
    if due_at is not None and not heard and visit.hearing is not None and not visit.hearing.moved:
        reminders.plan(visit, heard, record)
        return
    for _ in range(calendar.ROUNDS_MAX if visit.programs.following else 0):
        if (due_at is None and not visit.changed) or not calendar.follow(visit, due_at):
            break
        begun = _listen(visit, begun)
    reminders.plan(visit, heard, record)
    heard.clear()
    if visit.hearing is not None:
        visit.hearing.gone_off = 0


def _listen(visit: Visit, begun: int) -> int:
    """Each entry and tier change from a place on, in its order; what scenarios make by it comes behind. Returns where they end."""
    hearing, heard = visit.hearing, visit.heard
    if hearing is None or not heard:
        return 0
    programs = visit.programs
    while begun < len(heard):  # it grows meanwhile
        said = heard[begun]
        begun += 1
        name = said.program
        if said.type not in programs.listening.get(name, _NOTHING):
            continue
        moved = (0, 0)
        if isinstance(said, LedgerEntry) and name in programs.with_milestones:
            moved = hearing.usable(said, visit.profile)
        version = programs.version(name, parse_instant(said.occurred_at))
        if version is None or not version.playbook.waiting:
            continue
        maker, depth = hearing.maker_of(said)
        if isinstance(said, LedgerEntry):
            triggers.of_entry(visit, version, said, moved, maker, depth)
        else:
            triggers.of_tier(visit, version, said, maker, depth)
    return begun
