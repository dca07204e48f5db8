"""How many records, or things that are due, are applied in one go: as many as keep everything else waiting for a moment only.

A rich program on a busy machine may take a hundred times as long for each as one rule on an idle one; and a loop that does not turn for half a
session ends the process (`pulse`), again and again.
"""

from typing import Final

_LONG_SECONDS: Final = 0.1
_SHORT_SECONDS: Final = 0.025
_FIRST: Final = 25


class Portion:
    def __init__(self, most: int) -> None:
        self.size = min(most, _FIRST)
        self._most = most

    def took(self, count: int, seconds: float) -> None:
        """So many have been applied in such a time."""
        if seconds > _LONG_SECONDS:
            self.size = max(self.size // 2, 1)
        elif seconds < _SHORT_SECONDS and count >= self.size:
            self.size = min(self.size * 2, self._most)
