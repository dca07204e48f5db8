"""The `trigger` of a scenario: what sets it off, one of sixteen kinds, with `when` beside any of them."""

from collections.abc import Callable
from typing import Final, NamedTuple

from schemas.campaigns import (
    OnAbandoned,
    OnDate,
    OnEntry,
    OnExpiring,
    OnFields,
    OnIdle,
    OnLines,
    OnMilestone,
    OnPixel,
    OnRecord,
    OnSchedule,
    OnSegment,
    OnTier,
    Trigger,
)
from schemas.conditions import Condition
from schemas.document import shown_value
from schemas.program import PointType
from schemas.program_faults import known_instead
from schemas.schedules import parse_schedule
from schemas.sections import values
from schemas.sections.points import point_of
from schemas.sections.reminders import read_names
from schemas.sections.section import Section

RECORD_TRIGGERS: Final = ("receipt", "cancelled", "registration")
LINE_TRIGGERS: Final = ("item", "category")
BARE_TRIGGERS: Final = (*RECORD_TRIGGERS, *LINE_TRIGGERS)  # these need nothing beside their name
TRIGGERS: Final = (
    *BARE_TRIGGERS, "profile", "pixel", "entry", "date", "every", "idle", "abandoned", "expiring", "segment", "tier", "milestone",
)  # fmt: skip
ENTRY_TYPES: Final = (
    "membership.joined", "points.accrued", "points.activated", "points.redeemed", "points.expired", "points.reversed",
    "points.reinstated", "points.reserved", "points.released", "points.adjusted", "points.extended", "points.cancelled",
)  # fmt: skip
EVENT_FIELDS: Final = ("type", "pixel", "event_id", "trigger.")  # what a condition may ask besides, where something has happened
DATE_FIELDS: Final = ("profile.", "receipt.attributes.")
JOINED_AT: Final = "membership.joined_at"
_NOTHING: Final = OnRecord(kind="receipt")  # in the place of a trigger that has a fault


class _Kind(NamedTuple):
    """What a reader of one kind of trigger gets: the mapping, the key, the point types, and `when`."""

    section: Section
    key: str
    points: tuple[PointType, ...]
    when: Condition | None


def read_trigger(scenario: Section, points: tuple[PointType, ...]) -> Trigger:
    value = scenario.raw("trigger")
    if isinstance(value, str):
        if value in BARE_TRIGGERS:
            return _read_bare(value, None)
        hint = f", which needs more: `{value}: …`" if value in TRIGGERS else known_instead(value, TRIGGERS)
        scenario.fault("trigger", f"must be a trigger, is {shown_value(value)}{hint}")
        return _NOTHING
    if not isinstance(value, dict):
        scenario.fault("trigger", "must be given" if value is None else f"must be a trigger, is {shown_value(value)}")
        return _NOTHING
    section = scenario.section("trigger")
    when = section.condition("when", also=EVENT_FIELDS)
    kinds = [key for key in section.written() if key != "when"]
    if len(kinds) != 1:
        section.fault("", f"must be exactly one trigger, with `when` beside it, is {' and '.join(kinds) or 'none'}")
    found: Trigger = _NOTHING
    for kind in kinds:
        if kind in _READ:
            found = _READ[kind](_Kind(section, kind, points, when))
        else:
            section.raw(kind)
            section.fault(kind, f"is not a trigger{known_instead(kind, TRIGGERS)}")
    section.done()
    return found


def _read_bare(kind: str, when: Condition | None) -> Trigger:
    if kind in LINE_TRIGGERS:
        return OnLines(kind="item" if kind == "item" else "category", names=frozenset(), when=when)
    return OnRecord(kind=values.choice(*RECORD_TRIGGERS)(kind), when=when)


def _record(on: _Kind) -> Trigger:
    if on.section.raw(on.key) not in _EMPTY:
        on.section.fault(on.key, f"takes nothing, is {shown_value(on.section.raw(on.key))}")
    return _read_bare(on.key, on.when)


_EMPTY: Final[tuple[object, ...]] = (None, "true", {})


def _lines(on: _Kind) -> Trigger:
    if on.section.raw(on.key) in _EMPTY:
        return _read_bare(on.key, on.when)
    names = frozenset(read_names(on.section, on.key))
    return OnLines(kind="item" if on.key == "item" else "category", names=names, when=on.when)


