"""Where and with what a benchmark ran: printed beside every table, for a figure without it is worth nothing.

Asked of the machine each time and written down nowhere: cores, memory, versions, commit, date, and how busy it was at the start.
"""

import os
import platform
import re
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from benchmarks.measure import ROOT
from streams.worker.pace import LONGEST
from streams.worker.settings import WorkerSettings

_PACKAGES: Final = ("faust-streaming", "aiokafka", "confluent-kafka", "rocksdict", "msgspec")


def facts() -> dict[str, str]:
    """By name, in the order in which they are printed."""
    from confluent_kafka import libversion

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": _commit(),
        "machine": f"{cores} cores, {_model()}, {_memory()}, {platform.system()} {platform.release()}",
        "load at the start": ", ".join(f"{load:.2f}" for load in os.getloadavg()),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Apache Kafka": f"{_kafka()}, one node on the same machine, 512 MiB heap, one copy of each topic",
        "commit interval": _interval(),
        "librdkafka": libversion()[0],
        **{name: _version(name) for name in _PACKAGES},
        "Quix Streams": _quix(),
    }


def _interval() -> str:
    told = WorkerSettings(broker="", state=Path())
    behind = f"while behind every {told.cycle_ms * LONGEST} ms or {told.cycle_weight // 3:,} records of as many profiles"
    return f"worker {told.cycle_ms} ms, {behind}; --memory {told.memory_bytes // 2**20}MiB"


def _commit() -> str:
    def git(*arguments: str) -> str:
        command = ["git", "-c", f"safe.directory={ROOT}", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    return (git("rev-parse", "--short=10", "HEAD") or "unknown") + (
        ", changed since" if git("status", "--porcelain", "-uno") else ""
    )


def _model() -> str:
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (OSError, ValueError):
        return "memory unknown"


def _kafka() -> str:
    pom = (ROOT / "deploy" / "kafka" / "pom.xml").read_text(encoding="utf-8")
    found = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([^<]+)</version>", pom)
    return found[1] if found else "unknown"


def _quix() -> str:
    found = re.search(r"^quixstreams==([^ ;\\]+)", (ROOT / "benchmarks" / "quix.lock").read_text(encoding="utf-8"), re.MULTILINE)
    return f"{found[1]}, in an environment of its own" if found else "unknown"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
