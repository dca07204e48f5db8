"""Recovery: how partitions that were assigned to this worker are continued, exactly where whoever had them stopped.

    fence      ask for the group's offsets. Under `read_committed` the coordinator answers only when no transaction holds offsets
               of these partitions open; after that, the old generation's offsets are refused, so no old transaction can commit
    end        the changelog's end, open transactions included
    replay     from the offset in RocksDB (or the log's start) to that end, `read_committed`, by position and not by counting
    continue   at the input positions found there, and nowhere else

The group's offsets are for tools to look at; the positions in the changelog decide. Where the two contradict each other, or a
position lies outside its log, the partition is left alone (`distrust`): to guess would be to lose or to double somebody's points.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.topics import CHANGELOG, CONSUMED, CYCLES
from streams.errors import WrongUsage
from streams.logs import CLIENT, say
from streams.reading import reading_settings
from streams.worker.broker import Broker, Place
from streams.worker.distrust import Distrust, PoisonedError
from streams.worker.logic import Logic, Reactions
from streams.worker.newest import Newest
from streams.worker.outage import Say
from streams.worker.partition import Partition
from streams.worker.position import (
    META_CHANGELOG,
    META_POSITION,
    POSITION_KEY,
    CycleRecord,
    Position,
    Programs,
    Records,
    decode_cycle,
    decode_position,
    folder_of,
)
from streams.worker.settings import WorkerSettings
from streams.worker.watch import Unwatched, Watch
from tables.store import DamagedError
from tables.stored import NewerFormatError, StateFormatError

_POLL_RECORDS: Final = 5_000
_POLL_SECONDS: Final = 0.02  # a poll lasts so long where less comes than it may bring: every restore ends with one of those
_RESTORE_KEYS: Final = 10_000  # more come in better order, and fewer stay nearer to the processor
_TELL_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 5.0
_log: Final = logging.getLogger(__name__)


class CancelledError(Exception):
    """The partitions were taken away again while they were being restored."""


class StuckError(Exception):
    """The broker answers, there is something to read, and none of it comes: a client that is stuck (librdkafka knows such a state)."""


class Recovery:
    def __init__(
        self,
        settings: WorkerSettings,
        logic: Logic,
        broker: Broker,
        partitions: int,
        watch: Watch | None = None,
        tell: Say = say,
    ) -> None:
        self.distrust = Distrust(self._path, tell)
        self._settings = settings
        self._logic = logic
        self._broker = broker
        self._partitions = partitions
        self._watch = watch or Unwatched()

    def recover(self, numbers: list[int], cancelled: threading.Event) -> dict[int, Partition]:
        """Open, restore and position these partitions; those that cannot be continued are told, and left out.

        Raises `CancelledError`, `WrongUsage`, `StoreLockedError`, `StuckError`, `OSError` or `KafkaException`; nothing stays open then.
        """
        poisoned = {number: why for number, why in self.distrust.poisoned.items() if number in numbers}
        found: dict[int, Partition] = {}
        while healthy := [number for number in numbers if number not in poisoned]:
            try:
                found = self._continue(healthy, cancelled)
                break
            except PoisonedError as error:
                poisoned |= error.why
        if len(poisoned) == self._partitions:
            raise WrongUsage(f"no partition can be continued; of partition {min(poisoned)}: {poisoned[min(poisoned)]}")
        self.distrust.left_alone(poisoned)
        self._watch.poisoned(poisoned)
        return found

    def _continue(self, numbers: list[int], cancelled: threading.Event) -> dict[int, Partition]:
        """All of them. Raises `PoisonedError` for those that cannot be, whose state may be gone then: there is another try without them."""
        inputs = [(topic, number) for topic in CONSUMED for number in numbers]
        grouped = self._fence(inputs, cancelled)
        ends = self._broker.ends([(CHANGELOG, number) for number in numbers], committed=False)
        opened: dict[int, Reactions] = {}
        poisoned: dict[int, str] = {}
        found: dict[int, Partition] = {}
        try:
            for number in numbers:
                with self._told_of(number):
                    self._open(number, opened)
            self._replay(opened, ends, cancelled)
            starts, stops = self._broker.starts(inputs), self._broker.ends(inputs)
            for number, reactions in opened.items():
                try:
                    position = self._position(number, reactions, grouped, starts, stops)
                    found[number] = Partition(number, reactions, position, backfill=self._settings.backfill)
                except PoisonedError as error:
                    poisoned |= error.why
            if poisoned:
                raise PoisonedError(poisoned)
        except BaseException:
            for reactions in opened.values():
                reactions.table.close()
            raise
        return found

    def _open(self, number: int, opened: dict[int, Reactions]) -> None:
        self.distrust.clear_away(number)
        try:
            opened[number] = self._logic.open(self._path(number), self._partitions)
            check_readable(opened[number].table.meta(META_POSITION))
        except msgspec.MsgspecError as error:
            raise DamagedError(f"{self._path(number)} cannot be read ({error})") from None

    @contextmanager
    def _told_of(self, number: int) -> Iterator[None]:
        """Whatever is wrong with a partition says with which; and it is known what is to be done about it."""
        try:
            yield
        except (WrongUsage, NewerFormatError) as error:
            raise WrongUsage(f"partition {number}: {error}") from None
        except (DamagedError, StateFormatError) as error:
            self.distrust.damaged(number, str(error))
            why = self.distrust.poisoned.get(number)
            raise PoisonedError({} if why is None else {number: why}) from None
        except msgspec.MsgspecError as error:
            why = f"the newest position in its {CHANGELOG} cannot be read ({error}): restore the topic, then start again"
            raise PoisonedError({number: why}) from None

    def _fence(self, inputs: list[Place], cancelled: threading.Event) -> set[int]:
        """Wait until no transaction of an earlier owner can commit any more. Gives the partitions that have group offsets."""
        committed = self._broker.committed(self._settings.app_id, inputs, cancelled)
        if committed is None:
            raise CancelledError
        return {number for (_, number), offset in committed.items() if offset is not None}

    def _path(self, number: int) -> Path:
        return folder_of(self._settings.state, number, self._partitions)

    # replay of the changelog

    def _replay(self, opened: dict[int, Reactions], ends: dict[Place, int], cancelled: threading.Event) -> None:
        waiting: dict[int, int] = {}
        wanted: list[TopicPartition] = []
        poisoned: dict[int, str] = {}
        for number, reactions in opened.items():
            end = ends[CHANGELOG, number]
            stored = reactions.table.meta(META_CHANGELOG)
            start = 0 if stored is None else int(stored)
            if start > end:
                poisoned[number] = (
                    f"{self._path(number)} goes on from changelog offset {start}, and the log ends at {end}: "
                    "the topic was made anew; delete this directory to rebuild it from the log"
                )
            elif start < end:
                waiting[number] = end
                wanted.append(TopicPartition(CHANGELOG, number, start))
        if poisoned:
            raise PoisonedError(poisoned)
        if not wanted:
            return
        consumer = reading_consumer(self._settings, "earliest")
        progress = _Progress(sum(waiting.values()) - sum(place.offset for place in wanted))
        try:
            consumer.assign(wanted)
            pending = {number: Newest() for number in waiting}
            left = {place.partition: waiting[place.partition] - place.offset for place in wanted}
            at_most = dict(left)
            while waiting:
                if cancelled.is_set():
                    raise CancelledError
                messages = consumer.consume(_POLL_RECORDS, _POLL_SECONDS)
                self._watch.replaying(left, len(messages))
                if messages:
                    progress.heard_at = time.monotonic()
                elif progress.silent_seconds > self._patience_seconds:
                    self._broker.ends(list(ends))  # where it is away, this says so
                    raise StuckError(
                        f"nothing of the {CHANGELOG} came for {progress.silent_seconds:.0f} s although records wait: ending"
                    )
                for number, of_one in _by_partition(messages).items():
                    records, read_out = _without_ends(of_one)
                    newest = pending[number]
                    cut = newest.take([message.key() for message in records], [message.value() for message in records])
                    if cut:
                        end = records[cut - 1].offset() + 1
                        left[number] = max(ends[CHANGELOG, number] - end, 0)
                        if len(newest) >= _RESTORE_KEYS:
                            progress.read += newest.read
                            self._restore(number, opened[number], newest.whole(), end, at_most[number])
                    if read_out is not None and number in waiting and read_out >= waiting[number]:
                        progress.read += newest.read
                        self._restore(number, opened[number], newest.whole(), read_out, at_most[number])
                        del waiting[number]
                        left[number] = 0
                progress.tell()
        finally:
            consumer.close()
        progress.done(len(wanted))

    def _restore(self, number: int, reactions: Reactions, newest: dict[bytes, bytes | None], end: int, at_most: int) -> None:
        with self._told_of(number):
            restore_newest(reactions, newest, end, at_most)

    @property
    def _patience_seconds(self) -> float:
        """The reader has had its quarter of `stuck_ms`; but whoever died in a transaction may hold readers up until that times out."""
        settings = self._settings
        return max(settings.stuck_ms * 3 / 4000, settings.transaction_timeout_ms / 1000 + _GRACE_SECONDS)

    # where to go on

    def _position(
        self, number: int, reactions: Reactions, grouped: set[int], starts: dict[Place, int], stops: dict[Place, int]
    ) -> Position:
        """Raises `PoisonedError` where there is none, or one that cannot be."""
        stored = reactions.table.meta(META_POSITION)
        if stored is None and number in grouped:
            raise PoisonedError(
                {
                    number: f"group {self._settings.app_id} has offsets for it, but the changelog has no position: "
                    "its records are gone. Restore the topic, or take another --app-id to begin anew"
                }
            )
        position = Position() if stored is None else decode_position(stored)
        for topic in CONSUMED:
            start, stop = starts[topic, number], stops[topic, number]
            offset = position.inputs.setdefault(topic, start)
            if not start <= offset <= stop:
                lost = f"its log begins at {start}: records were deleted unread" if offset < start else f"its log ends at {stop}"
                raise PoisonedError({number: f"{topic} is to go on at offset {offset}, and {lost}"})
        return position

    # without transactions: the cycle that was under way

    def unfinished(self, partition: Partition) -> CycleRecord | None:
        """The plan behind the partition's position, if a cycle was under way when its owner ended."""
        place = (CYCLES, partition.number)
        end = self._broker.ends([place])[place]
        if end == 0:
            return None
        for message in self._range(CYCLES, partition.number, end - 1, end):
            record = decode_cycle(message.value())
            if record.cycle == partition.position.cycle + 1:
                return record
        return None

    def redo(self, partition: Partition, record: CycleRecord, run_by: Callable[[Partition, Programs], None]) -> None:
        """Apply exactly what the plan says, in its order. `run_by` has the partition go by other programs."""
        for step in record.steps:
            if isinstance(step, Records):
                partition.apply(step.topic, self._range(step.topic, partition.number, step.start, step.end))
            elif isinstance(step, Programs):
                run_by(partition, step)
                partition.take(step)
            else:
                partition.tick(step.at, step.at_most)

    def _range(self, topic: str, number: int, start: int, end: int) -> list[Any]:
        consumer = reading_consumer(self._settings, "error")
        found: list[Any] = []
        try:
            consumer.assign([TopicPartition(topic, number, start)])
            while True:
                message: Any
                for message in consumer.consume(_POLL_RECORDS, 1.0):
                    error = message.error()
                    if error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
                        return found
                    if error is not None:
                        raise WrongUsage(f"{topic} partition {number} cannot be read from offset {start}: {error.str()}")
                    if message.offset() < end:
                        found.append(message)
                    if message.offset() >= end - 1:
                        return found
        finally:
            consumer.close()


