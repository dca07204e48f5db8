"""The export itself: what `cycles` tells of each partition, with the records that it names, into one file.

One partition after the other, and within one in the order in which the worker applied it. Nothing is applied here and no program is
asked: whether the run can be repeated is for `replay` to show. Memory is bounded: records go out as they come in.
"""

import gzip
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, Self

from schemas.topics import CONSUMED, CYCLES, MESSAGES, PROGRAMS
from streams.brokers import Broker, partitions
from streams.errors import WrongUsage
from streams.export import lines
from streams.export.log import Log
from streams.published.topic import PARTITION
from streams.published.versions import Found, Published, Versions
from streams.worker.position import NoCycleError, Programs, Records, Tick, read_cycle

STANDARD_OUTPUT: Final = "-"
_GZIP_LEVEL: Final = 5
_BUFFER_BYTES: Final = 1024 * 1024


class PartitionRun(NamedTuple):
    """What the file tells of one partition. `records`: of inputs; `messages`: what was asked and answered between keys."""

    partition: int
    cycles: int
    records: int
    messages: int
    ticks: int


class Foreign(NamedTuple):
    """A record of `cycles` that no worker wrote: nothing of the run, as the numbers of the cycles around it show."""

    partition: int
    offset: int
    why: str

    def __str__(self) -> str:
        return f"{_place(self.partition, self.offset)} is no record of a cycle, and is passed over: {self.why}"


class Watch(Protocol):
    """Who looks on: how many offsets of `cycles` there are to go through, how many have been, and what there is none of the run's."""

    def total(self, count: int) -> None: ...

    def advanced(self, count: int) -> None: ...

    def passed_over(self, foreign: "Foreign") -> None: ...


class Reads(Protocol):
    """One topic, partition after partition, each read forward (`log.Log`)."""

    def bounds(self, number: int) -> tuple[int, int]: ...

    def begin(self, number: int, offset: int) -> None: ...

    def upto(self, end: int, *, whole: bool) -> Iterator[Any]: ...

    def close(self) -> None: ...


def export(broker: Broker, output: str, wanted: Sequence[int] | None, watch: Watch) -> list[PartitionRun]:
    """Write the run's file; what it holds, by partition. Raises `WrongUsage` or `OSError`; no half a file stays then."""
    count = _partitions(broker)
    numbers = sorted(set(range(count) if wanted is None else wanted))
    if wrong := [number for number in numbers if number >= count]:
        raise WrongUsage(f"--partitions {wrong[0]}: the topics have partitions 0 to {count - 1}")
    with _file(output) as write, Exporter(lambda topic: Log(broker, topic), write) as exporter:
        return exporter.all(count, numbers, watch)


