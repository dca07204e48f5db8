"""The product and the naive model side by side: every step is taken by both, and everything that both say is compared."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tables.pages import HEAD_MAX
from tests.properties.harness import Json, Product, Told
from tests.properties.naive.model import Model
from tests.properties.naive.people import Name, Scene

FIGURES = ("type", "profile_id", "program", "occurred_at", "recorded_at", "sequence", "point", "subledger", "points", "direction")
OF_ENTRIES = (*FIGURES, "withheld", "debt_paid", "debt_added", "balance")
OF_TIERS = (*FIGURES, "from", "to", "reason", "qualifying_points", "next_review_at", "points_to_next", "points_to_keep")
TERMS = ("active", "pending", "reserved", "redeemed", "expired", "reversed", "written_off", "debt_paid", "debt", "lifetime")


class Different(AssertionError):
    """The product and the model do not agree."""

    def with_history(self, pair: "Pair") -> "Different":
        told = [json.dumps(program) for program in pair.programs] + pair.history
        return Different("\n".join(["", *told, str(self)]))


class Pair:
    """`arrival` of a record and the instant of a tick only move forward; whoever drives a pair sees to that."""

    def __init__(
        self, programs: Sequence[Mapping[str, Any]], cache: int = 1_000, head_lots: int = HEAD_MAX, named_lots: int = 100
    ) -> None:
        self.programs = programs
        self.history: list[str] = []
        self.product = Product(*programs, cache=cache, head_lots=head_lots, named_lots=named_lots)
        self.model = Model(*programs)
        self.steps = 0
        self.differ = False

    def record(self, topic: str, record: Json, arrival: datetime) -> None:
        self.history.append(f"{arrival} {topic} {json.dumps(record)}")
        self.differ = True  # until both have said the same, and neither has failed
        told = self.product.step(record, topic=topic, arrival=arrival)
        outcome, scene = self.model.record(topic, record, arrival, names_in(told))
        self.compare(told, scene, outcome, self.history[-1])

    def tick(self, at: datetime) -> None:
        self.history.append(f"tick {at}")
        self.differ = True
        told = self.product.step(at)
        self.compare(told, self.model.tick(at, names_in(told)), None, self.history[-1])

    def restart(self) -> None:
        self.history.append("restart")
        self.product.restart()
        self.compare_balances()

    def compare(self, told: Told, scene: Scene, outcome: str | None, step: str) -> None:
        self.steps += 1
        try:
            self.compare_said(told, scene, step)
            same("outcome", step, [told.outcome], [outcome], str)
            self.compare_balances()
        except Different as different:
            raise different.with_history(self) from None
        self.differ = False

    def compare_said(self, told: Told, scene: Scene, step: str) -> None:
        entries = [entry for _, entry in of(told, "ledger-entries", "tier-changes")]
        same("entries", step, entries, as_by_rule(entries, scene.entries), plain)
        letters = [letter for _, letter in of(told, "dead-letters")]
        same("dead letters", step, [letter["reason"] for letter in letters], scene.dead, str)
        kept = [
            letter
            for letter in letters
            if letter["reason"] == "erased" and (letter.get("key"), letter.get("value")) != (None, None)
        ]
        same("dead letters without key and value", step, kept, [], str)
        same("decisions", step, [decision for _, decision in of(told, "redemption-decisions")], scene.decisions, decided)

    def compare_balances(self) -> None:
        rows = self.model.balances()
        expected = {ledger_of(row): row for row in rows}
        found = {ledger_of(row): row for row in self.product.balances()}
        for key in expected.keys() | found.keys():
            came, should = found.get(key), expected.get(key)
            if came is None or should is None:
                if nothing(came) and nothing(should):
                    continue
                raise Different(f"{key}: the product has {came}, the model {should}")
            same("balance", str(key), [came], [should], standing)


def nothing(row: Json | None) -> bool:
    return row is None or (float(row["lifetime"]) == 0 and float(row["debt"]) == 0)


def ledger_of(row: Json) -> tuple[str, str, str, str | None]:
    return row["profile_id"], row["program"], row["point"], row.get("subledger")


def same(what: str, step: str, came: list[Any], should: list[Any], seen: Any) -> None:
    one, other = [seen(item) for item in came], [seen(item) for item in should]
    if one != other:
        for n in range(max(len(one), len(other))):
            left, right = (part[n] if n < len(part) else None for part in (one, other))
            if left != right:
                raise Different(
                    f"{what} at {step}\n number {n}\n product {left}\n model   {right}\n of {len(one)} and {len(other)}"
                )


def plain(entry: Json) -> Json:
    """What is compared of an entry or a tier change, whoever said it."""
    names = OF_TIERS if entry["type"].startswith("tier.") else OF_ENTRIES
    seen: Json = {name: entry[name] for name in names if entry.get(name) is not None}
    if entry.get("reason") == "late-points":
        seen.pop("qualifying_points", None)  # of several reviews that were judged again, whose amount it is stays open
    if "extended" in entry:
        told = entry["extended"]
        seen["extended"] = told if isinstance(told, int) else told["lots_omitted"]
    lots = entry.get("lots", ())
    if entry.get("reason") == "erased":
        seen["reason"] = "erased"
    seen["lots"] = sorted(lot if isinstance(lot, tuple) else lot_of(lot) for lot in lots)
    return seen


def as_by_rule(came: list[Json], should: list[Json]) -> list[Json]:
    """Where an entry of the product says by a rule which lots moved, how many they are is all that is compared of them."""
    return [
        {**other, "lots": [], "extended": len(other["lots"])} if number < len(came) and came[number].get("extended") else other
        for number, other in enumerate(should)
    ]


def lot_of(lot: Json) -> tuple[str | None, ...]:
    return lot["lot_id"], lot["points"], lot.get("activates_at"), lot.get("expires_at"), lot.get("receipt_id")


def decided(decision: Json) -> Json:
    names = ("type", "redemption_id", "reason", *(("points", "money") if decision["type"] == "redemption.accepted" else ()))
    return {name: decision.get(name) for name in names}


def standing(row: Json) -> Json:
    lots = [
        {
            name: lot.get(name)
            for name in ("lot_id", "remaining", "reserved", "activates_at", "expires_at", "receipt_id")
            if lot.get(name) is not None
        }
        for lot in row["lots"]
    ]
    return {**{term: row[term] for term in TERMS}, "tier": row["tier"], "lots": lots}


def of(told: Told, *topics: str) -> list[tuple[str, Json]]:
    return [(topic, record) for topic, record in told.sent if topic in topics]


def names_in(told: Told) -> list[Name]:
    """The ids of the lots that the product made in this step."""
    return [
        Name(
            entry["profile_id"],
            entry["program"],
            entry["point"],
            entry.get("subledger"),
            lot["points"],
            lot.get("expires_at"),
            lot["lot_id"],
        )
        for _, entry in of(told, "ledger-entries")
        if entry["type"] == "points.accrued" or (entry["type"] == "points.adjusted" and entry["direction"] == "credit")
        for lot in entry["lots"]
    ]
