"""The sweep: a hand that goes round over all that is remembered, a few keys at a time, so that nothing is remembered for ever.

What may be forgotten is decided by the reader (`Visit.find`: event time + `remember` lies before the arrival of whoever asks); the
sweep only takes away, some time later, what no reader can find any more. So its pace changes nothing that anybody sees.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

from schemas.instants import Instant

_NEVER: Final = 1 << 62
Kind = TypeVar("Kind")


class Sweep:
    """Where the hand stands, and the oldest instant that it may still meet. A new one has seen nothing and goes round once."""

    def __init__(self) -> None:
        self._at = b""
        self._oldest = -_NEVER
        self._oldest_this_round = _NEVER

    def has_work(self, before: Instant) -> bool:
        """Whether there may be anything older: else the hand rests."""
        return self._oldest < before

    def saw(self, last_at: Instant) -> None:
        """Something that stays."""
        if last_at < self._oldest_this_round:
            self._oldest_this_round = last_at
            self._oldest = min(self._oldest, last_at)

    def kinds(self, all_kinds: Sequence[tuple[bytes, Kind]]) -> list[tuple[bytes, Kind]]:
        """The kinds of keys that the hand has still to pass, the one that it stands in first."""
        return [(letter, kind) for letter, kind in all_kinds if letter >= self._at[:1]]

    def start(self, letter: bytes) -> bytes:
        return self._at if self._at[:1] == letter else letter

    def rest(self, letter: bytes, key: bytes) -> None:
        """Stop here until the next time."""
        self._at = key

    def done(self) -> None:
        """Once round: what is left is no older than what was seen."""
        self._at, self._oldest, self._oldest_this_round = b"", self._oldest_this_round, _NEVER
