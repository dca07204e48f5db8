"""Receipts for the worker's tests, and what must become of them: the core over memory says, with no broker in sight.

A third of the records are trouble: sent twice, cut off, in another currency. Points live five days, so lots expire while the
records go through time, and every profile ends up with open and expired lots.
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from confluent_kafka import Producer

from agents.balances import profile_balances
from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from schemas.events import encode
from schemas.instants import format_instant, parse_instant
from schemas.program_file import load_catalog
from schemas.topics import BALANCES, CYCLES, LEDGER_ENTRIES, PURCHASES
from streams.worker.position import POSITION_KEY
from tables.memory import MemoryStore
from tables.table import Table
from tests.kafka.help import read_all

PROGRAM = """\
program: club
timezone: UTC
environment: sandbox
effective_from: 2024-01-01T00:00:00Z
applications: [pos]
currency: EUR
points:
  - {sid: pts, expiration: "5 days", returns: within-balance}
earning:
  - {rule: base, rate: {points: "1", per: "1.00"}}
"""
PROFILES = 200
_FIRST = parse_instant("2024-03-01T08:00:00Z")
_APART_US = 90_000_000


def program_file(folder: Path, text: str = PROGRAM) -> Path:
    path = folder / "club.yaml"
    path.write_text(text)
    return path


def records(count: int, seed: int) -> list[tuple[str, bytes]]:
    """(key, value) in order of event time."""
    random = Random(seed)
    made: list[tuple[str, bytes]] = []
    for number in range(count):
        profile_id = f"p{random.randrange(PROFILES)}"
        line = {
            "sku": "A",
            "quantity": random.randint(1, 3),
            "unit_price": f"{random.randint(1, 50)}.{random.randrange(100):02d}",
        }
        value = json.dumps(
            {
                "receipt_id": f"R{number}",
                "application": "pos",
                "profile_id": profile_id,
                "closed_at": format_instant(_FIRST + number * _APART_US),
                "currency": "USD" if number % 17 == 0 else "EUR",
                "lines": [line],
            }
        ).encode()
        made.append((profile_id, value[:-9] if number % 29 == 0 else value))
        if number % 5 == 0:
            made.append(random.choice(made[-50:]))
    return made


def send(servers: str, sent: Sequence[tuple[str, bytes]]) -> None:
    producer = Producer({"bootstrap.servers": servers, "partitioner": "murmur2", "enable.idempotence": True, "linger.ms": 5})
    for key, value in sent:
        producer.produce(PURCHASES, value, key)
        producer.poll(0)
    assert producer.flush(30) == 0


def applied(servers: str, partitions: int) -> Counter[str]:
    """The outcomes of every cycle that counts, once each: without transactions a plan is never written twice either."""
    outcomes: Counter[str] = Counter()
    for message in read_all(servers, CYCLES, partitions):
        outcomes.update(msgspec.json.decode(message.value())["outcomes"])
    return outcomes


def expected(
    program: Path, sent: Sequence[tuple[str, bytes]]
) -> tuple[Counter[str], dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """Outcomes, balances by profile and entries by profile, after a last tick at the greatest event time."""
    core, table, outbox = Core(load_catalog([program])), Table(MemoryStore()), Outbox()
    outcomes: Counter[str] = Counter()
    greatest = 0
    for offset, (key, value) in enumerate(sent):
        incoming = Incoming(PURCHASES, 0, offset, key.encode(), value, 0)
        greatest = max(greatest, core.event_time(incoming) or 0)
        incoming.arrived_at = greatest
        outcomes[core.apply(table, incoming, outbox)] += 1
    assert core.tick(table, greatest, outbox)
    balances: dict[str, Any] = {}
    for number in range(PROFILES):
        profile = table.profile(f"p{number}")
        if profile is not None:
            balances[f"p{number}"] = plain(encode(profile_balances(core.programs, f"p{number}", profile)))
    entries: dict[str, list[dict[str, Any]]] = {}
    for effect in outbox.effects:
        if effect.topic == LEDGER_ENTRIES:
            entries.setdefault(effect.key, []).append(entry(encode(effect.record)))
    return outcomes, balances, entries


def published(servers: str, partitions: int) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """Balances by profile and entries by profile, as a reader of the topics finds them."""
    balances: dict[str, Any] = {}
    for message in read_all(servers, BALANCES, partitions):
        if message.key() != POSITION_KEY:
            balances[message.key().decode()] = plain(message.value())
    entries: dict[str, list[dict[str, Any]]] = {}
    for message in read_all(servers, LEDGER_ENTRIES, partitions):
        entries.setdefault(message.key().decode(), []).append(entry(message.value()))
    return balances, entries


def plain(value: bytes) -> Any:
    return msgspec.json.decode(value)


def entry(value: bytes) -> dict[str, Any]:
    """What an entry says, less when and by whom it was noticed: a timer's instant differs with the ticks, the books do not."""
    said: dict[str, Any] = msgspec.json.decode(value)
    return {name: said.get(name) for name in ("type", "entry", "sequence", "points", "occurred_at", "balance")}
