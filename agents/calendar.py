"""Time triggers: the days and waits that set scenarios off, and when a segment changes by time alone. Timers of `settle`.

Pure. When a scenario's timer fires next is reckoned from what is known of the profile now, after every change of it: a birthday that
moves takes its timer along, a purchase ends the wait for one. So a late record counts as if it had come in time, except that nothing is
made up for: what lies in the past when it becomes known does not fire any more. Only a day of the profile or of an order that becomes known
in the course of that day still does, and points that are born inside the time of `expiring`.

Where the profile's zone is known its days begin there, else in the program's. Who moves takes the dates of the orders along, so
the timer of one names its day.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from agents import consent, figures, segments, triggers
from agents.due import SCENARIO, Due
from agents.happenings import Happening, nothing, told
from agents.moments import date_in, groups, moment_of, zone_of
from agents.programs import Version
from agents.returns import came_back_whole
from agents.timer_facts import RECEIPT, facts_of
from agents.visit import Visit
from schemas.amounts import format_points
from schemas.campaigns import OnAbandoned, OnDate, OnExpiring, OnIdle, OnSchedule, Scenario
from schemas.events import Cause
from schemas.instants import Instant, format_instant, parse_date, start_of
from schemas.outcomes import APPLIED, NOT_A_MEMBER, PARKED
from schemas.records import Cancel, Pixel, ProfileRecord, Record, Return, Sale
from tables.engagement import Engagement
from tables.expiry_groups import window_opens
from tables.facts import within
from tables.figures import day_of
from tables.state import Profile

KEY: Final = "calendar"
SEGMENTS: Final = ""  # under this name the timers hold when segments change by time alone
ROUNDS_MAX: Final = 16
"""So often segments may change by what scenarios do that changing segments set off, before it is left at that."""
ORDERS_MAX: Final = 100
"""Dates of so many orders are waited for, of one profile and scenario."""
_MARK: Final = "\x1f"
"""Between the parts of an order's timer, SCENARIO/APPLICATION, the receipt and the day, which older states do not name: no id holds it."""


# the timers


def due(profile: Profile) -> Iterator[Due]:
    for program, engagement in profile.engagements.items():
        for name, at in engagement.timers.items():
            yield Due(at, SCENARIO, 0, name, program, KEY)


def fire(visit: Visit, due: Due) -> None:
    """A timer. One that has been moved meanwhile is no longer there, and nothing happens."""
    at, _, _, name, program, _ = due
    engagement = visit.engagement(program)
    if engagement.timers.get(name) != at:
        return
    engagement.timers = {other: moment for other, moment in engagement.timers.items() if other != name}
    visit.touch()
    version = visit.programs.version(program, at)
    if version is None or name == SEGMENTS:
        return
    scenario = _still(visit, version, engagement, name.partition("/")[0])
    if scenario is not None and not isinstance(
        scenario.trigger, OnExpiring
    ):  # its points are looked at below, with those of others
        _set_off(visit, version, engagement, scenario, name, at, _cause(scenario, at))


def _still(visit: Visit, version: Version, engagement: Engagement, name: str) -> Scenario | None:
    """The scenario, if the version in force has it as it was when the timer was set."""
    found = next((scenario for scenario in version.watch.timed if scenario.scenario == name), None)
    if found is None or engagement.planned_by in (None, version.watch.plan):
        return found
    before = visit.programs.planned_by(version.program.program, engagement.planned_by or 0)
    old = () if before is None else before.watch.timed
    return found if any(scenario.scenario == name and scenario.trigger == found.trigger for scenario in old) else None


def _cause(scenario: Scenario, at: Instant) -> Cause:
    return {"timer": _KINDS[type(scenario.trigger)], "due_at": format_instant(at)}


_KINDS: Final[dict[type[Any], str]] = {
    OnDate: "date",
    OnSchedule: "every",
    OnIdle: "idle",
    OnAbandoned: "abandoned",
    OnExpiring: "expiring",
}


# what a record tells


def note(visit: Visit, record: Record, versions: list[Version], outcome: str) -> None:
    """A record has been applied: what figures and timers need of it, for each program that counts it."""
    if outcome != APPLIED and not (isinstance(record, Pixel) and _is_a_visit(visit, outcome)):
        return
    if isinstance(record, ProfileRecord):
        if record.kind == "upsert":
            for version in of_profile(visit, record.application, record.updated_at):
                _begin(visit, version, record, record.updated_at)
        return
    for version in versions:
        if not _counts(visit, version, record):
            continue
        _begin(visit, version, record, visit.happened_at)
        if not version.watch.of_orders:
            continue
        if isinstance(record, (Sale, Cancel)) or (isinstance(record, Return) and came_back_whole(visit, version, record)):
            _orders(visit, version, record)


def _is_a_visit(visit: Visit, outcome: str) -> bool:
    """A pixel of no member is a visit as well, also where it waits for another program."""
    return outcome == NOT_A_MEMBER or (outcome == PARKED and visit.hearing is not None and bool(visit.hearing.held_back))


