"""How long a record waits for the commit of all that it caused, at half of the rate that the worker can do; and a redemption for its decision.

One `pointstream worker` of as many processes as there are cores, one real Kafka, several rounds, for many members and again for few. First it is given
a backlog, and how fast it works that off is its top rate: with few members one of long cycles, in which who comes eight times is written once, so that
half of it is more than half of what the worker can do in short ones. Then receipts come at half of that, evenly, with a redemption among every
fifty records; what comes in the first five seconds of it is not counted. The first rounds are not counted either: a broker that was started a
moment ago is being compiled for some minutes, on the same cores. Arrival is the broker's own timestamp of the input (LogAppendTime); a
record counts as committed when a `read_committed` consumer beside has been given the record of `cycles` that tells of it, which is in the same
transaction as all that the record caused; a decision when that consumer has it. Broker, worker, feeder and consumer share the machine
and its clock, and the consumer's own waiting is part of every figure.
"""

import json
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.measure import PROGRAM, Row, Say, builds, pointstream, real_kafka, say
from benchmarks.receipts import Sent, receipts
from benchmarks.running import PARTITIONS, Cycles, as_many_as_cores, create_topics, delete, measure, running
from benchmarks.targets import Target, at_most, percentile
from schemas.topics import CYCLES, PURCHASES, REDEMPTION_DECISIONS, REDEMPTIONS, TOPICS
from streams.worker.position import Records, decode_cycle

BACKLOG: Final = 300_000
SECONDS: Final = 30.0
WARM_SECONDS: Final = 5.0
ROUNDS: Final = 3
POPULATIONS: Final = (100_000, 10_000)
WARM_ROUNDS: Final = 3
CYCLE_MS: Final = 150
_TO_A_REDEMPTION: Final = 50
_MOST: Final = 18_000  # receipts a second that are made ready
_STEP_SECONDS: Final = 0.01
_LAST_SECONDS: Final = 30.0
_CONFIRMED_SECONDS: Final = 5.0
_CLOSED_AT: Final = b'"closed_at":"'
_CLOSED_BYTES: Final = len("2024-01-01T08:00:00Z")


class Round(NamedTuple):
    """Seconds, sorted; what was fed and the top rate, records a second."""

    top: float
    fed: float
    commits: list[float]
    decisions: list[float]


def latencies(
    seconds: float = SECONDS,
    rounds: int = ROUNDS,
    tell: Say = say,
    backlog: int = BACKLOG,
    warm_rounds: int = WARM_ROUNDS,
    populations: Sequence[int] = POPULATIONS,
) -> list[Row]:
    """The rows of the table."""
    build, processes = builds(tell)[-1], as_many_as_cores()
    rows: list[Row] = []
    with real_kafka(tell, long_lived=True) as address, tempfile.TemporaryDirectory(prefix="pointstream-bench-") as name:
        for members in populations:
            tell(f"making receipts of {members:,} members ready")
            ready = [*receipts(backlog + int(_MOST * (seconds + WARM_SECONDS)), members)]
            found: list[Round] = []
            for number in range(-warm_rounds, rounds):
                create_topics(address)
                folder = Path(name)
                app_id = f"latency-{members}-{number}"
                given = ["--broker", f"kafka://{address}", "--program", str(PROGRAM), "--app-id", app_id]
                given += ["--cycle-ms", str(CYCLE_MS), "--processes", str(processes), "--memory", f"{processes}GiB"]
                command = pointstream("worker", *given, "--state", str(folder / app_id), build=build)
                it = _round(address, command, folder / f"{app_id}.log", ready, backlog, seconds)
                which = f"{number + 1} of {rounds}" if number >= 0 else "is warming up"
                tell(
                    f"latency, {members:,} members, {which}: fed {it.fed:,.0f}/s of {it.top:,.0f}/s, p50 {percentile(it.commits, 0.5) * 1000:.0f} ms, "
                    f"p99 {percentile(it.commits, 0.99) * 1000:.0f} ms, most {it.commits[-1] * 1000:.0f} ms"
                )
                if number >= 0:
                    found.append(it)
                delete(address, [topic.name for topic in TOPICS])
            note = f"{seconds:.0f} s after {WARM_SECONDS:.0f} s to warm up, --cycle-ms {CYCLE_MS}, {processes} processes, {warm_rounds} rounds not counted, {len(found[0].commits):,} records in the next"
            rows += [
                Row(
                    f"{members:,} members: top rate, a backlog of {backlog:,} receipts ({build.name})",
                    [it.top for it in found],
                    "receipts/s",
                ),
                Row("fed: half of that", [it.fed for it in found], "records/s", note),
                *_rows("arrival to commit", [it.commits for it in found], at_most(500)),
                *_rows("a redemption's arrival to its decision", [it.decisions for it in found], at_most(1_000)),
            ]
            warm_rounds = 0  # the broker stays
    return rows


