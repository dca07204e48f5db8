"""What a table needs of the thing beneath it: a few bytes-in, bytes-out operations that RocksDB and memory both offer."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from schemas.instants import Instant


class DamagedError(OSError):
    """What is stored cannot be read any more, or lacks what must be there. It is no record's fault; a state is made anew from its log."""


class Store(Protocol):
    """States by key, an index of due things in order of instant, and a few named values (positions and the like)."""

    def get(self, key: bytes) -> bytes | None: ...

    def get_many(self, keys: list[bytes]) -> list[bytes | None]: ...

    def write(
        self,
        states: Iterable[tuple[bytes, bytes | None]],
        due: Iterable[tuple[str, Instant | None, Instant | None]],
        meta: Mapping[bytes, bytes],
        new_due: Iterable[bytes] = (),
    ) -> None:
        """All or nothing. `due` is (profile id, the instant indexed so far, the new one); None is no instant.

        `new_due`: entries of other profiles, which had none, as `tables.due_keys` spells them.
        """

    def due(self, until: Instant, after: tuple[Instant, str] | None) -> Iterator[tuple[Instant, str]]:
        """Index entries up to and including `until`, in order, from just behind `after`."""

    def states(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """States whose key begins with `prefix`, in order of key."""

    def keys(self, start: bytes, end: bytes) -> Iterator[bytes]:
        """Keys of states from `start` to before `end`, in order."""

    def meta(self, name: bytes) -> bytes | None: ...

    def size(self) -> tuple[int, int]:
        """Bytes, and states: about so many, without counting them."""

    def close(self) -> None: ...
