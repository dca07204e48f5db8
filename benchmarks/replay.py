"""Receipts a second of `pointstream replay`, and its peak memory, on one core.

Everything counts: the interpreter's start, reading the file, applying, RocksDB, writing all output files and the balances. The
process is kept on one core, RocksDB's background threads included. Two lengths show that memory does not grow with receipts.
"""

import tempfile
from pathlib import Path
from typing import Final

from benchmarks.measure import PROGRAM, Ran, Row, Say, pointstream, run_child, say
from benchmarks.receipts import as_lines, receipts

RECEIPTS: Final = 200_000
RUNS: Final = 3
MEMORY_BYTES: Final = 512 * 1024 * 1024


def replay_rates(count: int = RECEIPTS, runs: int = RUNS, tell: Say = say) -> list[Row]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory(prefix="pointstream-bench-") as name:
        folder = Path(name)
        short, long = folder / "short.jsonl", folder / "long.jsonl"
        for path, records in ((short, count), (long, 4 * count)):
            with path.open("wb") as file:
                file.writelines(as_lines(receipts(records)))
        rates, cpu_rates, peaks = [], [], []
        for run in range(runs):
            ran = replay_once(short, folder / "out")
            rates.append(count / ran.seconds)
            cpu_rates.append(count / ran.cpu_seconds)
            peaks.append(ran.peak_bytes / 2**20)
            tell(f"replay {run + 1} of {runs}: {rates[-1]:,.0f} receipts/s, peak {peaks[-1]:,.0f} MiB")
        long_peak = replay_once(long, folder / "out").peak_bytes / 2**20
    return [
        Row("replay, three-line receipts, one core", rates, "receipts/s", f"{count:,} receipts, process start included"),
        Row("the same, by CPU time", cpu_rates, "receipts/s", "what the machine's other work does not disturb"),
        Row("replay, peak resident memory", peaks, "MiB", "--memory 512MiB"),
        Row("the same, four times the receipts", [long_peak], "MiB", f"{4 * count:,} receipts"),
    ]


def replay_once(lines: Path, output: Path) -> Ran:
    """One replay of a file."""
    files = ("--program", str(PROGRAM), "--input", str(lines), "--output", str(output))
    return run_child(pointstream("replay", *files, one_core=True))
