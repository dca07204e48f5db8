"""Settling: what is due at a profile happens, in the order that LEDGER fixes, each at its own instant.

The order is (due instant, kind, id), kinds at one instant being those of `due.py`. A profile is settled before a record of it is
applied, by a tick when it is quiet, and again after a record, so that what would have happened to a late receipt's lots meanwhile
happens now. Settling in one step or in many comes to the same. This file knows the order and the queue; what each kind of timer
does is told in the file of its reaction.
"""

from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from agents import campaigns, holds, lots, parking, reviews
from agents.due import ACTIVATION, EXPIRY, HOLD, PARKED, REFERRAL, REMINDER, REVIEW, SCENARIO, Due
from agents.visit import Visit
from schemas.instants import Instant
from tables import pages
from tables.drafts import draft_of
from tables.state import Profile
from tables.table import Table


class Timers(NamedTuple):
    """One kind of thing that falls due: all that waits at a profile, and what happens then.

    `fire` returns what it brings with it: a lot's expiry behind its activation, the lots of joining.
    """

    due: Callable[[Profile], Iterator[Due]]
    fire: Callable[[Visit, Due], Iterable[Due]]


_TIMERS: Final = (
    Timers(lots.due, lots.fire),
    Timers(holds.due, holds.fire),
    Timers(reviews.due, reviews.fire),
    Timers(campaigns.due, campaigns.fire),
    Timers(parking.due, parking.fire),
)
_CAMPAIGNS: Final = frozenset({SCENARIO, REMINDER})
_FIRE: Final = {
    ACTIVATION: lots.fire,
    HOLD: holds.fire,
    EXPIRY: lots.fire,
    REVIEW: reviews.fire,
    SCENARIO: campaigns.fire,
    REMINDER: campaigns.fire,
    PARKED: parking.fire,
    REFERRAL: campaigns.fire,
}


def settle(visit: Visit, until: Instant) -> bool:
    """Everything due up to and including `until` happens. Afterwards `due_at` says when the next thing does.

    Returns whether anything was due: what `due_at` was set for may have been moved to a later instant since.
    """
    profile = visit.profile
    if profile.due_at is None or profile.due_at > until:
        return False
    for program, membership in profile.programs.items():
        for key, held in membership.ledgers.items():
            if held.pages:
                pages.open_due(held, until, visit.fetch(program, key))
    waiting = _due_by(profile, until)
    anything = bool(waiting)
    visit.brought.clear()  # what stands there is in the profile already
    while waiting:
        due = heappop(waiting)
        profile.settled_at = max(profile.settled_at, due.at)
        said = -1
        if due.kind in _CAMPAIGNS:
            said, profile.due_at = len(visit.effects), None
        for brought in _FIRE[due.kind](visit, due):
            if brought[0] <= until:
                heappush(waiting, brought)
        if visit.heard or said >= 0:
            if said < 0:
                said, profile.due_at = len(visit.effects), None
            campaigns.after_timer(visit, due.at)
            if len(visit.effects) > said or (profile.due_at is not None and profile.due_at <= until):
                waiting = _due_by(profile, until)  # a campaign may have moved anything, and brought anything
                visit.brought.clear()
        for brought in visit.brought:
            if brought[0] <= until:
                heappush(waiting, brought)
        visit.brought.clear()
    reckon(profile)
    return anything


class OneByOneError(Exception):
    """What comes of one of these instants comes before the next: they are to be settled one after the other, and the visit dropped."""


def settle_unless_released(visit: Visit, until: Instant) -> bool:
    """Likewise. Raises `OneByOneError` where records that have waited go on: they come before what is due later."""
    arrived = len(visit.arrived)
    anything = settle(visit, until)
    if len(visit.arrived) > arrived:
        raise OneByOneError
    return anything


def settle_unless_asked(visit: Visit, until: Instant) -> bool:
    """Likewise, and where something is asked that is answered at once, as it is in files."""
    asked = len(visit.messages)
    anything = settle_unless_released(visit, until)
    if len(visit.messages) > asked:
        raise OneByOneError
    return anything


def _due_by(profile: Profile, until: Instant) -> list[Due]:
    waiting = [due for due in _all_due(profile) if due.at <= until]
    heapify(waiting)
    return waiting


def settled_by(table: Table, profile_id: str, until: Instant) -> None:
    """A profile is settled by an instant, if nothing more is due by then."""
    profile = table.profile(profile_id)
    if profile is None or profile.stopped is not None or profile.settled_at >= until:
        return
    draft = draft_of(profile)
    if draft.due_at is not None and draft.due_at <= until:
        reckon(draft)  # what has come may have moved it to a later instant
    if draft.due_at is None or draft.due_at > until:
        draft.settled_at = until
        table.put_profile(profile_id, draft)


def reckon(profile: Profile) -> None:
    """When the next thing is due."""
    profile.due_at = min([*[due.at for due in _all_due(profile)], *_due_of_pages(profile)], default=None)


def _all_due(profile: Profile) -> Iterator[Due]:
    for timers in _TIMERS:
        yield from timers.due(profile)


def _due_of_pages(profile: Profile) -> Iterator[Instant]:
    for membership in profile.programs.values():
        for held in membership.ledgers.values():
            yield from [page.due_at for page in held.pages if page.due_at is not None]
