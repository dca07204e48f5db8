"""What a profile says of when it is due is a bound: a tick that finds nothing due at it leaves it where it was, whoever stored the bound."""

import pytest

from schemas.instants import Instant, parse_instant
from tables.drafts import draft_of
from tables.state import Profile
from tests.unit.agents.scene import Scene, moment

REVIEWS = {
    "tiers": {
        "definitions": [{"name": "Silver", "threshold": "10"}],
        "review": {"relative_to": "program-join", "every": "10 days"},
    }
}


def at(day: float) -> Instant:
    return parse_instant(moment(day))


def known(scene: Scene) -> Profile:
    profile = scene.table.profile("p1")
    assert profile is not None
    return profile


@pytest.mark.parametrize(
    ("changes", "due_at"),
    [({}, None), (REVIEWS, at(11))],
    ids=["nothing-is-due", "a-review-is-due-later"],
)
def test_a_stored_instant_at_which_nothing_is_due_any_more_settles_nobody(
    changes: dict[str, object], due_at: Instant | None
) -> None:
    scene = Scene(changes)
    scene.sell(1, "R1")
    scene.told()
    stored = draft_of(known(scene))
    stored.due_at = at(2)  # as states of earlier versions may have it
    scene.table.put_profile("p1", stored)
    scene.tick(3)
    assert known(scene).settled_at == at(1)
    assert known(scene).due_at == due_at
    assert scene.told() == []


def test_it_is_settled_by_the_tick_where_something_is_due_behind_it() -> None:
    scene = Scene(REVIEWS)
    scene.sell(1, "R1")
    stored = draft_of(known(scene))
    stored.due_at = at(2)
    scene.table.put_profile("p1", stored)
    scene.tick(12)
    assert known(scene).settled_at == at(12)
    assert known(scene).due_at == at(21)
