"""Two workloads on every stack, on one real Kafka: rounds turn about, medians, ratios within a round, and whether they are what is wanted.

A round is one stack after the other, each alone on the machine but for the broker, each reading the topic from its beginning as a
group of its own. A rate counts what is committed (of Faust: what it has sent), from the first that is seen to the last in so many seconds.
Ratios are made within a round, so that a machine that is slower for a while is so for both sides of one. The `ledger` stacks run the
same build of the core, compiled where this machine can compile.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from benchmarks.measure import PROGRAM, Build, Row, Say, builds, free_ports, module, pointstream, real_kafka, say
from benchmarks.receipts import Sent, produce, receipts
from benchmarks.running import (
    PARTITIONS,
    Committed,
    Cycles,
    Meter,
    Rate,
    Said,
    create_topics,
    delete,
    measure,
    recreate_outputs,
    running,
)
from benchmarks.stacks.engine import OUTPUT, small_receipts
from benchmarks.stacks.quix_home import quix_python
from benchmarks.targets import Target, at_least, told
from schemas.topics import LEDGER_ENTRIES, TOPICS
from streams.worker.pace import LONGEST
from streams.worker.settings import WorkerSettings

CYCLE_MS: Final = 200
BEHIND_MS: Final = CYCLE_MS * LONGEST
BEHIND_RECORDS: Final = WorkerSettings(broker="", state=Path()).cycle_weight // 3
"""A worker of ours that is behind, as here it always is, commits at least so often where each record has a profile of its own; Quix Streams is told the same two."""

FAUST: Final = "idiomatic Faust"
QUIX: Final = "Quix Streams, exactly once"
OURS: Final = "pointstream worker"
WATCHED: Final = "pointstream worker, with metrics"
UNSAFE: Final = "pointstream worker, no transactions"
FLOOR: Final = "floor: consume and produce"

GUARANTEES: Final = {
    FAUST: "at least once; commits as Faust does by itself",
    QUIX: f"exactly once, a transaction every {BEHIND_MS} ms or {BEHIND_RECORDS:,} records",
    OURS: f"exactly once, a transaction every {CYCLE_MS} ms; while behind, every {BEHIND_MS} ms or {BEHIND_RECORDS:,} records",
    WATCHED: "likewise, --metrics-port",
    UNSAFE: "the plan of a cycle first, then flush by flush; repeats under equal ids after a crash",
    FLOOR: f"no logic, no state, no transaction; commits every {CYCLE_MS} ms",
}


class Workload(NamedTuple):
    """`seconds`: how long each stack is watched, once it has committed something."""

    name: str
    records: Callable[[int], Iterator[Sent]]
    receipts: int
    seconds: float
    stacks: tuple[str, ...]


ENGINE: Final = Workload("engine", small_receipts, 800_000, 8.0, (FAUST, QUIX, OURS, UNSAFE, FLOOR))
LEDGER: Final = Workload("ledger", receipts, 240_000, 10.0, (FAUST, QUIX, OURS, WATCHED, UNSAFE, FLOOR))

RATIOS: Final[tuple[tuple[str, str, str, Target | None], ...]] = (
    ("engine", OURS, FAUST, at_least(20)),
    ("engine", OURS, QUIX, at_least(2)),
    ("engine", OURS, FLOOR, at_least(1 / 3)),
    ("ledger", OURS, FAUST, at_least(10)),
    ("ledger", OURS, QUIX, None),
    ("ledger", WATCHED, OURS, None),
)
RATES: Final = {("ledger", OURS): at_least(12_000)}


@dataclass
class Place:
    """Where a round runs, and on what."""

    address: str
    folder: Path
    build: Build
    quix: Path | None
    why_no_quix: str
    failed: dict[str, str] = field(default_factory=dict)


def stack_rates(
    workloads: Sequence[Workload] = (ENGINE, LEDGER), rounds: int = 3, tell: Say = say, share: float = 1.0
) -> list[Row]:
    """The rows of the table. `share`: of the records and the seconds, for a look."""
    rows = []
    build = builds(tell)[-1]
    quix, why = quix_python(tell)
    with real_kafka(tell) as address, tempfile.TemporaryDirectory(prefix="pointstream-bench-") as name:
        for workload in workloads:
            place = Place(address, Path(name), build, quix, why)
            count = int(workload.receipts * share)
            create_topics(address)
            tell(f"{workload.name}: filling `purchases` with {count:,} receipts")
            produce(address, workload.records(count))
            found: dict[str, list[Rate | None]] = {stack: [] for stack in workload.stacks}
            for number in range(rounds):
                for stack, rates in found.items():
                    rate = _round(place, workload, stack, number, count, workload.seconds * share)
                    rates.append(rate)
                    what = rate.told() if rate is not None else f"not measured: {place.failed[stack]}"
                    tell(f"{workload.name}, round {number + 1} of {rounds}: {stack}, {what}")
            rows += rows_of(workload.name, found, place.failed, build.name)
            delete(address, [topic.name for topic in TOPICS])
    return rows


def rows_of(workload: str, found: dict[str, list[Rate | None]], failed: dict[str, str], build: str) -> list[Row]:
    """Each stack's rates, then what is made of them. A round in which either side failed is left out of a ratio."""
    rows = []
    for stack, rates in found.items():
        good = [rate for rate in rates if rate is not None]
        note = GUARANTEES[stack]
        note += f"; {told(median([rate.cpu_us for rate in good]))} µs of CPU each" if good else ""
        note += f"; failed: {failed[stack]}" if stack in failed else ""
        core = f" ({build})" if stack in {OURS, WATCHED, UNSAFE} or (workload == "ledger" and stack != FLOOR) else ""
        target = RATES.get((workload, stack))
        rows.append(Row(f"{workload}: {stack}{core}", [rate.rate for rate in good], "receipts/s", note, target))
    for of, ours, theirs, target in RATIOS:
        if of != workload or ours not in found or theirs not in found:
            continue
        pairs = [(one, other) for one, other in zip(found[ours], found[theirs], strict=True) if one and other]
        name = f"{workload}: {ours} over {theirs}"
        note = f"by CPU time {told(median([other.cpu_us / one.cpu_us for one, other in pairs]))} ×" if pairs else ""
        rows.append(Row(name, [one.rate / other.rate for one, other in pairs], "×", note, target))
    return rows


