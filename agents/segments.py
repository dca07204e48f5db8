"""Segments: who is in one, and when a profile enters or leaves it.

Pure. A segment is a condition over what is known of a profile: fields, tags, membership, tier, derived figures, other segments. It is
judged whenever something of the profile has changed, and at the next instant at which time alone changes the answer: that instant is
computed, not waited for. Entering and leaving are records of `segment-changes`, and stand on a time line by which late records are judged.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from agents import figures, person
from agents.asked import Leaf, Window
from agents.programs import Version
from agents.visit import Visit
from schemas.amounts import NANO
from schemas.campaigns import Segment
from schemas.events import Cause, SegmentChange
from schemas.instants import DAY_US, Instant, add_days, format_instant, start_of
from schemas.topics import SEGMENT_CHANGES
from tables.engagement import Engagement, Figures
from tables.figures import day_of
from tables.timelines import value_at, with_value

_LOOKS_MAX: Final = 8
"""So many coming instants are tried for a change; where none of them brings one, it is looked at again at the next."""


def inside(visit: Visit, version: Version, name: str, at: Instant) -> bool:
    """Whether the profile is in a segment at an instant: what its time line says of the past, else what its condition says."""
    if at < visit.profile.settled_at:
        engagement = visit.profile.engagements.get(version.program.program)
        line = () if engagement is None else engagement.segments.get(name, ())
        if line and line[0][0] <= at:
            return value_at(line, at) is True
    return Standing(visit, version, at).holds(name)


def figured(visit: Visit, version: Version, at: Instant) -> dict[str, Any]:
    """What the conditions of earning rules ask of segments and derived figures, as a receipt remembers it: numbers as they are spelled."""
    found: dict[str, Any] = {}
    for field in version.watch.rules_ask:
        if field == "segment":
            value: object = [name for name in version.watch.rules_name if inside(visit, version, name, at)]
        else:
            value = figures.look_up(visit, version, field, at)
        if value is not None and value != []:
            found[field] = format(value, "f") if isinstance(value, Decimal) else value
    return found


class Standing:
    """The segments of a version at one instant, each judged when it is asked for."""

    def __init__(self, visit: Visit, version: Version, at: Instant) -> None:
        self._visit = visit
        self._version = version
        self._at = at
        self._known: dict[str, bool] = {}
        self._facts: dict[str, object] = {}

    def holds(self, name: str) -> bool:
        found = self._known.get(name)
        if found is None:
            segment = self._version.program.campaigns.segments.get(name)
            found = self._known[name] = segment is not None and self._judge(segment)
        return found

    def _judge(self, segment: Segment) -> bool:
        def look_up(field: str) -> object:
            if field == "segment":
                needs = self._version.watch.needs.get(segment.segment, ())
                return [name for name in needs if self.holds(name)] or None
            if field not in self._facts:
                self._facts[field] = person.look_up(self._visit, self._version, field, self._at)
            return self._facts[field]

        return segment.where.matches(look_up)

    def all(self) -> tuple[bool, ...]:
        return tuple([self.holds(segment.segment) for segment in self._version.watch.segments])


def judge(visit: Visit, version: Version, at: Instant, cause: Cause | None) -> list[str]:
    """Judge all segments now (`at` is the settled time), tell what has changed, and plan the next look. Returns those entered."""
    program = version.program.program
    engagement = visit.engagement(program)
    standing = Standing(visit, version, at)
    entered: list[str] = []
    for segment in version.watch.segments:
        name = segment.segment
        if standing.holds(name) != is_in(engagement, name):
            _turn(visit, program, engagement, name, at, cause)
            if standing.holds(name):
                entered.append(name)
    for name in [name for name in engagement.segments if name not in version.watch.needs and is_in(engagement, name)]:
        _turn(visit, program, engagement, name, at, cause)  # the file has it no more
    return entered


def is_in(engagement: Engagement, name: str) -> bool:
    """Whether the profile was in a segment when that was judged last."""
    line = engagement.segments.get(name)
    return bool(line) and line[-1][1] is True  # type: ignore[index]


def leave_all(visit: Visit, program: str, at: Instant) -> None:
    """Leave every segment of a program: who is erased is in none."""
    engagement = visit.engagement(program)
    for name in [name for name in engagement.segments if is_in(engagement, name)]:
        _turn(visit, program, engagement, name, at, None)


def _turn(visit: Visit, program: str, engagement: Engagement, name: str, at: Instant, cause: Cause | None) -> None:
    """Enter a segment, or leave it.

    A record that waits comes to a profile twice, and so may a version that is edited: what they bring later has the instant in its id.
    """
    now = not is_in(engagement, name)
    before = visit.arrived_at - visit.programs.remember_us
    engagement.segments = engagement.segments | {name: with_value(engagement.segments.get(name, ()), at, now, before)}
    kind = "segment.entered" if now else "segment.left"
    change = SegmentChange(
        id=visit.effect_id(program, kind, name if cause is not None or at == visit.happened_at else f"{name}:{at}", cause),
        type=kind,
        program=program,
        profile_id=visit.profile_id,
        occurred_at=format_instant(at),
        recorded_at=visit.recorded_at,
        cause=cause or visit.cause,
        segment=name,
    )
    visit.send(SEGMENT_CHANGES, change)
    visit.touch()


# when time alone changes something


def next_change(visit: Visit, version: Version, at: Instant) -> Instant | None:
    """The next instant at which the segments are not what they are now, unless something else happens before.

    Where points come into a window only the first that do are known, so then it is looked at again, whatever it brings.
    """
    points = min([moment for moment in _of_points(visit, version, at) if moment > at], default=None)
    moments = {moment for moment in _moments(visit, version, at) if moment > at}
    coming = sorted([moment for moment in moments if points is None or moment < points])
    now = Standing(visit, version, at).all() if coming else ()
    for moment in coming[:_LOOKS_MAX]:
        if Standing(visit, version, moment).all() != now:
            return moment
    return coming[_LOOKS_MAX] if len(coming) > _LOOKS_MAX else points


def _moments(visit: Visit, version: Version, at: Instant) -> Iterator[Instant]:
    watch = version.watch
    for leaf in watch.by_days:
        yield from _days(visit, version, leaf, at)
    for window in watch.windows:
        yield from _leaving(version, window, figures.noted(visit.profile, version), at)


def _leaving(version: Version, window: Window, known: Figures, at: Instant) -> Iterator[Instant]:
    """When purchases leave a window whose figure comes to a number by that with which something compares it, or passes it."""
    inside = [
        (figures.closes(version, since, window.within_us), many, nano)
        for since, many, nano in figures.in_window(version, known, window.within_us, at)
    ]
    inside.sort()
    if window.of == "recency":
        yield from [closes for closes, _, _ in inside[-1:]]
        return
    by_count = window.of == "count"
    value = sum([many * NANO if by_count else nano for _, many, nano in inside])
    place = _place(value, window.numbers)
    for closes, many, nano in inside:
        value -= many * NANO if by_count else nano
        before, place = place, _place(value, window.numbers)
        if place != before:
            yield closes


def _place(value: int, numbers: Sequence[int]) -> int:
    """Where a value stands among numbers, on one of them or between two."""
    return sum([(value >= number) + (value > number) for number in numbers])


def _days(visit: Visit, version: Version, leaf: Leaf, at: Instant) -> Iterator[Instant]:
    """The local midnights at which a number of days is reached that something is compared with."""
    since = figures.since_of(visit, version, leaf.name, at)
    if since is not None:
        zone = version.program.timezone
        first = day_of(since, zone)
        passed = (at - since) // DAY_US - 2  # those are certainly over
        for days in leaf.steps:
            if days > passed:
                yield start_of("day", add_days(first, days), zone)


def _of_points(visit: Visit, version: Version, at: Instant) -> Iterator[Instant]:
    for sid, within_us in version.watch.expiring:
        opening = figures.next_opening(visit, version, sid, at, within_us)
        if opening is not None:
            yield opening
