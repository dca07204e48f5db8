"""The commit cycle: the whole order in which a cycle's work is kept, from top to bottom.

    records and ticks applied in memory
    -> pack         what was done is set apart: what is applied from here on is the next cycle's           in the event loop, short
    -> carry_out    changelog + outputs + balances + cycles + positions: encoded and handed to the client  in a thread, alone
                    -> with the group's offsets committed as one by `Publish`                              beside the next cycle
                    -> one RocksDB WriteBatch a partition: states, due index, positions, changelog offset
    -> settle       the tables know that it is there                                                       in the event loop, short

RocksDB never holds what the broker does not have, so a crash anywhere leaves either all of a cycle or nothing of it that counts.
A cycle that fails is forgotten, and so is what was applied on top of it meanwhile: work goes on from what the broker has. One cycle of
a worker is carried out at a time (docs/decisions/0015-apply-while-committing.md).
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from agents.outbox import Effect, Outbox
from schemas.instants import format_instant
from streams.worker.opening import in_step
from streams.worker.partition import Partition, Work
from streams.worker.position import META_CHANGELOG, META_POSITION, CycleRecord, Tick
from tables.store import DamagedError


class CycleFailedError(Exception):
    """Nothing of the cycle counts, or nobody knows yet; the partitions are to be continued from what the broker has.

    `away`: the broker was not there or did not take it in time, so trying again is right for as long as that lasts.
    """

    def __init__(self, why: str, *, away: bool = False) -> None:
        super().__init__(why)
        self.away = away


class UnwrittenError(Exception):
    """The broker has the cycle, and it cannot be written here: what lies here of a partition is damaged."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"partition {number}: {why}")
        self.number = number
        self.why = why


class FencedError(Exception):
    """Another worker has taken over, or this one's transactions are not to be trusted any more: end the process."""


@dataclass(slots=True)
class Parcel:
    """All that one partition publishes in one cycle. Nothing in it changes with what the partition does from then on.

    `inputs`: the next offset of each input to apply; `number` counts the partition's cycles.
    """

    partition: Partition
    work: Work
    outbox: Outbox
    number: int
    inputs: dict[str, int]
    cycle: bytes
    position: bytes
    changes: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    balances: list[tuple[bytes, bytes]] = field(default_factory=list)
    changelog_end: int | None = None  # told by the broker: the offset behind the position's record

    @property
    def effects(self) -> list[Effect]:
        return self.outbox.effects

    @property
    def messages(self) -> list[Effect]:
        return self.outbox.messages


class Publish(Protocol):
    """One way to publish a cycle: all of it, or none that counts."""

    def send(self, parcels: list[Parcel], *, planned: bool = False) -> None:
        """Hand all of it to the client. `planned`: the cycles are redone, their plan is in the log. Raises as `commit`."""

    def commit(self, parcels: list[Parcel], group: Any) -> None:
        """Return when the broker has all that was sent, with `changelog_end` set.

        `group` is the consumer's group metadata. Raises `CycleFailedError` or `FencedError`.
        """

    def renew(self) -> None:
        """Before partitions are recovered: be able to publish again, whatever the last cycle has left behind. Raises `KafkaException`."""

    def overdue(self) -> bool:
        """Any thread: whether a call of the client's has not returned although its time is over."""

    def close(self) -> None: ...


Told = Callable[[list[Parcel], float], None]
"""Is given what was kept, and how many seconds that took."""


def pack(partition: Partition) -> Parcel:
    """Set a cycle's work apart; the one before has to be settled. The position moves to the next cycle here, and nowhere else."""
    position = partition.move_on()
    partition.table.freeze()
    work, outbox = partition.begin_cycle()
    ticks = [step.at for step in work.steps if isinstance(step, Tick)]
    record = CycleRecord(
        cycle=position.cycle,
        steps=work.steps,
        outcomes=dict(work.outcomes),
        position=position,
        backfill=partition.backfill,
        tick=format_instant(ticks[-1]) if ticks else None,
        parked=outbox.parked(),
    )
    return Parcel(
        partition=partition,
        work=work,
        outbox=outbox,
        number=position.cycle,
        inputs=dict(position.inputs),
        cycle=msgspec.json.encode(record),
        position=msgspec.json.encode(position),
    )


def fill(parcel: Parcel) -> None:
    """Encode what was set apart: states, and what they come to."""
    parcel.changes = parcel.partition.table.changes()
    parcel.balances = parcel.partition.reactions.balances()


def carry_out(
    parcels: list[Parcel],
    publish: Publish,
    group: Any,
    told: Told | None = None,
    *,
    sent: Callable[[], None] | None = None,
    planned: bool = False,
) -> None:
    """Publish what was set apart, and then write it. Any thread, while others apply the next cycle; `sent` is called when all is encoded,
    from where on there is more waiting than work. Raises `CycleFailedError`, `FencedError`, `UnwrittenError` or `OSError`.
    """
    began = time.monotonic()
    for parcel in parcels:
        fill(parcel)
    publish.send(parcels, planned=planned)
    if sent is not None:
        sent()
    publish.commit(parcels, group)
    for parcel in parcels:
        meta = {META_POSITION: parcel.position}
        if parcel.changelog_end is not None:
            meta[META_CHANGELOG] = b"%d" % parcel.changelog_end
            meta |= in_step(time.time())
        try:
            parcel.partition.table.write(meta, parcel.changes)
        except DamagedError as error:
            raise UnwrittenError(parcel.partition.number, str(error)) from None
    if told is not None:
        told(parcels, time.monotonic() - began)


def settle(parcels: Iterable[Parcel]) -> None:
    """All of it is kept."""
    for parcel in parcels:
        parcel.partition.table.settle(parcel.changes)


def keep(
    partitions: Iterable[Partition], publish: Publish, group: Any, told: Told | None = None, *, planned: bool = False
) -> int:
    """Keep what these partitions have applied, from top to bottom; how many records and due things that was. Idle ones publish nothing."""
    parcels = [pack(partition) for partition in partitions if partition.dirty]
    if parcels:
        carry_out(parcels, publish, group, told, planned=planned)
        settle(parcels)
    return sum([parcel.work.applied for parcel in parcels])
