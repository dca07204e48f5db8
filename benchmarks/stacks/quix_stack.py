"""Quix Streams with its own exactly-once: a transaction a commit interval, state in RocksDB with its changelog, `to_topic`.

Runs in an environment of its own (`benchmarks.stacks.quix_home`), which has no more of ours than what the ledger's core imports. Its commit
interval is what the worker's cycle comes to while it is behind. Run by `benchmarks.stacks.run`.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quixstreams import Application, message_context

from benchmarks.stacks.engine import OUTPUT
from schemas.topics import PURCHASES

OUTPUTS = ("ledger-entries", "tier-changes")


def build(name: str, broker: str, state: Path, commit_ms: int, commit_records: int) -> Any:
    return Application(
        broker_address=broker,
        consumer_group=name,
        state_dir=state,
        processing_guarantee="exactly-once",
        commit_interval=commit_ms / 1000,
        commit_every=commit_records,
        auto_offset_reset="earliest",
        use_changelog_topics=True,
        loglevel="WARNING",
    )


def count_receipts(app: Any) -> None:
    frame = app.dataframe(app.topic(PURCHASES, key_deserializer="str", value_deserializer="json"))

    def count(receipt: Any, state: Any) -> dict[str, Any]:
        number = state.get("count", 0) + 1
        state.set("count", number)
        return {"profile_id": receipt["profile_id"], "receipt_id": receipt["receipt_id"], "count": number}

    frame.apply(count, stateful=True).to_topic(app.topic(OUTPUT, key_serializer="str", value_serializer="json"))


class _State:
    """`benchmarks.stacks.ledger.States` in Quix's state, which is by the key of the message at hand."""

    def __init__(self) -> None:
        self.state: Any = None

    def get(self, key: bytes) -> bytes | None:
        found: bytes | None = self.state.get_bytes(key.decode())
        return found

    def put(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.state.delete(key.decode())
        else:
            self.state.set_bytes(key.decode(), value)


def keep_ledgers(app: Any, partitions: int, program: Path) -> None:
    from benchmarks.stacks.ledger import Ledger

    raw: dict[str, Any] = {"key_serializer": "bytes", "value_serializer": "bytes"}
    said = {name: app.topic(name, **raw) for name in OUTPUTS}
    frame = app.dataframe(app.topic(PURCHASES, key_deserializer="bytes", value_deserializer="bytes"))
    states = _State()
    ledger = Ledger(program, partitions, states)

    def accrue(value: bytes, key: bytes, _timestamp: int, _headers: Any, state: Any) -> Iterator[tuple[str, bytes]]:
        states.state = state
        at = message_context()
        for topic, _, effect in ledger.apply(at.partition, at.offset, key, value):
            yield topic, effect

    effects = frame.apply(accrue, stateful=True, expand=True, metadata=True)
    for name, topic in said.items():
        effects[effects.apply(lambda effect, name=name: effect[0] == name)].apply(lambda effect: effect[1]).to_topic(topic)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--broker", required=True)
    parser.add_argument("--name", required=True, help="the consumer group")
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--workload", choices=["engine", "ledger"], required=True)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--commit-ms", type=int, required=True)
    parser.add_argument("--commit-records", type=int, required=True)
    given = parser.parse_args()
    app = build(given.name, given.broker, given.state, given.commit_ms, given.commit_records)
    if given.workload == "engine":
        count_receipts(app)
    else:
        keep_ledgers(app, given.partitions, given.program)
    app.run()


if __name__ == "__main__":
    main()
