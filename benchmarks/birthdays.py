"""A day's tick: profiles whose birthdays, and whose points that are about to expire, are spread over the year.

Each profile has a birthday on which it is given points, if it has been registered for a year, and one lot that a reminder speaks of ten days before it
expires. The state is filled once, with copies of profiles that the core has made, one for each day of the year. Then a child on one core runs
`replay` over ticks, a line an hour, and tells how long each day took, with all that a replay does for it: its output written, its state flushed.

What a due thing costs must not depend on how many profiles there are: told for two sizes.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from benchmarks.measure import ROOT, Build, Row, Say, builds, module, say
from benchmarks.states import member
from benchmarks.targets import at_most
from schemas.instants import Instant, parse_instant
from schemas.outcomes import Refused
from schemas.program import Catalog
from schemas.program_file import load_catalog
from schemas.topics import PROFILES, PURCHASES
from streams.replay.run import ReplaySettings, replay
from tables.keys import profile_key
from tables.memory import MemoryStore
from tables.rocks import RocksShared, RocksStore
from tables.stored import due_of
from tables.table import Table

PROFILES_MANY: Final = 1_000_000
FIRST_DAY: Final = date(2024, 2, 1)
DAYS: Final = 10
_AT_ONCE: Final = 50_000
_MIB: Final = 1024 * 1024
_LINE: Final = len('{"tick": "2024-02-01T00:00:00Z"}\n')
_PROGRAM: Final = """
program: bench
timezone: Europe/London
environment: sandbox
effective_from: 2020-01-01T00:00:00Z
applications: [pos]
currency: EUR
points:
  - {sid: pts, expiration: "1 year, end of day", returns: within-balance}
earning:
  - {rule: base, rate: {points: "1", per: "1.00"}}
promotions:
  - {promotion: birthday, action: accrue, points: "300", expiration: never}
segments:
  - {segment: a-year, where: {days_since_registration: {at_least: 365}}}
scenarios:
  - {scenario: birthday, trigger: {date: profile.date_of_birth}, audience: a-year, reentry: true, steps: [{award: {promotion: birthday}}]}
reminders:
  - {reminder: expiring, point: pts, within: 10 days, at: "10:00", channel: sms, template: expiring}
templates:
  expiring: '{{ profile.first_name | or("Dear customer") }}, {{ points }} points will expire on {{ expires_on }}.'
