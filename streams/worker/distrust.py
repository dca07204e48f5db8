"""Distrust: what becomes of a partition that cannot be continued. It is left alone, and the others go on.

    damaged     what lies here of it cannot be read: it is deleted and rebuilt from the changelog
    poisoned    its logs contradict each other, or what was rebuilt cannot be read either: nothing of it is touched until somebody has put it
                right and the worker starts again, or until another one has it and finds the same

To guess would be to lose or to double somebody's points. To end would be to stop everybody else's; that is right only where no partition at
all can be continued, for then it is most likely the wrong broker, or the topics were made anew.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from streams.worker.outage import Say

_REBUILT_AGAIN_SECONDS: Final = 3_600.0


class PoisonedError(Exception):
    """These partitions cannot be continued, and why; none at all where it is worth another try."""

    def __init__(self, why: Mapping[int, str]) -> None:
        super().__init__("; ".join(why.values()))
        self.why = dict(why)


class Distrust:
    """What one worker does not believe of its partitions. `folder`: where a partition's state lies."""

    def __init__(self, folder: Callable[[int], Path], say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        self.poisoned: dict[int, str] = {}
        self._folder = folder
        self._say = say
        self._clock = clock
        self._damaged: dict[int, str] = {}
        self._rebuilt_at: dict[int, float] = {}

    def damaged(self, number: int, why: str) -> None:
        """What lies here of this partition cannot be read. Soon after it was rebuilt that is no fault of the disk: then it is poisoned."""
        rebuilt_at = self._rebuilt_at.get(number)
        if rebuilt_at is not None and self._clock() - rebuilt_at < _REBUILT_AGAIN_SECONDS:
            self.poisoned[number] = f"{why}; it was rebuilt from the changelog, and that did not help"
        else:
            self._damaged[number] = why

    def clear_away(self, number: int) -> None:
        """Before a partition is opened: delete it, if it is damaged."""
        why = self._damaged.pop(number, None)
        if why is not None:
            self._say(
                "rebuilds", f"partition {number}: {why}; what lies here is deleted and rebuilt from the changelog", "warning"
            )
            with suppress(FileNotFoundError):  # that it is gone was the damage
                shutil.rmtree(self._folder(number))
            self._rebuilt_at[number] = self._clock()

    def left_alone(self, poisoned: Mapping[int, str]) -> None:
        """Say so."""
        for number, why in sorted(poisoned.items()):
            self._say("poisoned", f"partition {number} is left alone, and the others go on: {why}", "error")
