"""Keys that a store cannot hold yet, known without asking it, while one that was empty is filled.

To index what is due, a restore must know what the store's index says of a profile so far, and to look that up takes longer than all
else it does. Most keys of a compacted log come once, so a byte for each of many slots says which keys have *not* come before: those are
not looked up. Keys that share a slot are, needlessly, and nothing else comes of it: the index is exact at every moment.

That was weighed against an index that is put in order later, by passing over stale entries when their instant comes, or by a scan at the
end. Then every reader of the index would have to know about it, a standby would gather stale entries for as long as it
follows, and a restore that is cut off would have to leave a note that the index is not to be believed. Here whoever goes on just looks.
"""

from collections.abc import Iterable
from typing import Final

_MOST_SLOTS: Final = 16 * 1024 * 1024
_LEAST_SLOTS: Final = 64


class Unseen:
    """`slots`: bytes of memory. A log of as many keys has a key looked up needlessly in three; of an eighth as many, in sixteen."""

    def __init__(self, slots: int) -> None:
        self._slots = bytearray(min(max(slots, _LEAST_SLOTS), _MOST_SLOTS))

    def but(self, keys: Iterable[bytes]) -> list[bytes]:
        """Those of these keys, each given once, that may have been given before. From now on all of them have been."""
        slots = self._slots
        count = len(slots)
        seen = []
        for key in keys:
            slot = hash(key) % count
            if slots[slot]:
                seen.append(key)
            else:
                slots[slot] = 1
        return seen
