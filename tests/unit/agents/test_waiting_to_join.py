"""A sale that waits for its profile to join, in a worker: what becomes of its receipt before its code is answered, or before a tick."""

from typing import Any

import pytest

from tests.unit.agents.post import Post
from tests.unit.agents.test_counts import CODES, LATER, buy, cancel, enter

JOINING: dict[str, Any] = CODES | {
    "codes": [{"code": "SPRING", "uses": 1}],
    "membership": {"join": "explicit", "before_join": "park"},
    "scenarios": [{"scenario": "in", "trigger": {"pixel": "enter"}, "steps": [{"wait": "1 day"}, {"join": {}}]}],
}


@pytest.mark.parametrize("then", [{"kind": "cancel"}, {"kind": "sale", "revision": 2, "promo_codes": []}])
def test_a_sale_that_has_waited_and_is_gone_before_its_code_is_answered_uses_none(then: dict[str, Any]) -> None:
    post = Post(**JOINING)
    buy(post, "p1", "R1")
    enter(post, "p1")
    enter(post, "p2")
    post.tick(LATER)  # both have joined, and R1 asks for its code
    if then["kind"] == "cancel":
        cancel(post, "p1", "R1")
    else:
        buy(post, "p1", "R1", closed_at=LATER, **then)
    post.deliver()
    buy(post, "p2", "R2", closed_at=LATER)
    post.deliver()
    earned = [(entry.profile_id, entry.points) for entry in post.said if entry.type == "points.accrued"]
    assert earned == ([("p2", "110")] if then["kind"] == "cancel" else [("p1", "10"), ("p2", "110")])


@pytest.mark.parametrize("ticks", [True, False])
def test_a_cancel_that_is_the_first_to_find_that_its_profile_has_joined_comes_after_the_sale_that_waited(ticks: bool) -> None:
    post = Post(**JOINING)
    buy(post, "p1", "R1", promo_codes=[])
    enter(post, "p1")
    if ticks:
        post.tick(LATER)
    cancel(post, "p1", "R1")
    post.deliver()
    assert [entry.type for entry in post.said] == ["membership.joined", "points.accrued", "points.reversed"]
