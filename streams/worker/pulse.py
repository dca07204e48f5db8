"""The pulse: a process that was frozen, or that no longer gets on, ends itself.

A worker that slept beyond its session timeout has lost its partitions without knowing it. A transaction would be refused, but
that is the second line of defence: here monotonic time is compared with the last beat before every cycle, and a gap of more than
half the session timeout ends the process at once, without a word to the broker.
"""

import os
import time
from collections.abc import Callable
from typing import Final

from streams.logs import say

TRY_AGAIN: Final = 75  # exit code for a supervisor: nothing is lost, start me again (EX_TEMPFAIL)


class Pulse:
    def __init__(self, session_ms: int, stuck_ms: int, ending: Callable[[str, str], None] | None = None) -> None:
        """`ending` is told the kind of the end and the sentence, before it comes."""
        self._ending = ending
        self._limit = session_ms / 2000
        self._stuck = stuck_ms / 1000
        self._last = self._progress_at = time.monotonic()
        self._progress = -1

    def beat(self) -> None:
        """Every turn of the event loop's timer."""
        self.check()
        self._last = time.monotonic()

    def check(self) -> None:
        """Before anything is published."""
        gap = time.monotonic() - self._last
        if gap > self._limit:
            self._end(
                "frozen", f"this process stood still for {gap:.1f} s, and its partitions may belong to another by now: ending"
            )

    def watch(self, applied: int, waiting_seconds: float) -> None:
        """Progress: `applied` rises, or nothing has been waiting for long."""
        now = time.monotonic()
        if applied != self._progress or waiting_seconds == 0.0:
            self._progress, self._progress_at = applied, now
        elif now - self._progress_at > self._stuck and waiting_seconds > self._stuck:
            self._end("stuck", f"nothing was applied for {now - self._progress_at:.0f} s although records wait: ending")

    def _end(self, kind: str, why: str) -> None:
        if self._ending is not None:
            self._ending(kind, why)
        end_now(why)


def end_now(why: str) -> None:
    """End without committing, closing or asking anybody."""
    say("ended", why, "error")
    os._exit(TRY_AGAIN)