def _rows(what: str, found: Sequence[list[float]], target: Target) -> list[Row]:
    def row(name: str, share: float, wanted: Target | None = None) -> Row:
        return Row(f"{what}, {name}", [percentile(delays, share) * 1000 for delays in found], "ms", "", wanted)

    return [row("p50", 0.5), row("p99", 0.99, target), row("maximum", 1.0)]


def _round(address: str, command: list[str], log: Path, ready: Sequence[Sent], backlog: int, seconds: float) -> Round:
    feeder, reader = Feeder(address, ready), Reader(address)
    feeder.backlog(backlog)
    meter = Cycles(address)
    reader.start()
    try:
        with running(command, log) as pid:
            top = measure(pid, meter.done, backlog, None).rate
            feeder.feed(min(top / 2, _MOST), WARM_SECONDS)
            feeder.forget()
            fed = feeder.feed(min(top / 2, _MOST), seconds)
            total, until = feeder.sent, time.monotonic() + _LAST_SECONDS
            while meter.done() < total:
                if time.monotonic() > until:
                    raise RuntimeError(f"{meter.done():,} of {total:,} records are committed")
                time.sleep(0.05)
            time.sleep(1.0)  # the reader has them, too
    finally:
        meter.close()
        reader.end()
    arrived = feeder.arrived()
    return Round(top, fed, sorted(reader.commits(arrived.records)), sorted(reader.decisions(arrived.redemptions)))


class Arrived(NamedTuple):
    """The broker's timestamps (ms) of what was fed: by topic and partition, and there by offset; of the redemptions by their id, too."""

    records: dict[tuple[str, int], dict[int, int]]
    redemptions: dict[str, int]


class Feeder:
    """Feeds many records in a call, and asks the broker afterwards when they arrived: what it does meanwhile is taken from the worker's cores."""

    def __init__(self, address: str, ready: Iterable[Sent]) -> None:
        self.sent = 0
        self._address = address
        self._ready = iter(ready)
        self._number = 0
        self._counted_from = 0  # of what was sent, and of each partition of an input, the first that is to be counted
        self._from: list[TopicPartition] = []
        self._producer = Producer(
            {
                "bootstrap.servers": address,
                "partitioner": "murmur2",
                "linger.ms": 10,
                "queue.buffering.max.messages": 1_000_000,
                "enable.idempotence": True,
            }
        )

    def backlog(self, count: int) -> None:
        now = _now()
        for _, sent in zip(range(count), self._ready, strict=False):
            self._producer.produce(PURCHASES, _at(sent.value, now), sent.key)
            self.sent += 1
        if self._producer.flush(60):
            raise RuntimeError("the backlog was not confirmed")

    def feed(self, rate: float, seconds: float) -> float:
        """So many records a second for so long, evenly; how many a second that came to."""
        producer, ready, first = self._producer, self._ready, self._number
        number = first
        began = time.monotonic()
        for due in _evenly(rate, seconds):
            now = _now()
            sales: list[dict[str, Any]] = []
            while number < first + due:
                sent = next(ready)
                if number % _TO_A_REDEMPTION == 0:
                    wanted = {"redemption_id": f"D-{number:09d}", "profile_id": sent.key.decode(), "program": "bench"}
                    wanted |= {"requested_at": now.decode(), "points": "1"}
                    producer.produce(REDEMPTIONS, json.dumps(wanted).encode(), sent.key)
                else:
                    sales.append({"value": _at(sent.value, now), "key": sent.key})
                number += 1
            if sales and producer.produce_batch(PURCHASES, sales) != len(sales):
                raise RuntimeError("the feeder's queue is full")
            producer.poll(0)
        took = time.monotonic() - began
        if producer.flush(60):
            raise RuntimeError("not everything that was fed was confirmed")
        self._number = number
        self.sent += number - first
        return (number - first) / took

    def forget(self) -> None:
        """What was fed so far is not to be counted."""
        self._counted_from, self._from = self.sent, self._ends()

    def arrived(self) -> Arrived:
        """Of everything that is to be counted. Raises where the broker does not have it all."""
        found = Arrived({}, {})
        left = self.sent - self._counted_from
        consumer = Consumer({"bootstrap.servers": self._address, "group.id": "latency-feeder", "enable.auto.commit": False})
        consumer.assign(self._from)
        while left and (messages := consumer.consume(10_000, _CONFIRMED_SECONDS)):
            message: Any
            for message in messages:
                if message.error() is not None:
                    raise RuntimeError(message.error().str())
                left -= 1
                at = message.timestamp()[1]
                found.records.setdefault((message.topic(), message.partition()), {})[message.offset()] = at
                if message.topic() == REDEMPTIONS:
                    found.redemptions[json.loads(message.value())["redemption_id"]] = at
        consumer.close()
        if left:
            raise RuntimeError(f"{left:,} records that were fed did not arrive")
        return found

    def _ends(self) -> list[TopicPartition]:
        reader = Consumer({"bootstrap.servers": self._address, "group.id": "latency-feeder", "enable.auto.commit": False})
        places = [TopicPartition(topic, number) for topic in (PURCHASES, REDEMPTIONS) for number in range(PARTITIONS)]
        for place in places:
            place.offset = reader.get_watermark_offsets(place, timeout=10.0)[1]
        reader.close()
        return places


