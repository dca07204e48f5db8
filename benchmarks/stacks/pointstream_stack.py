"""This worker with a counter for logic: its whole engine (reader, agents, commit cycle, recovery, RocksDB) and nothing of the ledger.

With transactions on `--broker kafka://…`; without them as on the embedded broker, on `embedded://…`, whatever broker that is: plan, output
and changelog, each flushed before the next. The ledger's workload needs no program of its own: that is `pointstream worker`.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from agents.incoming import Incoming
from agents.outbox import Effect, Outbox
from benchmarks.stacks.engine import OUTPUT
from schemas.instants import Instant
from streams.worker.logic import Reactions
from streams.worker.run import run_worker
from streams.worker.settings import WorkerSettings
from tables.rocks import RocksShared, RocksStore


class Receipt(msgspec.Struct):
    receipt_id: str
    profile_id: str
    total: str
    store: str


class Counted(msgspec.Struct):
    profile_id: str
    receipt_id: str
    count: int


_decode = msgspec.json.Decoder(Receipt).decode


class CountingTable:
    """A number a profile, over RocksDB; what has changed in a cycle is written once."""

    forgotten = None  # it never sweeps

    def __init__(self, store: RocksStore) -> None:
        self._store = store
        self._dirty: dict[bytes, int] = {}
        self._frozen: dict[bytes, int] = {}

    def add_one(self, key: bytes) -> int:
        count = self._dirty.get(key) or self._frozen.get(key)
        if count is None:
            count = int(self._store.get(key) or b"0")
        self._dirty[key] = count + 1
        return count + 1

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
    """`streams.worker.logic.Reactions`: nothing is ever due."""

    def __init__(self, table: CountingTable) -> None:
        self.table, self.outbox = table, Outbox()

    def apply(self, incoming: Incoming) -> str:
        receipt = _decode(incoming.value or b"")
        counted = Counted(receipt.profile_id, receipt.receipt_id, self.table.add_one(receipt.profile_id.encode()))
        self.outbox.effects.append(Effect(OUTPUT, receipt.profile_id, counted))
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "--broker", required=True, help="kafka://HOST:PORT, or embedded://HOST:PORT for the way without transactions"
    )
    parser.add_argument("--name", required=True, help="the consumer group")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--commit-ms", type=int, required=True)
    given = parser.parse_args()
    return run_worker(
        WorkerSettings(broker=given.broker, state=given.state, app_id=given.name, cycle_ms=given.commit_ms), CountingLogic()
    )


if __name__ == "__main__":
    sys.exit(main())
