"""The pace of the commit cycle: how long one lasts, so that nobody waits longer than must be, and nothing is written oftener than it helps.

A cycle begins every period. While there is more to read than a moment's worth, each may last twice as long as the one before it, up to a
bound: nobody waits for it less by a short one then, for the lag is longer, and a profile that comes several times is written once. Step by step,
since a burst that is gone in a second is no reason to have everybody wait for seconds.

A length that keeps up is given up slowly while it takes most of the time to do the work: with a much shorter one, whoever keeps up only just
would fall behind again, and catch up, in turns of seconds. Where there is time to spare, the next may last half as long, and this one ends.
"""

import time
from collections.abc import Callable, Iterator
from typing import Final

LONGEST: Final = 27  # periods: about four seconds
_LEAST_SECONDS: Final = 0.005  # for everything else
_LOOKS: Final = 4  # a period
_BUSY_PERCENT: Final = 65
_SLOWLY: Final = 0.8


class Pace:
    def __init__(self, period_seconds: float, worked: Callable[[], float], clock: Callable[[], float] = time.monotonic) -> None:
        """`worked`: for how many seconds there was something to do since all began."""
        self._period = period_seconds
        self._worked = worked
        self._clock = clock
        self._times = 1.0
        self.begin()

    def begin(self) -> None:
        """A cycle begins."""
        self._began, self._worked_before = self._clock(), self._worked()

    def pauses(self, behind: Callable[[], bool]) -> Iterator[float]:
        """What to sleep, one after another, before the next begins. `behind`: whether there is more to read than a moment's worth."""
        yield max(self._period - self._lasted, _LEAST_SECONDS)
        if behind():
            self._times = min(self._times * 2, LONGEST)
        else:
            self._times = max(self._times * (_SLOWLY if self._busy else 0.5), 1.0)
        while (behind() or self._busy) and self._lasted < self._period * self._times:
            yield self._period / _LOOKS

    @property
    def _lasted(self) -> float:
        return self._clock() - self._began

    @property
    def _busy(self) -> bool:
        return (self._worked() - self._worked_before) * 100 >= self._lasted * _BUSY_PERCENT
