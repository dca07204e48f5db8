"""Receipts a second of `pointstream replay`, and its peak memory, on one core.

Everything counts: the interpreter's start, reading the file, applying, RocksDB, writing all output files and the balances. The
process is kept on one core, RocksDB's background threads included. Two lengths show that memory does not grow with receipts.
"""

import tempfile
from pathlib import Path
from typing import Final

from benchmarks.measure import PROGRAM, PURE, Build, Ran, Row, Say, builds, pointstream, run_child, say
from benchmarks.receipts import as_lines, receipts

RECEIPTS: Final = 150_000
RUNS: Final = 3


def replay_rates(count: int = RECEIPTS, runs: int = RUNS, tell: Say = say) -> list[Row]:
    """The rows of the table; pure Python and compiled take turns."""
    contenders = builds(tell)
    ran: dict[Build, list[Ran]] = {build: [] for build in contenders}
    with tempfile.TemporaryDirectory(prefix="pointstream-bench-") as name:
        folder = Path(name)
        short, long = folder / "short.jsonl", folder / "long.jsonl"
        for path, records in ((short, count), (long, 4 * count)):
            with path.open("wb") as file:
                file.writelines(as_lines(receipts(records)))
        for run in range(runs):
            for build in contenders:
                ran[build].append(replay_once(short, folder / "out", build))
                rate, peak = count / ran[build][-1].seconds, ran[build][-1].peak_bytes / 2**20
                tell(f"replay {run + 1} of {runs}, {build.name}: {rate:,.0f} receipts/s, peak {peak:,.0f} MiB")
        long_peak = replay_once(long, folder / "out", contenders[-1]).peak_bytes / 2**20
    rows = []
    for build, all_of_it in ran.items():
        rates = [count / it.seconds for it in all_of_it]
        cpu_rates = [count / it.cpu_seconds for it in all_of_it]
        peaks = [it.peak_bytes / 2**20 for it in all_of_it]
        note = f"{count:,} receipts, process start included"
        rows += [
            Row(f"replay, three-line receipts, one core: {build.name}", rates, "receipts/s", note),
            Row("the same, by CPU time", cpu_rates, "receipts/s", "what the machine's other work does not disturb"),
            Row("the same, peak resident memory", peaks, "MiB", "--memory 512MiB"),
        ]
    return [*rows, Row("the same, four times the receipts", [long_peak], "MiB", f"{4 * count:,} receipts")]


def replay_once(lines: Path, output: Path, build: Build = PURE) -> Ran:
    """One replay of a file."""
    files = ("--program", str(PROGRAM), "--input", str(lines), "--output", str(output))
    return run_child(pointstream("replay", *files, one_core=True, build=build))