class Exporter:
    """The logs, opened as they are needed, and which of them have begun in the running partition."""

    def __init__(self, open_log: Callable[[str], Reads], write: Callable[[bytes], object]) -> None:
        self._open_log = open_log
        self._write = write
        self._cycles = open_log(CYCLES)
        self._inputs: dict[str, Reads] = {}
        self._begun: set[str] = set()
        self._texts: dict[str, Published] = {}

    def all(self, count: int, numbers: Sequence[int], watch: Watch) -> list[PartitionRun]:
        """These of `count` partitions, from the file's first line to its last."""
        ends = {number: self._cycles.bounds(number) for number in numbers}
        watch.total(sum([high - low for low, high in ends.values()]))
        self._write(lines.head(count, list(numbers)) + b"\n")
        found = [self.partition(number, *ends[number], watch) for number in numbers]
        totals = {name: sum([getattr(run, name) for run in found]) for name in PartitionRun._fields[1:]}
        self._write(lines.end(totals) + b"\n")
        return found

    def partition(self, number: int, low: int, high: int, watch: Watch) -> PartitionRun:
        """All cycles of one partition, each followed by what it applied."""
        cycles = records = messages = ticks = 0
        self._begun.clear()
        if low == high:
            return PartitionRun(number, 0, 0, 0, 0)
        self._cycles.begin(number, low)
        seen = low
        for message in self._cycles.upto(high, whole=False):
            try:
                record = read_cycle(message.value() or b"", _place(number, message.offset()), "export")
            except NoCycleError as error:
                watch.passed_over(Foreign(number, message.offset(), str(error)))
                continue
            if record.cycle != cycles + 1:
                raise WrongUsage(_out_of_order(number, message.offset(), record.cycle, cycles))
            cycles += 1
            self._write(lines.cycle(number, message.offset(), message.value()) + b"\n")
            applied = 0
            for step in record.steps:
                if isinstance(step, Tick):
                    self._write(lines.tick(number, step.at, step.at_most) + b"\n")
                    ticks += 1
                elif isinstance(step, Programs):
                    self._write(lines.programs(number, self._in_force(step)) + b"\n")
                elif step.topic in MESSAGES:
                    messages += self._records(number, step)
                else:
                    applied += self._records(number, step)
            if applied != sum(record.outcomes.values()):
                told = sum(record.outcomes.values())
                raise WrongUsage(
                    f"cycle {record.cycle} of partition {number} applied {told} records, and the broker has {applied} of them"
                )
            records += applied
            watch.advanced(message.offset() + 1 - seen)
            seen = message.offset() + 1
        watch.advanced(high - seen)
        return PartitionRun(number, cycles, records, messages, ticks)

    def _in_force(self, step: Programs) -> lines.InForce:
        """What a step names, with the texts. All of the topic is read at once: it is small, and none of it is ever gone."""
        if any(key not in self._texts for key in step.versions):
            log = self._open_log(PROGRAMS)
            try:
                low, high = log.bounds(PARTITION)
                if low < high:
                    log.begin(PARTITION, low)
                    versions = Versions()
                    versions.take([Found(one.offset(), one.key(), one.value()) for one in log.upto(high, whole=False)])
                    self._texts = versions.texts
            finally:
                log.close()
        try:
            found = [(key, self._texts[key]) for key in step.versions]
        except KeyError as error:
            raise WrongUsage(f"the topic {PROGRAMS} has no {error.args[0]}, by which a cycle went: it was made anew") from None
        return lines.InForce(step.offset, [lines.ProgramText(key, one.file, one.text) for key, one in found])

    def _records(self, number: int, step: Records) -> int:
        log = self._inputs.get(step.topic)
        if log is None:
            log = self._inputs[step.topic] = self._open_log(step.topic)
        if step.topic not in self._begun:
            log.begin(number, step.start)
            self._begun.add(step.topic)
        count, last = 0, -1
        for message in log.upto(step.end, whole=True):
            last = message.offset()
            if not count and last != step.start:
                break
            count += 1
            self._write(lines.record(step.topic, number, last, message.timestamp()[1], message.key(), message.value()) + b"\n")
        if last != step.end - 1:
            raise WrongUsage(
                f"{step.topic} partition {number} has no record at offset {step.end - 1 if count else step.start}, where a cycle applied "
                "one: the topic was made anew, or records were deleted"
            )
        return count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for log in (self._cycles, *self._inputs.values()):
            log.close()


def _partitions(broker: Broker) -> int:
    there = partitions(broker)
    missing = [topic for topic in (*CONSUMED, CYCLES) if topic not in there]
    if missing:
        raise WrongUsage(
            f"{broker} has no topic {', '.join(missing)}: no worker has run there; `pointstream topics` creates them"
        )
    counts = {there[topic] for topic in (*CONSUMED, CYCLES)}
    if len(counts) > 1:
        raise WrongUsage(
            f"the topics of {broker} differ in their number of partitions; `pointstream topics --verify-only` says which"
        )
    return counts.pop()


def _place(number: int, offset: int) -> str:
    return f"`{CYCLES}` partition {number} offset {offset}"


def _out_of_order(number: int, offset: int, found: int, before: int) -> str:
    where = _place(number, offset)
    if before == 0:
        return (
            f"{where} is cycle {found}: retention has deleted those before it, and a run is repeated from its first cycle. "
            "Keep `cycles` and the inputs longer with retention.ms, and export before that"
        )
    return f"{where} is cycle {found} and comes after cycle {before}: the topic holds more than one run"


@contextmanager
def _file(output: str) -> Iterator[Callable[[bytes], object]]:
    """What to write with. A file has its name only when it is whole; its bytes depend on the run alone, compressed or not."""
    if output == STANDARD_OUTPUT:
        if sys.stdout is None:
            raise WrongUsage("--output -: standard output is closed; name a file")
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    path = Path(output)
    if path.is_dir():
        raise WrongUsage(f"--output {path}: is a folder; name a file in it")
    if path.exists() and not path.is_file():  # to give the file its name would put it in the place of a device or a pipe
        raise WrongUsage(f"--output {path}: is no file; name one, or - for standard output")
    place = path.resolve()  # a link stays a link
    unfinished = place.with_name(f".{place.name}.unfinished")
    try:
        with unfinished.open("wb", buffering=_BUFFER_BYTES) as raw:
            if path.suffix == ".gz":
                with gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as packed:
                    yield packed.write
            else:
                yield raw.write
        unfinished.replace(place)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
