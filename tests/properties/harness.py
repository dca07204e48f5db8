"""The product under the properties: the pure core over a table in memory, fed with plain values.

A step is a record (a mapping; of `purchases` unless another topic is named) or a tick (an aware datetime). What comes back are
plain values again, so that nothing of the product's own types reaches the claims.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from agents.balances import balance_rows
from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from schemas.document import read_document
from schemas.events import encode
from schemas.program_file import build_catalog
from tables.memory import MemoryStore
from tables.pages import HEAD_MAX
from tables.table import Table

Json = dict[str, Any]
Step = Mapping[str, Any] | datetime
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TERMS = ("active", "pending", "reserved", "redeemed", "expired", "reversed", "written_off", "debt_paid")


def instant(moment: datetime) -> int:
    """Microseconds since 1970, without a float on the way."""
    passed = moment - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


class Told(NamedTuple):
    """What one step had to say: the outcome (of a tick: None), and the records it sent, topic by topic in order."""

    outcome: str | None
    sent: list[tuple[str, Json]]


class Product:
    """`cache`: how many decoded states the table may keep; a small one makes it read back what it wrote.
    `head_lots`: how many open lots a ledger keeps at hand before it puts them into pages; `named_lots`: how many an entry names of
    those that a renewal moves.
    """

    def __init__(
        self, *programs: Mapping[str, Any], cache: int = 1_000, head_lots: int = HEAD_MAX, named_lots: int = 100
    ) -> None:
        documents = [read_document(json.dumps(program), f"program-{n}.json") for n, program in enumerate(programs)]
        self._catalog = build_catalog(documents)
        self._store = MemoryStore()
        self._cache = cache
        self._head_lots = head_lots
        self._named_lots = named_lots
        self._arrived_at = 0
        self._offset = 0
        self.table = Table(self._store, cache)
        self.core = Core(self._catalog, head_lots=self._head_lots, named_lots=self._named_lots)

    def restart(self) -> None:
        """Write what there is, forget everything else, and go on from what was written."""
        self.table.flush({})
        self.table = Table(self._store, self._cache)
        self.core = Core(self._catalog, head_lots=self._head_lots, named_lots=self._named_lots)

    def flush(self) -> None:
        self.table.flush({})

    def step(self, step: Step, tick_size: int | None = None, topic: str = "purchases", arrival: datetime | None = None) -> Told:
        """Without an `arrival` a record arrives as one of a file does: at the greatest event time so far."""
        outbox = Outbox()
        outcome = None
        if isinstance(step, datetime):
            while not self.core.tick(self.table, instant(step), outbox, tick_size):
                pass
        else:
            value = json.dumps(step).encode()
            key = step.get("profile_id")
            incoming = Incoming(topic, 0, self._offset, None if key is None else str(key).encode(), value, 0)
            self._offset += 1
            came_at = self.core.event_time(incoming) if arrival is None else instant(arrival)
            self._arrived_at = max(self._arrived_at, came_at or 0)
            incoming.arrived_at = self._arrived_at
            outcome = self.core.apply(self.table, incoming, outbox)
        assert not outbox.errors, outbox.errors
        return Told(outcome, [(effect.topic, json.loads(encode(effect.record))) for effect in outbox.effects])

    def run(self, steps: Sequence[Step], between: Callable[["Product", int], None] | None = None) -> list[Told]:
        told = []
        for number, step in enumerate(steps):
            if between is not None:
                between(self, number)
            told.append(self.step(step))
        return told

    def balances(self) -> list[Json]:
        """Every row of `balances`, sorted by profile, program, point and subledger."""
        self.flush()
        rows: list[Json] = []
        for profile_id, profile in self.table.profiles():
            rows += [json.loads(encode(row)) for row in balance_rows(self.core.programs, profile_id, profile, self.table)]
        return rows


def entries(told: Sequence[Told]) -> list[Json]:
    return [record for step in told for topic, record in step.sent if topic == "ledger-entries"]


def events(told: Sequence[Told]) -> list[Json]:
    """Ledger entries and tier changes, in order of emission."""
    return [record for step in told for topic, record in step.sent if topic in {"ledger-entries", "tier-changes"}]


def dead_letters(told: Sequence[Told]) -> list[Json]:
    return [record for step in told for topic, record in step.sent if topic == "dead-letters"]


def sent(told: Sequence[Told]) -> list[tuple[str, Json]]:
    return [effect for step in told for effect in step.sent]