def _evenly(rate: float, seconds: float) -> Iterator[int]:
    """Every ten milliseconds: how many are due by now. A feeder that was held up catches up."""
    began = time.monotonic()
    while (past := time.monotonic() - began) < seconds:
        yield int(past * rate)
        time.sleep(_STEP_SECONDS)


def _now() -> bytes:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()


def _at(value: bytes, now: bytes) -> bytes:
    """The same receipt, closed now."""
    start = value.index(_CLOSED_AT) + len(_CLOSED_AT)
    return value[:start] + now + value[start + _CLOSED_BYTES :]


class Reader(threading.Thread):
    """A `read_committed` consumer: what it was given, and when."""

    def __init__(self, address: str) -> None:
        super().__init__(name="reader", daemon=True)
        self._consumer = Consumer(
            {
                "bootstrap.servers": address,
                "group.id": "latency-reader",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 500,  # it is given what comes at once, and asks no oftener than it must
            }
        )
        topics = (CYCLES, REDEMPTION_DECISIONS)
        self._consumer.assign([TopicPartition(topic, number, 0) for topic in topics for number in range(PARTITIONS)])
        self._ending = threading.Event()
        self._given: list[tuple[float, str, int, bytes]] = []

    def run(self) -> None:
        message: Any
        while not self._ending.is_set():
            first = self._consumer.poll(0.05)
            for message in [] if first is None else [first, *self._consumer.consume(1_000, 0.0)]:
                if message.error() is None:
                    self._given.append((time.time(), message.topic(), message.partition(), message.value()))

    def end(self) -> None:
        self._ending.set()
        self.join()
        self._consumer.close()

    def commits(self, arrivals: dict[tuple[str, int], dict[int, int]]) -> Iterator[float]:
        """Seconds from arrival to commit of everything that was fed live. Raises where something of it was never committed."""
        left = sum(map(len, arrivals.values()))
        for at, topic, partition, value in self._given:
            if topic != CYCLES:
                continue
            for step in decode_cycle(value).steps:
                if isinstance(step, Records):
                    arrived = arrivals.get((step.topic, partition), {})
                    delays = [at - arrived[offset] / 1000 for offset in range(step.start, step.end) if offset in arrived]
                    left -= len(delays)
                    yield from delays
        if left:
            raise RuntimeError(f"{left:,} records that were fed are in no cycle")

    def decisions(self, asked: dict[str, int]) -> Iterator[float]:
        """Seconds from a redemption's arrival to its decision. Raises where one has none."""
        left = set(asked)
        for at, topic, _, value in self._given:
            if topic == REDEMPTION_DECISIONS:
                redemption_id = msgspec.json.decode(value)["redemption_id"]
                if redemption_id in left:
                    left.remove(redemption_id)
                    yield at - asked[redemption_id] / 1000
        if left:
            raise RuntimeError(f"{len(left):,} redemptions were not decided")
