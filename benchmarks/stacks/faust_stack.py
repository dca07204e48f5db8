"""Faust, as its documentation would have it: an agent that reads event by event, a table on RocksDB with its changelog, `topic.send`.

At least once: after a crash some receipts count twice. Nothing is slowed down on purpose: web server and leader topic are off, and Faust
commits at its own pace. Run by `benchmarks.stacks.run`.
"""

import argparse
from pathlib import Path
from typing import Any

import faust

from benchmarks.stacks.engine import OUTPUT
from schemas.topics import PURCHASES

OUTPUTS = ("ledger-entries", "tier-changes")


class Receipt(faust.Record, serializer="json"):
    receipt_id: str
    profile_id: str
    total: str
    store: str


class Counted(faust.Record, serializer="json"):
    profile_id: str
    receipt_id: str
    count: int


def build(name: str, broker: str, partitions: int, state: Path, workload: str, program: Path) -> Any:
    app = faust.App(
        name,
        broker=f"kafka://{broker}",
        store="rocksdb://",
        datadir=str(state),
        topic_partitions=partitions,
        topic_disable_leader=True,
        web_enabled=False,
    )
    if workload == "engine":
        _count(app, partitions)
    else:
        _keep_ledgers(app, partitions, program)
    return app


def _count(app: faust.App, partitions: int) -> None:
    purchases = app.topic(PURCHASES, value_type=Receipt)
    said = app.topic(OUTPUT, value_type=Counted, partitions=partitions)
    counts = app.Table("counts", default=int, partitions=partitions, options={"driver": "rocksdict"})

    @app.agent(purchases)
    async def count(receipts: Any) -> None:
        async for receipt in receipts:
            number = counts[receipt.profile_id] + 1
            counts[receipt.profile_id] = number
            told = Counted(profile_id=receipt.profile_id, receipt_id=receipt.receipt_id, count=number)
            await said.send(key=receipt.profile_id, value=told)


class _Table:
    """`benchmarks.stacks.ledger.States` in a Faust table."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def get(self, key: bytes) -> bytes | None:
        found: bytes | None = self._table.get(key)
        return found

    def put(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self._table.pop(key, None)
        else:
            self._table[key] = value


def _keep_ledgers(app: faust.App, partitions: int, program: Path) -> None:
    from benchmarks.stacks.ledger import Ledger

    raw: dict[str, Any] = {"key_type": bytes, "value_type": bytes}
    plain = {**raw, "key_serializer": "raw", "value_serializer": "raw"}
    purchases = app.topic(PURCHASES, **plain)
    said = {name: app.topic(name, partitions=partitions, **plain) for name in OUTPUTS}
    states = app.Table("states", partitions=partitions, options={"driver": "rocksdict"}, **raw)
    ledger = Ledger(program, partitions, _Table(states))

    @app.agent(purchases)
    async def accrue(receipts: Any) -> None:
        async for event in receipts.events():
            message = event.message
            for topic, key, value in ledger.apply(message.partition, message.offset, message.key, event.value):
                await said[topic].send(key=key, value=value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--broker", required=True)
    parser.add_argument("--name", required=True, help="the app's id, which is its group")
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--workload", choices=["engine", "ledger"], required=True)
    parser.add_argument("--program", type=Path, required=True)
    given = parser.parse_args()
    app = build(given.name, given.broker, given.partitions, given.state, given.workload, given.program)
    faust.Worker(app, loglevel="WARN", quiet=True, override_logging=True).execute_from_commandline()


if __name__ == "__main__":
    main()