def _counts(visit: Visit, version: Version, record: Record) -> bool:
    """Whether a record has been applied for this program: of several, another may have counted what this one does not, or what waits for it."""
    if isinstance(record, Sale):
        return consent.counts(visit.profile, version.program, record.closed_at)
    return visit.hearing is None or not isinstance(record, Pixel) or version.program.program not in visit.hearing.held_back


def _begin(visit: Visit, version: Version, record: Record, at: Instant) -> None:
    """From its first record on the program watches a profile."""
    if not version.watch.idle and version.program.program not in visit.profile.engagements:
        visit.engagement(version.program.program)
        visit.touch()
    if consent.consents(visit.profile, version.program, at):
        figures.note(visit, version, at, record)


def of_profile(visit: Visit, application: str | None, at: Instant) -> Iterator[Version]:
    """A profile is of no program: its record is heard by those that count its application, or by all (live) ones."""
    programs = visit.programs
    for name in programs.of_nobody() if application is None else programs.of_application(application):
        version = programs.version(name, at)
        if version is not None:
            yield version


def _orders(visit: Visit, version: Version, record: Sale | Cancel | Return) -> None:
    """The dates of an order take the place of those that an earlier revision had; one that came back has none."""
    engagement = visit.engagement(version.program.program)
    timers = dict(engagement.timers)
    for scenario in version.watch.timed:
        trigger = scenario.trigger
        if not isinstance(trigger, OnDate) or trigger.field is None or not trigger.field.startswith(RECEIPT):
            continue
        name = f"{scenario.scenario}/{record.application}{_MARK}{record.receipt_id}"
        timers = {other: moment for other, moment in timers.items() if _order_of(other) != name}
        day = (
            date_in(within(record.attributes, trigger.field.removeprefix(RECEIPT)), visit, version)
            if isinstance(record, Sale)
            else None
        )
        if day is None or name in engagement.years:
            continue
        if sum([other.startswith(scenario.scenario + "/") for other in timers]) >= ORDERS_MAX:
            visit.count(("scenario", version.program.program, scenario.scenario, "too-many"))
            continue
        timers[f"{name}{_MARK}{day.isoformat()}"] = start_of("day", day, zone_of(visit, version, visit.profile.settled_at))
    if timers != engagement.timers:
        engagement.timers = timers
        visit.touch()


def _order_of(timer: str) -> str:
    """What a timer is about, by which it is kept that it has fired: of an order without the day that it waits for."""
    return _MARK.join(timer.split(_MARK)[:2])


# what follows of a change


def follow(visit: Visit, due_at: Instant | None = None) -> bool:
    """Something has changed: segments are judged, and timers set anew. `due_at`: by a timer, else by the visit's record.

    Returns whether anything was set off, so that entries may have to be listened to.
    """
    at = visit.profile.settled_at
    cause: Cause | None = None if due_at is None or due_at < at else {"timer": "segment", "due_at": format_instant(at)}
    any_set_off = False
    for name in concerned(visit):
        version = visit.programs.version(name, at)
        if version is None or not version.watch.active:
            continue
        engagement = visit.profile.engagements.get(name)
        if version.watch.idle and (engagement is None or engagement.planned_by in (None, version.watch.plan)):
            continue
        if due_at is None and engagement is not None and not _may_have_moved(visit, version, engagement):
            continue
        if due_at is not None and version.watch.by_points and any(figures.activating(visit, version, None, at)):
            continue  # with the last of those that become active at this instant
        for entered in segments.judge(visit, version, at, cause):
            facts = {"kind": "segment", "at": format_instant(at), "segment": entered}
            happening = Happening(key=f"segment:{entered}", at=at, field=nothing, fact=told(facts), cause=cause)
            any_set_off = triggers.happened(visit, version, happening) or any_set_off
        any_set_off = _plan(visit, version, at, cause) or any_set_off
    return any_set_off


def _may_have_moved(visit: Visit, version: Version, engagement: Engagement) -> bool:
    """Whether a record has changed anything that segments and timers are reckoned from; most receipts of most programs have not."""
    hearing = visit.hearing
    before = None if hearing is None else hearing.reckoned.get(version.program.program)
    if hearing is None or before is None or engagement.planned_by != version.watch.plan:
        return True
    if version.watch.by_points and visit.heard:
        return True
    figures_before, tags_before, timers_before = before
    profile = visit.profile
    return (
        profile.fields is not hearing.fields
        or profile.registered_at is not hearing.registered_at
        or engagement.figures is not figures_before
        or engagement.tags is not tags_before
        or engagement.timers is not timers_before
    )


def concerned(visit: Visit) -> list[str]:
    """The programs that a profile has to do with, in order of name."""
    profile = visit.profile
    names = {*profile.engagements, *[name for name in profile.programs if profile.is_in(name)]}
    if profile.fields or profile.registered_at:
        names.update(visit.programs.of_nobody())
    return sorted([name for name in names if name in visit.programs])


