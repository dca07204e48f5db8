"""Expiry groups: the active lots of one local day of expiry, or the pending ones of one day of activation, as one thing to speak of.

The day is the last local date of use: what expires at midnight belongs to the day before, as people say it. A group's window opens at its
earliest date less a length of time; whole days are days of the calendar, so the time of day stays the same when clocks are changed.

Pure questions. Of a ledger with thousands of lots only those pages are opened that may change the answer, and the answer is the same
wherever a lot lies.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from schemas.instants import DAY_US, EARLIEST, Instant, days_before, to_local
from tables import pages
from tables.state import Ledger, Lot, PageRef

Of = Literal["expiry", "activation"]
Place = tuple[Ledger, pages.Fetch]
"""A ledger, and how a page of it is opened."""

_NEVER: Final = 1 << 62


class Group(NamedTuple):
    """`first_at` and `last_at`: the dates of the first and last of its lots; `points` (minor): what they hold together. `expires_at`: when
    the first of them expire, of whatever group this is.
    """

    day: date
    first_at: Instant
    last_at: Instant
    points: int
    expires_at: Instant | None


@lru_cache(maxsize=4_096)
def group_day(at: Instant, of: Of, zone: ZoneInfo) -> date:
    """The day that a date belongs to."""
    return to_local(at - 1 if of == "expiry" else at, zone).date()


@lru_cache(maxsize=4_096)
def window_opens(at: Instant, within_us: int, zone: ZoneInfo) -> Instant:
    """So long before an instant."""
    days, rest = divmod(within_us, DAY_US)
    return max(at - within_us, EARLIEST) if rest else days_before(at, zone, days)


def date_of(lot: Lot, of: Of) -> Instant | None:
    """The date that counts of a lot; None for one that does not: empty, of the other state, or without a date."""
    if not lot.remaining or lot.active != (of == "expiry"):
        return None
    return lot.expires_at if of == "expiry" else lot.activates_at


def earliest(
    places: Sequence[Place], of: Of, zone: ZoneInfo, now: Instant, told: Collection[date], when: Callable[[Instant], Instant]
) -> Instant | None:
    """The first instant at which there is something to say of a group that was not told of. `when`: the instant for a group with this
    first date; later groups are never sooner. A group is past telling from its last date on.
    """
    while True:
        best, past = _of_heads(places, of, zone, now, told, when)
        opened = False
        for held, fetch in places:
            doubtful = [page for page in held.pages if _doubtful(page, of, zone, told, when, best, past)]
            if doubtful:
                pages.open_where(held, lambda page: page in doubtful, fetch)  # noqa: B023  called at once
                opened = True
        if not opened:
            break
    firsts = [first for held, _ in places for page in held.pages if (first := _first(page, of)) is not None]
    sure = [when(first) for first in firsts if group_day(first, of, zone) not in told]
    return min([*sure, *([] if best is None else [best])], default=None)


def _of_heads(
    places: Sequence[Place], of: Of, zone: ZoneInfo, now: Instant, told: Collection[date], when: Callable[[Instant], Instant]
) -> tuple[Instant | None, date | None]:
    """The instant for the first group that lies open and can still be told of; and the last day before it of one that cannot."""
    past = None
    for group in _grouped(_dated([lot for held, _ in places for lot in held.look()], of, now), of, zone):
        if group.day in told:
            continue
        at = when(group.first_at)
        if at < group.last_at:
            return at, past
        past = group.day
    return None, past


def _doubtful(
    page: PageRef,
    of: Of,
    zone: ZoneInfo,
    told: Collection[date],
    when: Callable[[Instant], Instant],
    best: Instant | None,
    past: date | None,
) -> bool:
    """Whether what is known of a page is too little to say when there is something to say of it."""
    first = _first(page, of)
    if first is None or (best is not None and when(first) >= best):
        return False
    day = group_day(first, of, zone)
    if day in told:
        return page.last_expiry is None or of != "expiry" or group_day(page.last_expiry, of, zone) != day
    return (of == "expiry" and page.pending > 0) or when(first) >= first or (past is not None and day <= past)


def _first(page: PageRef, of: Of) -> Instant | None:
    """The first date that may count in a page; None: none does."""
    if of == "activation":
        return page.first_activation if page.pending else None
    return page.first_expiry if page.active and page.first_expiry < _NEVER else None


def open_groups(
    places: Sequence[Place], of: Of, zone: ZoneInfo, now: Instant, until: Instant, told: Collection[date]
) -> list[Group]:
    """The groups, in order of their days, with a date after now and no later than `until`, and not told of. A group with some lots
    after `until` is whole only if the day ends there.
    """
    found: list[tuple[Instant, int, Instant | None]] = []
    for held, fetch in places:
        pages.open_where(held, lambda page: _opened(page, of, zone, until, told), fetch)
        found += _dated(held.look(), of, now)
        whole = [page for page in held.pages if of == "expiry" and _whole(page) and page.first_expiry <= until]
        found += [(page.first_expiry, page.active, page.first_expiry) for page in whole]
    found.sort(key=lambda each: each[0])
    return [group for group in _grouped(found, of, zone) if group.first_at <= until and group.day not in told]


def _whole(page: PageRef) -> bool:
    """Whether a page holds active lots of one expiry and nothing else."""
    return page.active > 0 and not page.pending and page.first_expiry == page.last_expiry


def _opened(page: PageRef, of: Of, zone: ZoneInfo, until: Instant, told: Collection[date]) -> bool:
    first = _first(page, of)
    if first is None or first > until or (of == "expiry" and _whole(page)):
        return False
    day = group_day(first, of, zone)
    return not (of == "expiry" and day in told and page.last_expiry is not None and group_day(page.last_expiry, of, zone) == day)


def _dated(lots: Iterable[Lot], of: Of, now: Instant) -> list[tuple[Instant, int, Instant | None]]:
    """Date, points and expiry of the lots that count, the first date first."""
    found = [(at, lot.remaining, lot.expires_at) for lot in lots if (at := date_of(lot, of)) is not None and at > now]
    found.sort(key=lambda each: each[0])
    return found


def _grouped(dated: Iterable[tuple[Instant, int, Instant | None]], of: Of, zone: ZoneInfo) -> Iterator[Group]:
    """`dated` is in order of the dates."""
    day: date | None = None
    first_at = last_at = points = 0
    sooner: Instant | None = None
    for at, part, expires_at in dated:
        if at != last_at or day is None:  # of many lots most have the same
            its_day = group_day(at, of, zone)
            if its_day != day:
                if day is not None:
                    yield Group(day, first_at, last_at, points, sooner)
                day, first_at, points, sooner = its_day, at, 0, None
            last_at = at
        points += part
        if expires_at is not None and (sooner is None or expires_at < sooner):
            sooner = expires_at
    if day is not None:
        yield Group(day, first_at, last_at, points, sooner)
