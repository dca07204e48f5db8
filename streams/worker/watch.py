"""The door through which a running worker is watched: what the engine tells, and to whom it is all the same.

Metrics and health live behind it (`streams.metrics`, `streams.health`). Nothing that is told here changes what the worker does, and
nothing is told a record at a time: a cycle, a recovery or a turn of the clock is the smallest thing.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from schemas.program import Catalog
from streams.worker.broker import Place
from streams.worker.cycle import Parcel
from streams.worker.partition import Partition

KINDS_OF_ENDS: Final = ("fenced", "frozen", "stuck", "cycles-failed", "refused", "other")
_NOTHING_TO_LOOK_AT_SECONDS: Final = 3_600.0


class Watch(Protocol):
    """`look`, `clock`, `unanswered`, `beat` and `ending` are called in the event loop, all others in any thread. None of them may raise."""

    def topics(self, partitions: int) -> None:
        """Each topic has so many partitions. Told once, before anything is assigned."""

    def assigned(self, numbers: Sequence[int]) -> None:
        """A rebalance gave us these partitions (all that we have now); they are not recovered yet."""

    def revoked(self, *, lost: bool) -> None:
        """A rebalance takes our partitions."""

    def replaying(self, left: Mapping[int, int], replayed: int) -> None:
        """So many records of each partition's changelog are left to replay; so many were, since this was told last."""

    def poisoned(self, why: Mapping[int, str]) -> None:
        """Of the partitions that we were given these are left alone, and why. Told before the others are `recovered`."""

    def recovered(self, partitions: Mapping[int, Partition]) -> None: ...

    def dropped(self) -> None:
        """No partition is open any more."""

    def copying(self, behind: Mapping[int, int | None]) -> None:
        """The copies of others' partitions that are kept here now, and by how many offsets of its log each is behind; None: not known yet."""

    def kept(self, parcels: Sequence[Parcel], seconds: float) -> None:
        """A cycle was committed and written."""

    def not_kept(self, *, fenced: bool) -> None: ...

    def clock(self, ends: Mapping[Place, int], applied: int, waiting_seconds: float) -> None:
        """Once a second: where the inputs end now, what cannot be read yet included, how many records were ever applied, how long the oldest tick has waited."""

    def unanswered(self) -> None:
        """In place of `clock`: the broker did not say where the inputs end, and nobody can tell whether anything stands still."""

    def beat(self) -> None:
        """The event loop is alive."""

    def look(self, partitions: Mapping[int, Partition]) -> float:
        """Look at the tables, a few milliseconds at most; seconds until the next look."""

    def programs(self, catalog: Catalog) -> None:
        """These programs are applied from now on."""

    def refused(self) -> None:
        """Programs have come that this worker does not take, until `programs` tells of some that it does."""

    def passed_over(self, records: int) -> None:
        """Of the topic `programs`, as far as it has been read, so many records do not count."""

    def ending(self, kind: str, why: str) -> None:
        """The worker ends by itself. `kind` is one of `KINDS_OF_ENDS`."""


class Unwatched:
    """Nobody looks."""

    def topics(self, partitions: int) -> None: ...
    def assigned(self, numbers: Sequence[int]) -> None: ...
    def revoked(self, *, lost: bool) -> None: ...
    def replaying(self, left: Mapping[int, int], replayed: int) -> None: ...
    def poisoned(self, why: Mapping[int, str]) -> None: ...
    def recovered(self, partitions: Mapping[int, Partition]) -> None: ...
    def dropped(self) -> None: ...
    def copying(self, behind: Mapping[int, int | None]) -> None: ...
    def kept(self, parcels: Sequence[Parcel], seconds: float) -> None: ...
    def not_kept(self, *, fenced: bool) -> None: ...
    def clock(self, ends: Mapping[Place, int], applied: int, waiting_seconds: float) -> None: ...
    def unanswered(self) -> None: ...
    def beat(self) -> None: ...
    def look(self, partitions: Mapping[int, Partition]) -> float:
        return _NOTHING_TO_LOOK_AT_SECONDS

    def programs(self, catalog: Catalog) -> None: ...
    def refused(self) -> None: ...
    def passed_over(self, records: int) -> None: ...
    def ending(self, kind: str, why: str) -> None: ...
