"""Cores over several tables, as workers over partitions: messages between keys lie in a post office until somebody delivers them.

In files a question is answered before the next record; here a test says what comes in between, what is delivered again, and in what order
the partitions go on. Within one partition messages keep their order, as a topic does.
"""

import json
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import msgspec

from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from schemas.document import read_document
from schemas.events import DeadLetter, LedgerEntry, RedemptionDecision
from schemas.instants import parse_instant
from schemas.partitioner import partition_of
from schemas.program_file import build_catalog
from tables.memory import MemoryStore
from tables.table import Table
from tests.unit.agents.scene import TIMES

PROGRAM: dict[str, Any] = {
    "program": "club",
    "timezone": "UTC",
    "environment": "live",
    "effective_from": "2020-01-01T00:00:00Z",
    "applications": ["pos"],
    "currency": "EUR",
    "points": [{"sid": "pts", "returns": "within-balance"}],
}


class Post:
    """`careless`: errors may happen, and are put aside."""

    def __init__(
        self, *, partitions: int = 3, store: Callable[[], MemoryStore] = MemoryStore, careless: bool = False, **changes: Any
    ) -> None:
        catalog = build_catalog([read_document(json.dumps(PROGRAM | changes), "club.json")])
        self.core = Core(catalog, partitions=partitions)
        self.partitions = partitions
        self.careless = careless
        self.stores = [store() for _ in range(partitions)]
        self.tables = [Table(each) for each in self.stores]
        self.waiting: dict[tuple[str, int], deque[tuple[bytes, bytes]]] = {}
        self.said: list[LedgerEntry] = []
        self.letters: list[DeadLetter] = []
        self.decisions: list[RedemptionDecision] = []
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.now = 0

    def send(self, topic: str, profile_id: str, at: str, **record: Any) -> str:
        """A record of a feed, at its profile's partition."""
        value = {"profile_id": profile_id, TIMES[topic]: at, "application": "pos", **record}
        self.now = max(self.now, parse_instant(at))
        return self._apply(topic, profile_id.encode(), json.dumps(value).encode())

    def order(self, kind: str, profile_id: str) -> None:
        self._apply("requests", profile_id.encode(), json.dumps({"kind": kind, "profile_id": profile_id}).encode())

    def restart(self) -> None:
        """Everything is stored, and read again."""
        for table in self.tables:
            table.flush({})
        self.tables = [Table(store) for store in self.stores]

    def lying(self) -> list[tuple[str, int]]:
        """Where something waits to be delivered, in order."""
        return sorted(place for place, queue in self.waiting.items() if queue)

    def deliver(self, place: tuple[str, int] | None = None, times: int = 1) -> None:
        """The first message of a place, or (None) all that there is, whatever comes of it; each so often."""
        if place is None:
            while lying := self.lying():
                self.deliver(lying[0], times)
            return
        key, value = self.waiting[place].popleft()
        for _ in range(times):
            self._apply(place[0], key, value)

    def tick(self, at: str) -> None:
        self.now = max(self.now, parse_instant(at))
        for table in self.tables:
            outbox = Outbox()
            self.core.tick(table, parse_instant(at), outbox)
            self._collect(outbox)

    def accrued(self) -> Counter[str]:
        return Counter(entry.profile_id for entry in self.said if entry.type == "points.accrued")

    def points(self) -> int:
        return sum(int(entry.points or 0) for entry in self.said if entry.type == "points.accrued")

    def _apply(self, topic: str, key: bytes, value: bytes) -> str:
        number = partition_of(key, self.partitions)
        outbox = Outbox()
        outcome = self.core.apply(self.tables[number], Incoming(topic, number, 0, key, value, self.now), outbox)
        self._collect(outbox)
        return outcome

    def _collect(self, outbox: Outbox) -> None:
        assert self.careless or not outbox.errors, outbox.errors
        self.counts += outbox.counts
        for effect in outbox.effects:
            if isinstance(effect.record, LedgerEntry):
                self.said.append(effect.record)
            elif isinstance(effect.record, DeadLetter):
                self.letters.append(effect.record)
            elif isinstance(effect.record, RedemptionDecision):
                self.decisions.append(effect.record)
        for message in outbox.messages:
            key = message.key.encode()
            place = (message.topic, partition_of(key, self.partitions))
            self.waiting.setdefault(place, deque()).append((key, msgspec.json.encode(message.record)))
