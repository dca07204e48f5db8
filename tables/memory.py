"""A store in memory: for check files, tests and simulation. It forgets everything when it goes.

It keeps what it is given as bytes, exactly as RocksDB does, so that what cannot be encoded fails here too.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping

from schemas.instants import Instant
from tables.due_keys import split_due_key


class MemoryStore:
    def __init__(self) -> None:
        self._states: dict[bytes, bytes] = {}
        self._due: list[tuple[Instant, str]] = []
        self._meta: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self._states.get(key)

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        return [self._states.get(key) for key in keys]

    def write(
        self,
        states: Iterable[tuple[bytes, bytes | None]],
        due: Iterable[tuple[str, Instant | None, Instant | None]],
        meta: Mapping[bytes, bytes],
        new_due: Iterable[bytes] = (),
    ) -> None:
        for key, value in states:
            if value is None:
                self._states.pop(key, None)
            else:
                self._states[key] = value
        for profile_id, old, new in due:
            if old is not None:
                del self._due[bisect_left(self._due, (old, profile_id))]
            if new is not None:
                insort(self._due, (new, profile_id))
        for key in new_due:
            insort(self._due, split_due_key(key))
        self._meta.update(meta)

    def due(self, until: Instant, after: tuple[Instant, str] | None) -> Iterator[tuple[Instant, str]]:
        first = 0 if after is None else bisect_right(self._due, after)
        last = bisect_left(self._due, (until + 1, ""))
        return iter(self._due[first:last])

    def states(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted(item for item in self._states.items() if item[0].startswith(prefix)))

    def keys(self, start: bytes, end: bytes) -> Iterator[bytes]:
        return iter(sorted([key for key in self._states if start <= key < end]))

    def meta(self, name: bytes) -> bytes | None:
        return self._meta.get(name)

    def size(self) -> tuple[int, int]:
        return sum([len(key) + len(value) for key, value in self._states.items()]), len(self._states)

    def close(self) -> None:
        """Nothing to release; what was written stays readable by whoever still holds the store."""
