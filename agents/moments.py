"""Moments: when a scenario's timer fires next, reckoned from what is known of the profile at an instant.

Pure questions. A moment that is not after the instant means now; None, that nothing comes. What lies in the past is not made up for, but a
day of the profile that has begun is now, and so are points that are within the time of `expiring` already.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from agents import figures
from agents.asked import JOINED_AT, REGISTERED_AT
from agents.programs import Version
from agents.visit import Visit
from schemas.campaigns import OnAbandoned, OnDate, OnExpiring, OnIdle, OnSchedule, Scenario
from schemas.instants import DAY_US, LATEST, Instant, parse_date, parse_instant, start_of, zone
from schemas.schedules import in_year
from tables.engagement import Engagement
from tables.expiry_groups import group_day, window_opens
from tables.figures import day_of, last_purchase
from tables.timelines import field_at


def moment_of(visit: Visit, version: Version, engagement: Engagement, scenario: Scenario, at: Instant) -> Instant | None:
    """When the scenario's timer fires next; not for dates of orders, of which there may be many. What would lie beyond the calendar stands
    still at its end, and never comes.
    """
    moment = _MOMENTS[type(scenario.trigger)](visit, version, engagement, scenario, at)
    return None if moment is None or moment >= LATEST else moment


def _date(visit: Visit, version: Version, engagement: Engagement, scenario: Scenario, at: Instant) -> Instant | None:
    """The start of the next such day, which is in the past where the day has begun."""
    trigger = scenario.trigger
    if not isinstance(trigger, OnDate):
        return None
    clock = zone_of(visit, version, at)
    fired = engagement.years.get(scenario.scenario)
    schedule = trigger.schedule
    if schedule is not None:
        if schedule.day is not None:
            moment = start_of("day", schedule.day, clock)
            return moment if _is_to_come(visit, moment, at) and fired is None else None
        month, day = schedule.month_day or (1, 1)
        moment = _yearly(version, (month, day), 1, fired, clock, at)
        return moment if _is_to_come(visit, moment, at) else _yearly(version, (month, day), 1, day_of(at, clock).year, clock, at)
    known = day_named(visit, version, trigger.field or "", clock, at)
    if known is None:
        return None
    first = known.year + 1 if trigger.field in (REGISTERED_AT, JOINED_AT) else known.year
    return _yearly(version, (known.month, known.day), first, fired, clock, at) if first <= date.max.year else None


def _is_to_come(visit: Visit, moment: Instant, at: Instant) -> bool:
    """Whether a fixed day begins later, or now for who was there before: a record of that instant comes after it."""
    stored = None if visit.hearing is None else visit.hearing.stored
    return moment > at or (moment == at and stored is not None and stored.settled_at < at)


def _yearly(version: Version, month_day: tuple[int, int], first: int, fired: int | None, clock: ZoneInfo, at: Instant) -> Instant:
    today = day_of(at, clock)
    year = max(first, today.year, (fired or 0) + 1)
    if year > date.max.year:
        return LATEST
    month, day = month_day
    coming = in_year(year, month, day, version.program.leap_day)
    if coming < today and year < date.max.year:
        coming = in_year(year + 1, month, day, version.program.leap_day)
    return start_of("day", coming, clock)


def day_named(visit: Visit, version: Version, field: str, clock: ZoneInfo, at: Instant) -> date | None:
    """The day that a profile field, the registration or the membership names; None where there is none, or it is badly formed."""
    if field == JOINED_AT:
        membership = visit.profile.programs.get(version.program.program)
        joined_at = None if membership is None else membership.joined_at
        return None if joined_at is None else day_of(joined_at, clock)
    if field == REGISTERED_AT:
        registered_at = figures.registered_at(visit, version, at)
        return None if registered_at is None else day_of(registered_at, clock)
    return date_in(field_at(visit.profile.fields, field.removeprefix("profile."), at), visit, version)


def date_in(value: object, visit: Visit, version: Version) -> date | None:
    """A date, or the local date of a time."""
    if not isinstance(value, str):
        return None
    try:
        if len(value) <= len("2026-12-31"):
            return parse_date(value)
        return day_of(parse_instant(value), zone_of(visit, version, visit.profile.settled_at))
    except ValueError:
        return None


def _every(visit: Visit, version: Version, engagement: Engagement, scenario: Scenario, at: Instant) -> Instant | None:
    trigger, program = scenario.trigger, version.program
    if not isinstance(trigger, OnSchedule):
        return None
    begin = visit.programs.first(program.program).program.effective_from
    return trigger.every.next_after(begin, program.timezone, program.leap_day, max(at, begin))


def _idle(visit: Visit, version: Version, engagement: Engagement, scenario: Scenario, at: Instant) -> Instant | None:
    trigger = scenario.trigger
    return None if not isinstance(trigger, OnIdle) else _waited(version, trigger, idle_since(visit, version, trigger, at), at)


def idle_since(visit: Visit, version: Version, trigger: OnIdle, at: Instant) -> Instant | None:
    names = {"purchase": "days_since_last_purchase", "visit": "days_since_last_visit", "registration": "days_since_registration"}
    return figures.since_of(visit, version, names[trigger.since], at)


def _abandoned(visit: Visit, version: Version, engagement: Engagement, scenario: Scenario, at: Instant) -> Instant | None:
    trigger = scenario.trigger
    if not isinstance(trigger, OnAbandoned):
        return None
    known = engagement.figures
    seen = known.pixels.get(trigger.pixel)
    if seen is None:
        return None
    if trigger.without == "purchase":
        ended = last_purchase(known, at)
    else:
        other = known.pixels.get(trigger.without)
        ended = None if other is None else other[0]
    return None if ended is not None and ended >= seen[0] else _waited(version, trigger, seen[0], at)


def _waited(version: Version, trigger: OnIdle | OnAbandoned, since: Instant | None, at: Instant) -> Instant | None:
    """So long after an instant; None where that is over."""
    if since is None:
        return None
    moment = trigger.wait.activates_at(since, version.program.timezone, version.program.leap_day)
    return moment if moment is not None and moment > at else None


def _expiring(visit: Visit, version: Version, engagement: Engagement, scenario: Scenario, at: Instant) -> Instant | None:
    """When the next points come within the time: `at`, where some have that were not told of."""
    trigger = scenario.trigger
    if not isinstance(trigger, OnExpiring) or trigger.point not in version.points:
        return None
    for day, _ in groups(visit, version, trigger, at):
        if f"{scenario.scenario}/{day.isoformat()}" not in engagement.years:
            return at
    return figures.next_opening(visit, version, trigger.point, at, trigger.within_us)


Lots = list[tuple[Instant, Instant, int]]


def groups(visit: Visit, version: Version, trigger: OnExpiring, at: Instant) -> list[tuple[date, Lots]]:
    """The active points of the days that have come within the time, by the last local day of their use: expiry, birth and points of each lot.
    A day has come so near with the first of its lots, and is told of as a whole: with the last of those that become active at this instant.
    """
    found: dict[date, Lots] = {}
    near: set[date] = set()
    clock = version.program.timezone
    for lot in figures.expiring(visit, version, trigger.point, at, trigger.within_us + 2 * DAY_US):
        if lot.expires_at is not None:
            day = group_day(lot.expires_at, "expiry", clock)
            found.setdefault(day, []).append((lot.expires_at, lot.earned_at, lot.remaining))
            if window_opens(lot.expires_at, trigger.within_us, clock) <= at:
                near.add(day)
    if near:
        for lot in figures.activating(visit, version, trigger.point, at):
            if lot.expires_at is not None:
                near.discard(group_day(lot.expires_at, "expiry", clock))
    return [(day, lots) for day, lots in sorted(found.items()) if day in near]


def zone_of(visit: Visit, version: Version, at: Instant) -> ZoneInfo:
    """The profile's zone, where it is known at an instant."""
    named = field_at(visit.profile.fields, "timezone", at)
    if isinstance(named, str):
        try:
            return zone(named)
        except ValueError:
            pass
    return version.program.timezone


_Moment = Callable[[Visit, Version, Engagement, Scenario, Instant], Instant | None]
_MOMENTS: Final[dict[type[Any], _Moment]] = {
    OnDate: _date,
    OnSchedule: _every,
    OnIdle: _idle,
    OnAbandoned: _abandoned,
    OnExpiring: _expiring,
}
