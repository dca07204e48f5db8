"""Sliding expiry over many lots: however many an entry names, and however few lie at hand, the same lots have the same dates.

One life of sales in time and late, visits, redemptions, holds, returns, adjustments, ticks and restarts is lived several times: lots in
small pages and in none, entries that name each lot and entries that say by a rule which they are. Lots of dates of their own lie
among those that slide, so that pages are of every kind: all of them move, some do, none does. The seed of a life is in the name of the test.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from streams.audit.accounts import Accounts
from streams.audit.auditor import Auditor
from streams.provenance.entries import Entry
from streams.provenance.trace import trace
from tests.properties.harness import Json, Product, Told, entries, sent

START = datetime(2024, 1, 1, tzinfo=UTC)
STEPS = 260
POINTS: dict[str, Json] = {
    "all of it": {"renew_on": ["earning", "spending", "visit"], "returns": "within-balance"},
    "spending and visits": {"renew_on": ["spending", "visit"], "returns": "allow-debt", "spend_order": "earliest-earned"},
    "pending first": {"renew_on": ["earning", "visit"], "returns": "allow-debt", "activation": "40 hours"},
    "from activation": {"renew_on": ["earning"], "returns": "pending-only", "activation": "1 day", "expires_from": "activation"},
}
RULES: list[Json] = [
    {"rule": "base", "rate": {"points": "1", "per": "1.00"}},
    {"rule": "for ever", "lines": {"category": "toys"}, "fixed": {"points": "3", "per": "line"}, "expiration": "never"},
    {"rule": "until", "lines": {"category": "coffee"}, "fixed": {"points": "2", "per": "unit"}, "expiration": "2024-02-25"},
    {"rule": "soon", "lines": {"category": "tea"}, "fixed": {"points": "2", "per": "unit"}, "expiration": "3 days"},
]
PROGRAM: Json = {
    "program": "club",
    "timezone": "Europe/Riga",
    "environment": "live",
    "effective_from": "2000-01-01T00:00:00Z",
    "applications": ["pos"],
    "currency": "EUR",
    "earning": RULES,
}
Step = tuple[str, Any]


def life(seed: int) -> list[Step]:
    """Records with their topics, ticks and restarts."""
    dice = Random(seed)
    steps: list[Step] = []
    now = START
    for number in range(STEPS):
        now += timedelta(minutes=dice.choice((5, 30, 60, 240, 600)))
        at = now - timedelta(hours=dice.randint(1, 400)) if dice.random() < 0.15 else now
        when = max(at, START).strftime("%Y-%m-%dT%H:%M:%SZ")
        steps.append(_step(dice, number, now, when))
    return [*steps, ("tick", now + timedelta(days=9)), ("tick", now + timedelta(days=90))]


def _step(dice: Random, number: int, now: datetime, when: str) -> Step:
    kind = dice.choices(
        ("sale", "visit", "redeem", "reserve", "end", "return", "adjust", "tick", "restart"), (60, 5, 8, 4, 6, 6, 4, 2, 5)
    )[0]
    here = {"profile_id": "p"}
    if kind == "sale":
        lines = [
            {
                "sku": "A",
                "quantity": dice.randint(1, 3),
                "unit_price": "1.50",
                "category": dice.choice(("", "", "toys", "coffee", "tea")),
            }
            for _ in range(dice.randint(1, 2))
        ]
        sale = {"receipt_id": f"R{number}", "application": "pos", "closed_at": when, "currency": "EUR", "lines": lines}
        return "purchases", here | sale
    if kind == "visit":
        return "pixels", here | {"event_id": f"E{number}", "type": "visit", "occurred_at": when}
    if kind in {"redeem", "reserve"}:
        asked = {"program": "club", "kind": kind, "points": str(dice.randint(1, 60)), "requested_at": when}
        return "redemptions", here | {"redemption_id": f"D{number}", **asked}
    if kind == "end":
        named = {"redemption_id": f"D{dice.randrange(number + 1)}", "program": "club", "requested_at": when}
        return "redemptions", here | named | {"kind": dice.choice(("commit", "release", "rollback", "rollback"))}
    if kind == "return":
        returned = {
            "kind": "return",
            "return_id": f"T{number}",
            "receipt_id": f"R{dice.randrange(number + 1)}",
            "closed_at": when,
        }
        return "purchases", here | returned | {"application": "pos", "lines": [{"line_id": "1", "quantity": 1}]}
    if kind == "adjust":
        credit = {"adjustment_id": f"A{number}", "program": "club", "reason": "r", "actor": "a", "occurred_at": when}
        return "adjustments", here | credit | {
            "points": dice.choice(("4", "-2")),
            "expiration": dice.choice(("3 days", "40 days", "never")),
        }
    return kind, now


def lived(point: Json, steps: list[Step], head_lots: int, named_lots: int) -> Iterator[tuple[Told, list[Json]]]:
    """What each step had to say, and the rows of `balances` after it."""
    points = [{"sid": "pts", "expiration": "6 days", "reinstate_expired": "3 days", **point}]
    product = Product({**PROGRAM, "points": points}, head_lots=head_lots, named_lots=named_lots)
    for topic, step in steps:
        if topic == "restart":
            product.restart()
        else:
            told = product.step(step, topic=topic, arrival=None)
            yield told, product.balances()


def without_names(told: Told) -> list[tuple[str, Json]]:
    """All that is said, less which lots a renewal moved."""
    kept = []
    for topic, record in told.sent:
        renewal = record.get("type") == "points.extended"
        kept.append((topic, {k: v for k, v in record.items() if not renewal or k not in ("id", "lots", "extended")}))
    return kept


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS.keys())
def test_names_and_pages_decide_nothing(point: Json, seed: int) -> None:
    steps = life(seed)
    plain = [*lived(point, steps, 10_000, 10_000)]
    assert any(len(rows[0]["lots"]) > 40 for _, rows in plain if rows), "this test is about many lots"
    by_rule = [*lived(point, steps, 10_000, 2)]
    assert any("extended" in entry for entry in entries([told for told, _ in by_rule])), "this test is about many lots"
    for head_lots, named_lots in ((3, 10_000), (3, 2), (16, 2), (16, 20)):
        other = [*lived(point, steps, head_lots, named_lots)]
        for number, ((came, rows), (should, expected)) in enumerate(zip(other, plain, strict=True)):
            assert without_names(came) == without_names(should), (seed, head_lots, named_lots, number)
            assert rows == expected, (seed, head_lots, named_lots, number)
        if (head_lots, named_lots) == (3, 10_000):
            assert sent([told for told, _ in other]) == sent([told for told, _ in plain])
        if named_lots == 2:
            assert sent([told for told, _ in other]) == sent([told for told, _ in by_rule])


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS.keys())
def test_the_date_of_every_lot_can_be_read_off_the_entries(point: Json) -> None:
    told: list[Json] = []
    for said, rows in lived(point, life(9), 5, 2):
        told += entries([said])
        programs = trace(msgspec.convert(told, list[Entry], strict=False))
        for row in rows:
            ledger = programs["club"].ledgers["pts", None]
            assert (programs["club"].faults, ledger.faults) == ([], [])
            read = {lot.lot_id: lot.expires_at for lot in ledger.lots.values() if lot.open}
            assert read == {lot["lot_id"]: lot.get("expires_at") for lot in row["lots"]}
    assert any("extended" in entry for entry in told), "this test is about renewals by a rule"
    auditor = Auditor(Accounts())
    assert [str(found) for entry in told if (found := auditor.check(msgspec.json.encode(entry)))] == []
