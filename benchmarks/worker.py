"""The worker, pure Python and compiled, beside an idiomatic Faust app: one broker, one topic, the same run, turn about.

A real Apache Kafka of its own is started and the input topic filled once. Then, several rounds, one contender after
the other reads the whole topic from its beginning, alone on the machine but for the broker. Measured is what is committed, from the
first output to the last, so that start and joining the group count for neither: for the worker the outcomes in `cycles`, read
committed; for the baseline the events in its output topic. The baseline is stopped after a while, since its rate is steady.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.measure import PROGRAM, ROOT, Build, Row, Say, builds, pointstream, real_kafka, say
from benchmarks.receipts import produce, receipts
from schemas.topics import CYCLES, INPUTS, TOPICS

RECEIPTS: Final = 240_000
ROUNDS: Final = 3
PARTITIONS: Final = 8
_BASELINE_SECONDS: Final = 20.0
_FIRST_SECONDS: Final = 60.0
_STALLED_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.05


def worker_rates(count: int = RECEIPTS, rounds: int = ROUNDS, tell: Say = say) -> list[Row]:
    """The rows of the table: the baseline, then the worker as pure Python and compiled, in turns."""
    baseline: list[Rate] = []
    workers: dict[Contender, list[Rate]] = {contender: [] for contender in _contenders(tell)}
    with real_kafka(tell) as address, tempfile.TemporaryDirectory(prefix="pointstream-bench-state-") as name:
        _create_topics(address)
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
        note = f"{PARTITIONS} partitions, real Kafka, transactions"
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
    found = builds(tell)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return [*[Contender(build, 1) for build in found], *([Contender(found[-1], min(cores, PARTITIONS))] if cores > 1 else [])]


class Rate(NamedTuple):
    """Receipts a second by the clock on the wall, and microseconds of CPU a receipt, from the first output to the last."""

    rate: float
    cpu_us: float

    def told(self) -> str:
        return f"{self.rate:,.0f} receipts/s, {self.cpu_us:,.0f} µs of CPU each"


def _baseline_round(address: str, number: int, folder: Path, count: int) -> Rate:
    name = f"baseline-{number}"
    _create(address, [f"{name}-accrued"])
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
        with _process(command, folder / f"{name}.log") as pid:
            return _rate(pid, done, count, _BASELINE_SECONDS)
    finally:
        reader.close()


def _worker_round(address: str, number: int, folder: Path, count: int, contender: Contender) -> Rate:
    _recreate_outputs(address)
    name = f"pointstream-{'-'.join(contender.name.lower().replace(',', '').split())}-{number}"
    arguments = ["--broker", f"kafka://{address}", "--program", str(PROGRAM), "--app-id", name, "--state", str(folder / name)]
    arguments += ["--processes", str(contender.processes), "--backfill"]
    command = pointstream("worker", *arguments, build=contender.build)
    reader = Consumer(
        {"bootstrap.servers": address, "group.id": "bench", "enable.auto.commit": False, "isolation.level": "read_committed"}
    )
    reader.assign([TopicPartition(CYCLES, partition, 0) for partition in range(PARTITIONS)])
    decoder = msgspec.json.Decoder(_Cycle)
    total = 0

    def done() -> int:
        nonlocal total
        for message in reader.consume(1_000, timeout=0.0):
            value = message.value()
            if message.error() is None and value is not None:
                total += sum(decoder.decode(value).outcomes.values())
        return total

    try:
        with _process(command, folder / f"{name}.log") as pid:
            return _rate(pid, done, count, None)
    finally:
        reader.close()


class _Cycle(msgspec.Struct):
    outcomes: dict[str, int]


def _rate(pid: int, done: Callable[[], int], count: int, seconds: float | None) -> Rate:
    """Records a second from the first that is seen done to the last, or for so long."""
    started = time.monotonic()
    while (first := done()) == 0:
        if time.monotonic() - started > _FIRST_SECONDS:
            raise RuntimeError(f"nothing was done within {_FIRST_SECONDS:.0f} s")
        time.sleep(_LOOK_SECONDS)
    began = moved = time.monotonic()
    cpu = cpu_moved = _cpu_seconds(pid)
    last = first
    while last < count and (seconds is None or time.monotonic() - began < seconds):
        time.sleep(_LOOK_SECONDS)
        now = done()
        if now > last:
            last, moved, cpu_moved = now, time.monotonic(), _cpu_seconds(pid)
        elif time.monotonic() - moved > _STALLED_SECONDS:
            raise RuntimeError(f"stalled at {last:,} of {count:,}")
    return Rate((last - first) / (moved - began), (cpu_moved - cpu) / (last - first) * 1e6)


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process and of those that it has started, with all their threads, from /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum([_cpu_seconds(int(child)) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()])


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[int]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
    try:
        yield process.pid
    except RuntimeError as error:
        raise RuntimeError(f"{error}; {command[-1]}: {log.read_text(errors='replace')[-1500:]}") from None
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _create_topics(address: str) -> None:
    command = pointstream("topics", "--broker", f"kafka://{address}", "--partitions", str(PARTITIONS))
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _recreate_outputs(address: str) -> None:
    """Whatever an earlier round wrote is gone; the inputs stay."""
    admin = AdminClient({"bootstrap.servers": address})
    for deleted in admin.delete_topics([topic.name for topic in TOPICS if topic.name not in INPUTS]).values():
        deleted.result()
    time.sleep(2.0)  # the broker deletes after it has answered
    _create_topics(address)


def _create(address: str, names: list[str]) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    for created in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names]).values():
        created.result()
