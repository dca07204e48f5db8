"""What scenarios say that is right by the rules and hardly meant: who is paid twice, who joins and gets nothing, and what pays for ever.

Each as a path into the file and a sentence, for `validate` to warn of. Asked only of a file without faults: the steps then stand
where the file has them.
"""

from collections.abc import Iterator
from itertools import combinations

from schemas.campaigns import (
    Award,
    Campaigns,
    If,
    InSegment,
    Join,
    OnEntry,
    OnFields,
    OnLines,
    OnPixel,
    Places,
    Scenario,
    Split,
    Step,
    Stop,
    Trigger,
)
from schemas.document import Path
from schemas.program import PointType

Steps = tuple[Step, ...]
Doubt = tuple[Path, str]
Joined = frozenset[str | None]


def doubts(campaigns: Campaigns, points: tuple[PointType, ...]) -> Iterator[Doubt]:
    credited = {point.sid for point in points if point.initial_balance_minor}
    awarding: list[tuple[Scenario, list[tuple[Path, Award]]]] = []
    for index, scenario in enumerate(campaigns.scenarios):
        if not scenario.enabled:
            continue
        path = ("scenarios", str(index), "steps")
        found: list[Doubt] = []
        _paid_twice(campaigns, credited, path, scenario.steps, frozenset(), found)
        yield from found
        if not credited:
            yield from _nothing_for_joining(path, scenario.steps, False)
        awards = [(place, step) for place, step in _all(path, scenario.steps) if isinstance(step, Award)]
        awarding.append((scenario, awards))
        yield from _sets_itself_off(campaigns, points, scenario, awards)
    yield from _paid_by_both(awarding)


def _lists(path: Path, step: Step) -> Iterator[tuple[Path, Steps]]:
    """The lists of steps within a step, and where each stands."""
    match step:
        case If() | InSegment():
            yield (*path, "then"), step.then
            yield (*path, "else"), step.otherwise or ()
        case Places():
            yield (*path, "then"), step.then
            yield (*path, "else"), step.otherwise
        case Split():
            for index, branch in enumerate(step.branches):
                yield (*path, "split", str(index), "steps"), branch.steps
        case _:
            return


def _all(path: Path, steps: Steps) -> Iterator[tuple[Path, Step]]:
    for index, step in enumerate(steps):
        here = (*path, str(index))
        yield here, step
        for inner, inner_steps in _lists(here, step):
            yield from _all(inner, inner_steps)


def _gives(steps: Steps) -> bool:
    return any(isinstance(step, Award) and step.action == "accrue" for _, step in _all((), steps))


def _paid_twice(
    campaigns: Campaigns, credited: set[str], path: Path, steps: Steps, joined: Joined, found: list[Doubt]
) -> Joined | None:
    """C11: an award on a way that joined, where joining brings an initial balance of the same points and no common `once` keeps it from
    paying both. By which `once` the way through may have joined; None where no way leads through.
    """
    for index, step in enumerate(steps):
        here = (*path, str(index))
        if isinstance(step, Stop):
            return None
        if isinstance(step, Join):
            joined |= {step.once}
        elif isinstance(step, Award) and step.action == "accrue" and any(once is None or once != step.once for once in joined):
            point = campaigns.promotions[step.promotion].point
            if point in credited:
                found.append(
                    ((*here, "award"), f"pays twice who has just joined: joining brings an initial balance of {point} too")
                )
        ways = [_paid_twice(campaigns, credited, inner, inner_steps, joined, found) for inner, inner_steps in _lists(here, step)]
        if isinstance(step, Places):  # the others leave
            ways = ways[:1]
        if ways:
            through = [way for way in ways if way is not None]
            if not through:
                return None
            joined = joined.union(*through)
    return joined


def _nothing_for_joining(path: Path, steps: Steps, given_later: bool) -> Iterator[Doubt]:
    """R023: one branch awards, another only joins, and joining brings nothing."""
    for index, step in enumerate(steps):
        later = given_later or _gives(steps[index + 1 :])
        branches = list(_lists((*path, str(index)), step))
        if isinstance(step, If) and not later and any(_gives(inner) for _, inner in branches):
            for where, inner in branches:
                joins = next((place for place, found in _all(where, inner) if isinstance(found, Join)), None)
                if joins is not None and not _gives(inner):
                    yield (
                        joins,
                        "gives nothing to who joins here: the initial balance is 0, and an award stands in the other branch only",
                    )
        for where, inner in branches:
            yield from _nothing_for_joining(where, inner, later)


def _paid_by_both(awarding: list[tuple[Scenario, list[tuple[Path, Award]]]]) -> Iterator[Doubt]:
    """C15: one promotion for one thing, by two scenarios."""
    for (first, before), (second, after) in combinations(awarding, 2):
        if not _set_off_alike(first.trigger, second.trigger):
            continue
        for path, award in after:
            if award.action != "accrue":
                continue
            same = [other for _, other in before if other.promotion == award.promotion]
            if any(other.once is None or other.once != award.once for other in same):
                both = f"the same trigger, the promotion {award.promotion} again"
                yield (
                    (*path, "award"),
                    f"is paid beside what {first.scenario} pays: {both}; with the same `once` at both, only once",
                )


def _sets_itself_off(
    campaigns: Campaigns, points: tuple[PointType, ...], scenario: Scenario, awards: list[tuple[Path, Award]]
) -> Iterator[Doubt]:
    """A scenario that may be entered again, and hears what becomes of its own award's points later."""
    trigger = scenario.trigger
    if not scenario.reentry or not isinstance(trigger, OnEntry) or trigger.when is not None:
        return
    by_sid = {point.sid: point for point in points}
    for path, award in awards:
        promotion = campaigns.promotions[award.promotion]
        point = by_sid[promotion.point]
        expires = (promotion.expiration or point.expiration).kind != "never"
        waits = (promotion.activation or point.activation).kind != "immediately"
        heard = {"points.expired": expires, "points.activated": waits}
        if award.action == "accrue" and award.once is None and any(heard.get(kind) for kind in trigger.types):
            what_ends_it = "`reentry: false`, a `once` or a `when`"
            yield (
                (*path, "award"),
                f"pays for ever: its own points set the scenario off when they expire or become active; {what_ends_it} ends that",
            )


def _set_off_alike(one: Trigger, other: Trigger) -> bool:
    """Whether something sets off both, as far as the file says so."""
    if one.when != other.when:
        return False
    match one, other:
        case OnPixel(), OnPixel():
            return not one.types.isdisjoint(other.types)
        case OnEntry(), OnEntry():
            return not one.types.isdisjoint(other.types)
        case OnFields(), OnFields():
            return not one.fields.isdisjoint(other.fields)
        case OnLines(), OnLines():
            return one.kind == other.kind and (not one.names or not other.names or not one.names.isdisjoint(other.names))
        case _:
            return one == other
