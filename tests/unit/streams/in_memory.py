"""A broker and a worker in memory: what a run leaves in the topics, with the worker's own partitions and its own record of `cycles`.

Which input is ahead, where a cycle ends, when a tick comes and when the worker starts anew is drawn from a seed. Offsets have gaps, as
transaction markers leave them.
"""

import bisect
from collections import defaultdict
from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec

from agents.core import Core
from agents.outbox import Effect
from schemas.document import read_document
from schemas.events import encode
from schemas.partitioner import partition_of
from schemas.program import Catalog
from schemas.program_file import parse_program
from schemas.topics import BALANCES, CHANGELOG, CONSUMED, CYCLES, PROGRAMS
from streams.errors import WrongUsage
from streams.export.lines import Recorded
from streams.export.run import Exporter
from streams.published.versions import Found, Published, Versions, identity_of, key_of
from streams.worker.cycle import fill, pack, settle
from streams.worker.logic import LedgerReactions
from streams.worker.partition import Partition
from streams.worker.position import META_POSITION, POSITION_KEY, Position, Programs, decode_position
from tables.memory import MemoryStore
from tables.table import Table

START_MS = 1_709_280_000_000  # 2024-03-01T08:00:00Z
Place = tuple[str, int]


class Topics:
    """Records by topic and partition, in order of offset."""

    def __init__(self) -> None:
        self.records: dict[Place, list[Recorded]] = defaultdict(list)

    def put(self, topic: str, number: int, key: bytes | None, value: bytes | None, at_ms: int, gap: int = 0) -> None:
        there = self.records[topic, number]
        offset = (there[-1].offset() + 1 if there else 0) + gap
        there.append(Recorded(offset, key, value, at_ms))

    def values(self, topic: str, partitions: int) -> list[bytes | None]:
        """Partition after partition."""
        return [record.value() for number in range(partitions) for record in self.records[topic, number]]

    def log(self, topic: str) -> "MemoryLog":
        return MemoryLog(self, topic)


class MemoryLog:
    """`streams.export.log.Log` over these topics."""

    def __init__(self, topics: Topics, topic: str) -> None:
        self._topics, self._topic = topics, topic

    def bounds(self, number: int) -> tuple[int, int]:
        there = self._topics.records[self._topic, number]
        return (there[0].offset(), there[-1].offset() + 2) if there else (0, 0)  # a marker stands at the end

    def begin(self, number: int, offset: int) -> None:
        self._there = self._topics.records[self._topic, number]
        if self._there and offset < self._there[0].offset():
            raise WrongUsage("retention has deleted what was applied")
        self._at = bisect.bisect_left(self._there, offset, key=lambda record: record.offset())

    def upto(self, end: int, *, whole: bool) -> Iterator[Recorded]:
        while self._at < len(self._there) and self._there[self._at].offset() < end:
            self._at += 1
            yield self._there[self._at - 1]

    def close(self) -> None:
        pass