class _Progress:
    """How far the changelog has been read, told every few seconds. Offsets count what is no record, too: markers, and what is gone."""

    def __init__(self, offsets: int) -> None:
        self.read = 0
        self._offsets = offsets
        self._began = self._told = self.heard_at = time.monotonic()

    @property
    def silent_seconds(self) -> float:
        return time.monotonic() - self.heard_at

    def tell(self) -> None:
        if time.monotonic() - self._told > _TELL_SECONDS:
            self._told = time.monotonic()
            _log.info("recovering: %d changelog records read, of at most %d", self.read, self._offsets)

    def done(self, partitions: int) -> None:
        seconds = time.monotonic() - self._began
        _log.info("recovered %d partitions: %d changelog records read in %.1f s", partitions, self.read, seconds)


def _by_partition(messages: list[Any]) -> dict[int, list[Any]]:
    """Each partition's in their order. A poll mostly brings one partition's, or a few."""
    numbers = [message.partition() for message in messages]
    found = set(numbers)
    if len(found) == 1:
        return {numbers[0]: messages}
    return {wanted: [message for message, number in zip(messages, numbers, strict=True) if number == wanted] for wanted in found}


def _without_ends(messages: list[Any]) -> tuple[list[Any], int | None]:
    """One partition's records, and where it ends, if they were read out. Raises `KafkaException` for what else the client says."""
    read_out: int | None = None
    if any([message.error() for message in messages]):
        for message in messages:
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
                raise KafkaException(error)
            if error is not None:
                read_out = message.offset()
        messages = [message for message in messages if message.error() is None]
    return messages, read_out


