"""The wall clock, by which things fall due: believed while it goes as the machine's steady clock does.

What has expired stays expired, so a clock that was set ahead for a moment, by hand or by a time server gone wrong, must settle nobody. The
time by which it jumped is not used: timers wait, and say so, until the clock is right again or somebody who has looked at it starts the worker
anew. A clock that is slewed, or stepped by less than a minute, is believed; sleep counts as time.

A clock that jumps back is believed, for nothing falls due by it before its time; timers wait then until it has caught up with the newest tick.
"""

import time
from collections.abc import Callable
from typing import Final

from schemas.instants import Instant, format_instant
from streams.logs import say

_MOST_US: Final = 60_000_000
_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def _steady_ns() -> int:
    return time.clock_gettime_ns(_STEADY)


class WallClock:
    def __init__(self, wall_ns: Callable[[], int] = time.time_ns, steady_ns: Callable[[], int] = _steady_ns) -> None:
        self._wall_ns = wall_ns
        self._steady_ns = steady_ns
        self._believed = self._look()
        self._doubted = False

    def now(self) -> Instant | None:
        """What it shows; None while it is ahead of what it can be."""
        shown, steady = self._look()
        ahead_us = (shown - self._believed[0]) - (steady - self._believed[1])
        if ahead_us > _MOST_US:
            self._doubt(shown, ahead_us)
            return None
        if self._doubted:
            self._doubted = False
            say("clock-right-again", "the machine's clock is right again, and so are timers", "warning")
        self._believed = shown, steady
        return shown

    def _look(self) -> tuple[Instant, int]:
        return self._wall_ns() // 1000, self._steady_ns() // 1000

    def _doubt(self, shown: Instant, ahead_us: int) -> None:
        if self._doubted:
            return
        self._doubted = True
        say(
            "clock-jumped",
            f"the machine's clock jumped {ahead_us // 1_000_000:,} s ahead, to {format_instant(shown)}: nothing falls due by it until it is right "
            "again. If it is right now, start this worker anew",
            "error",
        )
