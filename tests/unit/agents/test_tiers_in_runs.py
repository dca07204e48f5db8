"""Tiers in runs of the core: whatever the settings, whatever comes, the story of a tier holds together (U3; LEDGER, Tiers)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.harness import Json, Product, Step

START = datetime(2024, 1, 1, 12, tzinfo=UTC)
DEFINITIONS = [{"name": "Basic", "threshold": "0"}, {"name": "Silver", "threshold": "100"}, {"name": "Gold", "threshold": "300"}]
ORDINARY = DEFINITIONS[1:]


@st.composite
def programs(draw: st.DrawFn) -> Json:
    relative_to = draw(st.sampled_from(["program-join", "tier-join", "cycle"]))
    review = {
        "relative_to": relative_to,
        "every": draw(st.sampled_from(["10 days", "1 month", "1 month, end of month", "36 hours"])),
    }
    if relative_to == "cycle":
        review["cycle_start"] = draw(st.sampled_from(["2023-01-01", "2024-01-20"]))
    tiers: dict[str, Any] = {
        "definitions": draw(st.sampled_from([DEFINITIONS, ORDINARY])),
        "measure": draw(st.sampled_from(["earned", "spend", "active"])),
        "window": draw(st.sampled_from(["review", "lifetime", "20 days"])),
        "review": review,
        "lasts": draw(st.sampled_from(["next-period", "period"])),
        "downgrade": draw(st.sampled_from(["hard", "soft"])),
        "grace": draw(st.sampled_from(["0 days", "3 days", "40 days"])),
    }
    if draw(st.booleans()):
        tiers["review_grid"] = draw(st.sampled_from(["30 minutes", "1 day"]))
    point = {
        "sid": "pts",
        "activation": draw(st.sampled_from(["immediately", "2 days"])),
        "expiration": draw(st.sampled_from(["never", "15 days"])),
        "returns": draw(st.sampled_from(["within-balance", "allow-debt"])),
    }
    return {
        "program": "club",
        "timezone": "Europe/Berlin",
        "environment": "sandbox",
        "effective_from": "2020-01-01T00:00:00Z",
        "applications": ["pos"],
        "currency": "EUR",
        "subledgers": {"enabled": "true"},
        "membership": {"join": draw(st.sampled_from(["on-points-earned", "on-points-activated"]))},
        "points": [point],
        "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
        "tiers": tiers,
    }


def at(hours: int) -> str:
    return (START + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


def sale(number: int, hours: int, euros: int, subledger: str | None = None) -> Json:
    lines = [{"sku": "A", "quantity": euros, "unit_price": "1.00"}]
    more = {} if subledger is None else {"subledger": subledger}
    head = {"receipt_id": f"R{number}", "application": "pos", "profile_id": "p1", "closed_at": at(hours), "currency": "EUR"}
    return head | {"lines": lines} | more


@st.composite
def visits(draw: st.DrawFn, late: bool) -> list[Json]:
    """Sales, some of them cancelled later; with `late` some come after what they were before."""
    hours = sorted(draw(st.lists(st.integers(0, 24 * 150), min_size=1, max_size=8)))
    steps: list[Json] = []
    for number, hour in enumerate(hours):
        told = max(hour - draw(st.sampled_from([0, 0, 24 * 3, 24 * 40])), 0) if late else hour
        steps.append(
            sale(number, told, draw(st.sampled_from([1, 60, 100, 240, 300])), draw(st.sampled_from([None, None, "north"])))
        )
        if draw(st.integers(0, 4)) == 0:
            taken = draw(st.integers(0, number))
            cancel = {
                "kind": "cancel",
                "receipt_id": f"R{taken}",
                "application": "pos",
                "profile_id": "p1",
                "closed_at": at(hour),
            }
            steps.append(cancel)
    return steps


def changes(sent: list[tuple[str, Json]]) -> list[Json]:
    return [record for topic, record in sent if topic == "tier-changes"]


def story(change: Json) -> tuple[Any, ...]:
    return tuple(change.get(field) for field in ("type", "subledger", "from", "to", "reason", "occurred_at", "qualifying_points"))


@given(program=programs(), steps=visits(late=True))
@settings(max_examples=150, deadline=None)
def test_the_story_of_a_tier_holds_together(program: Json, steps: list[Json]) -> None:
    product = Product(program)
    ranks = {None: -1} | {tier["name"]: rank for rank, tier in enumerate(program["tiers"]["definitions"])}
    held: dict[str | None, str | None] = {}
    sequences: list[int] = []
    every_step: list[Step] = [*steps, START + timedelta(days=200)]
    for step in every_step:
        sent = product.step(step).sent
        sequences += [record["sequence"] for topic, record in sent if topic in {"ledger-entries", "tier-changes"}]
        for change in changes(sent):
            where = change.get("subledger")
            assert change["from"] == held.get(where), change
            moved = ranks[change["to"]] - ranks[change["from"]]
            if change["type"] == "tier.retained":
                assert moved == 0
                assert change["to"] is not None
            elif change["type"] == "tier.downgraded":
                assert moved == -1 if program["tiers"]["downgrade"] == "soft" else moved < 0
                assert change["cause"]["timer"] == "review"
            else:
                assert moved > 0
            assert ("points_to_keep" in change) == (change["to"] is not None)
            assert ("points_to_next" in change) == (change["to"] != "Gold")
            held[where] = change["to"]
    assert sequences == list(range(1, len(sequences) + 1))
    profile = product.table.profile("p1")
    assert profile is not None
    if "club" in profile.programs:
        states = profile.programs["club"].tiers
        assert {where or None: state.tier for where, state in states.items() if state.tier} == {
            where: tier for where, tier in held.items() if tier
        }
        for state in states.values():
            assert state.review_at is None or state.review_at > (START + timedelta(days=200)).timestamp() * 1_000_000


@given(program=programs(), steps=visits(late=False), ticks=st.lists(st.integers(0, 24 * 150), max_size=10))
@settings(max_examples=150, deadline=None)
def test_settled_in_one_step_or_in_many_it_is_the_same(program: Json, steps: list[Json], ticks: list[int]) -> None:
    end = START + timedelta(days=200)
    once = [story(change) for told in Product(program).run([*steps, end]) for change in changes(told.sent)]
    among: list[Any] = sorted(
        [
            *[(step["closed_at"], 1, number, step) for number, step in enumerate(steps)],
            *[(at(tick), 0, 0, tick) for tick in ticks],
        ],
        key=lambda item: item[:3],
    )
    many = [START + timedelta(hours=what) if kind == 0 else what for _, kind, _, what in among]
    assert [story(change) for told in Product(program).run([*many, end]) for change in changes(told.sent)] == once


@given(program=programs(), steps=visits(late=True))
@settings(max_examples=50, deadline=None)
def test_a_restart_changes_nothing(program: Json, steps: list[Json]) -> None:
    end = START + timedelta(days=200)
    once = [told.sent for told in Product(program).run([*steps, end])]
    assert [told.sent for told in Product(program).run([*steps, end], between=lambda product, _: product.restart())] == once
