"""The commit cycle: the whole order in which a cycle's work is kept, from top to bottom.

    records and ticks applied in memory
    -> changelog + outputs + balances + cycles + positions, and the group's offsets     published as one by `Publish`
    -> one RocksDB WriteBatch a partition: states, due index, positions, changelog offset

RocksDB never holds what the broker does not have, so a crash anywhere leaves either all of a cycle or nothing of it that counts.
A cycle that fails is forgotten: the changes are dropped, and work goes on from what the broker has.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from agents.outbox import Effect
from schemas.instants import format_instant
from streams.worker.partition import Partition
from streams.worker.position import META_CHANGELOG, META_POSITION, CycleRecord, Tick


class CycleFailedError(Exception):
    """Nothing of the cycle counts, or nobody knows yet; the partitions are to be continued from what the broker has.

    `away`: the broker was not there or did not take it in time, so trying again is right for as long as that lasts.
    """

    def __init__(self, why: str, *, away: bool = False) -> None:
        super().__init__(why)
        self.away = away


class FencedError(Exception):
    """Another worker has taken over, or this one's transactions are not to be trusted any more: end the process."""


@dataclass(slots=True)
class Parcel:
    """All that one partition publishes in one cycle."""

    partition: Partition
    changes: list[tuple[bytes, bytes | None]]
    effects: list[Effect]
    messages: list[Effect]
    balances: list[tuple[bytes, bytes]]
    cycle: bytes
    position: bytes
    changelog_end: int | None = None  # told by the broker: the offset behind the position's record


class Publish(Protocol):
    """One way to publish a cycle: all of it, or none that counts."""

    def publish(self, parcels: list[Parcel], group: Any, *, planned: bool = False) -> None:
        """Return when the broker has all of it, with `changelog_end` set.

        `group` is the consumer's group metadata; `planned`: the cycles are redone, their plan is in the log. Raises
        `CycleFailedError` or `FencedError`.
        """

    def renew(self) -> None:
        """Before partitions are recovered: be able to publish again, whatever the last cycle has left behind. Raises `KafkaException`."""

    def close(self) -> None: ...


def pack(partition: Partition) -> Parcel:
    """Encode what the partition's cycle has to say. The position moves to the next cycle here, and nowhere else."""
    position = partition.position
    position.cycle += 1
    ticks = [step.at for step in partition.steps if isinstance(step, Tick)]
    record = CycleRecord(
        cycle=position.cycle,
        steps=partition.steps,
        outcomes=dict(partition.outcomes),
        position=position,
        backfill=partition.backfill,
        tick=format_instant(ticks[-1]) if ticks else None,
        parked=partition.reactions.outbox.parked(),
    )
    return Parcel(
        partition=partition,
        changes=partition.table.changes(),
        effects=partition.reactions.outbox.effects,
        messages=partition.reactions.outbox.messages,
        balances=partition.reactions.balances(),
        cycle=msgspec.json.encode(record),
        position=msgspec.json.encode(position),
    )


def keep(
    partitions: Iterable[Partition],
    publish: Publish,
    group: Any,
    told: Callable[[list[Parcel], float], None] | None = None,
    *,
    planned: bool = False,
) -> int:
    """Keep what these partitions have applied; how many records and due things that was. Idle partitions open no transaction.

    `told` is given what was kept, and how many seconds that took, before it is forgotten.
    """
    began = time.monotonic()
    parcels = [pack(partition) for partition in partitions if partition.dirty]
    if not parcels:
        return 0
    publish.publish(parcels, group, planned=planned)
    kept = 0
    for parcel in parcels:
        partition = parcel.partition
        meta = {META_POSITION: parcel.position}
        if parcel.changelog_end is not None:
            meta[META_CHANGELOG] = b"%d" % parcel.changelog_end
        partition.table.flush(meta, parcel.changes)
        kept += partition.applied
    if told is not None:
        told(parcels, time.monotonic() - began)
    for parcel in parcels:
        parcel.partition.begin_cycle()
    return kept
