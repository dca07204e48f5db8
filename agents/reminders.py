"""Reminders: a person is told before points expire or become active, or before a tier falls; each of them once.

A reminder knows one instant at a profile: when there is something to tell next. It is reckoned from the lots as they lie whenever an entry
has changed them, the profile's zone has changed, or a version of the program says another reminder; and when it comes, what is to be
told is looked up, not remembered: the groups whose window is open, that hold something, and that were not told of. So what was spent
meanwhile is not told of, and what came meanwhile is. What was told of is remembered by its day until that day is over; that something was
to be told and might not be (no consent, no channel, a template that fails) counts as told. A group whose window has opened stays inside it
though the lot that opened it is gone by the hour: its date is remembered likewise.

The instant is the first local time `at` from the opening of the window on, that instant included, and before the last of the group's lots
expires, in the zone that the profile lives in where that is known. A version of the program that is known to begin later is reckoned with.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from agents import standing
from agents.due import REMINDER, Due
from agents.notifying import notify, zone_of
from agents.programs import Version
from agents.template_facts import Occasion
from agents.visit import Visit
from schemas.amounts import format_points
from schemas.campaigns import Reminder
from schemas.events import Cause, LedgerEntry, TierChange
from schemas.instants import DAY_US, LATEST, Instant, format_instant, next_time_of_day, parse_instant, to_local
from schemas.records import ProfileRecord, Record
from tables import expiry_groups
from tables.engagement import Engagement
from tables.expiry_groups import group_day, window_opens
from tables.ledger_keys import split_ledger_key
from tables.state import Membership, Profile

_ADDING: Final = frozenset({"points.accrued", "points.adjusted"})
"""Entries that may only bring something more to tell; adjustments by their direction."""
_TAKING: Final = frozenset(
    {"points.adjusted", "points.cancelled", "points.expired", "points.redeemed", "points.reserved", "points.reversed"}
)
"""Entries that may only take something away."""
_PLANNED_BY: Final = ""
_TOLD: Final = "\x1f"  # in no name
_OPENED: Final = _TOLD + "\x1e"


def plan(visit: Visit, said: Sequence[LedgerEntry | TierChange], record: Record | None) -> None:
    """These entries were said, by a record or (None) by a timer: when there is something to tell next is reckoned anew where they, or the
    record, may have changed it.
    """
    programs = visit.programs
    if not programs.reminding or not (said or visit.changed):
        return
    moves = isinstance(record, ProfileRecord) and any(field.partition(".")[0] == "timezone" for field in record.fields)
    for program in visit.profile.programs:
        if program in programs.reminding and visit.profile.is_in(program):
            _plan(visit, program, [each for each in said if each.program == program], anew=moves)


def has_planned(version: Version, engagement: Engagement) -> bool:
    """Whether what a version says has been planned at a profile."""
    return engagement.reminded.get(_PLANNED_BY, 0) == version.reminders_plan


def due(profile: Profile) -> Iterator[Due]:
    for program, engagement in profile.engagements.items():
        for name, at in engagement.reminded.items():
            if name != _PLANNED_BY and _TOLD not in name:
                yield Due(at, REMINDER, 0, name, program, "")


def fire(visit: Visit, due: Due) -> None:
    """The instant of a reminder has come. One that was planned otherwise since is no longer there, and nothing happens."""
    at, _, _, name, program, _ = due
    engagement = visit.profile.engagements.get(program)
    if engagement is None or engagement.reminded.get(name) != at:
        return
    version = visit.programs.version(program, at)
    reminder = None if version is None else version.reminders.get(name)
    since = at
    if version is not None and reminder is not None and _time(visit, version, reminder, at) == at:
        _send(visit, version, reminder, at)
        since = at + 1
    _set(visit, program, name, _next(visit, program, name, since))


# --- when there is something to tell next


def _plan(visit: Visit, program: str, said: Sequence[LedgerEntry | TierChange], *, anew: bool) -> None:
    """Reckon anew what these entries, or something else, may have changed."""
    now = visit.profile.settled_at
    version = visit.programs.version(program, now)
    engagement = visit.engagement(program)
    if version is not None and not has_planned(version, engagement):
        anew = True
        engagement.reminded = {**engagement.reminded, _PLANNED_BY: version.reminders_plan}
        visit.touch()
    for name in visit.programs.reminders_of[program]:
        if not anew and not said:
            continue
        if said:
            _keep_open(visit, program, name, now, said)
        known, sooner = (False, None) if anew else _added(visit, program, name, now, said)
        if not known:
            _set(visit, program, name, _next(visit, program, name, now))
        elif sooner is not None:
            before = visit.engagement(program).reminded.get(name)
            _set(visit, program, name, sooner if before is None else min(before, sooner))


def _keep_open(visit: Visit, program: str, name: str, now: Instant, said: Sequence[LedgerEntry | TierChange]) -> None:
    """Where these entries took of a lot whose window is open, it stays open for the rest of its day. A lot that goes with the end of the day
    is the last of it, and opens nothing for others.
    """
    version = visit.programs.version(program, now)
    reminder = None if version is None else version.reminders.get(name)
    if version is None or reminder is None or reminder.of == "tier-review":
        return
    zone, of = version.program.timezone, reminder.of
    found: dict[date, Instant] = {}
    for entry in said:
        if not isinstance(entry, LedgerEntry) or entry.point != reminder.point:
            continue
        if entry.type not in _TAKING and entry.type != "points.activated":
            continue
        for dated in [] if entry.direction == "credit" else _dates(visit, version, reminder, entry):
            day = group_day(dated, of, zone)
            if window_opens(dated, reminder.within_us, zone) <= now and group_day(dated + 1, of, zone) == day:
                found[day] = min(dated, found.get(day, dated))
    if not found:
        return
    today = to_local(now, zone).date()
    before = _first_dates(visit, program, reminder)
    firsts = before | {day: min(at, before.get(day, at)) for day, at in found.items() if day >= today}
    if firsts != before:
        engagement, start = visit.engagement(program), _opened(reminder)
        kept = {key: value for key, value in engagement.reminded.items() if not key.startswith(start)}
        engagement.reminded = kept | {start + day.isoformat(): at for day, at in firsts.items() if day >= today}
        visit.touch()


def _added(
    visit: Visit, program: str, name: str, now: Instant, said: Sequence[LedgerEntry | TierChange]
) -> tuple[bool, Instant | None]:
    """Whether all that these entries did can be told from themselves, as of most receipts and of what has expired, and the instant that they
    bring. What is taken from a later day than the first to tell of, or from one that was told of, changes nothing.
    """
    version = visit.programs.version(program, now)
    reminder = None if version is None else version.reminders.get(name)
    if version is None or reminder is None or visit.programs.reminding[program][-1][0] > now:
        return False, None  # another version is to come
    if reminder.of == "tier-review":
        return not any(isinstance(each, TierChange) or each.type == "membership.joined" for each in said), None
    before = visit.engagement(program).reminded.get(name)
    when = _when(visit, version, reminder, now)
    sooner: Instant | None = None
    for entry in said:
        if not isinstance(entry, LedgerEntry) or entry.point != reminder.point:
            continue
        adds = entry.type in _ADDING and entry.direction != "debit" and not entry.debt_paid
        if not adds and entry.type not in _TAKING:
            return False, None
        for dated in _dates(visit, version, reminder, entry):
            if adds:
                found = when(dated)
                if found >= dated:
                    return False, None  # together with others of its day it may be in time
                sooner = found if sooner is None else min(sooner, found)
            elif before is not None and when(dated - 2 * DAY_US) <= before:
                return False, None  # it may have been what there was to tell
    return True, sooner


def _dates(visit: Visit, version: Version, reminder: Reminder, entry: LedgerEntry) -> list[Instant]:
    """The dates of an entry's lots that count for a reminder, of days that were not told of."""
    told, zone, of = visit.engagement(version.program.program).reminded, version.program.timezone, reminder.of
    if of == "tier-review":
        return []
    found, start = [], _told(reminder)
    for lot in entry.lots:
        text = lot.expires_at if of == "expiry" else lot.activates_at
        counted = lot.state == "active" and entry.type != "points.activated"  # what has become active was pending
        if text is None or counted != (of == "expiry"):
            continue
        dated = parse_instant(text)
        if start + group_day(dated, of, zone).isoformat() not in told:
            found.append(dated)
    return found


