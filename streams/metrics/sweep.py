"""The sweep: a walk over all profiles of a worker, again and again, that adds up what no single record tells.

Outstanding points by when they expire, timers by when they are due, stopped profiles: sums over the state as it is, so that no sum can
drift away from it. It looks at a hundred profiles at a time, in the event loop while nothing changes a table, for a few milliseconds, and
rests fifty times as long; two million profiles take it some tens of minutes. So its figures are of the past, and their age is a metric.
A partition's figures are told when it has been walked over whole.
"""

import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from schemas.instants import DAY_US, Instant
from schemas.program import Catalog
from streams.worker.logic import LedgerReactions
from streams.worker.partition import Partition
from tables.ledger_keys import split_ledger_key
from tables.state import Lot, Profile
from tables.store import DamagedError
from tables.table import Table

PROFILES_A_LOOK: Final = 100
AGAIN_SECONDS: Final = 60.0
_REST: Final = 50  # times as long as it has worked
_LEAST_REST_SECONDS: Final = 0.02
IDLE_SECONDS: Final = 1.0
_PAGE: Final = 1_000  # what the store reads at once
_GLANCE_SECONDS: Final = 5.0
OVERDUE_AT_MOST: Final = 1_000
OTHER: Final = "other"

_EXPIRY_DAYS: Final = (0, 1, 7, 30, 90, 365)
EXPIRES: Final = ("overdue", "1d", "7d", "30d", "90d", "365d", "later", "never", "unknown")
_TIMER_US: Final = (0, DAY_US // 24, DAY_US, 7 * DAY_US)
DUE: Final = ("overdue", "1h", "1d", "7d", "later")
STATES: Final = ("active", "pending", "reserved")


@dataclass(slots=True)
class Sums:
    """What one walk over a partition adds up. Points are minor units; `at` is when the walk began."""

    at: Instant
    profiles: int = 0
    stopped: int = 0
    timers: Counter[str] = field(default_factory=Counter)
    points: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)  # program, point, state, expires
    debt: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(slots=True)
class Glance:
    """A partition at a glance. `overdue` is counted up to `OVERDUE_AT_MOST`; `oldest` is the first of them."""

    at: float
    bytes: int
    states: int
    overdue: int
    oldest: Instant | None


class Sweep:
    """`look` again and again. `sums` and `glances` are of partitions that were given to it last."""

    def __init__(self, catalog: Catalog, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: set[tuple[str, str]] = set()
        self.know(catalog)
        self.sums: dict[int, Sums] = {}
        self.glances: dict[int, Glance] = {}
        self._walk: _Walk | None = None

    def know(self, catalog: Catalog) -> None:
        """These programs are there, too."""
        self._known |= {
            (name, point.sid) for name, versions in catalog.programs.items() for version in versions for point in version.points
        }

    def dropped(self) -> None:
        """The partitions are gone, and what was known of them."""
        self.sums, self.glances, self._walk = {}, {}, None

    def look(self, partitions: Mapping[int, Partition]) -> float:
        """Some of the work; seconds until the next of it is wanted."""
        began = self._clock()
        worked = self._glance(partitions, began) or self._step(partitions)
        return max((self._clock() - began) * _REST, _LEAST_REST_SECONDS) if worked else IDLE_SECONDS

    def _glance(self, partitions: Mapping[int, Partition], now: float) -> bool:
        for number, partition in partitions.items():
            table = _table(partition)
            known = self.glances.get(number)
            if table is not None and (known is None or now - known.at > _GLANCE_SECONDS):
                until = (partition.position.greatest or 0) if partition.backfill else time.time_ns() // 1000
                due = table.overdue(until, OVERDUE_AT_MOST)
                self.glances[number] = Glance(now, *table.size(), len(due), due[0] if due else None)
                return True
        return False

    def _step(self, partitions: Mapping[int, Partition]) -> bool:
        if self._walk is None:
            self._walk = self._next(partitions)
            if self._walk is None:
                return False
        if self._walk.step():
            self.sums[self._walk.number] = self._walk.sums
            self._walk = None
        return True

    def _next(self, partitions: Mapping[int, Partition]) -> "_Walk | None":
        """The partition whose figures are the oldest, if they are old enough."""
        tables = {number: table for number, partition in partitions.items() if (table := _table(partition)) is not None}
        now = time.time_ns() // 1000
        known = self.sums
        number = min(tables, key=lambda number: known[number].at if number in known else 0, default=None)
        if number is None or (number in known and now - known[number].at < AGAIN_SECONDS * 1_000_000):
            return None
        return _Walk(number, tables[number], self._known, now)


class _Walk:
    """Once over a partition."""

    def __init__(self, number: int, table: Table, known: set[tuple[str, str]], now: Instant) -> None:
        self.number, self.sums = number, Sums(now)
        self._table, self._known = table, known
        self._expiries = [now + days * DAY_US for days in _EXPIRY_DAYS]
        self._timers = [now + us for us in _TIMER_US]
        self._page: list[str] = []
        self._after: str | None = None

    def step(self) -> bool:
        """True: all have been looked at."""
        if not self._page:
            self._page = self._table.profile_ids(self._after, _PAGE)
            if not self._page:
                return True
            self._after = self._page[-1]
        some, self._page = self._page[:PROFILES_A_LOOK], self._page[PROFILES_A_LOOK:]
        for profile_id, profile in self._table.glance(some):
            self._add(profile_id, profile)
        return False

    def _add(self, profile_id: str, profile: Profile) -> None:
        sums = self.sums
        sums.profiles += 1
        if profile.stopped is not None:
            sums.stopped += 1
        elif profile.due_at is not None:
            sums.timers[DUE[bisect_right(self._timers, profile.due_at - 1)]] += 1
        for program, membership in profile.programs.items():
            for key, ledger in membership.ledgers.items():
                if ledger.active or ledger.pending or ledger.reserved:
                    with suppress(DamagedError):  # whoever comes to these lots next is told, and has the state rebuilt
                        self._add_lots(program, key, self._table.lots_of(profile_id, program, key, ledger))
                if ledger.debt:
                    sums.debt[self._name(program, key)] += ledger.debt

    def _add_lots(self, program: str, key: str, lots: list[Lot]) -> None:
        name, points = self._name(program, key), self.sums.points
        for lot in lots:
            expires = self._expires(lot)
            if lot.remaining:
                points[*name, "active" if lot.active else "pending", expires] += lot.remaining
            if lot.reserved:
                points[*name, "reserved", expires] += lot.reserved

    def _expires(self, lot: Lot) -> str:
        if lot.expires_at is None:
            return "never" if lot.expiration is None else "unknown"
        return EXPIRES[bisect_right(self._expiries, lot.expires_at - 1)]

    def _name(self, program: str, key: str) -> tuple[str, str]:
        """As configured; what no program file knows any more is one series."""
        name = program, split_ledger_key(key)[0]
        return name if name in self._known else (OTHER, OTHER)


def _table(partition: Partition) -> Table | None:
    """The ledger's own table; other logic has nothing to add up."""
    reactions = partition.reactions
    return reactions.table if isinstance(reactions, LedgerReactions) else None
