"""The pace of the commit cycle: how long one lasts, so that nobody waits longer than must be, and nothing is written oftener than it helps.

A cycle begins every period. While there is more to read than a moment's worth, each may last twice as long as the one before it, up to a
bound: nobody waits for it less by a short one then, for the lag is longer, and a profile that comes several times is written once. Step by step,
since a burst that is gone in a second is no reason to have everybody wait for seconds.
"""

import time
from collections.abc import Callable, Iterator
from typing import Final

LONGEST: Final = 20
_LEAST_SECONDS: Final = 0.005  # for everything else
_LOOKS: Final = 4  # a period


class Pace:
    def __init__(self, period_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._period = period_seconds
        self._clock = clock
        self._times = 1

    def pauses(self, began: float, behind: Callable[[], bool]) -> Iterator[float]:
        """What to sleep, one after another, between a cycle that began then and the next. `behind`: whether there is so much to read."""
        yield max(self._period - (self._clock() - began), _LEAST_SECONDS)
        if not behind():
            self._times = 1
            return
        self._times = min(self._times * 2, LONGEST)
        while behind() and self._clock() - began < self._period * self._times:
            yield self._period / _LOOKS
