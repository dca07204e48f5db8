"""Reviews in time: a tier is judged again, each time at its own instant (timers of `settle`).

A review comes after what activates, is released or expires at its instant, and before a record of it. A member without a tier
gets nothing of it, but what counts begins anew there, too. Of one instant the fall that an earlier review decided comes first.
"""

from collections.abc import Iterable, Iterator

from agents import standing
from agents.due import REVIEW, Due
from agents.visit import Visit
from schemas.events import Cause
from schemas.instants import format_instant
from tables import tiers
from tables.state import Profile, TierState


def due(profile: Profile) -> Iterator[Due]:
    """The next review of each standing, and the falls that wait for their grace."""
    for program, membership in profile.programs.items():
        for subledger, state in membership.tiers.items():
            if state.review_at is not None:
                yield Due(state.review_at, REVIEW, 0, subledger, program, "review")
            if state.fall_at is not None:
                yield Due(state.fall_at, REVIEW, 0, subledger, program, "fall")


def fire(visit: Visit, due: Due) -> Iterable[Due]:
    """A review is held, or a fall takes place. One that something has moved meanwhile is no longer there, and nothing happens."""
    at, _, _, subledger, program, what = due
    membership = visit.membership(program)
    state = membership.tiers.get(subledger)
    version = visit.programs.version(program, at) or visit.programs.first(program)
    ladder = version.ladder
    if state is None:
        return ()
    if ladder is None or membership.joined_at is None:
        membership.tiers[subledger] = tiers.without_timers(state)
        return ()
    if at != (state.fall_at if what == "fall" else state.review_at):
        return ()
    active = standing.active_balance(version, membership, subledger)
    if what == "fall":
        outcome: tiers.Change | TierState = tiers.fell(ladder, state, active, at)
    else:
        outcome = tiers.reviewed(ladder, state, active, membership.joined_at, at)
    if isinstance(outcome, TierState):
        membership.tiers[subledger] = outcome
        standing.remind(visit, version, subledger, outcome)
    else:
        cause: Cause = {"timer": "review", "due_at": format_instant(at)}
        standing.tell(visit, version, subledger, outcome, at, cause)
    return ()