class Worker:
    """All partitions of a broker in one worker."""

    def __init__(self, catalog: Catalog, partitions: int, seed: int, *, backfill: bool, gaps: bool = True) -> None:
        self.topics = Topics()
        self._gaps = gaps
        self.partitions = partitions
        self.stores = [MemoryStore() for _ in range(partitions)]
        self._random = Random(seed)
        self._catalog = catalog  # until programs are published
        self._versions = Versions()
        self._backfill = backfill
        self.now_ms = START_MS
        self._owned = self._start()

    def _start(self) -> list[Partition]:
        found = []
        for number, store in enumerate(self.stores):
            table = Table(store)
            stored = table.meta(META_POSITION)
            position = Position() if stored is None else decode_position(stored)
            for topic in CONSUMED:
                position.inputs.setdefault(topic, 0)
            found.append(Partition(number, LedgerReactions(self._core(), table), position, backfill=self._backfill))
        return found

    def _core(self) -> Core:
        return Core(self._versions.catalog if self._versions.offset else self._catalog, self.partitions)

    def publish(self, *texts: str) -> None:
        """What was published is taken at once, each partition in a cycle of its own."""
        for text in texts:
            key = key_of(identity_of(parse_program(read_document(text, "a.yaml"))), text)
            self.topics.put(PROGRAMS, 0, key.encode(), msgspec.json.encode(Published("a.yaml", text)), self.now_ms)
        there = [Found(one.offset(), one.key(), one.value()) for one in self.topics.records[PROGRAMS, 0]]
        assert self._versions.take(there[-len(texts) :]) == []
        core = self._core()
        for partition in self._owned:
            assert isinstance(partition.reactions, LedgerReactions)
            partition.reactions.core = core
            partition.take(Programs(self._versions.offset, self._versions.keys))
            self._keep(partition)

    def send(self, topic: str, key: str, value: bytes, partition: int | None = None) -> None:
        number = partition_of(key.encode(), self.partitions) if partition is None else partition
        self.topics.put(
            topic, number, key.encode(), value, self.now_ms, gap=self._random.choice((0, 0, 0, 1)) if self._gaps else 0
        )

    def work(self) -> None:
        """Apply all that was sent, and what is asked and answered because of it."""
        while any(self._step(partition) for partition in self._random.sample(self._owned, self.partitions)):
            if self._random.random() < 0.05:
                self._owned = self._start()

    def _step(self, partition: Partition) -> bool:
        """Some slices and perhaps a tick, as one cycle."""
        worked = False
        for _ in range(self._random.randint(1, 4)):
            waiting = [topic for topic in CONSUMED if self._waiting(topic, partition)]
            if waiting:
                topic = self._random.choice(waiting)
                partition.apply(topic, self._waiting(topic, partition)[: self._random.randint(1, 30)])
                worked = True
        if self._random.random() < 0.3:
            at = (partition.position.greatest or 0) if self._backfill else self.now_ms * 1000
            partition.tick(at, self._random.choice((1, 3, 500)))
        if partition.dirty:
            self._keep(partition)
            worked = True
        return worked

    def _waiting(self, topic: str, partition: Partition) -> list[Recorded]:
        there = self.topics.records[topic, partition.number]
        start = bisect.bisect_left(there, partition.position.inputs[topic], key=lambda record: record.offset())
        return there[start:]

    def _keep(self, partition: Partition) -> None:
        parcel, number = pack(partition), partition.number
        fill(parcel)
        for effect in parcel.effects:
            self.topics.put(effect.topic, number, effect.key.encode(), encode(effect.record), self.now_ms)
        for key, value in parcel.balances:
            self.topics.put(BALANCES, number, key, value, self.now_ms)
        for message in parcel.messages:
            self._ask(message)
        self.topics.put(CYCLES, number, b"%d" % partition.position.cycle, parcel.cycle, self.now_ms, gap=1 if self._gaps else 0)
        for key, state in [*parcel.changes, (POSITION_KEY, parcel.position)]:
            self.topics.put(CHANGELOG, number, key, state, self.now_ms)
        partition.table.write({META_POSITION: parcel.position}, parcel.changes)
        settle([parcel])

    def _ask(self, message: Effect) -> None:
        number = partition_of(message.key.encode(), self.partitions)
        self.topics.put(message.topic, number, message.key.encode(), encode(message.record), self.now_ms)

    def ends(self) -> list[Position]:
        return [partition.position for partition in self._owned]

    def exported(self, numbers: list[int] | None = None, watch: Any = None) -> bytes:
        parts: list[bytes] = []
        with Exporter(self.topics.log, parts.append) as exporter:
            exporter.all(self.partitions, list(range(self.partitions)) if numbers is None else numbers, watch or NobodyWatches())
        return b"".join(parts)


class NobodyWatches:
    def total(self, count: int) -> None:
        pass

    def advanced(self, count: int) -> None:
        pass

    def broken(self, file: str, line: int, refused: Any) -> None:
        raise AssertionError((file, line, refused))

    def closing(self) -> None:
        pass

    def passed_over(self, foreign: Any) -> None:
        raise AssertionError(foreign)
