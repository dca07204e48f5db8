"""Everything expires at one midnight: as many lots as profiles are due at one instant, while receipts go on coming.

One `pointstream worker` on a real Kafka, of as many processes as there are cores, wall-clock ticks. Each profile gets one receipt; all of these were closed at one instant, so that their lots expire
at one other instant some minutes later, when all are applied. From ten seconds before that on, receipts of other profiles come
evenly. Told is how long the tick takes, from that instant until the last partition says in `cycles` that nothing which was due is left, how long receipts wait
from arrival to commit meanwhile, in how many cycles the tick was cut, and how often partitions changed hands.
"""

import re
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, TopicPartition

from benchmarks.latency import CYCLE_MS, Feeder, Reader
from benchmarks.measure import Row, Say, builds, free_ports, pointstream, real_kafka, say
from benchmarks.receipts import Sent, produce, receipts_of
from benchmarks.running import PARTITIONS, as_many_as_cores, create_topics, running
from benchmarks.targets import at_most, percentile
from schemas.topics import CYCLES
from streams.worker.position import Tick, decode_cycle

LOTS: Final = 1_000_000
LIVE_A_SECOND: Final = 2_000
_LIVE_PROFILES: Final = 20_000
_LOADED_A_SECOND: Final = 6_000  # the worker is faster; a lot that comes after the instant would be born expired
_AHEAD_SECONDS: Final = 10
_MINUTES: Final = 60  # that a lot lives
_MOST_SECONDS: Final = 300
_LAST_SECONDS: Final = 30.0
_PROGRAM: Final = f"""
program: bench
timezone: UTC
environment: sandbox
effective_from: 2020-01-01T00:00:00Z
applications: [pos]
currency: EUR
points:
  - {{sid: pts, expiration: "{_MINUTES} minutes", returns: within-balance}}
earning:
  - {{rule: base, rate: {{points: "1", per: "1.00"}}}}
"""


def midnight(lots: int = LOTS, tell: Say = say) -> list[Row]:
    """The rows of the table."""
    build = builds(tell)[-1]
    with real_kafka(tell) as address, tempfile.TemporaryDirectory(prefix="pointstream-bench-") as name:
        folder = Path(name)
        program = folder / "program.yaml"
        program.write_text(_PROGRAM)
        create_topics(address)
        due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=30 + lots / _LOADED_A_SECOND)
        tell(f"{lots:,} lots are to expire at {due:%H:%M:%S}Z")
        closed = (due - timedelta(minutes=_MINUTES)).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
        produce(address, _closed(receipts_of(f"member-{number:07d}" for number in range(lots)), closed))
        processes = as_many_as_cores()
        ports = _ports(processes)
        given = ["--broker", f"kafka://{address}", "--program", str(program), "--app-id", "midnight", "--cycle-ms", str(CYCLE_MS)]
        given += ["--processes", str(processes), "--memory", f"{processes}GiB", "--metrics-port", str(ports[0])]
        command = pointstream("worker", *given, "--state", str(folder / "state"), build=build)
        watch, reader = Watch(address, lots), Reader(address)
        watch.start()
        reader.start()
        try:
            with running(command, folder / "worker.log"):
                watch.loaded.wait(max(due.timestamp() - time.time() - _AHEAD_SECONDS, 0))
                if not watch.loaded.is_set():
                    raise RuntimeError(
                        f"only {watch.applied:,} of {lots:,} receipts were applied in time for their lots to be there"
                    )
                time.sleep(max(due.timestamp() - time.time() - _AHEAD_SECONDS, 0))
                before = sum(map(rebalances, ports))
                feeder = Feeder(address, _live())
                tell(f"{LIVE_A_SECOND:,} receipts a second from now on")
                feeder.feed(LIVE_A_SECOND, _AHEAD_SECONDS)
                feeder.forget()
                took = _feed_until(feeder, watch, int(due.timestamp() * 1_000_000), due.timestamp())
                watch.wait_for(lots + feeder.sent)
                time.sleep(1.0)  # the reader has them, too
                after = sum(map(rebalances, ports))
        finally:
            watch.end()
            reader.end()
        commits = sorted(reader.commits(feeder.arrived().records))
    note = f"{LIVE_A_SECOND:,} receipts/s beside it, --cycle-ms {CYCLE_MS}, {processes} processes ({build.name})"
    return [
        Row(f"{lots:,} lots that expire at one instant: until all have", [took], "s", note, at_most(180)),
        Row("cycles that a piece of that tick was in, all partitions", [float(watch.pieces)], "cycles"),
        Row(
            "a receipt's arrival to commit meanwhile, p50", [percentile(commits, 0.5) * 1000], "ms", f"{len(commits):,} receipts"
        ),
        Row("a receipt's arrival to commit meanwhile, p99", [percentile(commits, 0.99) * 1000], "ms", "", at_most(1_000)),
        Row("a receipt's arrival to commit meanwhile, maximum", [commits[-1] * 1000], "ms"),
        Row("changes of the worker's partitions meanwhile", [after - before], "", "none is meant"),
    ]


