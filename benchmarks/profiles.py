"""Whether the rate holds with a hundred times as many profiles: 20,000 and 2,000,000, receipts to them by Zipf(1.1) and evenly.

The state directories are filled once, as a restore fills them, with profiles that the core has made of a few receipts each, and compacted. Every
run starts a worker on a copy of one (its table files linked, for RocksDB never changes them), with new topics that hold the same receipts each
time. Runs take turns, ratios are made within a round. All of it lies in the page cache of the system here: the disk is not what is measured.
"""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import PROGRAM, ROOT, Build, Row, Say, builds, module, pointstream, real_kafka, say
from benchmarks.receipts import Sent, produce, receipts_of, uniform, zipf
from benchmarks.running import PARTITIONS, Cycles, Rate, create_topics, delete, measure, running
from benchmarks.states import made_profiles, member
from benchmarks.targets import Target, at_least, at_most, told
from schemas.partitioner import partition_of
from schemas.topics import TOPICS
from streams.worker.position import folder_of
from streams.worker.settings import WorkerSettings
from tables.keys import profile_key

FEW: Final = 20_000
MANY: Final = 2_000_000
RECEIPTS: Final = 150_000
SECONDS: Final = 10.0
ROUNDS: Final = 3
EXPONENT: Final = 1.1
_AT_ONCE: Final = 100_000
_EARLIER: Final = 20_000  # receipts that came before, so that nothing is late
_FILL_SECONDS: Final = 300.0

SPREADS: Final[dict[str, tuple[Callable[[int, int], Iterator[int]], Target]]] = {
    f"Zipf({EXPONENT})": (lambda count, profiles: zipf(count, profiles, EXPONENT), at_least(0.8)),
    "uniform": (uniform, at_least(0.45)),
}


def profile_rates(
    many: int = MANY, receipts: int = RECEIPTS, seconds: float = SECONDS, rounds: int = ROUNDS, tell: Say = say
) -> list[Row]:
    """The rows of the table."""
    build = builds(tell)[-1]
    few = FEW
    memory = WorkerSettings(broker="", state=Path()).memory_bytes
    found: dict[tuple[str, int], list[Rate]] = {(spread, size): [] for spread in SPREADS for size in (few, many)}
    with real_kafka(tell) as address, tempfile.TemporaryDirectory(prefix="pointstream-bench-") as name:
        folder = Path(name)
        sent: dict[tuple[str, int], list[Sent]] = {}
        for size in (few, many):
            tell(f"filling a state directory with {size:,} profiles")
            _fill(folder / str(size), size, build)
            for spread, (members, _) in SPREADS.items():
                sent[spread, size] = [*receipts_of(map(member, members(receipts, size)), first=_EARLIER)]
        for number in range(rounds):
            for (spread, size), rates in found.items():
                rate = _round(address, folder, number, spread, size, sent[spread, size], seconds, memory, build)
                rates.append(rate)
                tell(
                    f"profiles {number + 1} of {rounds}: {size:,}, {spread}, {rate.told()}, peak {rate.peak_bytes / 2**20:,.0f} MiB"
                )
    rows = []
    for spread, (_, target) in SPREADS.items():
        lesser, greater = found[spread, few], found[spread, many]
        for size, rates in ((few, lesser), (many, greater)):
            rows.append(
                Row(f"{size:,} profiles, {spread} ({build.name})", [rate.rate for rate in rates], "receipts/s", _cpu(rates))
            )
        ratios = [one.rate / other.rate for one, other in zip(greater, lesser, strict=True)]
        rows.append(Row(f"{many:,} over {few:,}, {spread}", ratios, "×", "", target))
        peaks = [rate.peak_bytes / 2**20 for rate in greater]
        setting = memory // 2**20
        rows.append(Row(f"{many:,}, {spread}: peak resident memory", peaks, "MiB", f"--memory {setting}MiB", at_most(setting)))
    return rows


def _cpu(rates: list[Rate]) -> str:
    return f"{told(sorted(rate.cpu_us for rate in rates)[len(rates) // 2])} µs of CPU each"


def _round(
    address: str, folder: Path, number: int, spread: str, size: int, sent: list[Sent], seconds: float, memory: int, build: Build
) -> Rate:
    delete(address, [topic.name for topic in TOPICS])
    create_topics(address)
    produce(address, iter(sent))
    app_id = f"profiles-{size}-{'zipf' if spread != 'uniform' else spread}-{number}"
    state = folder / app_id
    shutil.copytree(folder / str(size), state, copy_function=_link_tables)
    given = ["--broker", f"kafka://{address}", "--program", str(PROGRAM), "--app-id", app_id, "--state", str(state)]
    command = pointstream("worker", *given, "--backfill", "--memory", str(memory), build=build)
    meter = Cycles(address)
    try:
        with running(command, folder / f"{app_id}.log") as pid:
            return measure(pid, meter.done, len(sent), seconds)
    finally:
        meter.close()
        shutil.rmtree(state)


def _link_tables(source: str, target: str) -> None:
    """RocksDB's table files never change, so they may be shared; all others are copied."""
    if source.endswith(".sst"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def _fill(folder: Path, size: int, build: Build) -> None:
    command = module("benchmarks.profiles", "--fill", str(folder), "--profiles", str(size), build=build)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_FILL_SECONDS, check=False)
    if done.returncode:
        raise RuntimeError(f"filling ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    made = json.loads(done.stdout.splitlines()[-1])
    if made != size:
        raise RuntimeError(f"{made:,} profiles were made, and not {size:,}")


# in a process of its own


def fill(folder: Path, size: int) -> int:
    """Profiles for every member, in the partition that is theirs; how many."""
    from schemas.program_file import load_catalog
    from streams.worker.logic import LedgerLogic

    states = made_profiles(receipts_each=5)
    logic = LedgerLogic(load_catalog([PROGRAM]), WorkerSettings(broker="", state=folder).state_bytes)
    tables: list[Any] = [logic.open(folder_of(folder, number, PARTITIONS), PARTITIONS).table for number in range(PARTITIONS)]
    made = 0
    for start in range(0, size, _AT_ONCE):
        parts: list[dict[bytes, bytes | None]] = [{} for _ in tables]
        for number in range(start, min(start + _AT_ONCE, size)):
            name = member(number)
            parts[partition_of(name.encode(), PARTITIONS)][profile_key(name)] = states[number % len(states)]
        for table, part in zip(tables, parts, strict=True):
            table.restore(part, {})
            made += len(part)
    for table in tables:
        table._store._db.compact_range(None, None)
        table.close()
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--fill", type=Path, required=True)
    parser.add_argument("--profiles", type=int, required=True)
    given = parser.parse_args()
    print(json.dumps(fill(given.fill, given.profiles)))


if __name__ == "__main__":
    main()