def _next(visit: Visit, program: str, name: str, since: Instant) -> Instant | None:
    """When there is something to tell next, by the version that is in force then."""
    spells = visit.programs.reminding[program]
    for position, (start, version) in enumerate(spells):
        end = spells[position + 1][0] if position + 1 < len(spells) else LATEST
        reminder = version.reminders.get(name)
        if end <= since or reminder is None:
            continue
        found = _earliest(visit, version, reminder, max(since, start))
        if found is not None and found < end:
            return found
    return None


def _earliest(visit: Visit, version: Version, reminder: Reminder, since: Instant) -> Instant | None:
    program = version.program.program
    membership = visit.profile.programs.get(program)
    if membership is None:
        return None
    when = _when(visit, version, reminder, since)
    if reminder.of == "tier-review":
        reviews = [
            (at, when(at)) for at, subledger in _reviews(membership) if not _is_told(visit, program, reminder, at, subledger)
        ]
        found = [found for at, found in reviews if since <= at and found < at]
        if _may_put_off(version):
            found += [at for at, _ in _reviews(membership) if since <= at]
        return min(found, default=None)
    told = _told_days(visit, program, reminder)
    zone = version.program.timezone
    return expiry_groups.earliest(_places(visit, program, membership, reminder), reminder.of, zone, since - 1, told, when)


