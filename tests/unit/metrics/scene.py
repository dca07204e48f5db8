"""A worker without a broker: its partitions in memory, its commit cycle, and what watches it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prometheus_client import generate_latest

from agents.core import Core
from schemas.document import read_document
from schemas.program_file import build_catalog
from schemas.topics import CONSUMED
from streams.export.lines import Recorded
from streams.metrics import sweep
from streams.metrics.watching import Watching
from streams.worker.cycle import Parcel, keep
from streams.worker.logic import LedgerReactions
from streams.worker.partition import Partition
from streams.worker.position import Position
from streams.worker.settings import WorkerSettings
from tables.memory import MemoryStore
from tables.store import Store
from tables.table import Table

PROGRAM = """
program: club
timezone: UTC
environment: sandbox
effective_from: 2000-01-01T00:00:00Z
applications: [pos]
currency: EUR
points: [{sid: pts, scale: 2, expiration: 30 days, returns: allow-debt, ratio: {points: "100", money: "1.00"}}]
earning: [{rule: base, rate: {points: "1", per: "1.00"}}]
"""


class Taken:
    """A broker that takes every cycle."""

    def send(self, parcels: list[Parcel], *, planned: bool = False) -> None:
        pass

    def commit(self, parcels: list[Parcel], group: Any) -> None:
        pass

    def renew(self) -> None: ...

    def overdue(self) -> bool:
        return False

    def close(self) -> None:
        pass


class Scene:
    """One worker with so many partitions; records go where they are put."""

    def __init__(self, state: Path, text: str = PROGRAM, partitions: int = 1, store: Callable[[], Store] = MemoryStore) -> None:
        catalog = build_catalog([read_document(text, "club.yaml")])
        self.watching = Watching(WorkerSettings(broker="kafka://127.0.0.1:1", state=state), catalog)
        self.core = Core(catalog)
        self.partitions = {
            number: Partition(
                number,
                LedgerReactions(self.core, Table(store())),
                Position(inputs=dict.fromkeys(CONSUMED, 0)),
                backfill=False,
            )
            for number in range(partitions)
        }
        self.watching.assigned(list(self.partitions))
        self.watching.recovered(self.partitions)

    def apply(self, topic: str, values: Sequence[bytes], at_ms: int, number: int = 0) -> None:
        partition = self.partitions[number]
        first = partition.position.inputs[topic]
        partition.apply(topic, [Recorded(first + place, b"k", value, at_ms) for place, value in enumerate(values)])

    def keep(self) -> None:
        keep([partition for partition in self.partitions.values() if partition.dirty], Taken(), None, self.watching.kept)

    def sweep(self) -> None:
        """Until all partitions have been walked over."""
        while self.watching.look(self.partitions) != sweep.IDLE_SECONDS:
            pass

    def exposed(self) -> str:
        return generate_latest(self.watching.registry).decode()

    def value(self, name: str, **labels: str) -> float | None:
        return self.watching.registry.get_sample_value(name, labels)

    def total(self, name: str, **labels: str) -> float:
        """The sum over all series with these labels."""
        return sum(
            sample.value
            for family in self.watching.registry.collect()
            for sample in family.samples
            if sample.name == name and _matches(sample.labels, labels)
        )


def _matches(found: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(found.get(name) == value for name, value in wanted.items())
