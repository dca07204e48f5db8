"""Replanning: when a version begins that has other segments, timers or reminders, every profile gets to know of it, also one at which nothing happens.

A profile plans by the version in force whenever something happens at it. For all others a tick goes through the profiles in the order of their ids,
once a version, at the instant at which the version begins; how far it has come stands in the table, so a tick may be cut anywhere. A version
that becomes known after its beginning is made known by the next tick, to each profile as of its settled time. Who was a stranger when the tick came
past, and whose first record happened before that version began, is made known to it behind that record.

Whoever edits a version in place has it made known likewise. A version that plans alike costs nothing.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from agents import reminders
from agents.asked import NO_PLAN
from agents.programs import Programs
from schemas.instants import Instant
from tables.keys import planned_key
from tables.state import Planned, Profile
from tables.table import Table

_PIECE: Final = 1_000


class Round(NamedTuple):
    """A version that the profiles behind `after` do not know yet."""

    program: str
    begins: Instant
    plan: int
    after: str | None


def pending(table: Table, programs: Programs, at: Instant) -> Round | None:
    """The first version that has begun by an instant, and is not known to all profiles."""
    found = [one for name in programs.planning if (one := _of_program(table, programs, name, at)) is not None]
    return min(found, key=lambda one: (one.begins, one.program), default=None)


def _of_program(table: Table, programs: Programs, name: str, at: Instant) -> Round | None:
    known = table.find(Planned, planned_key(name))
    plan = NO_PLAN if known is None else known.plan
    for version in programs.versions(name):
        begins = version.program.effective_from
        if begins > at:
            return None
        if known is not None and begins < known.begins:
            continue
        if known is not None and begins == known.begins and known.plan == version.watch.whole_plan:
            if not known.done:
                return Round(name, begins, known.plan, known.after)
            continue
        if version.watch.whole_plan != plan:
            return Round(name, begins, version.watch.whole_plan, None)
    return None


def next_profiles(table: Table, this: Round, at_most: int | None) -> list[str]:
    """Those to whom it is to be made known next; how far that goes is written down."""
    most = _PIECE if at_most is None else at_most
    found = table.next_profiles(this.after, most)
    done = len(found) < most
    table.put(planned_key(this.program), Planned(this.begins, this.plan, None if done else found[-1], done))
    return found


def unknown_to(programs: Programs, profile: Profile | None, at: Instant) -> list[Instant]:
    """Where something is due at a profile up to an instant: when the versions began that are in force at its settled time and by which it has
    not planned. After an edit, or an upgrade that reckons otherwise, no file says any more what it has planned by; what is due by both is
    still to happen, so these are to be made known first.
    """
    if profile is None or profile.due_at is None or profile.due_at > at:
        return []
    found = [(name, programs.version(name, profile.settled_at)) for name in programs.planning]
    rounds = [
        Round(name, version.program.effective_from, version.watch.whole_plan, None)
        for name, version in found
        if version is not None
    ]
    return sorted({this.begins for this in rounds if not knows(programs, profile, this)})


def unaware(table: Table, programs: Programs, this: Round, profile_ids: Sequence[str]) -> list[str]:
    """Those of them to whom it is news."""
    return [profile_id for profile_id, profile in table.glance(profile_ids) if not knows(programs, profile, this)]


def missed(table: Table, programs: Programs, profile_id: str, before: Profile | None) -> list[Instant]:
    """What is to be made known behind a record, or a release: when the versions began that ticks have made known to the profiles up to this one,
    and not to this one. `before`: it was a stranger to their programs then, or stopped; it is neither now, and stands before they began.
    """
    after = table.profile(profile_id) if programs.planning else None
    if after is None:
        return []
    found: set[Instant] = set()
    released = before is not None and before.stopped is not None
    for name in programs.planning:
        rounds = [
            Round(name, version.program.effective_from, version.watch.whole_plan, None)
            for version in programs.versions(name)
            if version.program.effective_from > after.settled_at
            or (released and version is programs.version(name, after.settled_at))  # its file may have been edited
        ]
        unheard = [
            this for this in rounds if (before is None or knows(programs, before, this)) and not knows(programs, after, this)
        ]
        known = table.find(Planned, planned_key(name)) if unheard else None
        if known is not None:
            past = known.done or (known.after is not None and profile_id.encode() <= known.after.encode())
            found.update(
                [this.begins for this in unheard if this.begins < known.begins or (past and this.begins == known.begins)]
            )
    return sorted(found)


def knows(programs: Programs, profile: Profile, this: Round) -> bool:
    """Whether nothing would come of it: it has planned so already, waits for its release, or has to do with the program in no way."""
    name = this.program
    version = programs.version(name, max(profile.settled_at, this.begins))
    if profile.stopped is not None or version is None:
        return True
    engagement = profile.engagements.get(name)
    if engagement is None:
        membership = profile.programs.get(name)
        joined = membership is not None and profile.is_in(name) and (membership.joined_at is not None or bool(membership.ledgers))
        return not (joined or profile.fields or profile.registered_at)
    watch = version.watch
    planned = engagement.planned_by == watch.plan or (watch.idle and engagement.planned_by is None)
    return planned and reminders.has_planned(version, engagement)