def _when(visit: Visit, version: Version, reminder: Reminder, since: Instant) -> Callable[[Instant], Instant]:
    """When it is told of what is dated at an instant: at the next `at` once the window is open, and from `since` on."""
    zone = version.program.timezone
    lives_in = zone_of(visit.profile, version, visit.profile.settled_at)
    within_us, minute, of = reminder.within_us, reminder.minute, reminder.of
    firsts = _first_dates(visit, version.program.program, reminder)

    def when(dated: Instant) -> Instant:
        if firsts and of != "tier-review":
            dated = min(dated, firsts.get(group_day(dated, of, zone), dated))
        return next_time_of_day(minute, max(window_opens(dated, within_us, zone), since), lives_in)

    return when


def _time(visit: Visit, version: Version, reminder: Reminder, at: Instant) -> Instant:
    return next_time_of_day(reminder.minute, at, zone_of(visit.profile, version, visit.profile.settled_at))


def _set(visit: Visit, program: str, name: str, at: Instant | None) -> None:
    """From now on this is when there is something to tell next."""
    engagement = visit.engagement(program)
    before = engagement.reminded.get(name)
    if at == before:
        return
    kept = {key: value for key, value in engagement.reminded.items() if key != name}
    engagement.reminded = kept if at is None else {**kept, name: at}
    visit.touch()
    if at is not None:
        visit.bring(Due(at, REMINDER, 0, name, program, ""))
    if before is not None and (at is None or at > before):
        visit.due_by(visit.profile.settled_at)  # what is due is reckoned anew


# --- what is told


def _send(visit: Visit, version: Version, reminder: Reminder, at: Instant) -> None:
    program, name = version.program.program, reminder.reminder
    membership = visit.profile.programs[program]
    if reminder.of == "tier-review":
        _send_reviews(visit, version, reminder, membership, at)
        return
    zone = version.program.timezone
    until = min(at + reminder.within_us + 2 * DAY_US, LATEST)
    places, told = _places(visit, program, membership, reminder), _told_days(visit, program, reminder)
    firsts = _first_dates(visit, program, reminder)
    for group in expiry_groups.open_groups(places, reminder.of, zone, at, until, told):
        if window_opens(min(group.first_at, firsts.get(group.day, group.first_at)), reminder.within_us, zone) > at:
            break
        scale = visit.programs.point(program, reminder.point, at).scale
        trigger: dict[str, object] = {"reminder": name, "of": reminder.of}
        if reminder.of == "activation":
            trigger |= {"activates_at": format_instant(group.first_at), "activates_on": group.day.isoformat()}
        occasion = Occasion(
            about=f"{name}:{group.day.isoformat()}",
            trigger=trigger,
            point=reminder.point,
            subledger=None,
            points=format_points(group.points, scale),
            expires_at=group.expires_at,
        )
        notify(visit, version, reminder, at, occasion, None, _cause(at), before=group.first_at)
        _note(visit, program, reminder, group.day.isoformat(), at, zone)


