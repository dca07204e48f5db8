"""Instants and calendars: the one module that knows time zones.

An instant is an `int`, microseconds since 1970-01-01T00:00:00Z. Text comes in as RFC 3339 with an offset and goes out in UTC
with `Z`. Everything that a calendar says (days, ISO weeks, months, quarters, years) is said of the wall clock of a zone: a
local time that a clock change skips moves forward by the gap, one that happens twice is the first.

No clock is read here, and no float is ever used: a float holds a microsecond of today only by luck. Calendars end with the
year 9999; what would lie beyond stands still at the end, so that no record can overflow anything.
"""

# ruff: noqa: DTZ001, DTZ901  naive wall-clock times are what this module is about

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from typing import Final, Literal
from zoneinfo import ZoneInfo

Instant = int
Period = Literal["day", "week", "month", "quarter", "year"]

MICROSECOND: Final = timedelta(microseconds=1)
SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 60 * MINUTE_US
DAY_US: Final = 24 * HOUR_US

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_NAIVE: Final = datetime(1970, 1, 1)
EARLIEST: Final[Instant] = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // MICROSECOND
LATEST: Final[Instant] = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // MICROSECOND

_RFC_3339: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))?"
)
_MINUTE_TEXTS: Final = tuple([f"{number // 60:02d}:{number % 60:02d}:" for number in range(24 * 60)])
_SECOND_TEXTS: Final = tuple([f"{number:02d}Z" for number in range(60)])
_SECONDS: Final = {text: number * SECOND_US for number, text in enumerate(_SECOND_TEXTS)}

_TEXTS_MAX: Final = 4_096
_minutes: Final[dict[str, Instant]] = {}
"""The minutes that were read last, as texts like `2024-10-12T07:20:`: records come roughly in order of time."""
_day_texts: Final[dict[int, str]] = {}
"""The days that were written last, by their number since 1970, with the T that follows each."""
_texts: Final[dict[Instant, str]] = {}
"""And the instants: a record's own is told of it, of its entry and of its lot, the end of a year by every lot of a day."""
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


def parse_instant(text: str) -> Instant:
    """An RFC 3339 date and time with an offset. More than 6 fraction digits are truncated; ValueError says what is wrong.

    A leap second (23:59:60 UTC) is the first instant after it, as in POSIX time.
    """
    known, second_us = _minutes.get(text[:17]), _SECONDS.get(text[17:])
    if known is not None and second_us is not None:
        return known + second_us  # what is asked below has been asked of this minute
    if (
        len(text) == 20
        and text[4] == "-"
        and text[7] == "-"
        and text[10] == "T"
        and text[13] == text[16] == ":"
        and text[11:13] < "24"
        and text[19] == "Z"
    ):
        try:
            since = datetime.fromisoformat(text[:19]) - _EPOCH_NAIVE  # the form that nearly all times have
            at = (since.days * 86_400 + since.seconds) * SECOND_US
            if len(_minutes) >= _TEXTS_MAX:
                _minutes.clear()
            _minutes[text[:17]] = at - at % MINUTE_US
            return at
        except ValueError:
            pass  # a leap second, or something wrong: said below
    found = _RFC_3339.fullmatch(text)
    if found is None:
        raise ValueError(f"must be an RFC 3339 time with an offset, like 2024-10-12T07:20:50Z, is {shown(text)}")
    year, month, day, hour, minute, second, fraction, zulu, sign, offset_hours, offset_minutes = found.groups()
    if zulu is None and sign is None:
        raise ValueError(f"must have an offset (Z or +01:00), is {shown(text)}")
    leap = second == "60"
    try:
        whole = datetime(int(year), int(month), int(day), int(hour), int(minute), 59 if leap else int(second))
    except ValueError:
        raise ValueError(f"must be a time that exists, is {shown(text)}") from None
    since = whole - _EPOCH_NAIVE
    at = (since.days * 86_400 + since.seconds) * SECOND_US
    if sign is not None:
        if offset_hours > "23" or offset_minutes > "59":
            raise ValueError(f"must have an offset of less than 24:00, is {shown(text)}")
        offset_us = int(offset_hours) * HOUR_US + int(offset_minutes) * MINUTE_US
        at += -offset_us if sign == "+" else offset_us
    if leap:
        if (at + SECOND_US) % DAY_US:
            raise ValueError(f"must be a time that exists, is {shown(text)}")
        at += SECOND_US
    elif fraction is not None:
        at += int(fraction[:6].ljust(6, "0"))
    if not EARLIEST <= at <= LATEST:
        raise ValueError(f"must lie in the years 1 to 9999 of UTC, is {shown(text)}")
    return at


