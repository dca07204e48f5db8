"""The changelog read back into tables: by position and not by counting, whole cycles only, in bulk.

A poll's records are handled together and not one by one, for everything here happens under the interpreter's lock and so decides how fast
a restore is (decision 0013). Nothing is written but the newest values up to a position, that position with them: a restore that is cut
off anywhere leaves a table of one moment, and the next goes on from there.
"""

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.topics import CHANGELOG
from streams.logs import CLIENT
from streams.reading import reading_settings
from streams.worker.broker import Broker
from streams.worker.logic import Reactions
from streams.worker.newest import Newest
from streams.worker.opening import in_step, midway
from streams.worker.position import META_CHANGELOG, META_IN_STEP, META_POSITION, POSITION_KEY, decode_position
from streams.worker.settings import WorkerSettings
from streams.worker.watch import Watch

POLL_RECORDS: Final = 5_000
POLL_SECONDS: Final = 0.02  # a poll lasts so long where less comes than it may bring: every restore ends with one of those
_RESTORE_KEYS: Final = 10_000  # more come in better order, and fewer stay nearer to the processor
_TELL_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 5.0
_log: Final = logging.getLogger(__name__)


class CancelledError(Exception):
    """The partitions were taken away again while they were being restored."""


class StuckError(Exception):
    """The broker answers, there is something to read, and none of it comes: a client that is stuck (librdkafka knows such a state)."""


class Span(NamedTuple):
    """Offsets of a partition's changelog, from `start` to before `end`; what is no record among them."""

    start: int
    end: int


class Write(Protocol):
    """Takes a partition's newest values up to an offset, the position there among them; `last`: that is all of its span."""

    def __call__(self, number: int, newest: dict[bytes, bytes | None], end: int, *, last: bool) -> None: ...


def read_back(
    settings: WorkerSettings, broker: Broker, watch: Watch, spans: Mapping[int, Span], write: Write, cancelled: threading.Event
) -> None:
    """Have each partition's span written, piece by piece.

    Raises `CancelledError`, `StuckError`, `KafkaException`, and whatever `write` does.
    """
    if not spans:
        return
    consumer = reading_consumer(settings, "earliest")
    left = {number: span.end - span.start for number, span in spans.items()}
    progress = _Progress(sum(left.values()), _patience_seconds(settings))
    pending = {number: Newest() for number in spans}
    waiting = set(spans)
    try:
        consumer.assign([TopicPartition(CHANGELOG, number, span.start) for number, span in spans.items()])
        while waiting:
            if cancelled.is_set():
                raise CancelledError
            messages = consumer.consume(POLL_RECORDS, POLL_SECONDS)
            watch.replaying(left, len(messages))
            if messages:
                progress.heard()
            elif progress.out_of_patience:
                broker.ends([(CHANGELOG, number) for number in spans])  # where it is away, this says so
                raise StuckError(
                    f"nothing of the {CHANGELOG} came for {progress.silent_seconds:.0f} s although records wait: ending"
                )
            for number, of_one in _by_partition(messages).items():
                records, read_out = _without_ends(of_one)
                newest = pending[number]
                cut = newest.take([message.key() for message in records], [message.value() for message in records])
                if cut:
                    end = records[cut - 1].offset() + 1
                    left[number] = max(spans[number].end - end, 0)
                    if len(newest) >= _RESTORE_KEYS:
                        progress.read += newest.read
                        write(number, newest.whole(), end, last=False)
                if read_out is not None and number in waiting and read_out >= spans[number].end:
                    progress.read += newest.read
                    write(number, newest.whole(), read_out, last=True)
                    waiting.remove(number)
                    left[number] = 0
            progress.tell()
    finally:
        consumer.close()
    progress.done(len(spans))


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


def restore(reactions: Reactions, records: list[tuple[bytes, bytes | None]], end: int, *, last: bool) -> None:
    """Up to the last position: without transactions a log can end in a part of a cycle, which the restart does again.

    `last`: that is all of the log, as far as is known. Raises `WrongUsage` where a newer version has written them; nothing is written then.
    """
    cut = next((index for index in range(len(records) - 1, -1, -1) if records[index][0] == POSITION_KEY), -1)
    restore_newest(reactions, dict(records[: cut + 1]), end, last=last)
    records.clear()


def restore_newest(
    reactions: Reactions, newest: dict[bytes, bytes | None], end: int, at_most: int | None = None, *, last: bool
) -> None:
    """As `restore`, of the newest values up to the last position, that position among them.

    `at_most`: how many keys the whole of it can bring, where that is known.
    """
    now = time.time()
    meta = {META_CHANGELOG: b"%d" % end, **(in_step(now) if last else midway(reactions.table.meta(META_IN_STEP), now))}
    position = (
        (newest.pop(POSITION_KEY) or b"") if POSITION_KEY in newest else None
    )  # an empty one is none of ours, and nobody can read it
    check_readable(position)
    if position is not None:
        meta[META_POSITION] = position
    reactions.table.restore(newest, meta, at_most)


def check_readable(position: bytes | None) -> None:
    """Raises `WrongUsage` where a newer version has written the states behind a position."""
    if position is not None:
        decode_position(position)


class _Progress:
    """How far the changelog has been read, told every few seconds. Offsets count what is no record, too: markers, and what is gone."""

    def __init__(self, offsets: int, patience_seconds: float) -> None:
        self.read = 0
        self._offsets = offsets
        self._patience_seconds = patience_seconds
        self._began = self._told = self._heard_at = time.monotonic()

    def heard(self) -> None:
        self._heard_at = time.monotonic()

    @property
    def silent_seconds(self) -> float:
        return time.monotonic() - self._heard_at

    @property
    def out_of_patience(self) -> bool:
        return self.silent_seconds > self._patience_seconds

    def tell(self) -> None:
        if time.monotonic() - self._told > _TELL_SECONDS:
            self._told = time.monotonic()
            _log.info("recovering: %d changelog records read, of at most %d", self.read, self._offsets)

    def done(self, partitions: int) -> None:
        seconds = time.monotonic() - self._began
        _log.info("recovered %d partitions: %d changelog records read in %.1f s", partitions, self.read, seconds)


def _patience_seconds(settings: WorkerSettings) -> float:
    """The reader has had its quarter of `stuck_ms`; but whoever died in a transaction may hold readers up until that times out."""
    return max(settings.stuck_ms * 3 / 4000, settings.transaction_timeout_ms / 1000 + _GRACE_SECONDS)


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
                raise KafkaException(KafkaError(error.code(), f"{CHANGELOG}: {error.str()}"))
            if error is not None:
                read_out = message.offset()
        messages = [message for message in messages if message.error() is None]
    return messages, read_out
