"""A contender that runs: started, watched from outside until it has done so much or so long, and ended.

How far it is is asked of the broker and of nobody else: the offsets that its group has committed, or the outcomes in the records of
`cycles` that a `read_committed` reader is given. So a rate counts what is kept, and start and joining the group count for nothing.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.measure import ROOT, pointstream
from schemas.topics import CYCLES, INPUTS, PURCHASES, TOPICS

PARTITIONS: Final = 8
_FIRST_SECONDS: Final = 60.0
_STALLED_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.05
_COMMITS: Final = 3
_AGAIN_SECONDS: Final = 30.0


class Rate(NamedTuple):
    """Records a second by the clock on the wall, and microseconds of CPU each, from the first that was kept to the last; peak memory."""

    rate: float
    cpu_us: float
    peak_bytes: int = 0

    def told(self) -> str:
        return f"{self.rate:,.0f} receipts/s, {self.cpu_us:,.0f} µs of CPU each"


class Meter(Protocol):
    """How many records a contender has done."""

    def done(self) -> int: ...
    def close(self) -> None: ...


class Cycles:
    """A worker of ours: the outcomes in `cycles`."""

    def __init__(self, address: str) -> None:
        self._reader = Consumer(
            {"bootstrap.servers": address, "group.id": "bench", "enable.auto.commit": False, "isolation.level": "read_committed"}
        )
        self._reader.assign([TopicPartition(CYCLES, partition, 0) for partition in range(PARTITIONS)])
        self._decoder = msgspec.json.Decoder(_Cycle)
        self._total = 0

    def done(self) -> int:
        for message in self._reader.consume(1_000, timeout=0.0):
            value = message.value()
            if message.error() is None and value is not None:
                self._total += sum(self._decoder.decode(value).outcomes.values())
        return self._total

    def close(self) -> None:
        self._reader.close()


class _Cycle(msgspec.Struct):
    outcomes: dict[str, int]


class Committed:
    """Anybody's group: the offsets of the input that it has committed."""

    def __init__(self, address: str, group: str, topic: str = PURCHASES) -> None:
        self._reader = Consumer({"bootstrap.servers": address, "group.id": group, "enable.auto.commit": False})
        self._places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        self._last = 0

    def done(self) -> int:
        try:
            found = self._reader.committed(self._places, timeout=2.0)
        except KafkaException:  # the group has no coordinator yet
            return self._last
        self._last = sum([place.offset for place in found if place.error is None and place.offset > 0])
        return self._last

    def close(self) -> None:
        self._reader.close()


class Said:
    """What was sent to a topic since now, and holds these bytes: for a stack that commits at a pace of its own, if one record says one."""

    def __init__(self, address: str, topic: str, holding: bytes = b"") -> None:
        self._reader = Consumer({"bootstrap.servers": address, "group.id": "bench", "enable.auto.commit": False})
        places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        for place in places:
            place.offset = self._reader.get_watermark_offsets(place, timeout=10.0)[1]
        self._reader.assign(places)
        self._holding = holding
        self._total = 0

    def done(self) -> int:
        while messages := self._reader.consume(5_000, timeout=0.0):
            self._total += sum([message.error() is None and self._holding in (message.value() or b"") for message in messages])
        return self._total

    def close(self) -> None:
        self._reader.close()


def as_many_as_cores() -> int:
    """How many processes a worker is told to have on this machine; no more than there are partitions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, PARTITIONS)


def measure(pid: int, done: Callable[[], int], count: int, seconds: float | None) -> Rate:
    """From the first that is seen done to the last of so many, or for so long and three commits more. Raises `RuntimeError` where nothing moves."""
    started = time.monotonic()
    while (first := done()) == 0:
        if time.monotonic() - started > _FIRST_SECONDS:
            raise RuntimeError(f"nothing was done within {_FIRST_SECONDS:.0f} s")
        _check_alive(pid)
        time.sleep(_LOOK_SECONDS)
    began = moved = time.monotonic()
    cpu = cpu_moved = cpu_seconds(pid)
    last, commits = first, 0
    while last < count and (seconds is None or commits < _COMMITS or time.monotonic() - began < seconds):
        time.sleep(_LOOK_SECONDS)
        now = done()
        if now > last:
            last, moved, cpu_moved, commits = now, time.monotonic(), cpu_seconds(pid), commits + 1
        elif time.monotonic() - moved > _STALLED_SECONDS:
            raise RuntimeError(f"stalled at {last:,} of {count:,}")
    if last == first:
        raise RuntimeError(f"all of it was done before it could be timed: {first:,} of {count:,}")
    return Rate((last - first) / (moved - began), (cpu_moved - cpu) / (last - first) * 1e6, peak_bytes(pid))


def _check_alive(pid: int) -> None:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        state = "Z"
    if state == "Z":
        raise RuntimeError("it has ended")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and of those that it has started, with all their threads, from /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum([cpu_seconds(int(child)) for child in _children(pid)])


def peak_bytes(pid: int) -> int:
    """The most memory that was ever resident, of a process and of those that it has started."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), "0")
    return int(found) * 1024 + sum([peak_bytes(int(child)) for child in _children(pid)])


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@contextmanager
def running(command: Sequence[str], log: Path, environment: dict[str, str] | None = None) -> Iterator[int]:
    """Its pid; it is gone at the end. What it said goes with whatever went wrong."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})}
        )
    try:
        yield process.pid
    except (RuntimeError, OSError) as error:
        said = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise RuntimeError(f"{error}; it said last: {said[-1] if said else 'nothing'}") from None
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# topics


def create_topics(address: str) -> None:
    """All topics of the product that are missing."""
    command = pointstream("topics", "--broker", f"kafka://{address}", "--partitions", str(PARTITIONS))
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def recreate_outputs(address: str) -> None:
    """Whatever an earlier round wrote is gone; the inputs stay."""
    delete(address, [topic.name for topic in TOPICS if topic.name not in INPUTS])
    create_topics(address)


def create(address: str, names: Sequence[str]) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    for created in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names]).values():
        created.result()


def delete(address: str, names: Sequence[str]) -> None:
    """Returns when the broker tells of them no more, and has taken its files away as well as can be seen from here."""
    admin = AdminClient({"bootstrap.servers": address})
    known = set(admin.list_topics(timeout=10).topics)
    gone: list[Any] = [name for name in names if name in known]
    for deleted in admin.delete_topics(gone).values() if gone else ():
        deleted.result()
    until = time.monotonic() + _AGAIN_SECONDS
    while not known.isdisjoint(gone) and time.monotonic() < until:
        time.sleep(0.1)
        known = set(admin.list_topics(timeout=10).topics)
    time.sleep(1.0)  # it goes on deleting after it has answered
