"""What is asked: which figures a program's conditions and triggers speak of, and by when time alone can change an answer.

Made once, when the programs are loaded. What no version of a program asks for is recorded nowhere.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final, NamedTuple

from schemas.amounts import is_decimal
from schemas.campaigns import (
    If,
    InSegment,
    OnAbandoned,
    OnDate,
    OnExpiring,
    OnIdle,
    OnSchedule,
    Places,
    Scenario,
    Segment,
    Split,
    Step,
)
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


class Figure(NamedTuple):
    """A derived figure with its parameters, as a condition looks it up: `points_expiring[point=pts,within=10 days]`."""

    name: str
    point: str | None
    within_us: int | None


class Leaf(NamedTuple):
    """A figure that counts days, and the numbers of days at which a comparison with it may change."""

    figure: Figure
    steps: tuple[int, ...]


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
        found = {figure for program in versions for figure in _figures(program)}
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
        self.keep_us = max([*windows, *[(rfm.within_days + 1) * DAY_US for rfm in scored]], default=0)
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

    `by_days`, `windows`, `expiring`: the figures of segments that time alone can change. `segments_ask`: what segments look up.
    """

    def __init__(self, program: Program) -> None:
        campaigns = program.campaigns
        active = program.status == "active"
        self.active = active
        self.segments: tuple[Segment, ...] = tuple(_in_order(campaigns.segments)) if active else ()
        self.timed: tuple[Scenario, ...] = tuple(
            scenario for scenario in campaigns.scenarios if active and scenario.enabled and isinstance(scenario.trigger, _TIMED)
        )
        self.of_lots = any(isinstance(scenario.trigger, OnExpiring) for scenario in self.timed)
        leaves = [leaf for segment in self.segments for leaf in _leaves(segment.where.source)]
        self.by_days = tuple(dict.fromkeys([leaf for leaf in leaves if leaf.figure.name.startswith("days_since")]))
        others = [leaf.figure for leaf in leaves if not leaf.figure.name.startswith("days_since")]
        self.windows = tuple(
            dict.fromkeys(
                [
                    figure
                    for figure in others
                    if figure.within_us and figure.point is None and figure.name.startswith("purchases.")
                ]
            )
        )
        self.expiring = tuple(
            dict.fromkeys([figure for figure in others if figure.name == "points_expiring" and figure.within_us])
        )
        self.rfm = any(figure.name.startswith("rfm.") for figure in others)
        self.segments_ask = frozenset({field for segment in self.segments for field in segment.where.fields})
        self.rules_ask = tuple(sorted(_asked_of_rules(program)))
        """The figures, and `segment`, that conditions of earning rules look up."""
        self.rules_name = tuple(sorted(_segments_of_rules(program)))
        self.idle = not (self.segments or self.timed)


def _figures(program: Program) -> Iterator[Figure]:
    for condition in _conditions(program):
        for field in condition.fields:
            figure = figure_of(field)
            if figure is not None:
                yield figure


def _conditions(program: Program) -> Iterator[Condition]:
    yield from _of_rules(program)
    for segment in program.campaigns.segments.values():
        yield segment.where
    for scenario in program.campaigns.scenarios:
        if scenario.trigger.when is not None:
            yield scenario.trigger.when
        yield from _of_steps(scenario.steps)


def _of_rules(program: Program) -> Iterator[Condition]:
    conditions = [program.exclude]
    for rule in program.earning:
        conditions += [rule.when, rule.lines] if rule.enabled else ()
    yield from [condition for condition in conditions if condition is not None]


def _asked_of_rules(program: Program) -> set[str]:
    fields = {field for condition in _of_rules(program) for field in condition.fields}
    return {field for field in fields if field == "segment" or figure_of(field) is not None}


def _segments_of_rules(program: Program) -> set[str]:
    return {mention.name for condition in _of_rules(program) for mention in condition.mentions if mention.what == "segment"}


def _of_steps(steps: Iterable[Step]) -> Iterator[Condition]:
    for step in steps:
        if isinstance(step, If):
            yield step.condition
            yield from _of_steps((*step.then, *step.otherwise))
        elif isinstance(step, InSegment):
            yield from _of_steps((*step.then, *(step.otherwise or ())))
        elif isinstance(step, Places):
            yield from _of_steps(step.otherwise)
        elif isinstance(step, Split):
            for branch in step.branches:
                yield from _of_steps(branch.steps)


def _in_order(segments: Mapping[str, Segment]) -> Iterator[Segment]:
    """Each behind those that it depends on; there is no cycle."""
    done: set[str] = set()

    def visit(name: str) -> Iterator[Segment]:
        if name in done or name not in segments:
            return
        done.add(name)
        for mention in segments[name].where.mentions:
            if mention.what == "segment":
                yield from visit(mention.name)
        yield segments[name]

    for name in segments:
        yield from visit(name)


def _leaves(source: Any) -> Iterator[Leaf]:
    """The derived figures in a condition as it was written, with what they are compared with."""
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
            point = given.get("point")
            figure = Figure(key, point, None if within is None else parse_duration(within))
            yield Leaf(figure, tuple(sorted({step for number in _numbers(value) for step in _steps(number)})))


def _numbers(value: Any) -> Iterator[Decimal]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in ("point", "within"):
                yield from _numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner)
    elif not isinstance(value, bool) and is_decimal(str(value)):
        yield Decimal(str(value))


def _steps(number: Decimal) -> tuple[int, int]:
    """The first whole number that is at least this, and the first that is more."""
    return int(number.to_integral_value(ROUND_CEILING)), int(number.to_integral_value(ROUND_FLOOR)) + 1
