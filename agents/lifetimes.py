"""Lifetimes: when the points of a cause become active and expire, what event activates them, and what makes them last longer.

Pure. A late record earns as if it had come in time: an event that would have activated its lots, and renewals that would have made
them last longer, are remembered for as long as a record may be late.
"""

from collections.abc import Callable, Iterable, Sequence
from struct import pack, unpack
from typing import Final

from agents.entries import say
from agents.programs import Version
from agents.visit import Visit
from schemas.events import Cause, Extended
from schemas.instants import Instant, format_instant
from schemas.program import PointType
from schemas.schedules import Schedule, parse_schedule
from tables import ledger, pages
from tables.keys import identity_key
from tables.ledger_keys import ledger_key, split_ledger_key
from tables.lots import by_age
from tables.state import Ledger, Lot, PageRef, Seen
from tables.timelines import Joined, Runs, last_renewal, renewed

_EVENTS_MAX: Final = 256
"""Events of one kind that are remembered for receipts that may still come late; the newest are kept."""


Dates = tuple[Instant | None, Instant | None, str | None]
"""When points become active and when they expire; activation None: not before an event, and last then comes the schedule of the
expiration, where that counts from the event."""


def dates(
    version: Version, point: PointType, activation: Schedule, expiration: Schedule, at: Instant, event_at: Instant | None = None
) -> Dates:
    """The dates of points earned at an instant. `event_at`: when what they wait for had happened, if it had."""
    zone, leap_day = version.program.timezone, version.program.leap_day
    activates_at = activation.activates_at(at, zone, leap_day)
    if point.expires_from == "session":
        expires_at = expiration.expires_at(at, zone, leap_day)
        if activates_at is None and event_at is not None and (expires_at is None or event_at < expires_at):
            activates_at = event_at
        return activates_at, expires_at, None
    activates_at = event_at if activates_at is None else activates_at
    if activates_at is None:
        return None, None, str(expiration)
    usable_from = max(activates_at, at)  # a date of activation may be past
    return activates_at, expiration.expires_at(usable_from, zone, leap_day), None


def dates_by_event(version: Version, lot: Lot, at: Instant) -> tuple[Instant, Instant | None]:
    """The dates of a lot that has waited for an event of this instant: when it becomes active, and when it expires."""
    activates_at = max(at, lot.earned_at)
    if lot.expiration is None:
        return activates_at, lot.expires_at
    program = version.program
    return activates_at, parse_schedule(lot.expiration).expires_at(activates_at, program.timezone, program.leap_day)


# events that activate


def note_event(visit: Visit, version: Version, point: PointType, receipt_id: str | None, at: Instant) -> None:
    """Remember an event that activates points, of one receipt or of all, for receipts that come late."""
    key = _event_key(visit, version, point, receipt_id)
    known = visit.find(Seen, key)
    events = sorted({*_instants(known), at})[-_EVENTS_MAX:]
    visit.remember(key, Seen(pack(f">{len(events)}q", *events), events[-1]))


def event_of(visit: Visit, version: Version, point: PointType, receipt_id: str | None, at: Instant) -> Instant | None:
    """When an event activated what was earned at an instant, if it has happened already. One of a receipt may be told too early."""
    on = point.activate_on
    if on is None or ("receipt" in on and receipt_id is None):
        return None
    named = receipt_id if "receipt" in on else None
    events = _instants(visit.find(Seen, _event_key(visit, version, point, named)))
    if named is not None:
        return max(events[0], at) if events else None
    return next((event for event in events if event >= at), None)


def _event_key(visit: Visit, version: Version, point: PointType, receipt_id: str | None) -> bytes:
    return identity_key(visit.profile_id, "activation", version.program.program, f"{point.sid}\x00{receipt_id or ''}")


def _instants(seen: Seen | None) -> tuple[Instant, ...]:
    return () if seen is None else unpack(f">{len(seen.content) // 8}q", seen.content)


# sliding expiry