def reading_consumer(settings: WorkerSettings, reset: str) -> Consumer:
    """A consumer of the worker's own, in no group: `streams.reading`."""
    return Consumer(
        {
            **settings.connection,
            **reading_settings(f"{settings.app_id}-recovery", reset=reset, wait_ms=100),
            "log_level": 3,
        },
        logger=CLIENT,
    )


def check_readable(position: bytes | None) -> None:
    """Raises `WrongUsage` where a newer version has written the states behind a position."""
    if position is not None:
        decode_position(position)


def restore(reactions: Reactions, records: list[tuple[bytes, bytes | None]], end: int) -> None:
    """Up to the last position: without transactions a log can end in a part of a cycle, which the restart does again.

    Raises `WrongUsage` where a newer version has written them; nothing is written then.
    """
    last = next((index for index in range(len(records) - 1, -1, -1) if records[index][0] == POSITION_KEY), -1)
    restore_newest(reactions, dict(records[: last + 1]), end)
    records.clear()


def restore_newest(reactions: Reactions, newest: dict[bytes, bytes | None], end: int, at_most: int | None = None) -> None:
    """As `restore`, of the newest values up to the last position, that position among them."""
    meta = {META_CHANGELOG: b"%d" % end}
    position = newest.pop(POSITION_KEY, None)
    check_readable(position)
    if position is not None:
        meta[META_POSITION] = position
    reactions.table.restore(newest, meta, at_most)
