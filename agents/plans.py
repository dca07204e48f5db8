"""Plans: the steps of a scenario as one list with jumps, made once a version; and who waits for what.

Pure. A run remembers its place in this list, so the same file always gives the same list. An end is a place behind the last one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from schemas import campaigns
from schemas.campaigns import Scenario, Step, Trigger
from schemas.conditions import Condition
from schemas.program import Program
from schemas.templates import Template

TIER_CHANGES: Final = frozenset({"tier.joined", "tier.upgraded", "tier.downgraded", "tier.retained"})
MOVES: Final = frozenset({
    "points.accrued", "points.activated", "points.redeemed", "points.expired", "points.reversed", "points.reinstated", "points.reserved",
    "points.released", "points.adjusted", "points.extended", "points.cancelled",
})  # fmt: skip
"""What may change a balance, for milestones."""
END: Final = 1 << 30
_TRIGGER: Final = "trigger."
_OF_ENTRIES: Final = frozenset({"entry", "expires_at", "expires_on", "balance", "lots", "tier"})
_OF_TRIGGERS: Final[dict[type, frozenset[str]]] = {
    campaigns.OnTier: frozenset({"tier.subledger"}),
    campaigns.OnExpiring: frozenset({"point", "expires_at"}),
}
"""What says of which ledger these are asked, where no entry set the scenario off."""


@dataclass(frozen=True)
class Jump:
    """Go on somewhere else."""

    to: int


@dataclass(frozen=True)
class Fork:
    """A step that chooses: an `if`, a segment, places, a control group. Who does not pass goes on at `to`. `ordinal` counts those of its kind."""

    step: campaigns.If | campaigns.InSegment | campaigns.Places | campaigns.ControlGroup
    to: int
    ordinal: int = 0


@dataclass(frozen=True)
class Choice:
    """A split: where each of its branches begins."""

    step: campaigns.Split
    to: tuple[int, ...]
    ordinal: int = 0


Deed = campaigns.Join | campaigns.Award | campaigns.Notify | campaigns.Wait | campaigns.WaitUntil | campaigns.Tag
Op = Jump | Fork | Choice | Deed


@dataclass(frozen=True, eq=False)
class Plan:
    """A scenario with its steps in a list. `fields` and `facts`: what its conditions and templates may still ask of what set it off.
    `asks_entry`: whether a template speaks of the entry; `joins`: whether a step does.
    """

    scenario: Scenario
    ops: tuple[Op, ...]
    fields: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    asks_entry: bool = False
    segments: tuple[str, ...] = ()
    counted: tuple[str, str] = ("", "")
    when: Condition | None = None
    joins: bool = False

    @property
    def name(self) -> str:
        return self.scenario.scenario


@dataclass(frozen=True, eq=False)
class Playbook:
    """The scenarios of a version that are in force: by name, and by what they wait for, in the order of the file.
    `counts`: whether a step may ask for what all profiles share.
    """

    plans: dict[str, Plan] = field(default_factory=dict)
    waiting: dict[str, tuple[Plan, ...]] = field(default_factory=dict)
    milestones: bool = False
    joining: bool = False
    on_fields: bool = False
    counts: bool = False


NOBODY: Final = Playbook()


def playbook_of(program: Program) -> Playbook:
    """A program that is not active has no scenarios in force."""
    if program.status != "active" or not program.campaigns.scenarios:
        return NOBODY
    plans = {scenario.scenario: plan_of(program, scenario) for scenario in program.campaigns.scenarios if scenario.enabled}
    waiting: dict[str, tuple[Plan, ...]] = {}
    for plan in plans.values():
        for key in keys_of(plan.scenario):
            waiting[key] = (*waiting.get(key, ()), plan)
    return Playbook(
        plans=plans,
        waiting=waiting,
        milestones="milestone" in waiting,
        joining=any(plan.joins for plan in plans.values()),
        on_fields="profile" in waiting or "registration" in waiting,
        counts=any(promotion.budget for promotion in program.campaigns.promotions.values())
        or any(isinstance(op, Fork) and isinstance(op.step, campaigns.Places) for plan in plans.values() for op in plan.ops),
    )


def listened_to(playbooks: Iterable[Playbook]) -> frozenset[str]:
    """The types of the entries and tier changes that any of these waits for."""
    found: set[str] = set()
    for playbook in playbooks:
        found |= {key.removeprefix("entry:") for key in playbook.waiting if key.startswith("entry:")}
        found |= TIER_CHANGES if "tier" in playbook.waiting else frozenset()
        found |= MOVES if playbook.milestones else frozenset()
    return frozenset(found)


def keys_of(scenario: Scenario) -> tuple[str, ...]:
    """What happenings a scenario waits for."""
    trigger: Trigger = scenario.trigger
    match trigger:
        case campaigns.OnRecord():
            return (trigger.kind,)
        case campaigns.OnLines():
            return ("receipt",)
        case campaigns.OnFields():
            return ("profile",)
        case campaigns.OnPixel():
            return tuple([f"pixel:{name}" for name in sorted(trigger.types)])
        case campaigns.OnEntry():
            return tuple([f"entry:{name}" for name in sorted(trigger.types)])
        case campaigns.OnTier():
            return ("tier",)
        case campaigns.OnMilestone():
            return ("milestone",)
        case campaigns.OnSegment():
            return (f"segment:{trigger.segment}",)
        case _:
            return (f"timer:{scenario.scenario}",)


def plan_of(program: Program, scenario: Scenario) -> Plan:
    flat = _Flat()
    flat.steps(scenario.steps)
    texts = [program.campaigns.templates.get(name, "") for name in sorted(flat.templates)]
    asked = {name for condition in flat.conditions for name in condition.fields}
    if "tier" in asked:
        asked.add("subledger")  # says whose
    paths = {name.removeprefix(_TRIGGER) for name in asked if name.startswith(_TRIGGER)}
    printed = {path for text in texts for path in Template(text).paths}
    paths |= {path.removeprefix(_TRIGGER) for path in printed if path.startswith(_TRIGGER)}
    asks_entry = any(path.partition(".")[0] in _OF_ENTRIES for path in printed)
    if asks_entry:
        paths |= _OF_TRIGGERS.get(type(scenario.trigger), frozenset())
    conditions = [*flat.conditions, scenario.trigger.when]
    segments = {
        mention.name for condition in conditions if condition for mention in condition.mentions if mention.what == "segment"
    }
    return Plan(
        scenario,
        tuple(flat.ops),
        tuple(sorted([name for name in asked if not name.startswith(_TRIGGER)])),
        tuple(sorted(paths)),
        asks_entry,
        tuple(sorted(segments)),
        (program.program, scenario.scenario),
        scenario.trigger.when,
        any(isinstance(op, campaigns.Join) for op in flat.ops),
    )


class _Flat:
    """Steps on their way into one list."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.conditions: list[Condition] = []
        self.templates: set[str] = set()
        self._kinds: dict[type, int] = {}

    def steps(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            self._step(step)

    def _step(self, step: Step) -> None:
        match step:
            case campaigns.If():
                self.conditions.append(step.condition)
                self._branches(step, step.then, step.otherwise)
            case campaigns.InSegment():
                if step.otherwise is None:
                    self._put(Fork(step, END))
                    self.steps(step.then)
                else:
                    self._branches(step, step.then, step.otherwise)
            case campaigns.Places():
                self._places(step)
            case campaigns.Split():
                self._split(step)
            case campaigns.ControlGroup():
                self._put(Fork(step, END, self._ordinal(campaigns.ControlGroup)))
            case campaigns.Stop():
                self._put(Jump(END))
            case campaigns.Notify():
                self.templates.add(step.template)
                self._put(step)
            case _:
                self._put(step)

    def _put(self, op: Op) -> int:
        self.ops.append(op)
        return len(self.ops) - 1

    def _ordinal(self, kind: type) -> int:
        number = self._kinds.get(kind, 0)
        self._kinds[kind] = number + 1
        return number

    def _branches(self, step: campaigns.If | campaigns.InSegment, then: tuple[Step, ...], otherwise: tuple[Step, ...]) -> None:
        """Both come together again behind them."""
        fork = self._put(Jump(END))
        self.steps(then)
        out = self._put(Jump(END)) if otherwise else None
        self.ops[fork] = Fork(step, len(self.ops))
        self.steps(otherwise)
        if out is not None:
            self.ops[out] = Jump(len(self.ops))

    def _places(self, step: campaigns.Places) -> None:
        """Who gets no place takes the other way, and that ends."""
        ordinal = self._ordinal(campaigns.Places)
        if not step.otherwise:
            self._put(Fork(step, END, ordinal))
            self.steps(step.then)
            return
        fork = self._put(Jump(END))
        out = self._put(Jump(END))
        self.ops[fork] = Fork(step, len(self.ops), ordinal)
        self.steps(step.otherwise)
        self._put(Jump(END))
        self.ops[out] = Jump(len(self.ops))
        self.steps(step.then)

    def _split(self, step: campaigns.Split) -> None:
        ordinal = self._ordinal(campaigns.Split)
        choice = self._put(Jump(END))
        begins: list[int] = []
        outs: list[int] = []
        for branch in step.branches:
            begins.append(len(self.ops))
            self.steps(branch.steps)
            outs.append(self._put(Jump(END)))
        self.ops[choice] = Choice(step, tuple(begins), ordinal)
        for out in outs:
            self.ops[out] = Jump(len(self.ops))