def _feed_until(feeder: Feeder, watch: "Watch", due_at: int, due: float) -> float:
    """Receipts go on coming until the tick is over; how many seconds after the instant that was."""
    while (done := watch.settled(due_at)) is None:
        if time.time() - due > _MOST_SECONDS:
            raise RuntimeError(f"the tick was not over after {_MOST_SECONDS} s")
        feeder.feed(LIVE_A_SECOND, 1.0)
    return done - due


def _closed(sent: Iterable[Sent], closed: bytes) -> Iterator[Sent]:
    for record in sent:
        yield record._replace(value=re.sub(rb'"closed_at":"[^"]*"', b'"closed_at":"' + closed + b'"', record.value, count=1))


def _live() -> Iterator[Sent]:
    most = LIVE_A_SECOND * (_MOST_SECONDS + _AHEAD_SECONDS)
    return receipts_of((f"live-{number % _LIVE_PROFILES:07d}" for number in range(most)), 2, LOTS)


def _ports(count: int) -> list[int]:
    """So many, each the next of the one before: that is where the processes of one command serve their metrics."""
    return [*range(first := free_ports()[0], first + count)]


def rebalances(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        told = answer.read().decode()
    return sum([float(line.split()[-1]) for line in told.splitlines() if line.startswith("pointstream_rebalances_total")])


class Watch(threading.Thread):
    """`cycles`, read committed: how many records are applied, and when each partition had ticked past an instant."""

    def __init__(self, address: str, lots: int) -> None:
        super().__init__(name="watch", daemon=True)
        self.applied = 0
        self.pieces = 0
        self.loaded = threading.Event()
        self._lots = lots
        self._ticked: dict[int, list[tuple[int, float]]] = {}
        self._ending = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": address,
                "group.id": "midnight-watch",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 20,
            }
        )
        self._consumer.assign([TopicPartition(CYCLES, number, 0) for number in range(PARTITIONS)])

    def run(self) -> None:
        message: Any
        while not self._ending.is_set():
            message = self._consumer.poll(0.1)
            if message is None or message.error() is not None:
                continue
            cycle = decode_cycle(message.value())
            self.applied += sum(cycle.outcomes.values())
            if self.applied < self._lots:
                continue
            self.loaded.set()
            if any(isinstance(step, Tick) for step in cycle.steps):
                self.pieces += 1
            if cycle.position.tick is not None:
                self._ticked.setdefault(message.partition(), []).append((cycle.position.tick, time.time()))

    def settled(self, due_at: int) -> float | None:
        """When the last partition had ticked up to and past an instant; None as long as one has not."""
        firsts = [
            next((when for tick, when in list(self._ticked.get(number, ())) if tick >= due_at), None)
            for number in range(PARTITIONS)
        ]
        found = [first for first in firsts if first is not None]
        return max(found) if len(found) == PARTITIONS else None

    def wait_for(self, records: int) -> None:
        until = time.monotonic() + _LAST_SECONDS
        while self.applied < records:
            if time.monotonic() > until:
                raise RuntimeError(f"{self.applied:,} of {records:,} records are committed")
            time.sleep(0.05)

    def end(self) -> None:
        self._ending.set()
        self.join()
        self._consumer.close()
