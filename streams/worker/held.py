"""The partitions that a worker has open: under which assignment, and how much was applied to them that is not on its way yet.

They come together and go together: what a cycle could not keep was applied to none of them.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import TopicPartition

from schemas.topics import CONSUMED
from streams.worker.arrivals import Fetched
from streams.worker.broker import Place
from streams.worker.partition import Partition
from streams.worker.settings import WorkerSettings

_NONE: Final = -1
_NOTE_SECONDS: Final = 600.0
_AT_LEAST_SECONDS: Final = 86_400.0


class Held:
    """`assignment` counts the rebalances, and is none of them while nothing is held; `group` is the consumer's group metadata then."""

    def __init__(self, settings: WorkerSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self.partitions: dict[int, Partition] = {}
        self.assignment = 0
        self.group: Any = None
        self._clock = clock
        self._noted_at = self._all_noted_at = clock()
        self._cycle_weight = settings.cycle_weight
        self._cycle_records = settings.cycle_records

    def __iter__(self) -> Iterator[Partition]:
        return iter(self.partitions.values())

    def hold(self, assignment: int, partitions: dict[int, Partition], group: Any) -> None:
        self.assignment, self.partitions, self.group = assignment, partitions, group

    def of(self, fetched: Fetched, number: int) -> Partition | None:
        """None: the batch was fetched under an assignment that is over."""
        return self.partitions.get(number) if fetched.assignment == self.assignment else None

    @property
    def dirty(self) -> list[Partition]:
        return [partition for partition in self if partition.dirty]

    @property
    def is_full(self) -> bool:
        """Whether the cycle weighs as much as it may."""
        if sum([partition.weight for partition in self]) >= self._cycle_weight:
            return True
        return sum([partition.work.applied for partition in self]) >= self._cycle_records

    def is_behind(self, ends: Mapping[Place, int]) -> bool:
        """Whether there is something before these ends that was not applied."""
        found = self.partitions
        return any(number in found and found[number].reached.get(topic, 0) < end for (topic, number), end in ends.items())

    def note_ends(self, *, at_once: bool = False) -> None:
        """Have it kept, now and then or at once, that a log was read past its last record, where nothing else is to be kept.

        And once a day whatever there is: what is in step with its log says so by what it writes (`opening`), here and in every copy.
        """
        now = self._clock()
        if at_once or now - self._noted_at >= _NOTE_SECONDS:
            self._noted_at = now
            for partition in self:
                partition.note_end()
        if now - self._all_noted_at >= _AT_LEAST_SECONDS:
            self._all_noted_at = now
            for partition in self:
                partition.note()

    def drop(self) -> None:
        """Forget what was not kept, and close every table."""
        for partition in self:
            partition.table.drop_changes()
            with suppress(OSError):  # a disk that takes no more: that has been told, or will be when it is opened again
                partition.table.close()
        self.hold(_NONE, {}, None)


def starts(partitions: Mapping[int, Partition]) -> list[TopicPartition]:
    """Where their inputs are read on. What a newer version read besides waits for it."""
    return [
        TopicPartition(topic, number, offset)
        for number, partition in partitions.items()
        for topic, offset in partition.position.inputs.items()
        if topic in CONSUMED
    ]
