"""The `steps` of a scenario: what it does, one after the other, with branches. Each step is a mapping of one key, its kind;
`then` and `else` stand beside the kinds that choose.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.campaigns import (
    Award,
    Branch,
    ControlGroup,
    If,
    InSegment,
    Join,
    Notify,
    Places,
    Split,
    Step,
    Stop,
    Tag,
    Wait,
    WaitUntil,
)
from schemas.conditions import parse_condition
from schemas.document import Path, shown_value
from schemas.instants import parse_instant
from schemas.program_faults import known_instead
from schemas.schedules import parse_schedule
from schemas.sections import values
from schemas.sections.promotions import Promotions, read_use
from schemas.sections.reminders import read_names, read_quiet, read_template
from schemas.sections.section import Reading, Section
from schemas.sections.triggers import EVENT_FIELDS

STEPS: Final = (
    "if", "join", "award", "redeem", "notify", "wait", "wait_until", "tag", "limit", "split", "control_group", "in_segment", "stop",
)  # fmt: skip
BARE_STEPS: Final = ("join", "stop")
MAX_NESTED: Final = 16
MAX_STEPS: Final = 1_000
MAX_BRANCHES: Final = 100
_NEVER: Final = parse_condition({"member": "true"})  # in the place of a condition that has a fault
_BRANCH_KEYS: Final = ("then", "else")
_CHOOSING: Final = ("if", "in_segment", "limit")


@dataclass
class Steps:
    """What the readers of one scenario's steps share; `count` is how many there are so far."""

    reading: Reading
    promotions: Promotions
    subledgers: bool
    count: int = field(default=0)

    def read(self, owner: Section, key: str, depth: int = 0) -> tuple[Step, ...]:
        """A list of steps, empty where it was left out."""
        if depth > MAX_NESTED and owner.has(key):
            owner.fault(key, f"must not be nested deeper than {MAX_NESTED}")
            return ()
        found: list[Step] = []
        for index, value in enumerate(owner.items(key)):
            step = self._one((*owner.path, key, str(index)), value, depth)
            if step is not None:
                found.append(step)
        return tuple(found)

    def _one(self, path: Path, value: Any, depth: int) -> Step | None:
        self.count += 1
        if isinstance(value, str) and value in BARE_STEPS:
            return Join() if value == "join" else Stop()
        if not isinstance(value, dict):
            hint = ""
            if isinstance(value, str):
                hint = f", which needs more: `{value}: …`" if value in STEPS else known_instead(value, STEPS)
            self.reading.fault(path, f"must be a step, is {shown_value(value)}{hint}")
            return None
        section = Section(self.reading, path, value)
        kinds = [key for key in value if key not in _BRANCH_KEYS]
        if len(kinds) != 1:
            section.fault("", f"must be exactly one step, is {' and '.join(kinds) or 'none'}")
        step: Step | None = None
        for kind in kinds:
            if kind in _READ:
                step = _READ[kind](self, section, kind, depth)
            else:
                section.raw(kind)
                section.fault(kind, f"is not a step{known_instead(kind, STEPS)}")
        self._branches_fit(section, kinds)
        section.done()
        return step

    def _branches_fit(self, section: Section, kinds: list[str]) -> None:
        """`then` and `else` only beside a step that chooses."""
        kind = kinds[0] if len(kinds) == 1 and kinds[0] in STEPS else ""
        for key in _BRANCH_KEYS:
            section.raw(key)
            if kind and section.has(key) and kind not in _CHOOSING:
                section.fault(key, f"goes only with {', '.join(_CHOOSING)}, not with {kind}")


def _if(steps: Steps, section: Section, key: str, depth: int) -> Step:
    condition = section.condition(key, also=EVENT_FIELDS, required=True)
    if not (section.has("then") or section.has("else")):
        section.fault("", "must have then, else or both")
    then, otherwise = steps.read(section, "then", depth + 1), steps.read(section, "else", depth + 1)
    return If(condition=_NEVER if condition is None else condition, then=then, otherwise=otherwise)


def _in_segment(steps: Steps, section: Section, key: str, depth: int) -> Step:
    segment = section.use(key, "segment")
    if not (section.has("then") or section.has("else")):
        return InSegment(segment=segment)
    then, otherwise = steps.read(section, "then", depth + 1), steps.read(section, "else", depth + 1)
    return InSegment(segment=segment, then=then, otherwise=otherwise)


def _join(steps: Steps, section: Section, key: str, depth: int) -> Step:
    inner = section.section(key)
    join = Join(once=inner.value_or_none("once", values.name))
    inner.done()
    return join


