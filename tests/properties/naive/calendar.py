"""Schedules read a second time: the standard library's calendar and zones, from the words of the contract alone.

It shares nothing with the product, so that where the two agree, a sentence was understood twice. Slow and plain on purpose:
every date is worked out on the wall clock of the zone and only then turned into an instant.
"""

import calendar
import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

ELAPSED = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
MONTHS = {"month": 1, "quarter": 3, "year": 12}
UNITS = ("minute", "hour", "day", "week", "month", "quarter", "year")
EDGES = tuple(f"{edge} of {period}" for edge in ("start", "end") for period in ("day", "week", "month", "quarter", "year"))

_RELATIVE = re.compile(r"(\d+) (minute|hour|day|week|month|quarter|year)s?(?:, (start|end) of (day|week|month|quarter|year))?")


def on_the_clock(local: datetime, zone: ZoneInfo) -> datetime:
    """The instant of a wall-clock time: the first of two, and moved forward by the gap where there is none."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return on_the_clock(datetime(day.year, day.month, day.day), zone)  # noqa: DTZ001 -- a wall-clock time has no zone yet


def first_day(day: date, period: str) -> date:
    match period:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case _:
            return day.replace(month=1, day=1)


def next_first_day(day: date, period: str) -> date:
    longest = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}[period]
    return first_day(first_day(day, period) + timedelta(days=longest), period)


def plus_months(day: date, months: int, *, leap_day: str, whole_years: bool) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    if whole_years and leap_day == "mar-1" and (day.month, day.day) == (2, 29) and last == 28:
        return date(year, 3, 1)
    return date(year, month + 1, min(day.day, last))


def every(month: int, day: int, year: int, leap_day: str) -> date:
    if (month, day) == (2, 29) and not calendar.isleap(year):
        return date(year, 2, 28) if leap_day == "feb-28" else date(year, 3, 1)
    return date(year, month, day)


def falls_on(text: str, anchor: datetime, zone: ZoneInfo, leap_day: str, *, through: bool) -> datetime | None:
    """The instant of a schedule counted from `anchor`; None for `never` and `on event`. `through`: as an expiration."""
    if text == "immediately":
        return anchor
    if text in {"never", "on event"}:
        return None
    local = anchor.astimezone(zone).replace(tzinfo=None)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        day = date.fromisoformat(text)
        return midnight(day + timedelta(days=1) if through else day, zone)
    if text.startswith("every "):
        month, number = int(text[6:8]), int(text[9:11])
        day = every(month, number, local.year, leap_day)
        if day < local.date():
            day = every(month, number, local.year + 1, leap_day)
        return midnight(day + timedelta(days=1) if through else day, zone)
    parts = _RELATIVE.fullmatch(text)
    assert parts, text
    count, unit, edge, period = int(parts[1]), parts[2], parts[3], parts[4]
    if unit in ELAPSED:
        instant = anchor + count * ELAPSED[unit]
        local = instant.astimezone(zone).replace(tzinfo=None)
    else:
        if unit in MONTHS:
            day = plus_months(local.date(), count * MONTHS[unit], leap_day=leap_day, whole_years=unit == "year")
        else:
            day = local.date() + timedelta(days=count * (7 if unit == "week" else 1))
        local = datetime.combine(day, local.time())
        instant = on_the_clock(local, zone)
    if edge == "start":
        return midnight(first_day(local.date(), period), zone)
    if edge == "end":
        return midnight(next_first_day(local.date(), period), zone)
    return instant


def moved(text: str, at: datetime, zone: ZoneInfo, times: int = 1) -> datetime:
    """So long after an instant (times -1: before it): hours as they elapse, days at the same time of the local day."""
    count, unit = text.split()
    name, often = unit.removesuffix("s"), int(count) * times
    if name in ELAPSED:
        return at + often * ELAPSED[name]
    local = at.astimezone(zone).replace(tzinfo=None)
    return on_the_clock(local + timedelta(days=often * (7 if name == "week" else 1)), zone) if often else at


def rfc3339(instant: datetime) -> str:
    text = instant.astimezone(UTC).isoformat()
    return text.removesuffix("+00:00") + "Z"
