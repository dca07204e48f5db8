"""Steps: what each of them does, a function a kind. A step does its work and says where the run goes on.

None of them knows what a promotion, a notification or a segment is: these are asked (`promotions`, `notifying`, `segments`, `counts`).
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

from msgspec import structs

from agents import counts, crediting, lots, notifying, promotions, segments, trigger_facts
from agents.plans import END, Choice, Fork, Jump, Op, Plan
from agents.programs import Version
from agents.template_facts import Occasion
from agents.trigger_facts import asker
from agents.visit import Visit
from schemas import campaigns
from schemas.amounts import NANO
from schemas.events import Cause, LedgerEntry
from schemas.instants import Instant, next_time_of_day, parse_date, parse_instant, start_of
from tables.engagement import RunFacts
from tables.timelines import field_at, with_value

ASKED: Final = -1


class Way:
    """A run on its way: what it stands on, and what its steps leave behind. `at`: the instant of its step."""

    __slots__ = (
        "asked", "at", "cause", "depends_on", "depth", "ended", "facts", "granted", "number", "plan", "points", "step", "version", "visit",
        "wakes_at",
    )  # fmt: skip

    def __init__(
        self,
        *,
        visit: Visit,
        version: Version,
        plan: Plan,
        number: int,
        at: Instant,
        facts: RunFacts,
        cause: Cause,
        depends_on: int | None,
        points: str | None,
        depth: int,
        granted: int | None = None,
    ) -> None:
        self.visit = visit
        self.version = version
        self.plan = plan
        self.number = number
        self.at = at
        self.facts = facts
        self.cause = cause
        self.depends_on = depends_on
        self.points = points
        self.depth = depth
        self.granted = granted  # the answer to what its step has asked
        self.step = 0
        self.ended: str | None = None  # why, by its name in metrics; None: it came to its end
        self.wakes_at: Instant | None = None
        self.asked: str | None = None

    @property
    def identity(self) -> str:
        """Who asks, for the key that owns a count: asked again, it is answered alike. Who comes back after an erasure is another."""
        erased_at = self.visit.profile.erased_at
        return f"{self.plan.name}/{self.number}/{self.step}" + ("" if erased_at is None else f"/{erased_at}")

    def count(self, what: str) -> None:
        self.visit.count(("scenario", *self.plan.counted, what))


def take(way: Way, op: Op) -> int:
    """Take a step. Returns the place of the next one; `ASKED` where it waits for an answer; `way.wakes_at` is set where it waits."""
    if isinstance(op, Jump):
        return op.to
    if isinstance(op, Fork):
        return _FORKS[type(op.step)](way, op)
    if isinstance(op, Choice):
        return _choose(way, op)
    return _DEEDS[type(op)](way, op)


# --- what chooses -----------------------------------------------------------------------------------------------------


def _if(way: Way, fork: Fork) -> int:
    step = fork.step
    if not isinstance(step, campaigns.If):
        raise TypeError(step)
    ask = asker(way.visit, way.version, way.plan, way.facts, way.at)
    return way.step + 1 if step.condition.matches(ask) else fork.to


def _in_segment(way: Way, fork: Fork) -> int:
    step = fork.step
    if not isinstance(step, campaigns.InSegment):
        raise TypeError(step)
    if segments.inside(way.visit, way.version, step.segment, way.at):
        return way.step + 1
    if fork.to == END:
        way.ended = "left"
    return fork.to


def _places(way: Way, fork: Fork) -> int:
    """The count is at a key of its own: the run waits for the answer."""
    step = fork.step
    if not isinstance(step, campaigns.Places):
        raise TypeError(step)
    granted = way.granted
    if granted is None:
        asked = f"{way.identity}/place"
        granted = counts.place(way.visit, way.version, way.plan.name, fork.ordinal, asked, way.at)
        if granted is None:
            way.asked = asked
            return ASKED
    if granted:
        return way.step + 1
    way.count("no-place")
    if fork.to == END:
        way.ended = "left"
    return fork.to


def _control_group(way: Way, fork: Fork) -> int:
    step = fork.step
    if not isinstance(step, campaigns.ControlGroup):
        raise TypeError(step)
    if drawn(way, "control-group", fork.ordinal) * NANO >= step.share_nano << 64:
        return way.step + 1
    way.ended = "control-group"
    return fork.to


def _choose(way: Way, choice: Choice) -> int:
    weights = [branch.weight for branch in choice.step.branches]
    place = drawn(way, "split", choice.ordinal) * sum(weights) >> 64
    for begins, weight in zip(choice.to, weights, strict=True):
        if place < weight:
            return begins
        place -= weight
    raise ValueError("a split has no branch")


def drawn(way: Way, kind: str, ordinal: int) -> int:
    """64 bits that are always the same for a profile, a scenario and the number of such a step in it, and alike for nothing else."""
    names = (way.version.program.program, way.plan.name, way.visit.profile_id, kind, str(ordinal))
    return int.from_bytes(sha256("\x1f".join(names).encode(), usedforsecurity=False).digest()[:8], "big")


# --- what does something ------------------------------------------------------------------------------------------------


def _join(way: Way, step: Any) -> int:
    program = way.version.program.program
    membership = way.visit.profile.programs.get(program)
    if membership is not None and membership.joined_at is not None:
        return way.step + 1
    if not _is_used(way, step.once):
        begun = len(way.visit.effects)
        crediting.join(way.visit, way.version, way.at, way.cause)
        _use(way, step.once)
        for effect in way.visit.effects[begun:]:
            if isinstance(effect.record, LedgerEntry):
                _speak_of(way, effect.record)
    return way.step + 1


def _award(way: Way, step: Any) -> int:
    """Accrue or redeem; a redemption that lacks points ends the run."""
    if _is_used(way, step.once):
        return way.step + 1
    if step.action == "redeem":
        lots.catch_up(way.visit)  # what expires at this very instant cannot be taken any more
    elif way.visit.happened_at < way.at:
        lots.catch_up_before(way.visit, way.version.program.program, way.at)
    promotion = way.version.program.campaigns.promotions[step.promotion]
    place = (way.visit, way.version, promotion, step.points_minor, way.at)
    granted = way.granted
    if promotion.budget is not None and granted is None:
        wanted, _ = promotions.room(*place, step.subledger)
        asked = f"{way.identity}/budget"
        granted = counts.budget(way.visit, way.version, promotion, wanted, asked, way.at) if wanted else None
        if granted is None and wanted:
            way.asked = asked
            return ASKED
    act = promotions.redeem if step.action == "redeem" else promotions.award
    result = act(*place, way.plan.name, step.subledger, way.cause, str(way.step), granted)
    if result.entry is not None:
        _speak_of(way, result.entry)
        _use(way, step.once)
        return way.step + 1
    if step.action == "redeem":
        way.ended = "left"
        return END
    return way.step + 1


def _speak_of(way: Way, entry: LedgerEntry) -> None:
    """What the run has made is what its notifications speak of from then on."""
    way.depends_on = entry.sequence
    if entry.points is not None:
        way.points = entry.points
        if way.plan.asks_entry:
            way.facts = structs.replace(way.facts, entry=trigger_facts.entry_facts(entry))


def _notify(way: Way, step: Any) -> int:
    if way.at < way.visit.profile.settled_at:
        lots.catch_up(way.visit)  # a step that comes late tells of what is there now
    entry = way.facts.entry
    of = entry if entry is not None else _ledger_of(way)
    expires_at = of.get("expires_at")
    of_all = entry is None and isinstance(way.plan.scenario.trigger, campaigns.OnExpiring)  # which tells subledgers together
    occasion = Occasion(
        about=f"{way.plan.name}:{way.number}.{way.step}",
        trigger=trigger_facts.nested(way.facts),
        point=of.get("point"),
        subledger=None if of_all else of.get("subledger") or "",
        points=way.points,
        entry=entry,
        expires_at=None if expires_at is None else parse_instant(expires_at),
    )
    notifying.notify(way.visit, way.version, step, way.at, occasion, way.depends_on, way.cause)
    return way.step + 1


def _ledger_of(way: Way) -> Mapping[str, Any]:
    """Of which ledger it speaks, where no entry set the run off: that of a tier that has changed, or of points that are about to expire."""
    told = way.facts.trigger
    if isinstance(way.plan.scenario.trigger, campaigns.OnTier):
        return {"subledger": told.get("tier.subledger")}
    return told if isinstance(way.plan.scenario.trigger, campaigns.OnExpiring) else {}


def _tag(way: Way, step: Any) -> int:
    visit = way.visit
    engagement = visit.engagement(way.version.program.program)
    before = visit.arrived_at - visit.programs.remember_us
    tags = engagement.tags
    for names, value in ((step.add, True), (step.remove, None)):
        for name in names:
            tags = tags | {name: with_value(tags.get(name, ()), way.at, value, before)}
    engagement.tags = tags
    visit.touch()
    return way.step + 1


def _is_used(way: Way, once: str | None) -> bool:
    if once is None:
        return False
    engagement = way.visit.profile.engagements.get(way.version.program.program)
    if engagement is None or once not in engagement.once:
        return False
    way.count("once")
    return True


def _use(way: Way, once: str | None) -> None:
    if once is not None:
        engagement = way.visit.engagement(way.version.program.program)
        engagement.once = (*engagement.once, once)
        way.visit.touch()


# --- what waits ---------------------------------------------------------------------------------------------------------


def _wait(way: Way, step: Any) -> int:
    program = way.version.program
    return _until(way, step.schedule.activates_at(way.at, program.timezone, program.leap_day))


def _wait_until(way: Way, step: Any) -> int:
    """What lies in the past is no wait. A date that is not known is none that comes: the run ends."""
    program = way.version.program
    local = notifying.zone_of(way.visit.profile, way.version, way.at)
    if step.at is not None:
        return _until(way, step.at)
    if step.day is not None:
        return _until(way, step.day.activates_at(way.at, program.timezone, program.leap_day))
    if step.minute is not None:
        return _until(way, next_time_of_day(step.minute, way.at, local))
    found = _moment(field_at(way.visit.profile.fields, step.field.removeprefix("profile."), way.at), local)
    if found is None:
        way.count("no-date")
        way.ended = "left"
        return END
    return _until(way, found)


def _until(way: Way, instant: Instant | None) -> int:
    if instant is not None and instant > way.at:
        way.wakes_at = instant
    return way.step + 1


def _moment(value: object, local: Any) -> Instant | None:
    if not isinstance(value, str):
        return None
    try:
        return start_of("day", parse_date(value), local)
    except ValueError:
        pass
    try:
        return parse_instant(value)
    except ValueError:
        return None


_FORKS: Final[dict[type[Any], Callable[[Way, Fork], int]]] = {
    campaigns.If: _if,
    campaigns.InSegment: _in_segment,
    campaigns.Places: _places,
    campaigns.ControlGroup: _control_group,
}
_DEEDS: Final[dict[type[Any], Callable[[Way, Any], int]]] = {
    campaigns.Join: _join,
    campaigns.Award: _award,
    campaigns.Notify: _notify,
    campaigns.Tag: _tag,
    campaigns.Wait: _wait,
    campaigns.WaitUntil: _wait_until,
}
