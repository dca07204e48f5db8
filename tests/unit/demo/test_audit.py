"""The closing checks are loud: each figure that is wrong by one fails a check of its own, and the demo ends with 1."""

import json
from collections.abc import Callable
from copy import deepcopy

import pytest

from schemas.outcomes import APPLIED, DEAD_LETTER, DUPLICATE
from streams.demo.audit import Sent, audit
from streams.demo.story import Story
from tests.unit.demo.offline import offline_demo


@pytest.fixture(scope="module")
def told() -> tuple[Sent, Story]:
    return offline_demo(records=2_500, per_day=80)


Tamper = Callable[[Sent, Story], None]


def _lost(sent: Sent, story: Story) -> None:
    story.outcomes[APPLIED] -= 1


def _counted_twice(sent: Sent, story: Story) -> None:
    story.outcomes[DUPLICATE] -= 1
    story.outcomes[APPLIED] += 1


def _no_dead_letter(sent: Sent, story: Story) -> None:
    story.dead_letters["not-json"] -= 1


def _other_reason(sent: Sent, story: Story) -> None:
    story.dead_letters["not-json"] -= 1
    story.dead_letters["internal-error"] += 1


def _refused_without_cause(sent: Sent, story: Story) -> None:
    story.outcomes[APPLIED] -= 1
    story.outcomes[DEAD_LETTER] += 1
    story.dead_letters["internal-error"] += 1


def _points_from_nowhere(sent: Sent, story: Story) -> None:
    story.totals["active"] += 1


def _entry_that_does_not_follow(sent: Sent, story: Story) -> None:
    entry = json.loads(_entry(1)) | {"profile_id": "nobody", "type": "points.gilded"}
    story.read("ledger-entries", None, json.dumps(entry).encode())


def _other_balance(sent: Sent, story: Story) -> None:
    story.balances.popitem()


@pytest.mark.parametrize(
    ("tamper", "claims"),
    [
        (_lost, {"every record in has exactly one outcome", "each outcome is the one that the feed expects"}),
        (_counted_twice, {"each outcome is the one that the feed expects"}),
        (_no_dead_letter, {"every refused record lies in dead-letters", "each for the reason that the feed expects"}),
        (_other_reason, {"each for the reason that the feed expects"}),
        (_refused_without_cause, {"each outcome is the one that the feed expects", "each for the reason that the feed expects"}),
        (_points_from_nowhere, {"issued points are all somewhere, in every ledger"}),
        (_entry_that_does_not_follow, {"every entry's balance is the one before it and its own points"}),
        (_other_balance, {"`balances` says what `ledger-entries` says"}),
    ],
)
def test_a_wrong_figure_fails_its_check(told: tuple[Sent, Story], tamper: Tamper, claims: set[str]) -> None:
    sent, story = deepcopy(told)
    tamper(sent, story)
    assert {check.claim for check in audit(sent, story) if not check.holds} == claims


def _entry(number: int) -> bytes:
    return json.dumps(
        {
            "id": f"{number:016x}" * 2,
            "type": "membership.joined",
            "program": "p",
            "profile_id": "m",
            "occurred_at": "2024-05-01T00:00:00Z",
            "entry": number,
            "sequence": number,
            "cause": {},
        }
    ).encode()


def test_an_entry_that_is_missing_is_a_gap() -> None:
    story = Story()
    story.read("ledger-entries", b"m", _entry(1))
    story.read("ledger-entries", b"m", _entry(3))
    assert len(story.violations) == 1
    assert not all(check.holds for check in audit(Sent(), story))


def test_an_entry_that_is_announced_again_counts_once() -> None:
    story = Story()
    for number in (1, 2, 1, 2, 3):
        story.read("ledger-entries", b"m", _entry(number))
    assert story.entries.total() == 3
    assert (story.announced_again, story.violations) == (2, [])


def test_positions_and_tombstones_are_no_balances() -> None:
    story = Story()
    story.read("balances", b"__position__", b'{"purchases": 7}')
    story.read("balances", b"m", None)
    assert not story.balances


def test_entries_are_told_by_type_in_turn(told: tuple[Sent, Story]) -> None:
    types = [entry.type for entry in told[1].latest_entries]
    assert len(set(types[-5:])) >= 4
    assert len(types) == 24
