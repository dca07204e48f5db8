"""The workload *ledger*: receipts of three lines, and the product's own pure core for logic, called from somebody else's stack.

`Ledger` is the door: one record in, its effects out, and every state that changed written to the stack's own store at once, record by
record, as that stack would do it. Decoded states are cached in front of it, as they are in our worker. What our worker does besides is
left out here, to the others' advantage: no record of `balances`, no index of due things, no ticks, no headers on the events.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Effect, Outbox
from schemas.events import encode
from schemas.instants import Instant
from schemas.program_file import load_catalog
from schemas.topics import PURCHASES
from tables.table import Table


class States(Protocol):
    """A stack's own state: bytes by key."""

    def get(self, key: bytes) -> bytes | None: ...
    def put(self, key: bytes, value: bytes | None) -> None: ...


class _Store:
    """`tables.store.Store` over them. Nothing falls due and nothing is old enough to be forgotten while a benchmark runs."""

    def __init__(self, states: States) -> None:
        self.get = states.get
        self._put = states.put

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        return [self.get(key) for key in keys]

    def write(
        self,
        states: Iterable[tuple[bytes, bytes | None]],
        due: Iterable[tuple[str, Instant | None, Instant | None]],
        meta: Mapping[bytes, bytes],
        new_due: Iterable[bytes] = (),
    ) -> None:
        for key, value in states:
            self._put(key, value)

    def due(self, until: Instant, after: tuple[Instant, str] | None) -> Iterator[tuple[Instant, str]]:
        return iter(())

    def states(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return iter(())

    def keys(self, start: bytes, end: bytes) -> Iterator[bytes]:
        return iter(())

    def meta(self, name: bytes) -> bytes | None:
        return None

    def size(self) -> tuple[int, int]:
        return 0, 0

    def close(self) -> None: ...


class Ledger:
    def __init__(self, program: Path, partitions: int, states: States) -> None:
        self._core = Core(load_catalog([program]), partitions)
        self._table = Table(_Store(states))
        self._outbox = Outbox()
        self._greatest = 0

    def apply(self, partition: int, offset: int, key: bytes | None, value: bytes | None) -> list[tuple[str, bytes, bytes]]:
        """(topic, key, value) of every effect. A record arrives at the greatest event time so far, as under `--backfill`."""
        incoming = Incoming(PURCHASES, partition, offset, key, value, 0)
        self._greatest = max(self._greatest, self._core.event_time(incoming) or 0)
        incoming.arrived_at = self._greatest
        outcome = self._core.apply(self._table, incoming, self._outbox)
        if outcome != "applied":
            raise RuntimeError(f"{outcome}: {self._outbox.effects}")
        said = [_sent(effect) for effect in self._outbox.effects]
        self._table.flush({})
        self._outbox.clear()
        return said


def _sent(effect: Effect) -> tuple[str, bytes, bytes]:
    return effect.topic, effect.key.encode(), encode(effect.record)
