"""A worker with a mistake of ours in it: applying a receipt of one name fails. Started again without it, the mistake is mended.

python -m tests.kafka.poisoned --broker kafka://127.0.0.1:9092 --program FILE --state DIR --poison BAD
"""

import argparse
import sys
from pathlib import Path

from agents.core import Core
from schemas.program import Catalog
from schemas.program_file import load_catalog
from streams.worker.logic import LedgerLogic, LedgerReactions, Reactions
from streams.worker.run import run_worker
from streams.worker.settings import WorkerSettings
from tables.rocks import RocksStore
from tables.table import Table


class PoisonedStore(RocksStore):
    poison: bytes = b""

    def get(self, key: bytes) -> bytes | None:
        if self.poison and key[:1] == b"r" and key.endswith(self.poison):
            raise ValueError(f"a mistake of ours, at {key!r}")
        return super().get(key)


class Poisoned(LedgerLogic):
    def __init__(self, catalog: Catalog, poison: str) -> None:
        super().__init__(catalog, 64 * 1024 * 1024)
        self._programs = catalog
        self._poison = poison.encode()

    def open(self, path: Path, partitions: int) -> Reactions:
        store = PoisonedStore(path)
        store.poison = self._poison
        return LedgerReactions(Core(self._programs, partitions), Table(store))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", required=True)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--poison", default="")
    parser.add_argument("--metrics-port", type=int)
    parser.add_argument("--log-format", default="text", choices=("text", "json"))
    given = parser.parse_args()
    settings = WorkerSettings(
        broker=given.broker,
        state=given.state,
        programs=(given.program,),
        metrics_port=given.metrics_port,
        log_format=given.log_format,
        backfill=True,
        session_timeout_ms=6_000,
        transaction_timeout_ms=10_000,
    )
    return run_worker(settings, Poisoned(load_catalog([given.program]), given.poison))


if __name__ == "__main__":
    sys.exit(main())
