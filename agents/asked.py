"""What is asked: which figures a program's conditions and triggers speak of, and by when time alone can change an answer.

Made once, when the programs are loaded. What no version of a program asks for is recorded nowhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final, NamedTuple

from schemas.amounts import NANO, is_decimal
from schemas.campaigns import OnAbandoned, OnDate, OnExpiring, OnIdle, OnSchedule, Rfm, Scenario, Segment
from schemas.condition_fields import DERIVED
from schemas.conditions import Condition
from schemas.instants import DAY_US
from schemas.program import Program
from schemas.schedules import parse_duration

REGISTERED_AT: Final = "profile.registered_at"
JOINED_AT: Final = "membership.joined_at"
_TIMED: Final = (OnDate, OnSchedule, OnIdle, OnAbandoned, OnExpiring)
_PURCHASES: Final = (
    "days_since_last_purchase",
    "purchases.count",
    "purchases.total",
    "rfm.recency",
    "rfm.frequency",
    "rfm.monetary",
)

_POINTS: Final = frozenset({"balance.active", "points_expiring", "tier", "member"})


class Figure(NamedTuple):
    """A derived figure with its parameters, as a condition looks it up: `points_expiring[point=pts,within=10 days]`."""

    name: str
    point: str | None
    within_us: int | None


class Leaf(NamedTuple):
    """A figure that counts days, and the numbers of days at which a comparison with it may change."""

    name: str
    steps: tuple[int, ...]


class Window(NamedTuple):
    """A figure over the purchases of a time: `count`, `total`, or `recency` (whether there is any), and what it is compared with (nano)."""

    of: str
    within_us: int
    numbers: tuple[int, ...]


def figure_of(field: str) -> Figure | None:
    """None for what is no derived figure."""
    name, _, rest = field.partition("[")
    if name not in DERIVED:
        return None
    given = dict(part.split("=", 1) for part in rest.removesuffix("]").split(",") if "=" in part)
    within = given.get("within")
    return Figure(name, given.get("point"), None if within is None else parse_duration(within))


class Asked:
    """What all versions of one program ask for together. `keep_us`: the longest window over purchases."""

    def __init__(self, versions: Sequence[Program]) -> None:
        fields = sorted({field for program in versions for field in program.campaigns.figures})
        found = [figure for figure in map(figure_of, fields) if figure is not None]
        names = {figure.name for figure in found}
        triggers = [scenario.trigger for program in versions for scenario in program.campaigns.scenarios]
        abandoned = [trigger for trigger in triggers if isinstance(trigger, OnAbandoned)]
        idle = {trigger.since for trigger in triggers if isinstance(trigger, OnIdle)}
        scored = [program.campaigns.rfm for program in versions if program.campaigns.rfm is not None]
        self.purchases = (
            any(name in names for name in _PURCHASES)
            or "purchase" in idle
            or any(trigger.without == "purchase" for trigger in abandoned)
        )
        windows = [figure.within_us or 0 for figure in found if figure.name.startswith("purchases.")]
        self.keep_us = max([*windows, *[rfm.within_days * DAY_US for rfm in scored]], default=0)
        self.visits = "days_since_last_visit" in names or "visit" in idle
        self.registration = (
            "days_since_registration" in names
            or "registration" in idle
            or any(isinstance(trigger, OnDate) and trigger.field == REGISTERED_AT for trigger in triggers)
        )
        self.pixels = frozenset(
            {trigger.pixel for trigger in abandoned} | {trigger.without for trigger in abandoned} - {"purchase"}
        )
        self.told = frozenset({trigger.pixel for trigger in abandoned})
        self.anything = self.purchases or self.visits or self.registration or bool(self.pixels) or bool(found)


class Watch:
    """What one version watches: its segments, each after those that it depends on, and the scenarios that time sets off.

    What time alone can change in segments: `by_days`, figures that count days; `windows`, of purchases; `expiring`, (point, window).
    """

    def __init__(self, program: Program) -> None:
        campaigns = program.campaigns
        active = program.status == "active"
        self.active = active
        self.segments: tuple[Segment, ...] = tuple(_in_order(campaigns.segments)) if active else ()
        self.timed: tuple[Scenario, ...] = tuple(
            scenario for scenario in campaigns.scenarios if active and scenario.enabled and isinstance(scenario.trigger, _TIMED)
        )
        self.of_orders = any(
            isinstance(scenario.trigger, OnDate) and (scenario.trigger.field or "").startswith("receipt.")
            for scenario in self.timed
        )
        written = [leaf for segment in self.segments for leaf in _leaves(segment.where.source)]
        rfm = campaigns.rfm
        by_days = [Leaf(figure.name, _steps(numbers)) for figure, numbers in written if figure.name.startswith("days_since")]
        windows = [
            Window(figure.name.partition(".")[2], figure.within_us, numbers)
            for figure, numbers in written
            if figure.name.startswith("purchases.") and figure.within_us
        ]
        for figure, numbers in written:
            if figure.name == "rfm.recency":
                by_days.append(Leaf(figure.name, tuple(days + 1 for days in rfm.recency_days) if rfm else _steps(numbers)))
            if figure.name.startswith("rfm.") and rfm is not None:
                windows.append(_scored(figure.name, rfm))
        self.by_days = tuple(dict.fromkeys(by_days))
        self.windows = tuple(dict.fromkeys(windows))
        pairs = [
            (figure.point or program.points[0].sid, figure.within_us)
            for figure, _ in written
            if figure.name == "points_expiring" and figure.within_us is not None
        ]
        self.expiring = tuple(dict.fromkeys(pairs))
        fields = {field.partition("[")[0] for segment in self.segments for field in segment.where.fields}
        self.by_points = not fields.isdisjoint(_POINTS) or any(
            isinstance(scenario.trigger, OnExpiring) or getattr(scenario.trigger, "field", None) == JOINED_AT
            for scenario in self.timed
        )
        """Whether entries and tier changes may move anything."""
        self.needs = {segment.segment: _named(segment.where) for segment in self.segments}
        """Of each segment, the others that it depends on."""
        self.rules_ask = tuple(sorted(_asked_of_rules(program)))
        """The figures, and `segment`, that conditions of earning rules look up."""
        self.rules_name = tuple(sorted(_segments_of_rules(program)))
        self.idle = not (self.segments or self.timed)
        planned: list[object] = [
            [(one.segment, one.where.source) for one in self.segments],
            [(one.scenario, one.trigger) for one in self.timed],
        ]
        if self.timed and program.leap_day != "feb-28":  # the default says nothing
            planned.append(program.leap_day)
        if rfm is not None and any(figure.name.startswith("rfm.") for figure, _ in written):
            planned.append(rfm)
        self.plan = number_of(planned)
        self.whole_plan = number_of([self.plan, [*campaigns.reminders] if active else []])
        """By these numbers it is known again what segments and timers, or reminders as well, were planned by."""


def number_of(said: object) -> int:
    """A number for what a version says: as large as a stored integer may be, and the same on every machine."""
    return int.from_bytes(sha256(repr(said).encode()).digest()[:7], "big")


def _of_rules(program: Program) -> Iterator[Condition]:
    conditions = [program.exclude]
    for rule in program.earning:
        conditions += [rule.when, rule.lines] if rule.enabled else ()
    yield from [condition for condition in conditions if condition is not None]


def _asked_of_rules(program: Program) -> set[str]:
    fields = {field for condition in _of_rules(program) for field in condition.fields}
    return {field for field in fields if field == "segment" or figure_of(field) is not None}


def _segments_of_rules(program: Program) -> set[str]:
    return {name for condition in _of_rules(program) for name in _named(condition)}


def _named(condition: Condition) -> tuple[str, ...]:
    """The segments that a condition names."""
    return tuple(sorted({mention.name for mention in condition.mentions if mention.what == "segment"}))


def _in_order(segments: Mapping[str, Segment]) -> Iterator[Segment]:
    """Each behind those that it depends on; there is no cycle."""
    done: set[str] = set()

    def visit(name: str) -> Iterator[Segment]:
        if name in done or name not in segments:
            return
        done.add(name)
        for other in _named(segments[name].where):
            yield from visit(other)
        yield segments[name]

    for name in segments:
        yield from visit(name)


def _scored(name: str, rfm: Rfm) -> Window:
    """The scores of a figure, over the purchases of their time."""
    within_us = rfm.within_days * DAY_US
    if name == "rfm.frequency":
        return Window("count", within_us, tuple(number * NANO for number in rfm.frequency))
    return Window("total", within_us, rfm.monetary_nano) if name == "rfm.monetary" else Window("recency", within_us, ())


def _leaves(source: Any) -> Iterator[tuple[Figure, tuple[int, ...]]]:
    """The derived figures in a condition as it was written, with the numbers (nano) that they are compared with."""
    if not isinstance(source, Mapping):
        return
    for key, value in source.items():
        if key in ("all", "any"):
            for inner in value:
                yield from _leaves(inner)
        elif key == "not":
            yield from _leaves(value)
        elif key in DERIVED:
            given = value if isinstance(value, Mapping) else {}
            within = given.get("within")
            figure = Figure(key, given.get("point"), None if within is None else parse_duration(within))
            yield figure, tuple(sorted({int(number.scaleb(9)) for number in _numbers(value)}))


def _numbers(value: Any) -> Iterator[Decimal]:
    if isinstance(value, Mapping):
        if value.keys() <= {"point", "within"}:
            yield Decimal(0)  # with no comparison it asks for more than nothing
        for name, inner in value.items():
            if name not in ("point", "within"):
                yield from _numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner)
    elif not isinstance(value, bool) and is_decimal(str(value)):
        yield Decimal(str(value))


def _steps(numbers: Sequence[int]) -> tuple[int, ...]:
    """Of each number (nano) the first whole number that is at least this, and the first that is more."""
    return tuple(sorted({step for number in numbers for step in (-(-number // NANO), number // NANO + 1)}))


NO_PLAN: Final = number_of([number_of([[], []]), []])
"""Of a version without segments, timers and reminders."""