def renew(
    visit: Visit, version: Version, point: PointType, subledger: str, by: str, at: Instant, cause: Cause | None = None
) -> None:
    """Something has happened that may renew a ledger (`earning` or `spending`): its lots last from then on.

    A lot that never expires, or that would expire earlier by it, stays as it is.
    """
    if by not in point.renew_on:
        return
    there = visit.head(version.program.program, point.sid, subledger)
    there.renewed = renewed(there.renewed, at, _joined(visit, version, point), visit.arrived_at - visit.programs.remember_us)
    visit.touch()
    _renew(visit, version, point, subledger, at, cause)


def renew_all(visit: Visit, version: Version, point: PointType, at: Instant) -> None:
    """A pixel that renews a point type renews all its ledgers, and those that only a late record will make."""
    key = _renewals_key(visit, version, point)
    known = _runs(visit.find(Seen, key))
    runs = renewed(known, at, _joined(visit, version, point), visit.arrived_at - visit.programs.remember_us)
    visit.remember(key, Seen(pack(f">{2 * len(runs)}q", *[instant for run in runs for instant in run]), runs[-1][1]))
    membership = visit.profile.programs.get(version.program.program)
    for sid, subledger in [] if membership is None else [split_ledger_key(key) for key in membership.ledgers]:
        if sid == point.sid:
            _renew(visit, version, point, subledger, at, None)


def _renew(visit: Visit, version: Version, point: PointType, subledger: str, at: Instant, cause: Cause | None) -> None:
    """All that expires after now and earlier than it would from here on. What is past its date while it is held is not renewed.

    Of few lots the entry names each. Of many it says by that rule which they are, and pages stay where they are: so a renewal costs the
    same, however many lots it moves.
    """
    expires_at, now = _lasts(version, point)(at), visit.profile.settled_at
    if expires_at is None or expires_at <= now:
        return
    there = visit.head(version.program.program, point.sid, subledger)
    fetch = visit.fetch(version.program.program, ledger_key(point.sid, subledger))
    lots, whole = _moving(there, now, expires_at, visit.programs.named_lots, fetch)
    if whole or len(lots) > visit.programs.named_lots:
        _extend_by_rule(visit, version, point, subledger, lots, whole, expires_at, at, cause)
    else:
        _extend(visit, version, point, subledger, by_age(lots), expires_at, at, cause)


def _moving(there: Ledger, after: Instant, before: Instant, named: int, fetch: pages.Fetch) -> tuple[list[Lot], list[PageRef]]:
    """Lots that expire between two instants, and pages of which all do; if they are so few that each is named, they are all opened."""
    whole = pages.moving(there, after, before, fetch)
    lots = _between(there, after, before)
    if whole and len(lots) + _count(whole) <= named:
        pages.open_where(there, lambda page: page in whole, fetch)
        return _between(there, after, before), []
    return lots, whole


def _between(there: Ledger, after: Instant, before: Instant) -> list[Lot]:
    return [lot for lot in there.lots if lot.expires_at is not None and after < lot.expires_at < before]


def _count(whole: Sequence[PageRef]) -> int:
    return sum([page.count for page in whole])


def catch_up(visit: Visit, version: Version, point: PointType, subledger: str, late: Iterable[Lot], cause: Cause | None) -> None:
    """Lots of a late record last as long as what has renewed the ledger since would have made them last, by the version of its time."""
    there = visit.head(version.program.program, point.sid, subledger)
    lasts = _lasts_then(visit, version, point)
    by_pixels = _runs(visit.find(Seen, _renewals_key(visit, version, point)))
    runs = sorted([*there.renewed, *by_pixels])
    own = {lot.lot_id for lot in late}
    for lot in [lot for lot in there.lots if lot.lot_id in own]:
        if lot.expires_at is None:
            continue
        at = last_renewal(runs, _ends_since(visit, version, point, lot), lot.expires_at, lasts)
        expires_at = None if at is None else lasts(at)
        if at is not None and expires_at is not None and expires_at > lot.expires_at:
            extended = _extend(visit, version, point, subledger, [lot], expires_at, at, cause)[0]
            event_at = None if lot.activates_at is not None else event_of(visit, version, point, lot.receipt_id, lot.earned_at)
            if event_at is not None and event_at < expires_at:  # it came after the first expiry, and before the last
                ledger.date(there, extended, event_at, expires_at)


