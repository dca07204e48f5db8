"""The worker, pure Python and compiled, beside a Faust app with typed records and a balance for logic: one broker, one topic, turn about.

A real Apache Kafka of its own is started and the input topic filled once. Then, several rounds, one contender after
the other reads the whole topic from its beginning, alone on the machine but for the broker. Measured is what is committed, from the
first output to the last, so that start and joining the group count for neither: for the worker the outcomes in `cycles`, read
committed; for the baseline the events in its output topic. The baseline is stopped after a while, since its rate is steady.
"""

import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from benchmarks.measure import PROGRAM, Build, Row, Say, builds, pointstream, real_kafka, say
from benchmarks.receipts import produce, receipts
from benchmarks.running import (
    PARTITIONS,
    Cycles,
    Rate,
    as_many_as_cores,
    create,
    create_topics,
    measure,
    recreate_outputs,
    running,
)

RECEIPTS: Final = 300_000
ROUNDS: Final = 3
_GIB_EACH: Final = 2  # room for long cycles while there is a backlog
_BASELINE_SECONDS: Final = 12.0


def worker_rates(count: int = RECEIPTS, rounds: int = ROUNDS, tell: Say = say) -> list[Row]:
    """The rows of the table: the baseline, then the worker as pure Python and compiled, in turns."""
    baseline: list[Rate] = []
    workers: dict[Contender, list[Rate]] = {contender: [] for contender in _contenders(tell)}
    with real_kafka(tell) as address, tempfile.TemporaryDirectory(prefix="pointstream-bench-state-") as name:
        create_topics(address)
        tell(f"filling `purchases` with {count:,} receipts")
        produce(address, receipts(count))
        for number in range(rounds):
            baseline.append(_baseline_round(address, number, Path(name), count))
            tell(f"round {number + 1} of {rounds}: baseline {baseline[-1].told()}")
            for contender, rates in workers.items():
                rates.append(_worker_round(address, number, Path(name), count, contender))
                tell(f"round {number + 1} of {rounds}: worker, {contender.name} {rates[-1].told()}")
    kept = "table, changelog, one event; at least once"
    rows = [Row("idiomatic Faust app (baseline)", [it.rate for it in baseline], "receipts/s", kept)]
    rows.append(Row("the same, CPU", [it.cpu_us for it in baseline], "µs a receipt", "its process, all threads"))
    for contender, rates in workers.items():
        pairs = [*zip(rates, baseline, strict=True)]
        note = f"{PARTITIONS} partitions, real Kafka, transactions, --memory {_GIB_EACH * contender.processes}GiB"
        rows += [
            Row(f"pointstream worker: {contender.name}", [it.rate for it in rates], "receipts/s", note),
            Row("the same over baseline", [ours.rate / theirs.rate for ours, theirs in pairs], "×"),
            Row("the same, CPU", [it.cpu_us for it in rates], "µs a receipt", "its processes, all threads"),
            Row("baseline over it, CPU", [theirs.cpu_us / ours.cpu_us for ours, theirs in pairs], "×"),
        ]
    return rows


class Contender(NamedTuple):
    """A worker: which core it runs, and in how many processes under one command."""

    build: Build
    processes: int

    @property
    def name(self) -> str:
        return self.build.name if self.processes == 1 else f"{self.build.name}, {self.processes} processes"


def _contenders(tell: Say) -> list[Contender]:
    """Each core in one process, and the faster one in as many as there are cores; the broker needs its share of those, too."""
    found, processes = builds(tell), as_many_as_cores()
    return [*[Contender(build, 1) for build in found], *([Contender(found[-1], processes)] if processes > 1 else [])]


def _baseline_round(address: str, number: int, folder: Path, count: int) -> Rate:
    name = f"baseline-{number}"
    create(address, [f"{name}-accrued"])
    command = [sys.executable, "-m", "benchmarks.baseline_faust", "--broker", address, "--name", name]
    command += ["--partitions", str(PARTITIONS), "--datadir", str(folder / name)]
    reader = Consumer({"bootstrap.servers": address, "group.id": "bench", "enable.auto.commit": False})
    places = [TopicPartition(f"{name}-accrued", partition) for partition in range(PARTITIONS)]

    def done() -> int:
        try:
            return sum(reader.get_watermark_offsets(place, timeout=5.0)[1] for place in places)
        except KafkaException:  # a topic that was made a moment ago has no leader yet
            return 0

    try:
        with running(command, folder / f"{name}.log") as pid:
            return measure(pid, done, count, _BASELINE_SECONDS)
    finally:
        reader.close()


def _worker_round(address: str, number: int, folder: Path, count: int, contender: Contender) -> Rate:
    recreate_outputs(address)
    name = f"pointstream-{'-'.join(contender.name.lower().replace(',', '').split())}-{number}"
    arguments = ["--broker", f"kafka://{address}", "--program", str(PROGRAM), "--app-id", name, "--state", str(folder / name)]
    arguments += ["--processes", str(contender.processes), "--memory", f"{_GIB_EACH * contender.processes}GiB", "--backfill"]
    command = pointstream("worker", *arguments, build=contender.build)
    meter = Cycles(address)
    try:
        with running(command, folder / f"{name}.log") as pid:
            return measure(pid, meter.done, count, None)
    finally:
        meter.close()
