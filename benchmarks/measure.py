"""What the benchmarks share: rows of the table, medians, a child's time and peak memory, and a Kafka of their own."""

import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.targets import Target, told

ROOT: Final = Path(__file__).resolve().parent.parent
PROGRAM: Final = ROOT / "benchmarks" / "program.yaml"
Say = Callable[[str], None]


class Row(NamedTuple):
    """One line of the table: what was measured, each run's figure, and what to compare it with."""

    what: str
    figures: list[float]
    unit: str
    note: str = ""
    target: Target | None = None

    @property
    def median(self) -> float | None:
        """None: it could not be measured, and the note says why."""
        return median(self.figures) if self.figures else None

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        return "not measured" if self.median is None else self.target.verdict(self.median)


class Ran(NamedTuple):
    """A child's wall-clock and CPU seconds, and its peak resident memory."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


class Build(NamedTuple):
    """The product as its sources, or with its core compiled: one is measured beside the other."""

    name: str
    home: Path


PURE: Final = Build("pure Python", ROOT)


def builds(tell: Say) -> list[Build]:
    """The sources, and the compiled tree where this machine can make it; where it cannot, says why."""
    made = subprocess.run(
        [sys.executable, ROOT / "deploy" / "compiled" / "build.py"], capture_output=True, text=True, check=False
    )
    if made.returncode:
        tell(f"pure Python only: {made.stderr.strip().splitlines()[-1]}")
        return [PURE]
    return [PURE, Build("compiled", ROOT / "build" / "compiled")]


def pointstream(*arguments: str, one_core: bool = False, build: Build = PURE) -> list[str]:
    """The command of this checkout, whether or not it is installed; where the system can, kept on one core."""
    here = f"import sys; sys.path.insert(0, {str(build.home)!r}); "
    stay = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    run = here + (stay if one_core and hasattr(os, "sched_setaffinity") else "") + "from streams.cli.entry import main; main()"
    return [sys.executable, "-P", "-c", run, *arguments]


def module(name: str, *arguments: str, build: Build = PURE, python: Path | None = None) -> list[str]:
    """A module of the benchmarks as a program, over this build of the product; `python`: in another environment."""
    here = f"import sys; sys.path[:0] = [{str(build.home)!r}, {str(ROOT)!r}]; "
    run = here + f"import runpy; runpy.run_module({name!r}, run_name='__main__', alter_sys=True)"
    return [str(python or sys.executable), "-P", "-c", run, *arguments]


def run_child(command: Sequence[str]) -> Ran:
    """Run to the end, from before the process starts to after it has ended; raises where it fails."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {output.read().decode()[-2000:]}")
    return Ran(seconds, usage.ru_utime + usage.ru_stime, _peak_bytes(usage))


def _peak_bytes(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@contextmanager
def real_kafka(say: Say, *, long_lived: bool = False) -> Iterator[str]:
    """A real Apache Kafka with a data directory of its own; gives host:port. `long_lived`: with both of Java's compilers, as servers run."""
    kafka = ROOT / "deploy" / "kafka" / "kafka"
    port, controller = free_ports()
    with tempfile.TemporaryDirectory(prefix="pointstream-bench-kafka-") as data:
        say("starting Apache Kafka")
        told = ["--port", str(port), "--controller-port", str(controller), *(["--long-lived"] if long_lived else [])]
        subprocess.run([sys.executable, kafka, "start", "--data", data, *told], check=True, stdout=subprocess.DEVNULL)
        try:
            yield f"127.0.0.1:{port}"
        finally:
            subprocess.run([sys.executable, kafka, "stop", "--data", data], check=True, stdout=subprocess.DEVNULL)


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def print_table(rows: Sequence[Row], title: str) -> None:
    """Medians, the runs behind them, whether the median is what it is meant to be, and notes."""
    table = Table(title=title, title_justify="left")
    table.add_column("measured")
    table.add_column("median", justify="right")
    table.add_column("runs", justify="right")
    table.add_column("target")
    table.add_column("note")
    for row in rows:
        runs = " · ".join(told(figure) for figure in row.figures)
        table.add_row(row.what, "–" if row.median is None else f"{told(row.median)} {row.unit}", runs, row.verdict, row.note)
    Console(width=None if sys.stdout.isatty() else 180).print(table)


def print_facts(facts: Mapping[str, str]) -> None:
    for name, value in facts.items():
        print(f"{name}: {value}")


def as_json(rows: Sequence[Row], facts: Mapping[str, str]) -> str:
    """Rows for a program to read: what the table says, and nothing rounded."""
    told_rows = [
        {
            "what": row.what,
            "median": row.median,
            "runs": row.figures,
            "unit": row.unit,
            "note": row.note,
            "target": None if row.target is None else row.target.wanted,
            "holds": None if row.target is None or row.median is None else row.target.holds(row.median),
        }
        for row in rows
    ]
    return json.dumps({"facts": dict(facts), "rows": told_rows}, indent=2, ensure_ascii=False)


def say(line: str) -> None:
    """Progress, apart from the table."""
    print(f"  {line}", file=sys.stderr, flush=True)
