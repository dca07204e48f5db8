"""Who hears of what: a record that waits is heard by those who cannot wait, and by nobody twice; who made an entry does not hear of it."""

import json
from typing import Any

import pytest

from agents.hearing import EVERYBODY, NOBODY, OTHERS, WHO_JOINS, Hearing, Whom
from agents.incoming import Incoming
from schemas.instants import parse_instant
from tables.memory import MemoryStore
from tables.state import Profile
from tables.table import Table
from tests.unit.agents.scene import Scene


@pytest.mark.parametrize(
    ("waits", "hears", "expected"),
    [
        pytest.param(None, None, EVERYBODY, id="what counts is heard by all"),
        pytest.param(NOBODY, None, NOBODY, id="what waits for consent by nobody"),
        pytest.param(WHO_JOINS, None, WHO_JOINS, id="what waits for membership by who joins"),
        pytest.param(None, EVERYBODY, EVERYBODY, id="what waited for consent and counts now by all"),
        pytest.param(None, OTHERS, OTHERS, id="what waited for membership and counts now by the others"),
        pytest.param(None, NOBODY, NOBODY, id="a revision of what was heard by nobody"),
        pytest.param(
            WHO_JOINS, EVERYBODY, WHO_JOINS, id="a revision of what nobody heard, which waits for membership, by who joins"
        ),
        pytest.param(WHO_JOINS, OTHERS, NOBODY, id="a revision of what they heard, which waits on, by nobody"),
    ],
)
def test_who_hears_of_a_record(waits: Whom | None, hears: Whom | None, expected: Whom) -> None:
    hearing = Hearing(Profile(0), Table(MemoryStore()), "p1")
    if waits is not None:
        hearing.held_back["club"] = waits
    if hears is not None:
        hearing.sets_off = {"club": hears}
    assert hearing.whom("club") == expected


def test_of_several_programs_only_those_that_a_record_counts_for_late_hear_of_it() -> None:
    hearing = Hearing(Profile(0), Table(MemoryStore()), "p1")
    hearing.sets_off = {"club": EVERYBODY}
    assert (hearing.whom("club"), hearing.whom("other")) == (EVERYBODY, NOBODY)


def test_one_program_may_count_what_another_still_waits_for() -> None:
    parts = {
        "promotions": [{"promotion": "five", "action": "accrue", "points": "5"}],
        "scenarios": [
            {"scenario": "s", "reentry": "true", "trigger": {"pixel": "visit"}, "steps": [{"award": {"promotion": "five"}}]}
        ],
    }
    waits = {"program": "waits", "membership": {"consent": "agreed", "before_join": "park"}}
    both = Scene(parts, parts | waits)
    assert both.tell(1, "E1", "visit") == "applied"
    assert both.told() == [("club", "joined", None), ("club", "accrued", "5")]
    both.write(2, agreed=True)
    assert both.told() == [("waits", "joined", None), ("waits", "accrued", "5")]


def test_a_pixel_of_no_member_that_sets_something_off_is_applied_and_else_it_is_not() -> None:
    club = Scene(
        {"membership": {"join": "explicit"}, "scenarios": [{"scenario": "s", "trigger": {"pixel": "form"}, "steps": ["join"]}]}
    )
    assert club.tell(1, "E1", "visit") == "not-a-member"
    assert club.tell(1, "E2", "form") == "applied"
    assert club.tell(1, "E2", "form") == "duplicate"


def test_a_sale_in_a_currency_that_the_program_does_not_know_sets_nothing_off_there() -> None:
    parts = {
        "promotions": [{"promotion": "five", "action": "accrue", "points": "5"}],
        "scenarios": [
            {
                "scenario": "s",
                "trigger": {"receipt": {}, "when": {"gross": {"at_least": "1"}}},
                "steps": [{"award": {"promotion": "five"}}],
            }
        ],
    }
    both = Scene(parts, parts | {"program": "dollars", "currency": "USD"})
    both.sell(1, "R1", 10)
    assert {entry.program for entry in both.said} == {"club"}


_OF_GOLD: dict[str, Any] = {
    "scenario": "of-gold",
    "reentry": "true",
    "trigger": {"receipt": None, "when": {"tier": "Gold"}},
    "steps": [{"award": {"promotion": "thanks"}}],
}
_THANKS: dict[str, Any] = {
    "subledgers": {"enabled": "true"},
    "tiers": {"definitions": [{"name": "Basic", "threshold": "0"}, {"name": "Gold", "threshold": "50"}]},
    "promotions": [{"promotion": "thanks", "action": "accrue", "points": "1"}],
    "scenarios": [_OF_GOLD],
}


@pytest.mark.parametrize(
    ("sales", "thanked"),
    [
        pytest.param([(1, "R1", {})], [], id="a receipt that makes one Gold is none of a Gold member"),
        pytest.param([(1, "R1", {}), (2, "R2", {})], ["R2"], id="the next one is"),
        pytest.param(
            [(1, "R1", {}), (2, "R2", {"subledger": "fuel"})], [], id="a tier of the main ledger is none of a subledger"
        ),
        pytest.param(
            [(1, "R1", {"subledger": "fuel"}), (2, "R2", {"subledger": "fuel"}), (3, "R3", {})],
            ["R2"],
            id="a subledger has its own",
        ),
        pytest.param([(3, "R1", {}), (1, "R2", {})], [], id="a late receipt is judged by the tier of its time"),
    ],
)
def test_the_tier_in_a_condition_is_that_before_the_record(
    sales: list[tuple[float, str, dict[str, str]]], thanked: list[str]
) -> None:
    club = Scene(_THANKS)
    for day, receipt_id, more in sales:
        club.sell(day, receipt_id, 60, **more)
    assert [each.cause["receipt_id"] for each in club.said if each.promotion] == thanked


def test_a_tier_changes_before_the_scenarios_that_it_sets_off_ask_for_it() -> None:
    on_rising = _OF_GOLD | {"trigger": {"tier": "Gold", "when": {"tier": "Gold"}}}
    club = Scene(_THANKS | {"scenarios": [on_rising]})
    club.sell(1, "R1", 60)
    assert [each.promotion for each in club.said if each.promotion] == ["thanks"]


@pytest.mark.parametrize(
    "trigger", [{"date": "profile.date_of_birth"}, {"every": "every 02-29"}, {"every": "1 year, end of year"}]
)
@pytest.mark.parametrize("at", ["9999-12-30T12:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_at_the_end_of_the_calendar_nothing_comes_any_more(trigger: dict[str, str], at: str) -> None:
    scenario = {"scenario": "s", "trigger": trigger, "reentry": "true", "steps": [{"wait": "1 day"}]}
    scene = Scene({"timezone": "Pacific/Kiritimati", "scenarios": [scenario]})
    instant = parse_instant(at)
    for number in range(3):
        value = {"profile_id": "p1", "updated_at": at, "fields": {"date_of_birth": "2000-12-31", "n": number}}
        incoming = Incoming("profiles", 0, number, None, json.dumps(value).encode(), instant)
        assert scene.core.apply(scene.table, incoming, scene.outbox) == "applied"
        assert scene.core.tick(scene.table, instant, scene.outbox)
    assert not scene.outbox.errors
