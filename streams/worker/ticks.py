"""Ticks: when a partition may be settled up to an instant. The backlog always comes before the timer.

Every second the inputs' end offsets are noted together with the instant: the wall clock's, or under backfill the greatest event
time applied. The tick of a partition is applied when everything before the noted ends has been, what waits behind an open transaction
of a feed among it, for that had arrived. One tick a partition waits at a time: while a partition lags, later ones are not even noted,
and nothing is skipped by that, for a tick settles everything due up to it. Which tick was applied where stands in `cycles`, so a replay
needs no clock.

Under backfill the instant is a note old: what one partition has applied, a feed may still be sending to another, and a record that
comes behind a tick is a late one. While the greatest event time stands still the newest tick is noted again: an answer from another key may
come behind it, and what the answer brings may have been due before. Where nothing is due a tick leaves no trace.
"""

import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.instants import Instant
from schemas.topics import CONSUMED
from streams.worker.broker import Broker, Place
from streams.worker.partition import Partition
from streams.worker.wall_clock import WallClock


class Note(NamedTuple):
    at: Instant
    ends: dict[str, int]
    noted: float  # monotonic


class Ends(NamedTuple):
    """Where inputs end: of what can be read, and with what waits until a feed has ended the transaction before it."""

    readable: dict[Place, int]
    written: dict[Place, int]


class Ticks:
    def __init__(self, *, backfill: bool, clock: WallClock | None = None) -> None:
        self._backfill = backfill
        self._clock = clock or WallClock()
        self._notes: dict[int, Note] = {}
        self._greatest: Instant | None = None

    def wanted(self, partitions: Iterable[Partition]) -> dict[int, Instant]:
        """The instant to note now for each partition that waits for none: never one before its newest tick. In the loop, before the ends are asked for."""
        partitions = list(partitions)
        if self._backfill:
            at = self._greatest
            self._greatest = max((partition.position.greatest or 0 for partition in partitions), default=0) or None
        else:
            at = self._clock.now()
        if at is None:
            return {}
        return {
            partition.number: max(at, partition.position.tick or at)
            for partition in partitions
            if partition.number not in self._notes
        }

    def note(self, instants: Mapping[int, Instant], ends: dict[Place, int]) -> None:
        """`ends`: of what is written."""
        now = time.monotonic()
        for number, at in instants.items():
            self._notes[number] = Note(at, {topic: ends[topic, number] for topic in CONSUMED}, now)

    def ready(self, partition: Partition) -> Instant | None:
        """The tick to apply now, if everything before it has been applied."""
        note = self._notes.get(partition.number)
        if note is None:
            return None
        reached = partition.reached
        if all(reached.get(topic, 0) >= end for topic, end in note.ends.items()):
            return note.at
        return None

    def done(self, partition: Partition) -> None:
        self._notes.pop(partition.number, None)

    def clear(self) -> None:
        self._notes.clear()
        self._greatest = None

    def waiting_seconds(self) -> float:
        """For how long the oldest tick has been waiting for the backlog before it."""
        now = time.monotonic()
        return max((now - note.noted for note in self._notes.values()), default=0.0)


def input_ends(broker: Broker, numbers: list[int]) -> Ends:
    places = [(topic, number) for number in numbers for topic in CONSUMED]
    return Ends(broker.ends(places), broker.ends(places, committed=False))