def _plan(visit: Visit, version: Version, at: Instant, cause: Cause | None) -> bool:
    """Set all timers anew. What is due at once is set off. Returns whether anything was."""
    engagement = visit.engagement(version.program.program)
    anew = engagement.planned_by != version.watch.plan
    names = {scenario.scenario for scenario in version.watch.timed}
    timers = {name: moment for name, moment in engagement.timers.items() if name != SEGMENTS and name.partition("/")[0] in names}
    at_once: list[tuple[Scenario, str]] = []
    for scenario in version.watch.timed:
        name, trigger = scenario.scenario, scenario.trigger
        if isinstance(trigger, OnDate) and trigger.field is not None and trigger.field.startswith(RECEIPT):
            at_once += _orders_due(visit, version, timers, scenario, at)
            continue
        pending = timers.get(name)
        if pending is not None and pending <= at and _still(visit, version, engagement, name) is not None:
            continue  # it is about to fire
        moment = moment_of(visit, version, engagement, scenario, at)
        if moment is not None and moment <= at:
            at_once.append((scenario, name))
            moment = None
        if moment is not None:
            timers[name] = moment
        else:
            timers.pop(name, None)
    changes_at = segments.next_change(visit, version, at)
    if changes_at is not None:
        timers[SEGMENTS] = changes_at
    if timers != engagement.timers or anew:
        engagement.timers, engagement.planned_by = timers, version.watch.plan
        visit.touch()
    if timers:
        visit.due_by(min(timers.values()))
    set_off = False
    for scenario, name in at_once:
        set_off = _set_off(visit, version, engagement, scenario, name, at, cause and _cause(scenario, at), anew=anew) or set_off
    if at_once:
        set_off = _plan(visit, version, at, cause) or set_off
    return set_off


def _orders_due(
    visit: Visit, version: Version, timers: dict[str, Instant], scenario: Scenario, at: Instant
) -> Iterator[tuple[Scenario, str]]:
    """Of the dates of orders, where the profile lives now: one that is today is due now, one that is over is dropped. What the queue holds
    it fires itself.
    """
    clock = zone_of(visit, version, at)
    for name in [name for name in timers if name.startswith(scenario.scenario + "/")]:
        _, _, day = name.removeprefix(_order_of(name)).partition(_MARK)
        if day:
            timers[name] = start_of("day", parse_date(day), clock)
        if timers[name] >= at:
            continue
        if day_of(timers.pop(name), clock) == day_of(at, clock):
            yield scenario, name


# setting off


def _set_off(
    visit: Visit,
    version: Version,
    engagement: Engagement,
    scenario: Scenario,
    name: str,
    at: Instant,
    cause: Cause | None,
    *,
    anew: bool = False,
) -> bool:
    """The scenario's time has come. `cause` None: by the record that the visit is about."""
    trigger = scenario.trigger
    if isinstance(trigger, OnExpiring):
        return _expire(visit, version, engagement, scenario, at, cause, anew)
    if isinstance(trigger, OnDate):
        day = day_of(at, zone_of(visit, version, at))
        engagement.years = _recent(engagement.years, day) | {_order_of(name): day.year}
    facts = facts_of(visit, version, scenario, _order_of(name), at)
    return _tell(visit, version, scenario, at, facts, cause)


def _tell(
    visit: Visit,
    version: Version,
    scenario: Scenario,
    at: Instant,
    facts: dict[str, Any],
    cause: Cause | None,
    points: str | None = None,
) -> bool:
    kind = _KINDS[type(scenario.trigger)]
    known = told({"kind": kind, "at": format_instant(at), kind: facts or None, **facts})
    key = f"timer:{scenario.scenario}"
    return triggers.happened(visit, version, Happening(key=key, at=at, field=nothing, fact=known, cause=cause, points=points))


def _recent(marks: dict[str, int], today: date) -> dict[str, int]:
    """Without what can never come again: orders of long ago, points of days that are over."""
    first = today.toordinal() - 2
    return {
        name: mark
        for name, mark in marks.items()
        if "/" not in name or (mark >= first if mark > date.max.year else mark >= today.year - 1)
    }


def _expire(
    visit: Visit, version: Version, engagement: Engagement, scenario: Scenario, at: Instant, cause: Cause | None, anew: bool
) -> bool:
    """The days whose points have come within the time: each once. By a version that comes later, not those that were within it before."""
    trigger = scenario.trigger
    if not isinstance(trigger, OnExpiring):
        return False
    set_off = False
    for day, lots in groups(visit, version, trigger, at):
        mark = f"{scenario.scenario}/{day.isoformat()}"
        if mark in engagement.years:
            continue
        today = day_of(at, version.program.timezone)
        engagement.years = _recent(engagement.years, today) | {mark: day.toordinal()}
        first = min([expires_at for expires_at, _, _ in lots])
        if (
            anew
            and window_opens(first, trigger.within_us, version.program.timezone) < at
            and all([earned_at < visit.happened_at for _, earned_at, _ in lots])
        ):
            continue
        scale = version.points[trigger.point].scale
        points = format_points(sum([remaining for _, _, remaining in lots]), scale)
        facts = {"point": trigger.point, "points": points, "expires_at": format_instant(first), "expires_on": day.isoformat()}
        set_off = _tell(visit, version, scenario, at, facts, cause, points) or set_off
    return set_off