def _award(steps: Steps, section: Section, key: str, depth: int) -> Step:
    inner = section.section(key)
    action = values.choice("accrue", "redeem")("accrue" if key == "award" else "redeem")
    promotion, points_minor = read_use(inner, action, steps.promotions)
    once = inner.value_or_none("once", values.name) if key == "award" else None
    subledger = inner.value_or_none("subledger", values.name)
    if subledger is not None and not steps.subledgers:
        inner.fault("subledger", "must not be given: the program has no subledgers (`subledgers.enabled`)")
    inner.done()
    return Award(promotion=promotion, action=action, points_minor=points_minor, once=once, subledger=subledger or "")


def _notify(steps: Steps, section: Section, key: str, depth: int) -> Step:
    inner = section.section(key)
    notify = Notify(
        channels=read_names(inner, "channel"),
        template=read_template(inner),
        category=inner.value_or_none("category", values.name),
        quiet=read_quiet(inner),
    )
    inner.done()
    return notify


def _wait(steps: Steps, section: Section, key: str, depth: int) -> Step:
    return Wait(schedule=section.required(key, values.wait, parse_schedule("1 day")))


def _wait_until(steps: Steps, section: Section, key: str, depth: int) -> Step:
    return section.required(key, _until, WaitUntil(minute=0))


def _until(text: str) -> WaitUntil:
    if text.startswith("profile.") and len(text) > len("profile."):
        return WaitUntil(field=values.profile_field(text))
    if text[2:3] == ":":
        return WaitUntil(minute=values.time_of_day(text))
    if text.startswith("every ") or (text[:1].isdigit() and len(text) == len("2026-12-24")):
        schedule = parse_schedule(text)
        if schedule.kind in ("date", "every"):
            return WaitUntil(day=schedule)
    elif text[:1].isdigit() and "T" in text.upper():
        return WaitUntil(at=parse_instant(text))
    raise ValueError(
        "must be a time (10:00), a date (2026-12-24, every 12-24), an instant (2026-12-24T10:00:00Z) or a field (profile.renewal),"
        f" is {shown_value(text)}"
    )


def _tag(steps: Steps, section: Section, key: str, depth: int) -> Step:
    if not isinstance(section.raw(key), dict):
        return Tag(add=read_names(section, key))
    inner = section.section(key)
    names = {way: () if inner.raw(way) is None else read_names(inner, way) for way in ("add", "remove")}
    if not any(map(inner.has, names)):
        inner.fault("", "must have add, remove or both")
    for name in names["add"]:
        if name in names["remove"]:
            inner.fault("remove", f"must not name {shown_value(name)}, which add names")
    inner.done()
    return Tag(add=names["add"], remove=names["remove"])


def _limit(steps: Steps, section: Section, key: str, depth: int) -> Step:
    many = values.integer(1, 10**9 - 1)
    if isinstance(section.raw(key), dict):
        inner = section.section(key)
        participants = inner.required("participants", many, 1)
        inner.done()
    else:
        participants = section.required(key, many, 1)
    then, otherwise = steps.read(section, "then", depth + 1), steps.read(section, "else", depth + 1)
    return Places(participants=participants, then=then, otherwise=otherwise)


def _split(steps: Steps, section: Section, key: str, depth: int) -> Step:
    branches: list[Branch] = []
    for branch in section.sections(key):
        name = branch.value("name", values.name, f"branch {len(branches) + 1}")
        if name and any(name == other.name for other in branches):
            branch.fault("name", f"must be another name than those before it, is {shown_value(name)} again")
        weight = branch.value("weight", values.integer(1, 1_000_000), 1)
        branches.append(Branch(name=name, weight=weight, steps=steps.read(branch, "steps", depth + 1)))
        branch.done()
    if not 1 <= len(section.items(key)) <= MAX_BRANCHES:
        section.fault(key, f"must list 1 to {MAX_BRANCHES} branches, like {{name: A, weight: 1, steps: [...]}}")
    return Split(branches=tuple(branches))


def _control_group(steps: Steps, section: Section, key: str, depth: int) -> Step:
    return ControlGroup(share_nano=section.required(key, values.part, 1))


def _stop(steps: Steps, section: Section, key: str, depth: int) -> Step:
    if section.raw(key) not in (None, "true", {}):
        section.fault(key, f"takes nothing, is {shown_value(section.raw(key))}")
    return Stop()


_READ: Final[dict[str, Callable[[Steps, Section, str, int], Step]]] = {
    "if": _if,
    "join": _join,
    "award": _award,
    "redeem": _award,
    "notify": _notify,
    "wait": _wait,
    "wait_until": _wait_until,
    "tag": _tag,
    "limit": _limit,
    "split": _split,
    "control_group": _control_group,
    "in_segment": _in_segment,
    "stop": _stop,
}