def _fields(on: _Kind) -> Trigger:
    names = read_names(on.section, on.key)
    return OnFields(fields=frozenset(name.removeprefix("profile.") for name in names), when=on.when)


def _pixel(on: _Kind) -> Trigger:
    return OnPixel(types=frozenset(read_names(on.section, on.key)), when=on.when)


def _entry(on: _Kind) -> Trigger:
    """One type or a list of them."""
    parser = values.choice(*ENTRY_TYPES)
    if not isinstance(on.section.raw(on.key), list):
        return OnEntry(types=frozenset({on.section.required(on.key, parser, "")}), when=on.when)
    types = on.section.texts(on.key, parser)
    if not on.section.items(on.key):
        on.section.fault(on.key, "must name at least one, is an empty list")
    return OnEntry(types=frozenset(types), when=on.when)


def _date(on: _Kind) -> Trigger:
    text = on.section.required(on.key, _date_text, "")
    if text == JOINED_AT or text.startswith(DATE_FIELDS):
        return OnDate(field=text, when=on.when)
    return OnDate(schedule=parse_schedule(text) if text else None, when=on.when)


def _date_text(text: str) -> str:
    if text == JOINED_AT or any(text.startswith(prefix) and len(text) > len(prefix) for prefix in DATE_FIELDS):
        return values.name(text)
    if text[:1].isdigit() or text.startswith("every "):
        if parse_schedule(text).kind in ("date", "every"):
            return text
    elif text.startswith("receipt."):
        raise ValueError(f"must be a field of the receipt's own, `receipt.attributes.…`, is {shown_value(text)}")
    raise ValueError(f"must be a field (profile.date_of_birth) or a date (2026-12-24, every 12-24), is {shown_value(text)}")


def _every(on: _Kind) -> Trigger:
    return OnSchedule(every=on.section.required(on.key, values.recurring, parse_schedule("1 year")), when=on.when)


def _idle(on: _Kind) -> Trigger:
    inner = on.section.section(on.key)
    trigger = OnIdle(
        since=inner.required("since", values.choice("purchase", "visit", "registration"), "purchase"),
        wait=inner.required("for", values.positive_wait, parse_schedule("1 day")),
        when=on.when,
    )
    inner.done()
    return trigger


def _abandoned(on: _Kind) -> Trigger:
    inner = on.section.section(on.key)
    trigger = OnAbandoned(
        pixel=inner.required("pixel", values.name, ""),
        without=inner.required("without", values.name, ""),
        wait=inner.required("for", values.positive_wait, parse_schedule("1 day")),
        when=on.when,
    )
    inner.done()
    return trigger


def _expiring(on: _Kind) -> Trigger:
    inner = on.section.section(on.key)
    point = point_of(inner, on.points)
    within_us = inner.required("within", values.positive_duration, 1)
    inner.done()
    return OnExpiring(point=point.sid if point else "", within_us=within_us, when=on.when)


def _segment(on: _Kind) -> Trigger:
    return OnSegment(segment=on.section.use(on.key, "segment"), when=on.when)


def _tier(on: _Kind) -> Trigger:
    if on.section.raw(on.key) == "any":
        return OnTier(tier=None, when=on.when)
    return OnTier(tier=on.section.use(on.key, "tier"), when=on.when)


def _milestone(on: _Kind) -> Trigger:
    inner = on.section.section(on.key)
    point = point_of(inner, on.points)
    amount = values.points(point.scale if point else 0)
    found: set[int] = set()

    def parse(text: str) -> str:
        found.add(amount(text))
        return text

    if isinstance(inner.raw("at"), str):
        inner.required("at", parse, "")
    else:
        inner.texts("at", parse)
        if not inner.items("at"):
            inner.fault("at", "must list at least one balance")
    inner.done()
    return OnMilestone(point=point.sid if point else "", at_minor=tuple(sorted(found)), when=on.when)


_READ: Final[dict[str, Callable[[_Kind], Trigger]]] = {
    **dict.fromkeys(RECORD_TRIGGERS, _record),
    **dict.fromkeys(LINE_TRIGGERS, _lines),
    "profile": _fields,
    "pixel": _pixel,
    "entry": _entry,
    "date": _date,
    "every": _every,
    "idle": _idle,
    "abandoned": _abandoned,
    "expiring": _expiring,
    "segment": _segment,
    "tier": _tier,
    "milestone": _milestone,
}
