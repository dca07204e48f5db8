"""Runs: one way of a profile through a scenario, from its first step to where it stands still, and on from there.

A run does its steps at one instant until it waits, asks or ends. What waits is put away in the profile with the instant at which it
wakes (a timer of `settle`, so it survives whatever the worker does not); what asks waits for an answer. It goes on by the version in which it
entered, and ends at its next step if the version in force then has no such scenario any more, or the person's consent is gone.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from agents import consent, steps, trigger_facts
from agents.due import SCENARIO, Due
from agents.happenings import Happening
from agents.plans import END, Plan
from agents.programs import Version
from agents.steps import ASKED, Way
from agents.visit import Visit
from schemas.events import Cause
from schemas.instants import Instant, format_instant
from tables.engagement import Engagement, Run
from tables.state import Profile

KEY: Final = "run"
RUNS_OF_ONE_MAX: Final = 100
RUNS_MAX: Final = 1_000
RUNS_BYTES_MAX: Final = 256 * 1024
"""Of one profile in one program, together: they stand in its record, which must stay small enough to be written as one message."""


def is_full(engagement: Engagement, scenario: str) -> bool:
    """Whether one more run of a scenario would be too many."""
    held = engagement.runs
    of_this = sum([run.scenario == scenario for run in held])
    return of_this >= RUNS_OF_ONE_MAX or len(held) >= RUNS_MAX or sum([len(run.trigger) for run in held]) > RUNS_BYTES_MAX


def enter(visit: Visit, version: Version, plan: Plan, happening: Happening) -> None:
    """A new run: its first steps happen at the instant of what set it off, however late that is known."""
    engagement = visit.engagement(version.program.program)
    number = engagement.entered.get(plan.name, 0) + 1
    engagement.entered = engagement.entered | {plan.name: number}
    visit.touch()
    way = Way(
        visit=visit,
        version=version,
        plan=plan,
        number=number,
        at=happening.at,
        facts=trigger_facts.taken(plan, happening),
        cause=_made_by(happening.cause or visit.cause, plan, number),
        depends_on=happening.sequence,
        points=happening.points,
        depth=happening.depth,
    )
    _go(way, 0)


def due(profile: Profile) -> Iterator[Due]:
    """Those that wait for an instant."""
    for program, engagement in profile.engagements.items():
        for run in engagement.runs:
            if run.wakes_at is not None:
                yield Due(run.wakes_at, SCENARIO, 0, _id(run), program, KEY)


def _id(run: Run) -> str:
    return f"{run.scenario}\x1f{run.number:012}"


def wake(visit: Visit, due: Due) -> None:
    """The wait is over. One that something has ended meanwhile is no longer there, and nothing happens."""
    for run in visit.engagement(due.program).runs:
        if run.wakes_at == due.at and _id(run) == due.id:
            _take(visit, due.program, run)
            cause: Cause = {"timer": "scenario", "due_at": format_instant(due.at)}
            _go_on(visit, due.program, run, due.at, cause | {"scenario": run.scenario, "run": run.number}, None)
            return


def answered(visit: Visit, program: str, asked: str, granted: int) -> bool:
    """What a run has asked is answered: `granted` is how much it gets, 0 for nothing. It goes on at the instant of the step that asked,
    as if nothing had come between. Returns whether there was such a run: an answer that comes twice finds none.
    """
    engagement = visit.profile.engagements.get(program)
    for run in () if engagement is None else engagement.runs:
        if run.asked == asked:
            _take(visit, program, run)
            facts = trigger_facts.read(run.trigger)
            visit.cause = cause = (facts.cause or visit.cause) | {"step": run.step}  # also of what follows, such as a segment
            _go_on(visit, program, run, run.at, cause, granted)
            return True
    return False


def _take(visit: Visit, program: str, run: Run) -> None:
    engagement = visit.engagement(program)
    engagement.runs = tuple([other for other in engagement.runs if other is not run])
    visit.touch()


def _go_on(visit: Visit, program: str, run: Run, at: Instant, cause: Cause, granted: int | None) -> None:
    """By the version in which it entered, if the one in force has the scenario still."""
    pinned, now = visit.programs.version(program, run.version), visit.programs.version(program, at)
    facts = trigger_facts.read(run.trigger)
    plan = None if pinned is None else pinned.playbook.plans.get(run.scenario)
    gone = now is None or run.scenario not in now.playbook.plans
    if pinned is None or plan is None or gone or pinned.program.effective_from != run.version or run.step > len(plan.ops):
        visit.count(("scenario", program, run.scenario, "withdrawn"))
        return
    way = Way(
        visit=visit,
        version=pinned,
        plan=plan,
        number=run.number,
        at=at,
        facts=facts,
        cause=cause,
        depends_on=run.depends_on,
        points=run.points,
        depth=facts.depth,
        granted=granted,
    )
    _go(way, run.step)


def _go(way: Way, step: int) -> None:
    """Step by step until it stands still. What its steps make is marked as its own."""
    visit, ops = way.visit, way.plan.ops
    begun = 0 if visit.heard is None else len(visit.heard)
    while step < len(ops):
        if not consent.consents(visit.profile, way.version.program, way.at):
            way.ended, step = "consent-gone", END
            break
        way.step = step
        step = steps.take(way, ops[step])
        if step == ASKED or way.wakes_at is not None:
            break
        way.granted = None
    if step == ASKED:
        _put_away(way, way.step)
    elif way.wakes_at is not None:
        _put_away(way, step)
    else:
        way.count(way.ended or "ended")
    if visit.hearing is not None:
        visit.hearing.mark(begun, way.plan.name, way.depth + 1)


def _put_away(way: Way, step: int) -> None:
    """Put the run away at a step of its plan, where it goes on when it wakes or is answered."""
    visit = way.visit
    asked = way.asked is not None  # then it goes on as if nothing had come between
    facts = structs.replace(way.facts, cause=way.cause if asked else None, depth=way.depth if asked else 0)
    run = Run(
        scenario=way.plan.name,
        number=way.number,
        version=way.version.program.effective_from,
        step=step,
        wakes_at=way.wakes_at,
        at=way.at,
        trigger=trigger_facts.kept(facts),
        depends_on=way.depends_on,
        points=way.points,
        asked=way.asked,
    )
    engagement = visit.engagement(way.version.program.program)
    engagement.runs = (*engagement.runs, run)
    visit.touch()
    visit.due_by(way.wakes_at)


def _made_by(cause: Cause, plan: Plan, number: int) -> Cause:
    """The cause of what a run makes names the run as well: so its ids are its own, whatever else the same record has caused."""
    return {name: value for name, value in cause.items() if name not in ("scenario", "run", "step")} | {
        "scenario": plan.name,
        "run": number,
    }
