"""Schedules: the little language of activation, expiration, waits and resets, and when each of them falls.

    immediately · never · on event · 10 minutes · 5 days · 5 days, end of day · 1 month, end of month · 2026-12-31 · every 12-31

Minutes and hours are elapsed time. Days and longer move the date on the wall clock of the program's zone and keep the time of
day. An edge (`start of` / `end of` day, week, month, quarter, year) then goes to that edge of the period that holds the date;
an end is stored as the first instant after it (half-open). A count of 0 is the current period.

Months clamp to the month's end and are always reckoned from the original date. `leap_day` rules what falls on 29 February of
a common year by whole years: `1 year` from a 29 February, the same move spelled `12 months` or `4 quarters`, and
`every 02-29`. A move that is not whole years (`1 month` from 29 January) clamps like any other month.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Final, Literal, cast
from zoneinfo import ZoneInfo

from schemas.instants import (
    DAY_US,
    EARLIEST,
    HOUR_US,
    LATEST,
    MINUTE_US,
    Instant,
    Period,
    add_days,
    end_of,
    from_local,
    parse_date,
    plain_day,
    shown,
    start_of,
    to_local,
)

LeapDay = Literal["feb-28", "mar-1"]
Edge = Literal["", "start", "end"]
Kind = Literal["immediately", "never", "on event", "after", "date", "every"]

_ELAPSED_US: Final = {"minute": MINUTE_US, "hour": HOUR_US}
_DAYS: Final = {"day": 1, "week": 7}
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_FIXED_US: Final = {**_ELAPSED_US, "day": DAY_US, "week": 7 * DAY_US}

_UNITS: Final = "minute|hour|day|week|month|quarter|year"
_AFTER: Final = re.compile(rf"([0-9]{{1,6}}) +({_UNITS})s?(?: *, *(start|end) +of +(day|week|month|quarter|year))?")
_DURATION: Final = re.compile(rf"([0-9]{{1,6}}) +({_UNITS})s?")
_EVERY: Final = re.compile(r"every +([0-9]{2})-([0-9]{2})")
_EXAMPLES: Final = "`5 days`, `1 month, end of month`, `2026-12-31`, `every 12-31`"


@dataclass(frozen=True)
class Schedule:
    """One schedule. `str()` gives its canonical text, which parses to an equal one."""

    kind: Kind
    count: int = 0
    unit: str = ""  # minute … year, for `after`
    edge: Edge = ""
    period: Period = "day"  # whose edge
    day: date | None = None  # for `date`
    month_day: tuple[int, int] | None = None  # for `every`

    def __str__(self) -> str:
        match self.kind:
            case "after":
                plain = f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"
                return f"{plain}, {self.edge} of {self.period}" if self.edge else plain
            case "date":
                return cast(date, self.day).isoformat()
            case "every":
                month, day = cast(tuple[int, int], self.month_day)
                return f"every {month:02d}-{day:02d}"
            case _:
                return self.kind

    def activates_at(self, anchor: Instant, zone: ZoneInfo, leap_day: LeapDay) -> Instant | None:
        """When points of this anchor become active; None: on an event. A date is its first instant, past or not."""
        match self.kind:
            case "immediately":
                return anchor
            case "on event":
                return None
            case "after":
                return self._shifted(anchor, 1, zone, leap_day)
            case "date":
                return start_of("day", cast(date, self.day), zone)
            case "every":
                return start_of("day", self._next_day(to_local(anchor, zone).date(), leap_day), zone)
            case "never":
                raise ValueError("`never` is no activation")

    def expires_at(self, anchor: Instant, zone: ZoneInfo, leap_day: LeapDay) -> Instant | None:
        """When points of this anchor expire (the first instant at which they are gone); None: never. A date lasts through it."""
        match self.kind:
            case "never":
                return None
            case "after":
                return self._shifted(anchor, 1, zone, leap_day)
            case "date":
                return end_of("day", cast(date, self.day), zone)
            case "every":
                return end_of("day", self._next_day(to_local(anchor, zone).date(), leap_day), zone)
            case "immediately" | "on event":
                raise ValueError(f"`{self.kind}` is no expiration")

    def later(self, at: Instant, zone: ZoneInfo) -> Instant:
        """So long after an instant, where the schedule is a length of time (`parse_length`)."""
        return self._shifted(at, 1, zone, "feb-28")

    def earlier(self, at: Instant, zone: ZoneInfo) -> Instant:
        """So long before an instant."""
        return max(self._shifted(at, -1, zone, "feb-28"), EARLIEST)

    def next_after(self, anchor: Instant, zone: ZoneInfo, leap_day: LeapDay, after: Instant | None = None) -> Instant | None:
        """The first time later than `after` (the anchor itself, if not given) that the schedule repeats, counted from the anchor.

        `1 month` is the anchor plus 1, 2, 3 … months, each reckoned from the anchor, so that the 31st comes back in long
        months; a count of 0 up to an end repeats with each period. None where nothing repeats or comes any more.
        """
        since = anchor if after is None else after
        match self.kind:
            case "after" if self.count > 0:
                return self._repeat_after(anchor, since, zone, leap_day)
            case "after" if self.edge == "end":  # the end of each period
                at = self._shifted(since, 1, zone, leap_day)
                return at if at > since else None
            case "date":
                at = start_of("day", cast(date, self.day), zone)
                return at if at > since else None
            case "every":
                today = to_local(since, zone).date()
                for day in (today, add_days(today, 1)):
                    at = start_of("day", self._next_day(day, leap_day), zone)
                    if at > since:
                        return at
                return None
            case _:
                return None

    def _repeat_after(self, anchor: Instant, since: Instant, zone: ZoneInfo, leap_day: LeapDay) -> Instant | None:
        """Gallops, then halves: the moves grow with their number, so the first one after `since` is found in a few steps."""
        high = 1
        while (at := self._shifted(anchor, high, zone, leap_day)) <= since:
            if at == LATEST:
                return None
            high *= 2
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            if self._shifted(anchor, middle, zone, leap_day) > since:
                high = middle
            else:
                low = middle
        return self._shifted(anchor, high, zone, leap_day)

    def _shifted(self, anchor: Instant, times: int, zone: ZoneInfo, leap_day: LeapDay) -> Instant:
        """The anchor moved `times` times by the count and then to the edge; stands still at the end of the calendar."""
        count = self.count * times
        if self.count * _MONTHS.get(self.unit, 0) % 12:
            leap_day = "feb-28"  # what comes each month clamps in every one; it is years that go by the rule
        elapsed_us = _ELAPSED_US.get(self.unit)
        if elapsed_us is not None or count == 0:  # no move keeps the instant, in the second of two equal hours too
            moved = min(anchor + count * (elapsed_us or 0), LATEST)
            if not self.edge:
                return moved
            local = to_local(moved, zone)
        else:
            plain = plain_day(anchor, zone)
            if plain is not None:
                start, base = _moved_day(self.unit, count, self.edge, self.period, plain[1], zone, leap_day)
                if base is not None:
                    return start if self.edge else start + anchor - plain[0]
            local = to_local(anchor, zone)
            day = _moved(self.unit, count, local.date(), leap_day)
            if day == date.max:
                return LATEST
            local = datetime.combine(day, local.time())
            if not self.edge:
                return from_local(local, zone)
        return (start_of if self.edge == "start" else end_of)(self.period, local.date(), zone)

    def _next_day(self, today: date, leap_day: LeapDay) -> date:
        """The next day that `every` names, today included."""
        month, day = cast(tuple[int, int], self.month_day)
        this_year = in_year(today.year, month, day, leap_day)
        if this_year >= today:
            return this_year
        return in_year(today.year + 1, month, day, leap_day) if today.year < 9999 else date.max


def _moved(unit: str, count: int, day: date, leap_day: LeapDay) -> date:
    """The date so many units on."""
    days = _DAYS.get(unit)
    return add_months(day, count * _MONTHS[unit], leap_day) if days is None else add_days(day, count * days)


@lru_cache(maxsize=4_096)
def _moved_day(
    unit: str, count: int, edge: Edge, period: Period, day: date, zone: ZoneInfo, leap_day: LeapDay
) -> tuple[Instant, date | None]:
    """Where a day without a change of clocks moves to: the edge, or the first instant of a day that has none either.

    The second part is None where the hour matters, or the calendar ends.
    """
    moved = _moved(unit, count, day, leap_day)
    if moved == date.max:
        return LATEST, None
    if edge:
        return (start_of if edge == "start" else end_of)(period, moved, zone), moved
    start = start_of("day", moved, zone)
    return start, moved if end_of("day", moved, zone) - start == DAY_US else None


IMMEDIATELY: Final = Schedule("immediately")
NEVER: Final = Schedule("never")


def parse_schedule(text: str) -> Schedule:
    """A schedule from its text; ValueError says what is wrong."""
    if text in ("immediately", "never", "on event"):
        return Schedule(cast(Kind, text))
    if found := _AFTER.fullmatch(text):
        count, unit, edge, period = found.groups()
        return Schedule("after", int(count), unit, cast(Edge, edge or ""), cast(Period, period or "day"))
    if found := _EVERY.fullmatch(text):
        month, day = int(found[1]), int(found[2])
        if not (1 <= month <= 12 and 1 <= day <= monthrange(2000, month)[1]):
            raise ValueError(f"must name a day that exists, is {shown(text)}")
        return Schedule("every", month_day=(month, day))
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        return Schedule("date", day=parse_date(text))
    raise ValueError(f"must be a schedule like {_EXAMPLES}, is {shown(text)}")


def parse_duration(text: str) -> int:
    """Microseconds of a length of elapsed time; a day has 24 hours here, and months have no fixed length."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"must be a length of time like `10 minutes` or `7 days`, is {shown(text)}")
    if found[2] not in _FIXED_US:
        raise ValueError(f"must be in minutes, hours, days or weeks (a {found[2]} has no fixed length), is {shown(text)}")
    return int(found[1]) * _FIXED_US[found[2]]


def parse_length(text: str) -> Schedule:
    """A length of time that is counted from an instant: minutes and hours as they elapse, days and weeks by the calendar."""
    parse_duration(text)
    return parse_schedule(text)


def add_months(day: date, months: int, leap_day: LeapDay) -> date:
    """The date so many months on: clamped to the month's end; whole years from a 29 February go by `leap_day`."""
    year, month0 = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year > 9999:
        return date.max
    month = month0 + 1
    if months % 12 == 0:
        return in_year(year, month, day.day, leap_day)
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def in_year(year: int, month: int, day: int, leap_day: LeapDay) -> date:
    """A day of the year in some year; 29 February of a common year is the day that `leap_day` names."""
    if (month, day) == (2, 29) and monthrange(year, 2)[1] == 28:
        return date(year, 2, 28) if leap_day == "feb-28" else date(year, 3, 1)
    return date(year, month, day)
