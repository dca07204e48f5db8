"""How far an input is behind, in records and in seconds.

Seconds are the hard half. Once a second the ends of the inputs are noted; whoever has not reached a noted end is behind by at least the
time since that note. A record that was applied since then tells more: its own age. (The age of the last record alone would call a feed
that was quiet all night hours behind, at its first sale in the morning.)

Counts offsets, so where a feed uses transactions their markers count as records until they are passed. What lies behind a transaction that is
still open waits like any other record, though nobody can read it: an end is that of all that was written.
"""

from collections import deque
from typing import Final

_NOTES: Final = 64


class Lag:
    """One input of one partition. Times are seconds since 1970."""

    def __init__(self) -> None:
        self.end = 0
        self._notes: deque[tuple[float, int]] = deque()  # (when, end), only those that are not reached yet
        self._arrived_at = self._applied_at = 0.0

    def note(self, now: float, end: int, reached: int) -> None:
        self.end = end
        while self._notes and self._notes[0][1] <= reached:
            self._notes.popleft()
        if end > reached:
            self._notes.append((now, end))
        if len(self._notes) > _NOTES:  # further behind than this, every second note will do
            self._notes = deque(list(self._notes)[::2])

    def applied(self, now: float, arrived_at: float) -> None:
        """A record that had arrived then has been applied."""
        self._applied_at, self._arrived_at = now, arrived_at

    def records(self, reached: int) -> int:
        return max(self.end - reached, 0)

    def seconds(self, now: float, reached: int) -> float:
        since = next((at for at, end in list(self._notes) if end > reached), None)
        if since is None:
            return 0.0
        oldest = min(since, self._arrived_at) if self._applied_at >= since else since
        return max(now - oldest, 0.0)