def _round(place: Place, workload: Workload, stack: str, number: int, count: int, seconds: float) -> Rate | None:
    name = f"{workload.name}-{number}-{''.join(letter for letter in stack.lower() if letter.isalnum())}"
    try:
        command = _command(place, workload.name, stack, name)
        if stack in {OURS, WATCHED, UNSAFE}:
            recreate_outputs(place.address)
        meter = _meter(place.address, workload.name, stack, name)
        try:
            with running(command, place.folder / f"{name}.log") as pid:
                return measure(pid, meter.done, count, seconds)
        finally:
            meter.close()
    except RuntimeError as error:
        place.failed[stack] = str(error)
        return None


def _meter(address: str, workload: str, stack: str, name: str) -> Meter:
    """How far a stack is. Faust's commits wait for all that is being sent, and are too rare to go by; one event a receipt is as good."""
    if stack in {OURS, WATCHED, UNSAFE}:
        return Cycles(address)
    if stack == FAUST:
        return Said(address, OUTPUT) if workload == "engine" else Said(address, LEDGER_ENTRIES, b'"points.accrued"')
    return Committed(address, name)


def _command(place: Place, workload: str, stack: str, name: str) -> list[str]:
    address, state, build = place.address, str(place.folder / name), place.build
    commits = ["--commit-ms", str(BEHIND_MS), "--commit-records", str(BEHIND_RECORDS)]
    whose = ["--name", name, "--state", state]
    what = ["--broker", address, *whose, "--partitions", str(PARTITIONS), "--workload", workload, "--program", str(PROGRAM)]
    match stack:
        case "idiomatic Faust":
            return module("benchmarks.stacks.faust_stack", *what, build=build)
        case "Quix Streams, exactly once":
            if place.quix is None:
                raise RuntimeError(f"build/quix could not be made: {place.why_no_quix}")
            return module("benchmarks.stacks.quix_stack", *what, *commits, build=build, python=place.quix)
        case "floor: consume and produce":
            return module("benchmarks.stacks.floor_stack", "--broker", address, "--name", name, "--commit-ms", str(CYCLE_MS))
    broker = f"{'embedded' if stack == UNSAFE else 'kafka'}://{address}"
    if workload == "engine":
        cycle = ["--commit-ms", str(CYCLE_MS)]
        return module("benchmarks.stacks.pointstream_stack", "--broker", broker, *whose, *cycle, build=build)
    given = ["--broker", broker, "--program", str(PROGRAM), "--app-id", name, "--state", state, "--memory", "2GiB", "--backfill"]
    metrics = ["--metrics-port", str(free_ports()[0]), "--metrics-address", "127.0.0.1"] if stack == WATCHED else []
    return pointstream("worker", *given, "--cycle-ms", str(CYCLE_MS), *metrics, build=build)