def format_instant(at: Instant) -> str:
    """RFC 3339 in UTC with `Z`; a fraction only where there is one, without trailing zeros."""
    text = _texts.get(at)
    return _write_instant(at) if text is None else text


def _write_instant(at: Instant) -> str:
    day, rest = at // DAY_US, at % DAY_US
    second, fraction = rest // SECOND_US, rest % SECOND_US
    known = _day_texts.get(day)
    text = f"{_day_text(day) if known is None else known}{_MINUTE_TEXTS[second // 60]}{_SECOND_TEXTS[second % 60]}"
    if fraction:
        text = f"{text[:-1]}.{fraction:06d}".rstrip("0") + "Z"
    if len(_texts) >= _TEXTS_MAX:
        _texts.clear()
    _texts[at] = text
    return text


def _day_text(day: int) -> str:
    """A day since 1970, with the T that follows it."""
    text = (_EPOCH_NAIVE + timedelta(days=day)).isoformat()[:11]
    if len(_day_texts) >= _TEXTS_MAX:
        _day_texts.clear()
    _day_texts[day] = text
    return text


def parse_date(text: str) -> date:
    """A bare date, `YYYY-MM-DD`; ValueError says what is wrong."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError(f"must be a date like 2026-12-31, is {shown(text)}")
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        raise ValueError(f"must be a date that exists, is {shown(text)}") from None


def parse_moment(text: str, zone: ZoneInfo) -> Instant:
    """An RFC 3339 time with an offset, or a bare date: its first instant in the zone."""
    if _DATE.fullmatch(text):
        return start_of("day", parse_date(text), zone)
    return parse_instant(text)


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """The names of the IANA database, from the pinned tzdata package: never a path, never the machine's own extras."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


@lru_cache(maxsize=1_024)
def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name; ValueError for any other text.

    Its rules are those of the pinned tzdata package, not the machine's: workers on different systems, and a replay next
    year, must agree on when a day ends. So it is never the same object as `ZoneInfo(name)`; compare zones by `.key`.
    """
    if name not in zone_names():
        raise ValueError(f"must be an IANA time zone like Europe/London, is {shown(name)}")
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def to_local(at: Instant, zone: ZoneInfo) -> datetime:
    """The wall clock of the zone at an instant, naive."""
    try:
        return (_EPOCH + timedelta(microseconds=at)).astimezone(zone).replace(tzinfo=None, fold=0)
    except OverflowError:
        return datetime.max if at > 0 else datetime.min


def from_local(naive: datetime, zone: ZoneInfo) -> Instant:
    """The instant at which the zone's wall clock shows `naive`.

    A local time that does not exist moves forward by the gap; one that exists twice is the first (PEP 495 with `fold=0`
    says just that: both take the offset from before the change).
    """
    at = (naive.replace(tzinfo=zone, fold=0) - _EPOCH) // MICROSECOND
    return min(max(at, EARLIEST), LATEST)


def add_days(day: date, days: int) -> date:
    """The date so many days on; stands still at the ends of the calendar."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min


def first_day(period: Period, day: date) -> date:
    """The first day of the day, ISO week, month, quarter or year that holds `day`."""
    match period:
        case "day":
            return day
        case "week":
            return add_days(day, -day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)


def next_first_day(period: Period, day: date) -> date:
    """The first day of the period after the one that holds `day`."""
    first = first_day(period, day)
    match period:
        case "day":
            return add_days(first, 1)
        case "week":
            return add_days(first, 7)
        case "month":
            return first_day("month", add_days(first, 31))
        case "quarter":
            return first_day("quarter", add_days(first, 93))
        case "year":
            return first_day("year", add_days(first, 366))


