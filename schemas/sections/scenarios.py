"""`scenarios`: triggers and steps, read and checked for shape and for the names in them; named as not in force.

What the later parts of the language take (`limit`, `split`, `control_group`, `in_segment`, `stop`, `wait_until`, `tag`) is not
settled in detail yet: of these only what every reading of them needs is asked for.
"""

from collections.abc import Callable
from typing import Any, Final

from schemas.document import Path, shown_value
from schemas.instants import parse_date
from schemas.program import PointType
from schemas.program_faults import did_you_mean
from schemas.schedules import parse_schedule
from schemas.sections import values
from schemas.sections.points import point_of
from schemas.sections.section import Reading, Section

BARE_TRIGGERS: Final = ("receipt", "cancelled", "registration")
TRIGGERS: Final = (
    *BARE_TRIGGERS, "item", "category", "profile", "pixel", "entry", "date", "every", "idle", "abandoned", "expiring", "segment",
    "tier", "milestone",
)  # fmt: skip
ENTRY_TYPES: Final = (
    "membership.joined", "points.accrued", "points.activated", "points.redeemed", "points.expired", "points.reversed",
    "points.reinstated", "points.reserved", "points.released", "points.adjusted", "points.extended", "points.cancelled",
)  # fmt: skip
STEPS: Final = (
    "if", "join", "award", "redeem", "notify", "wait", "wait_until", "tag", "limit", "split", "control_group", "in_segment", "stop",
)  # fmt: skip
_EVENT_FIELDS: Final = ("type", "pixel", "event_id", "trigger.")
_MAX_NESTED: Final = 16


def read_scenarios(top: Section, points: tuple[PointType, ...]) -> None:
    sections = top.sections("scenarios")
    top.names("scenario", "scenario", sections, pattern=values.name)
    for section in sections:
        _read_trigger(section, points)
        _use(section, "audience", "segment")
        section.value("reentry", values.boolean, False)
        section.value("enabled", values.boolean, True)
        section.value_or_none("description", values.prose)
        if not section.items("steps"):
            section.fault("steps", "must be given: a list of one or more steps")
        _read_steps(section, "steps", points, 0)
        section.done()
    if sections:
        top.reading.later(("scenarios",))


def _use(section: Section, key: str, what: str, *, required: bool = False) -> None:
    """A name of something else in the file."""
    name = section.required(key, values.name, "") if required else section.value_or_none(key, values.name)
    if name:
        section.reading.use((*section.path, key), what, name)


# --- triggers ---------------------------------------------------------------------------------------------------------


def _read_trigger(scenario: Section, points: tuple[PointType, ...]) -> None:
    value = scenario.raw("trigger")
    if isinstance(value, str):
        if value not in (*BARE_TRIGGERS, "item", "category"):
            scenario.fault("trigger", f"must be a trigger, is {shown_value(value)}{did_you_mean(value, TRIGGERS)}")
        return
    if not isinstance(value, dict):
        scenario.fault("trigger", "must be given" if value is None else f"must be a trigger, is {shown_value(value)}")
        return
    section = scenario.section("trigger")
    section.condition("when", also=_EVENT_FIELDS)
    kinds = [key for key in section.written() if key != "when"]
    if len(kinds) != 1:
        section.fault("", f"must be exactly one trigger, with `when` beside it, is {' and '.join(kinds) or 'none'}")
    for kind in kinds:
        if kind in _READ_TRIGGER:
            _READ_TRIGGER[kind](section, kind, points)
        else:
            section.raw(kind)
            hint = did_you_mean(kind, TRIGGERS) or f"; there are {', '.join(TRIGGERS)}"
            section.fault(kind, f"is not a trigger{hint}")
    section.done()


def _bare(section: Section, key: str, _: tuple[PointType, ...]) -> None:
    if section.raw(key) not in (None, "true", {}):
        section.fault(key, f"takes nothing, is {shown_value(section.raw(key))}")


def _words(section: Section, key: str, _: tuple[PointType, ...]) -> None:
    """One name or a list of them."""
    if isinstance(section.raw(key), list):
        if not section.texts(key, values.name):
            section.fault(key, "must name at least one")
    else:
        section.required(key, values.name, "")


def _entry(section: Section, key: str, _: tuple[PointType, ...]) -> None:
    section.required(key, values.choice(*ENTRY_TYPES), "")


def _date(section: Section, key: str, _: tuple[PointType, ...]) -> None:
    def parse(text: str) -> str:
        if text.startswith("profile.") and len(text) > len("profile."):
            return text
        if text[:1].isdigit():
            parse_date(text)
            return text
        if text.startswith("every "):
            parse_schedule(text)
            return text
        raise ValueError(f"must be a field (profile.date_of_birth) or a date (2026-12-24), is {shown_value(text)}")

    section.required(key, parse, "")


def _every(section: Section, key: str, _: tuple[PointType, ...]) -> None:
    section.required(key, values.recurring, None)


