"""In files, when what is due is looked at does not matter, also where it asks other keys, or lets records go on that wait.

One profile, whose records come in order. Whether ticks settle it in between or its next record does, it is told the same, in the same order.
And of several that share a budget and a place, a file says what a worker says that is never late, and whose messages come at once.
"""

import json
from collections import deque
from datetime import datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Effect, Outbox
from schemas.document import read_document
from schemas.events import encode
from schemas.program_file import build_catalog
from tables.memory import MemoryStore
from tables.table import Table
from tests.properties.harness import EPOCH, Product, instant

START = datetime(2024, 5, 1, 10, tzinfo=EPOCH.tzinfo)
PROGRAM: dict[str, Any] = {
    "program": "club",
    "timezone": "Europe/Berlin",
    "environment": "live",
    "effective_from": "2020-01-01T00:00:00Z",
    "applications": ["pos"],
    "currency": "EUR",
    "points": [{"sid": "pts", "returns": "within-balance", "activation": "1 day", "expiration": "6 days"}],
    "tiers": {"definitions": [{"name": "Base", "threshold": "0"}, {"name": "Gold", "threshold": "60"}], "measure": "active"},
    "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
    "promotions": [
        {"promotion": "gift", "action": "accrue", "points": "30", "activation": "immediately", "budget": {"points": "100", "on_cap": "truncate"}},
        {"promotion": "fee", "action": "redeem", "points": "5", "budget": {"points": "12"}},
    ],
    "segments": [{"segment": "rich", "where": {"balance.active": {"at_least": 40}}}],
    "scenarios": [
        {"scenario": "thanks", "trigger": {"pixel": "visit"}, "reentry": True,
         "steps": [{"wait": "1 day"}, {"award": {"promotion": "gift"}}, {"notify": {"channel": "push", "template": "say"}}]},
        {"scenario": "race", "trigger": {"pixel": "race"}, "reentry": True,
         "steps": [{"wait": "30 hours"}, {"limit": 1}, {"join": {}}, {"wait": "2 days"}, {"award": {"promotion": "gift"}}]},
        {"scenario": "fees", "trigger": {"entry": "points.activated"}, "reentry": True,
         "steps": [{"wait": "3 days"}, {"redeem": {"promotion": "fee"}}]},
        {"scenario": "rich", "trigger": {"segment": "rich"}, "reentry": True, "steps": [{"wait": "1 hour"}, {"award": {"promotion": "gift"}}]},
    ],
    "reminders": [{"reminder": "soon", "of": "expiry", "within": "2 days", "at": "09:00", "channel": "push", "template": "say"}],
    "templates": {"say": "{{ points }} {{ balance.active }}"},
}  # fmt: skip
JOINING: dict[str, Any] = {"join": "explicit", "before_join": "park", "consent": "agreed"}

KINDS = st.sampled_from(["visit", "race", "sale", "spend", "cancel", "agree", "withdraw"])
LIVES = st.lists(st.tuples(st.integers(1, 120), KINDS, st.integers(0, 96)), min_size=1, max_size=12)


def record(number: int, kind: str, at: str, profile_id: str = "p1") -> tuple[str, dict[str, Any]]:
    common = {"profile_id": profile_id}
    match kind:
        case "sale":
            lines = [{"sku": "A", "quantity": 1, "unit_price": "25.00"}]
            return "purchases", common | {
                "application": "pos",
                "currency": "EUR",
                "receipt_id": f"R{number}",
                "closed_at": at,
                "lines": lines,
            }
        case "cancel":
            return "purchases", common | {"kind": "cancel", "application": "pos", "receipt_id": f"R{number - 1}", "closed_at": at}
        case "spend":
            return "redemptions", common | {"redemption_id": f"X{number}", "program": "club", "points": "20", "requested_at": at}
        case "agree" | "withdraw":
            return "profiles", common | {"updated_at": at, "fields": {"agreed": kind == "agree"}}
    return "pixels", common | {"event_id": f"E{number}", "type": kind, "occurred_at": at}


def told(program: dict[str, Any], life: list[tuple[int, str, int]], *, ticks: bool) -> list[tuple[str, dict[str, Any]]]:
    """What is said, without when it was found out."""
    product, at, steps = Product(program), START, []
    for number, (hours, kind, tick) in enumerate(life):
        if ticks and tick < hours:
            steps.append(product.step(at + timedelta(hours=tick)))
        at += timedelta(hours=hours)
        topic, value = record(number, kind, at.isoformat())
        steps.append(product.step(value, topic=topic))
    steps.append(product.step(at + timedelta(days=60)))
    return [(topic, without_when(said)) for step in steps for topic, said in step.sent]


def without_when(said: dict[str, Any]) -> dict[str, Any]:
    """Not when it was found out, nor where the record lay."""
    return {name: value for name, value in said.items() if name not in ("recorded_at", "offset")}


@settings(max_examples=80, deadline=None)
@given(LIVES, st.booleans())
def test_ticks_in_between_change_nothing(life: list[tuple[int, str, int]], joining: bool) -> None:
    program = PROGRAM | ({"membership": JOINING} if joining else {})
    assert told(program, life, ticks=True) == told(program, life, ticks=False)


class Worker:
    """One partition whose ticks come every hour, and whose messages come as soon as they are sent. In files the core sees to that."""

    def __init__(self) -> None:
        catalog = build_catalog([read_document(json.dumps(PROGRAM), "club.json")])
        self._core, self._table = Core(catalog, partitions=1), Table(MemoryStore())
        self._messages: deque[Effect] = deque()
        self.said: list[tuple[str, dict[str, Any]]] = []

    def tick(self, at: datetime) -> None:
        done = False
        while not done:
            outbox = Outbox()
            done = self._core.tick(self._table, instant(at), outbox, 1)
            self._collect(outbox, at)

    def apply(self, topic: str, key: str, value: bytes, at: datetime) -> None:
        outbox = Outbox()
        self._core.apply(self._table, Incoming(topic, 0, 1, key.encode(), value, instant(at)), outbox)
        self._collect(outbox, at)

    def _collect(self, outbox: Outbox, at: datetime) -> None:
        assert not outbox.errors, outbox.errors
        self.said += [(effect.topic, json.loads(encode(effect.record))) for effect in outbox.effects]
        self._messages += outbox.messages
        while self._messages:
            message = self._messages.popleft()
            self.apply(message.topic, message.key, msgspec.json.encode(message.record), at)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 48), KINDS, st.sampled_from(["p1", "p2", "p3"])), min_size=1, max_size=10))
def test_a_file_says_what_a_worker_says_that_is_never_late(life: list[tuple[int, str, str]]) -> None:
    worker, product, at, steps = Worker(), Product(PROGRAM), START, []
    for number, (hours, kind, profile_id) in enumerate(life):
        for hour in range(1, hours + 1):
            worker.tick(at + timedelta(hours=hour))
        at += timedelta(hours=hours)
        topic, value = record(number, kind, at.isoformat(), profile_id)
        worker.apply(topic, profile_id, json.dumps(value).encode(), at)
        steps += [product.step(at), product.step(value, topic=topic)]
    for hour in range(1, 12 * 24 + 1):
        worker.tick(at + timedelta(hours=hour))
    steps.append(product.step(at + timedelta(days=12)))
    assert [(topic, without_when(said)) for topic, said in worker.said] == [
        (topic, without_when(said)) for step in steps for topic, said in step.sent
    ]
