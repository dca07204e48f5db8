"""The sweep: a hand that goes round over all that is remembered, a few keys at a time, so that nothing is remembered for ever.

What may be forgotten is decided by the reader (`Visit.find`: event time + `remember` lies before the arrival of whoever asks); the
sweep only takes away, some time later, what no reader can find any more. So its pace changes nothing that anybody sees.
"""

from collections.abc import Sequence
from struct import Struct as Layout
from typing import Final, TypeVar

from schemas.instants import Instant

_NEVER: Final = 1 << 62
_KEPT: Final = Layout(">q")
Kind = TypeVar("Kind")


class Sweep:
    """Where the hand stands, and the oldest instant that it may still meet. A new one has seen nothing and goes round once.

    Where it stands is kept with the states (`kept`, `go_on`): a hand that began anew with each restart would never come to what lies last.
    """

    def __init__(self) -> None:
        self._at = b""
        self._oldest = -_NEVER
        self._oldest_this_round = _NEVER
        self._whole_round = True

    def kept(self, forgotten: Instant) -> bytes:
        """Where the hand stands, and the latest instant that it was told."""
        return _KEPT.pack(forgotten) + self._at

    def go_on(self, kept: bytes) -> Instant:
        """Stand there again, where nothing has been looked at yet. Returns the latest instant that the hand was told."""
        (forgotten,) = _KEPT.unpack_from(kept)
        self._at = kept[_KEPT.size :]
        self._whole_round = not self._at
        return int(forgotten)

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
        """Once round: what is left is no older than what was seen, if all of it was."""
        self._at, self._oldest, self._oldest_this_round = b"", self._oldest_this_round if self._whole_round else -_NEVER, _NEVER
        self._whole_round = True