"""


def birthdays(many: int = PROFILES_MANY, days: int = DAYS, tell: Say = say) -> list[Row]:
    """The rows of the table; pure Python and compiled take turns."""
    rows: list[Row] = []
    each: dict[tuple[str, int], float] = {}
    contenders = builds(tell)
    scratch = ROOT / "build"
    scratch.mkdir(exist_ok=True)
    for profiles in (many // 10, many):
        with tempfile.TemporaryDirectory(prefix="birthdays-", dir=scratch) as name:
            folder = Path(name)
            (folder / "program.yaml").write_text(_PROGRAM)
            for number, build in enumerate(contenders):
                tell(f"filling a state with {profiles:,} profiles")
                _fill(folder / f"state-{number}", folder / "program.yaml", profiles)
                seconds, cpu_seconds, due = _measured(folder, folder / f"state-{number}", days, build)
                cost = sum(cpu_seconds) / sum(due) * 1000
                tell(f"{profiles:,} profiles, {build.name}: {sum(seconds) / days:.2f} s a day, {cost:.3f} ms a due thing")
                each[build.name, profiles] = cost
                target = at_most(5) if profiles == many else None
                note = f"{sum(due) // days:,} birthdays and reminders a day, {days} days"
                rows.append(Row(f"a day's tick over {profiles:,} profiles: {build.name}", seconds, "s", note, target))
                rows.append(
                    Row("the same, by CPU time", cpu_seconds, "s", "what the machine's other work does not disturb", target)
                )
                rows.append(Row("the same, each thing that is due, by CPU time", [cost], "ms"))
    for build in contenders:
        ratio = each[build.name, many] / each[build.name, many // 10]
        rows.append(Row(f"a due thing among ten times the profiles: {build.name}", [ratio], "x", "1 is meant"))
    return rows


def _measured(folder: Path, state: Path, days: int, build: Build) -> tuple[list[float], list[float], list[int]]:
    """Seconds, CPU seconds, and things due, of each day."""
    command = module("benchmarks.birthdays", str(folder), str(state), str(days), build=build)
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if ended.returncode:
        raise RuntimeError(f"the replay failed: {ended.stderr[-2000:]}")
    told: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return told["seconds"], told["cpu_seconds"], told["due"]


# the state


def _fill(state: Path, program: Path, profiles: int) -> None:
    made = [*_made(load_catalog([program]))]
    store = RocksStore(state, RocksShared(64 * _MIB, 64 * _MIB), logged=False)
    try:
        for begun in range(0, profiles, _AT_ONCE):
            numbers = range(begun, min(begun + _AT_ONCE, profiles))
            values = [(member(number), made[number % len(made)]) for number in numbers]
            due = [(profile_id, None, due_of(value)) for profile_id, value in values]
            store.write([(profile_key(profile_id), value) for profile_id, value in values], due, {})
    finally:
        store.close()


def _made(catalog: Catalog) -> Iterator[bytes]:
    """A stored profile for each day of the year, as it is when January 2024 is over."""
    core, outbox = Core(catalog), Outbox()
    for day in range(365):
        store = MemoryStore()
        table = Table(store)
        birthday = date(1990, 1, 1) + timedelta(days=day)
        bought = date(2023, 1, 1) + timedelta(days=(day + 180) % 365)
        registered = "2022-01-01T12:00:00Z"
        person = {"profile_id": "p", "updated_at": registered, "registered_at": registered}
        records = [
            (PROFILES, registered, person | {"fields": {"first_name": "Ann", "date_of_birth": birthday.isoformat()}}),
            (PURCHASES, f"{bought}T12:00:00Z", _receipt(f"{bought}T12:00:00Z")),
        ]
        for number, (topic, at, record) in enumerate(records):
            core.apply(table, Incoming(topic, 0, number + 1, None, json.dumps(record).encode(), parse_instant(at)), outbox)
        core.tick(table, parse_instant("2024-01-31T23:30:00Z"), outbox)
        outbox.clear()
        table.flush({})
        yield from [value for _, value in store.states(profile_key("p"))]


def _receipt(at: str) -> dict[str, Any]:
    lines = [{"sku": "A", "quantity": 1, "unit_price": "10.00"}]
    return {"profile_id": "p", "receipt_id": "R", "application": "pos", "closed_at": at, "currency": "EUR", "lines": lines}


# the child


class _Watch:
    """Sees each line begin: one line is one block."""

    def __init__(self) -> None:
        self.moments: list[tuple[float, float]] = []

    def advanced(self, count: int) -> None:
        self.moments.append((time.perf_counter(), time.process_time()))

    def broken(self, file: str, line: int, refused: Refused) -> None:
        raise RuntimeError(f"{file}:{line}: {refused.message}")

    def closing(self) -> None:
        self.advanced(0)

    def seconds(self, clock: int, days: int) -> list[float]:
        """Of each day, by one of the two clocks; what came before the first is left out."""
        moments = [moment[clock] for moment in self.moments[-days * 24 - 1 :]]
        return [moments[day * 24 + 24] - moments[day * 24] for day in range(days)]


def _run(folder: Path, state: Path, days: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    begin = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
    ticks = [begin + timedelta(hours=hour) for hour in range(days * 24 + 1)]
    lines, output = folder / "ticks.jsonl", folder / "output"
    lines.write_text("".join(f'{{"tick": "{tick:%Y-%m-%dT%H:%M:%SZ}"}}\n' for tick in ticks))
    watch = _Watch()
    settings = ReplaySettings((str(lines),), output, state, chunk_bytes=_LINE)
    replay(load_catalog([folder / "program.yaml"]), settings, watch)
    found = [0] * days
    for name in ("ledger-entries", "notifications"):
        with (output / f"{name}.jsonl").open("rb") as file:
            for line in file:
                entry = json.loads(line)
                day = (parse_instant(entry["occurred_at"]) - _us(begin)) // 86_400_000_000
                if 0 <= day < days and entry.get("scenario", "birthday") == "birthday" and entry["type"] != "points.expired":
                    found[day] += 1
    print(json.dumps({"seconds": watch.seconds(0, days), "cpu_seconds": watch.seconds(1, days), "due": found}))


def _us(at: datetime) -> Instant:
    return int(at.timestamp()) * 1_000_000


if __name__ == "__main__":
    _run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