def _idle(section: Section, key: str, _: tuple[PointType, ...]) -> None:
    inner = section.section(key)
    inner.required("since", values.choice("purchase", "visit", "registration"), "")
    inner.required("for", values.wait, None)
    inner.done()


def _abandoned(section: Section, key: str, _: tuple[PointType, ...]) -> None:
    inner = section.section(key)
    inner.required("pixel", values.name, "")
    inner.required("without", values.name, "")
    inner.required("for", values.wait, None)
    inner.done()


def _expiring(section: Section, key: str, points: tuple[PointType, ...]) -> None:
    inner = section.section(key)
    point_of(inner, points)
    inner.required("within", values.positive_duration, 1)
    inner.done()


def _segment(section: Section, key: str, _: tuple[PointType, ...]) -> None:
    _use(section, key, "segment", required=True)


def _tier(section: Section, key: str, _: tuple[PointType, ...]) -> None:
    if section.raw(key) != "any":
        _use(section, key, "tier", required=True)


def _milestone(section: Section, key: str, points: tuple[PointType, ...]) -> None:
    inner = section.section(key)
    point = point_of(inner, points)
    at = values.points(point.scale if point else 0)

    def parse(text: str) -> str:
        at(text)
        return text

    if isinstance(inner.raw("at"), str):
        inner.required("at", parse, "")
    elif not inner.texts("at", parse):
        inner.fault("at", "must list at least one balance")
    inner.done()


_READ_TRIGGER: Final[dict[str, Callable[[Section, str, tuple[PointType, ...]], None]]] = {
    **dict.fromkeys(BARE_TRIGGERS, _bare),
    "item": _words,
    "category": _words,
    "profile": _words,
    "pixel": _words,
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


# --- steps ------------------------------------------------------------------------------------------------------------


def _read_steps(owner: Section, key: str, points: tuple[PointType, ...], depth: int) -> None:
    if depth > _MAX_NESTED:
        owner.fault(key, f"must not be nested deeper than {_MAX_NESTED}")
        return
    for index, value in enumerate(owner.items(key)):
        path = (*owner.path, key, str(index))
        _read_step(owner.reading, path, value, points, depth)


def _read_step(reading: Reading, path: Path, value: Any, points: tuple[PointType, ...], depth: int) -> None:
    if isinstance(value, str) and value in ("join", "stop"):
        return
    if not isinstance(value, dict):
        reading.fault(path, f"must be a step, is {shown_value(value)}")
        return
    section = Section(reading, path, value)
    kinds = [key for key in value if key not in ("then", "else")]
    if len(kinds) != 1:
        section.fault("", f"must be exactly one step, is {' and '.join(kinds) or 'none'}")
    for kind in kinds:
        if kind == "if":
            section.condition("if", also=_EVENT_FIELDS, required=True)
        elif kind in STEPS:
            _READ_STEP.get(kind, _as_it_is)(section, kind, points, depth)
        else:
            section.raw(kind)
            section.fault(kind, f"is not a step{did_you_mean(kind, STEPS) or '; there are ' + ', '.join(STEPS)}")
    if kinds in (["if"], ["in_segment"]):
        if not (section.has("then") or section.has("else")):
            section.fault("", "must have then, else or both")
        _read_steps(section, "then", points, depth + 1)
        _read_steps(section, "else", points, depth + 1)
    section.done()


def _as_it_is(section: Section, key: str, _points: tuple[PointType, ...], _depth: int) -> None:
    section.raw(key)


def _join(section: Section, key: str, _points: tuple[PointType, ...], _depth: int) -> None:
    inner = section.section(key)
    inner.value_or_none("once", values.name)
    inner.done()


def _award(section: Section, key: str, points: tuple[PointType, ...], _depth: int) -> None:
    inner = section.section(key)
    _use(inner, "promotion", "promotion", required=True)
    inner.value_or_none("points", values.nano(more_than=0))
    if key == "award":
        inner.value_or_none("once", values.name)
    inner.value_or_none("subledger", values.name)
    inner.done()


def _notify(section: Section, key: str, _points: tuple[PointType, ...], _depth: int) -> None:
    inner = section.section(key)
    _words(inner, "channel", ())
    _use(inner, "template", "template", required=True)
    inner.value_or_none("category", values.name)
    inner.done()


def _wait(section: Section, key: str, _points: tuple[PointType, ...], _depth: int) -> None:
    section.required(key, values.wait, None)


def _in_segment(section: Section, key: str, _points: tuple[PointType, ...], _depth: int) -> None:
    if isinstance(section.raw(key), str):
        _use(section, key, "segment", required=True)


def _split(section: Section, key: str, points: tuple[PointType, ...], depth: int) -> None:
    """A list of branches; of each only the steps in it are known so far."""
    for branch in section.sections(key):
        _read_steps(branch, "steps", points, depth + 1)


_READ_STEP: Final[dict[str, Callable[[Section, str, tuple[PointType, ...], int], None]]] = {
    "join": _join,
    "award": _award,
    "redeem": _award,
    "notify": _notify,
    "wait": _wait,
    "in_segment": _in_segment,
    "split": _split,
}
