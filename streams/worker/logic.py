"""What a worker runs for its records: the core over the ledger's tables, seen through the narrow door that the engine needs.

The engine knows only these protocols, so that the proof under kills and freezes runs the very engine with a counter for logic.
"""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from agents import made_under
from agents.balances import balances_record
from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from agents.shown_lots import ShownLots
from schemas.instants import Instant
from schemas.program import Catalog
from streams.errors import WrongUsage
from tables.rocks import RocksShared, RocksStore
from tables.table import Table


class PartitionTable(Protocol):
    """What the engine needs of a partition's table (`tables.table.Table`)."""

    @property
    def forgotten(self) -> Instant | None: ...
    @property
    def changed(self) -> int: ...
    def freeze(self) -> None: ...
    def changes(self) -> list[tuple[bytes, bytes | None]]: ...
    def write(self, meta: Mapping[bytes, bytes], changes: Sequence[tuple[bytes, bytes | None]]) -> None: ...
    def settle(self, changes: Sequence[tuple[bytes, bytes | None]]) -> None: ...
    def drop_changes(self) -> None: ...
    def restore(self, newest: Mapping[bytes, bytes | None], meta: Mapping[bytes, bytes], at_most: int | None = None) -> None: ...
    def meta(self, name: bytes) -> bytes | None: ...
    def close(self) -> None: ...


class Reactions(Protocol):
    """One partition's records and ticks against its table. `outbox` is replaced with every cycle; `balances` tells of what is frozen."""

    outbox: Outbox

    @property
    def table(self) -> PartitionTable: ...
    def apply(self, incoming: Incoming) -> str: ...
    def tick(self, at: Instant, at_most: int) -> bool: ...
    def is_due(self, at: Instant) -> bool: ...
    def event_time(self, incoming: Incoming) -> Instant | None: ...
    def balances(self) -> list[tuple[bytes, bytes]]: ...


class Logic(Protocol):
    def open(self, path: Path, partitions: int) -> Reactions:
        """Open one partition's table; each input topic has so many partitions."""


class LedgerReactions:
    """The product's own: `agents.core.Core` against `tables.table.Table`."""

    def __init__(self, core: Core, table: Table, shown: ShownLots | None = None) -> None:
        self.core, self.table, self.outbox = core, table, Outbox()
        self._shown = shown or ShownLots()

    def apply(self, incoming: Incoming) -> str:
        return self.core.apply(self.table, incoming, self.outbox)

    def tick(self, at: Instant, at_most: int) -> bool:
        return self.core.tick(self.table, at, self.outbox, at_most)

    def is_due(self, at: Instant) -> bool:
        return self.core.is_due(self.table, at)

    def event_time(self, incoming: Incoming) -> Instant | None:
        return self.core.event_time(incoming)

    def balances(self) -> list[tuple[bytes, bytes]]:
        """A record of `balances` for each profile that has changed in the cycle that is frozen."""
        programs, shown = self.core.programs, self._shown
        return [
            (profile_id.encode(), balances_record(programs, profile_id, profile, shown))
            for profile_id, profile in self.table.frozen_profiles()
        ]


class LedgerLogic:
    """All partitions of a process share one core, one block cache and one budget of write buffers.

    `logged` False: the changelog is the log. What a killed process had not put into a file yet is read from there again, by position.
    """

    def __init__(self, catalog: Catalog, state_bytes: int, *, logged: bool = True) -> None:
        self._catalog = catalog
        self._core: Core | None = None
        self._lock = threading.Lock()  # partitions are opened in threads, and programs are taken in the event loop
        self._shared = RocksShared(state_bytes // 8, state_bytes // 8)
        self._logged = logged
        self._cache_bytes = state_bytes // 4
        self._shown = ShownLots(state_bytes // 8)

    def take(self, catalog: Catalog) -> None:
        """From now on partitions are opened under these programs. Those that are open keep theirs: see `streams.worker.programs`."""
        with self._lock:
            self._catalog, self._core = catalog, None

    def core(self, partitions: int) -> tuple[Catalog, Core]:
        with self._lock:
            if self._core is None:
                self._core = Core(self._catalog, partitions)
            return self._catalog, self._core

    def open(self, path: Path, partitions: int) -> Reactions:
        catalog, core = self.core(partitions)
        table = Table(RocksStore(path, self._shared, logged=self._logged), self._cache_bytes // max(partitions, 1))
        try:
            made_under.check(table, catalog)
        except made_under.ProgramChangedError as error:
            table.close()
            raise WrongUsage(str(error)) from None
        except BaseException:
            table.close()
            raise
        return LedgerReactions(core, table, self._shown)
