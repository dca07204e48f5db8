"""A counter for logic: the worker's whole engine with the simplest thing that can go wrong.

Every record adds one to its key and says so: output n of a key is "n". So one look at the outputs tells what was lost (a gap), what
was doubled (a number twice) and what was forgotten (a number again, later). As a program it is a worker process:

    python -m tests.kafka.counting --broker kafka://127.0.0.1:9092 --state DIR --session-ms 6000
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from agents.incoming import Incoming
from agents.outbox import Effect, Outbox
from schemas.instants import Instant
from schemas.topics import LEDGER_ENTRIES
from streams.worker.logic import Reactions
from streams.worker.run import run_worker
from streams.worker.settings import WorkerSettings
from tables.rocks import RocksShared, RocksStore


class Counted(msgspec.Struct):
    id: str
    type: str
    program: str
    profile_id: str
    occurred_at: str
    count: int


class CountingTable:
    """A number a key, over RocksDB."""

    forgotten = None  # it never sweeps

    def __init__(self, store: RocksStore) -> None:
        self._store = store
        self._dirty: dict[bytes, int] = {}
        self._frozen: dict[bytes, int] = {}

    def add_one(self, key: bytes) -> int:
        before = self._dirty.get(key) or self._frozen.get(key)
        if before is None:
            before = int(self._store.get(key) or b"0")
        self._dirty[key] = before + 1
        return before + 1

    @property
    def changed(self) -> int:
        return len(self._dirty)

    def freeze(self) -> None:
        self._frozen, self._dirty = self._dirty, {}

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        return [(key, b"%d" % count) for key, count in self._frozen.items()]

    def write(self, meta: Mapping[bytes, bytes], changes: Sequence[tuple[bytes, bytes | None]]) -> None:
        self._store.write(changes, [], meta)

    def settle(self, changes: Sequence[tuple[bytes, bytes | None]]) -> None:
        self._frozen = {}

    def drop_changes(self) -> None:
        self._dirty, self._frozen = {}, {}

    def restore(self, newest: Mapping[bytes, bytes | None], meta: Mapping[bytes, bytes], at_most: int | None = None) -> None:
        self._store.write(newest.items(), [], meta)

    def meta(self, name: bytes) -> bytes | None:
        return self._store.meta(name)

    def close(self) -> None:
        self._store.close()


class Counting:
    def __init__(self, table: CountingTable) -> None:
        self.table, self.outbox = table, Outbox()

    def apply(self, incoming: Incoming) -> str:
        key = incoming.key or b""
        name = key.decode()
        count = self.table.add_one(key)
        self.outbox.effects.append(
            Effect(LEDGER_ENTRIES, name, Counted(f"{name}-{count}", "counted", "proof", name, "2024-01-01T00:00:00Z", count))
        )
        return "applied"

    def tick(self, at: Instant, at_most: int) -> bool:
        return True

    def is_due(self, at: Instant) -> bool:
        return False

    def event_time(self, incoming: Incoming) -> Instant | None:
        return None

    def balances(self) -> list[tuple[bytes, bytes]]:
        return []


class CountingLogic:
    def __init__(self) -> None:
        self._shared = RocksShared()

    def open(self, path: Path, partitions: int) -> Reactions:
        return Counting(CountingTable(RocksStore(path, self._shared)))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--app-id", default="proof")
    parser.add_argument("--session-ms", type=int, default=6_000)
    parser.add_argument("--transaction-ms", type=int, default=10_000)
    given = parser.parse_args()
    settings = WorkerSettings(
        broker=given.broker,
        state=given.state,
        app_id=given.app_id,
        session_timeout_ms=given.session_ms,
        transaction_timeout_ms=given.transaction_ms,
    )
    return run_worker(settings, CountingLogic())


if __name__ == "__main__":
    sys.exit(main())