def _ends_since(visit: Visit, version: Version, point: PointType, lot: Lot) -> Instant:
    """From when on a lot has had an end that a renewal moves: where that counts from an event, from the event on."""
    if point.expires_from == "session" or point.activate_on is None or lot.activates_at is None:
        return lot.earned_at
    by_event = lot.activates_at == event_of(visit, version, point, lot.receipt_id, lot.earned_at)
    return lot.activates_at if by_event else lot.earned_at


def _renewals_key(visit: Visit, version: Version, point: PointType) -> bytes:
    return identity_key(visit.profile_id, "renewals", version.program.program, point.sid)


def _runs(seen: Seen | None) -> Runs:
    instants = _instants(seen)
    return tuple(zip(instants[::2], instants[1::2], strict=True))


def _lasts(version: Version, point: PointType) -> Callable[[Instant], Instant | None]:
    zone, leap_day = version.program.timezone, version.program.leap_day
    return lambda at: point.expiration.expires_at(at, zone, leap_day)


def _lasts_then(visit: Visit, version: Version, point: PointType) -> Callable[[Instant], Instant | None]:
    """As the version in force at each instant says."""
    programs, program = visit.programs, version.program
    return lambda at: programs.point(program.program, point.sid, at).expiration.expires_at(at, program.timezone, program.leap_day)


def _joined(visit: Visit, version: Version, point: PointType) -> Joined:
    """Of two renewals: whether all points from the one on lived at the other, those of the shortest lives too, and last no shorter by it.

    A month from 30 January 09:00 may be over before a month from the 29th at noon: these stay apart.
    """
    lasts, zone, leap_day = _lasts_then(visit, version, point), version.program.timezone, version.program.leap_day
    schedules = visit.programs.sliding[version.program.program, point.sid]

    def joined(last: Instant, first: Instant) -> bool:
        for schedule in schedules:
            ends_at = schedule.expires_at(last, zone, leap_day)
            if ends_at is not None and last < ends_at <= first:  # what a date that has passed gives is born expired
                return False
        before, after = lasts(last), lasts(first)
        return before is None or after is None or before <= after

    return joined


def _extend(
    visit: Visit,
    version: Version,
    point: PointType,
    subledger: str,
    lots: list[Lot],
    expires_at: Instant,
    at: Instant,
    cause: Cause | None,
) -> list[Lot]:
    """Returns the lots as they are now."""
    program = version.program.program
    there = visit.head(program, point.sid, subledger)
    extended = ledger.extend(there, lots, expires_at)
    parts = tuple([(lot, lot.remaining + lot.reserved) for lot in extended])
    if parts:
        visit.due_by(visit.profile.settled_at)  # what was due of them is reckoned anew
        say(visit, program, "points.extended", at, point, subledger, sum([points for _, points in parts]), parts, cause=cause)
    return extended


def _extend_by_rule(
    visit: Visit,
    version: Version,
    point: PointType,
    subledger: str,
    lots: list[Lot],
    whole: list[PageRef],
    expires_at: Instant,
    at: Instant,
    cause: Cause | None,
) -> None:
    program, now = version.program.program, visit.profile.settled_at
    points = sum([lot.remaining + lot.reserved for lot in lots]) + sum([page.active + page.pending for page in whole])
    rule = Extended(len(lots) + _count(whole), format_instant(now), format_instant(expires_at))
    ledger.extend(visit.head(program, point.sid, subledger), lots, expires_at, whole)
    visit.due_by(now)  # what was due of them is reckoned anew
    entry_id = visit.effect_id(program, "points.extended", f"{point.sid}:{subledger}", cause)
    say(visit, program, "points.extended", at, point, subledger, points, (), entry_id=entry_id, cause=cause, extended=rule)