def start_of(period: Period, day: date, zone: ZoneInfo) -> Instant:
    """The first instant of the period that holds `day`."""
    return from_local(_midnight(first_day(period, day)), zone)


def end_of(period: Period, day: date, zone: ZoneInfo) -> Instant:
    """The end of the period that holds `day`, half-open: the first instant after it."""
    if next_first_day(period, day) <= day:
        return LATEST
    return from_local(_midnight(next_first_day(period, day)), zone)


def start_of_period(at: Instant, zone: ZoneInfo, period: Period) -> Instant:
    """The first instant of the zone's day, ISO week, month, quarter or year that holds `at`."""
    return start_of(period, to_local(at, zone).date(), zone)


def round_up(at: Instant, zone: ZoneInfo, grid_us: int) -> Instant:
    """The first instant from `at` on at which the zone's wall clock shows a multiple of the grid.

    Multiples are counted from each midnight, which is always one; those of a day or longer from that of 1970-01-01.
    """
    since = (to_local(at, zone) - _EPOCH_NAIVE) // MICROSECOND
    while True:
        midnight = since - since % DAY_US if grid_us < DAY_US else 0
        rounded = midnight - (midnight - since) // grid_us * grid_us
        since = min(rounded, midnight + DAY_US) if grid_us < DAY_US else rounded
        try:
            found = from_local(_EPOCH_NAIVE + timedelta(microseconds=since), zone)
        except OverflowError:
            return LATEST
        if found >= at:
            return found
        since += 1  # the wall clock shows this hour twice, and it is the second time


_plain_days: dict[ZoneInfo, tuple[Instant, Instant, date]] = {}


def plain_day(at: Instant, zone: ZoneInfo) -> tuple[Instant, date] | None:
    """The local day that holds an instant and its first instant, where no clock is changed in it; else None.

    Records come roughly in order of time, so the last day of each zone is kept: most answers cost a comparison.
    """
    known = _plain_days.get(zone)
    if known is None or not known[0] <= at < known[1]:
        day = to_local(at, zone).date()
        start, end = start_of("day", day, zone), end_of("day", day, zone)
        if end - start != DAY_US or not start <= at < end:
            return None
        known = _plain_days[zone] = (start, end, day)
    return known[0], known[2]


def days_before(at: Instant, zone: ZoneInfo, days: int) -> Instant:
    """The same time of day, so many days earlier on the zone's calendar."""
    plain = plain_day(at, zone)
    if plain is not None:
        start = _plain_start(add_days(plain[1], -days), zone)
        if start is not None:
            return start + at - plain[0]
    local = to_local(at, zone)
    return from_local(datetime.combine(add_days(local.date(), -days), local.time()), zone)


@lru_cache(maxsize=4_096)
def next_time_of_day(minute: int, at: Instant, place: ZoneInfo) -> Instant:
    """The first instant from `at` on at which the clocks of a place show so many minutes since midnight.

    Where a clock change skips that time, it is as long after the change; where it comes twice, the first.
    """
    day = to_local(at, place).date()
    found = _shown_on(day, minute, place)
    for ahead in (1, 2):  # where it has passed, or the place leaves a day out
        if found >= at:
            break
        found = _shown_on(add_days(day, ahead), minute, place)
    return found


def _shown_on(day: date, minute: int, place: ZoneInfo) -> Instant:
    return from_local(datetime(day.year, day.month, day.day, minute // 60, minute % 60), place)


@lru_cache(maxsize=4_096)
def _plain_start(day: date, zone: ZoneInfo) -> Instant | None:
    """The first instant of a day in which no clock is changed; None for any other."""
    start = start_of("day", day, zone)
    return start if end_of("day", day, zone) - start == DAY_US else None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def shown(value: object) -> str:
    """A value as a sentence may quote it: short, on one line."""
    text = str(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f'"{printable(text)}"'


def printable(text: str) -> str:
    """A text on one line in which nothing is an order to a terminal: what cannot be printed stands there as its escape."""
    return text if text.isprintable() else "".join(_escaped(sign) for sign in text)


def _escaped(sign: str) -> str:
    return sign if sign.isprintable() else sign.encode("unicode_escape").decode()
