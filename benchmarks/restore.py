"""Restoring: a changelog of stored profiles of 500 bytes, all of them different members, read back into an empty state directory.

The worker's own recovery (`streams.worker.recovery`) against a consumer with the same settings that looks at every record and keeps none:
one after the other, several rounds, each in a process of its own, from one real Kafka. The changelog is written as a worker writes it, in
transactions of many states with a position behind each partition's. Counted from before the first question to the broker to the last
state written; the interpreter's start is not.
"""

import argparse
import json
import os
import random
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import msgspec
from confluent_kafka import KafkaError, Producer, TopicPartition

from benchmarks.measure import PROGRAM, ROOT, Build, Row, Say, builds, module, real_kafka, say
from benchmarks.running import PARTITIONS, create_topics, peak_bytes
from benchmarks.states import made_profiles, member
from benchmarks.targets import at_least, at_most, told
from schemas.topics import CHANGELOG, INPUTS
from streams.worker.position import POSITION_KEY, Position
from streams.worker.run import _collect_garbage_rarely
from streams.worker.settings import WorkerSettings
from tables.keys import profile_key

STATES: Final = 480_000
ROUNDS: Final = 3
BYTES: Final = 500
_IN_A_TRANSACTION: Final = 16_000
_SECONDS: Final = 120.0


class Read(NamedTuple):
    """One process: what it read, how long that took by the clock and by CPU, and its peak of resident memory."""

    records: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int

    @property
    def rate(self) -> float:
        return self.records / self.seconds


def restore_rates(count: int = STATES, rounds: int = ROUNDS, tell: Say = say) -> list[Row]:
    """The rows of the table."""
    build = builds(tell)[-1]
    plain: list[Read] = []
    restored: list[Read] = []
    with real_kafka(tell) as address, tempfile.TemporaryDirectory(prefix="pointstream-bench-") as name:
        create_topics(address)
        states = made_profiles(BYTES)
        mean = sum(map(len, states)) / len(states)
        tell(f"filling the changelog with {count:,} states of {mean:.0f} bytes")
        _fill(address, count, states)
        for number in range(rounds):
            for how, found in (("consume", plain), ("restore", restored)):
                found.append(_round(address, Path(name) / f"{how}-{number}", how, build))
                if found[-1].records < count:
                    raise RuntimeError(f"{how} read {found[-1].records:,} records of {count:,}")
                tell(f"restore {number + 1} of {rounds}: {how} {found[-1].rate:,.0f} records/s")
    note = f"{count:,} states of {mean:.0f} bytes, {PARTITIONS} partitions"
    ratios = [one.rate / other.rate for one, other in zip(restored, plain, strict=True)]
    cpu = [median([read.cpu_seconds / read.records * 1e6 for read in reads]) for reads in (restored, plain)]
    peak = [read.peak_bytes / 2**20 for read in restored]
    memory = WorkerSettings(broker="", state=Path()).memory_bytes // 2**20
    return [
        Row("consuming the changelog, no store", [read.rate for read in plain], "records/s", note),
        Row(f"restoring it ({build.name})", [read.rate for read in restored], "records/s", note, at_least(80_000)),
        Row(
            "restoring over consuming",
            ratios,
            "×",
            f"{told(cpu[0])} µs of CPU a record, and {told(cpu[1])} without a store",
            at_least(0.6),
        ),
        Row("restoring, peak resident memory", peak, "MiB", f"--memory {memory}MiB", at_most(memory)),
    ]


def _fill(address: str, count: int, states: list[bytes]) -> None:
    producer = Producer(
        {
            "bootstrap.servers": address,
            "transactional.id": "restore",
            "compression.type": "lz4",
            "linger.ms": 5,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    producer.init_transactions(60.0)
    members = list(range(count))
    random.Random(3).shuffle(members)  # who buys when has nothing to do with names, and a store notices what comes in order
    for cycle, start in enumerate(range(0, count, _IN_A_TRANSACTION), 1):
        position = msgspec.json.encode(Position(cycle=cycle, inputs=dict.fromkeys(INPUTS, 0)))
        parts: dict[int, list[dict[str, bytes]]] = {number: [] for number in range(PARTITIONS)}
        for number in members[start : start + _IN_A_TRANSACTION]:
            parts[number % PARTITIONS].append({"key": profile_key(member(number)), "value": states[number % len(states)]})
        producer.begin_transaction()
        for partition, records in parts.items():
            producer.produce_batch(CHANGELOG, [*records, {"key": POSITION_KEY, "value": position}], partition)
        producer.commit_transaction(60.0)


def _round(address: str, folder: Path, how: str, build: Build) -> Read:
    command = module("benchmarks.restore", "--broker", address, "--state", str(folder), "--how", how, build=build)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"{how} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return Read(*json.loads(done.stdout.splitlines()[-1]))


# in a process of its own


def consume(settings: WorkerSettings) -> Callable[[], int]:
    """Read the changelog to its end and keep nothing. Gives what tells how many states that were."""
    from streams.worker.changelog import POLL_RECORDS, POLL_SECONDS, reading_consumer

    consumer = reading_consumer(settings, "earliest")
    consumer.assign([TopicPartition(CHANGELOG, number, 0) for number in range(PARTITIONS)])
    ended: set[int] = set()
    states = 0
    message: Any
    while len(ended) < PARTITIONS:
        for message in consumer.consume(POLL_RECORDS, POLL_SECONDS):
            error = message.error()
            if error is None:
                states += message.value() is not None and message.key() != POSITION_KEY
            elif error.code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
            else:
                raise RuntimeError(error.str())
    consumer.close()
    return lambda: states


def restore(settings: WorkerSettings) -> Callable[[], int]:
    """Open and restore all partitions as a worker does. Gives what counts the profiles that are there then."""
    from schemas.program_file import load_catalog
    from streams.worker.broker import Broker
    from streams.worker.logic import LedgerLogic
    from streams.worker.recovery import Recovery

    logic = LedgerLogic(load_catalog([PROGRAM]), settings.state_bytes, logged=False)
    found = Recovery(settings, logic, Broker(settings), PARTITIONS).recover(list(range(PARTITIONS)), threading.Event())
    tables: list[Any] = [partition.table for partition in found.values()]
    return lambda: sum([sum(1 for _ in table.profile_ids(None, 1 << 31)) for table in tables])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--broker", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--how", choices=["consume", "restore"], required=True)
    given = parser.parse_args()
    settings = WorkerSettings(broker=f"kafka://{given.broker}", state=given.state, app_id=given.state.name)
    _collect_garbage_rarely()  # as a worker does
    began, cpu = time.monotonic(), time.process_time()
    count = consume(settings) if given.how == "consume" else restore(settings)
    seconds, cpu_seconds, peak = time.monotonic() - began, time.process_time() - cpu, peak_bytes(os.getpid())
    print(json.dumps([count(), seconds, cpu_seconds, peak]))


if __name__ == "__main__":
    main()