def _send_reviews(visit: Visit, version: Version, reminder: Reminder, membership: Membership, at: Instant) -> None:
    """Of a tier that may fall: what is missing to keep it. Where nothing is, nothing is told."""
    program, name, zone = version.program.program, reminder.reminder, version.program.timezone
    for review_at, subledger in sorted(_reviews(membership)):
        if review_at <= at or window_opens(review_at, reminder.within_us, zone) > at:
            continue
        if _is_told(visit, program, reminder, review_at, subledger):
            continue
        view = standing.view(version, membership, subledger, at)
        if view is None or view.points_to_keep is None or not any(digit in "123456789" for digit in view.points_to_keep):
            continue
        place = _review(review_at, subledger)
        occasion = Occasion(
            about=f"{name}:{place}",
            trigger={"reminder": name, "of": reminder.of, "review_at": format_instant(review_at), "tier": view.name},
            subledger=subledger,
            points=view.points_to_keep,
        )
        notify(visit, version, reminder, at, occasion, None, _cause(at), before=review_at)
        _note(visit, program, reminder, place, at, zone)


def _may_put_off(version: Version) -> bool:
    """Whether a review may put a fall off, by its grace: it says nothing then, so reminders look themselves for the one after it."""
    return version.ladder is not None and version.ladder.grace_end(0) > 0


def _reviews(membership: Membership) -> Iterator[tuple[Instant, str]]:
    """The next review of each tier that is held."""
    for subledger, state in membership.tiers.items():
        if state.tier is not None and state.review_at is not None:
            yield state.review_at, subledger


def _cause(at: Instant) -> Cause:
    return {"timer": "reminder", "due_at": format_instant(at)}


def _places(visit: Visit, program: str, membership: Membership, reminder: Reminder) -> list[expiry_groups.Place]:
    """The ledgers of a reminder's point type, the main one and those of subledgers."""
    keys = sorted(key for key in membership.ledgers if split_ledger_key(key)[0] == reminder.point)
    return [(membership.ledgers[key], visit.fetch(program, key)) for key in keys]


# --- what was told of


def _told(reminder: Reminder) -> str:
    """What comes before a day that was told of. A version may let the same name speak of something else: that was not told of."""
    return f"{reminder.reminder}{_TOLD}{reminder.of} {reminder.point}{_TOLD}"


def _opened(reminder: Reminder) -> str:
    """What comes before a day whose window was opened by a lot that is gone."""
    return f"{reminder.reminder}{_OPENED}{reminder.of} {reminder.point}{_TOLD}"


def _first_dates(visit: Visit, program: str, reminder: Reminder) -> dict[date, Instant]:
    """The first dates of those days."""
    reminded = visit.engagement(program).reminded
    if not any(_OPENED in key for key in reminded):
        return {}
    start = _opened(reminder)
    return {date.fromisoformat(key[len(start) :]): first for key, first in reminded.items() if key.startswith(start)}


def _review(at: Instant, subledger: str) -> str:
    return f"{format_instant(at)}/{subledger}" if subledger else format_instant(at)


def _is_told(visit: Visit, program: str, reminder: Reminder, at: Instant, subledger: str) -> bool:
    return _told(reminder) + _review(at, subledger) in visit.engagement(program).reminded


def _told_days(visit: Visit, program: str, reminder: Reminder) -> set[date]:
    start = _told(reminder)
    return {date.fromisoformat(key[len(start) :]) for key in visit.engagement(program).reminded if key.startswith(start)}


def _note(visit: Visit, program: str, reminder: Reminder, place: str, at: Instant, zone: ZoneInfo) -> None:
    """It was told of; what this reminder told of days that are over is forgotten. A review is an instant of UTC, whose day may be over sooner."""
    engagement = visit.engagement(program)
    start, since = f"{reminder.reminder}{_TOLD}", to_local(at - DAY_US, zone).date().isoformat()
    kept = {
        key: value for key, value in engagement.reminded.items() if not key.startswith(start) or key.rpartition(_TOLD)[2] >= since
    }
    engagement.reminded = {**kept, _told(reminder) + place: at}
