"""Three questions that a supervisor asks, and what each answer means to it.

    started   it has joined its group: from now on ask whether it lives          (a slow start is no reason to kill it)
    alive     its event loop turns and it gets on: kill it otherwise             (restoring, or waiting for a broker, is alive)
    ready     its partitions are recovered: another worker may be restarted now

An answer is a set of named checks, each with since when it has been so; it fails where one of them does. Nothing here reads a metric or
a table, and nothing waits: a worker that hangs is still asked.
"""

import time
from dataclasses import dataclass
from typing import Final, NamedTuple

_ENDING_SECONDS: Final = 90.0
"""Longer than it takes to commit, leave the group and close; who still ends then hangs."""


class Check(NamedTuple):
    name: str
    ok: bool
    since: float  # seconds since 1970
    says: str


@dataclass
class Fact:
    """Something that is so or not, and since when."""

    ok: bool
    says: str
    since: float

    def set(self, ok: bool, says: str) -> None:
        if ok != self.ok:
            self.since = time.time()
        self.ok, self.says = ok, says


class Health:
    """Facts are set in any thread; answers are asked for in any other. `loop_seconds`: a loop that is silent for so long hangs."""

    def __init__(self, loop_seconds: float, stuck_seconds: float) -> None:
        now = time.time()
        self.joined = Fact(False, "waiting for the broker, the topics and the group", now)
        self.recovered = Fact(False, "no partitions were assigned yet", now)
        self._loop_seconds, self._stuck_seconds = loop_seconds, stuck_seconds
        self._beat: float | None = None  # monotonic
        self._progress, self._progress_at = -1, time.monotonic()
        self._waiting_seconds = 0.0
        self._going = Fact(True, "no", now)
        self._ending: tuple[float, str] | None = None  # monotonic, why

    def beat(self) -> None:
        self._beat = time.monotonic()

    def progressed(self, applied: int, waiting_seconds: float) -> None:
        """So many records were ever applied; the oldest tick has been waiting for the records before it for so long."""
        if applied != self._progress or waiting_seconds == 0.0:
            self._progress, self._progress_at = applied, time.monotonic()
        self._waiting_seconds = waiting_seconds

    def unanswered(self) -> None:
        """The broker does not say what waits: for how long it has is reckoned anew when it does."""
        self._progress_at = time.monotonic()

    def ending(self, why: str) -> None:
        self._ending = time.monotonic(), why
        self._going.set(False, why)

    def started(self) -> list[Check]:
        return [_check("joined", self.joined)]

    def ready(self) -> list[Check]:
        return [_check("joined", self.joined), _check("recovered", self.recovered), _check("going-on", self._going)]

    def alive(self) -> list[Check]:
        now, wall = time.monotonic(), time.time()
        silent = 0.0 if self._beat is None else now - self._beat
        still = now - self._progress_at if self._waiting_seconds > self._stuck_seconds else 0.0
        ended = 0.0 if self._ending is None else now - self._ending[0]
        return [
            Check("loop", silent < self._loop_seconds, wall - silent, f"the event loop turned {silent:.1f} s ago"),
            Check("progress", still <= self._stuck_seconds, wall - still, _progress(still)),
            Check("ending", ended < _ENDING_SECONDS, wall - ended, "no" if self._ending is None else self._ending[1]),
        ]


def _check(name: str, fact: Fact) -> Check:
    return Check(name, fact.ok, fact.since, fact.says)


def _progress(still: float) -> str:
    return f"records wait, and for {still:.0f} s none was applied" if still else "what has come is applied, or nothing has come"
