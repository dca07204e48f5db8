"""What has been read of a partition's changelog and is not in its table yet: the newest value of each key, and no older one.

A log can end in a part of a cycle where there are no transactions, and the restart does that cycle again. So what stands behind the last
position is kept apart until the next position comes, and is dropped where none does.
"""

from collections.abc import Sequence

from streams.worker.position import POSITION_KEY


class Newest:
    """`read`: how many records have come since the last `whole`."""

    def __init__(self) -> None:
        self.read = 0
        self._whole: dict[bytes, bytes | None] = {}
        self._behind: dict[bytes, bytes | None] = {}

    def __len__(self) -> int:
        """How many keys there are up to the last position."""
        return len(self._whole)

    def take(self, keys: Sequence[bytes], values: Sequence[bytes | None]) -> int:
        """Records in their order. Gives how many of them are up to the last position among them."""
        self.read += len(keys)
        if POSITION_KEY not in keys:
            self._behind.update(zip(keys, values, strict=True))
            return 0
        cut = len(keys) - keys[::-1].index(POSITION_KEY)
        whole = self._whole
        if self._behind:
            whole.update(self._behind)
        whole.update(zip(keys[:cut], values[:cut], strict=True))
        self._behind = dict(zip(keys[cut:], values[cut:], strict=True))
        return cut

    def whole(self) -> dict[bytes, bytes | None]:
        """All up to the last position, that position among it; it is forgotten here."""
        whole, self._whole, self.read = self._whole, {}, 0
        return whole
