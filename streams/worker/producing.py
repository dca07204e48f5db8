"""How a cycle's records are handed to librdkafka: shared by both ways to publish one.

Records go to the partition that their inputs came from, so no partitioner is asked; a request or a reply goes to the partition of its
own key (murmur2). Each record is a call of its own: the client's call for many wants a dict of each, and takes longer. Nothing here waits for an
answer of the broker, only for room in the queue.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from agents.outbox import Effect
from schemas.events import encode
from schemas.topics import BALANCES, CHANGELOG, CYCLES, EVENTS
from streams.brokers import reason
from streams.worker.cycle import CycleFailedError, Parcel
from streams.worker.position import POSITION_KEY
from streams.worker.settings import WorkerSettings
from streams.worker.tracing import TRACEPARENT

Plain = tuple[bytes | None, bytes | None]
"""Key and value of a record without headers."""

_QUEUE_MESSAGES: Final = 200_000
_QUEUE_KBYTES: Final = 1024 * 1024  # never reached: a cycle's weight is bounded by the memory that it has
_AT_ONCE: Final = 10_000  # records, while there is room for as many
_WAIT_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.05
PARTITION_UA: Final = -1  # librdkafka's word for: ask the partitioner


def producer_settings(settings: WorkerSettings) -> dict[str, Any]:
    """`delivery.timeout.ms` is within the transaction's: what cannot be sent fails the cycle and does not outlive it."""
    return {
        **settings.connection,
        "client.id": settings.app_id,
        "partitioner": "murmur2",
        "compression.type": "lz4",
        "linger.ms": 5,
        "batch.size": 1_000_000,
        "message.max.bytes": 8 * 1024 * 1024,
        "queue.buffering.max.messages": _QUEUE_MESSAGES,
        "queue.buffering.max.kbytes": _QUEUE_KBYTES,
        "delivery.timeout.ms": settings.transaction_timeout_ms,
        "log_level": 3,
    }


class Sender:
    """`send_*` enqueue; a full queue is waited out, not failed on."""

    def __init__(self, producer: Producer, on_delivery: Any = None) -> None:
        self._producer = producer
        self._on_delivery = on_delivery

    def outputs(self, parcel: Parcel) -> None:
        """Effects in order of emission, then balances, then messages to other keys."""
        number = parcel.partition.number
        traces = parcel.work.traces
        plain: dict[str, list[Plain]] = {}
        for place, effect in enumerate(parcel.effects):
            key, value = effect.key.encode() or None, encode(effect.record)
            if effect.topic in EVENTS:
                self._one(effect.topic, key, value, number, [*cloud_event(effect), *_trace(traces.effects.get(place))])
            else:
                plain.setdefault(effect.topic, []).append((key, value))
        plain.setdefault(BALANCES, []).extend([*parcel.balances, (POSITION_KEY, parcel.position)])
        for topic, records in plain.items():
            self._many(topic, records, number)
        for place, message in enumerate(parcel.messages):
            headers = _trace(traces.messages.get(place)) or None
            self._one(message.topic, message.key.encode(), encode(message.record), PARTITION_UA, headers)

    def cycle(self, parcel: Parcel) -> None:
        self._one(CYCLES, b"%d" % parcel.number, parcel.cycle, parcel.partition.number)

    def changelog(self, parcel: Parcel) -> None:
        """The states, then the position: last, so that a log cut short is seen to be."""
        self._many(CHANGELOG, parcel.changes, parcel.partition.number)

        def delivered(error: Any, message: Any) -> None:
            if error is None:
                parcel.changelog_end = message.offset() + 1
            if self._on_delivery is not None:
                self._on_delivery(error, message)

        self._one(CHANGELOG, POSITION_KEY, parcel.position, parcel.partition.number, on_delivery=delivered)

    def _one(
        self, topic: str, key: bytes | None, value: bytes, partition: int, headers: Any = None, on_delivery: Any = None
    ) -> None:
        on_delivery = on_delivery or self._on_delivery
        try:
            self._producer.produce(topic, value, key, partition, on_delivery, headers=headers)
        except BufferError:
            self._producer.poll(_WAIT_SECONDS)
            self._producer.produce(topic, value, key, partition, on_delivery, headers=headers)

    def _many(self, topic: str, records: Sequence[Plain], partition: int) -> None:
        produce, on_delivery = self._producer.produce, self._on_delivery
        for start in range(0, len(records), _AT_ONCE):
            some = records[start : start + _AT_ONCE]
            self._wait_for_room(len(some))
            try:
                for key, value in some:
                    produce(topic, value, key, partition, on_delivery)
            except (BufferError, KafkaException) as error:  # a queue that is still full: the broker takes nothing, then
                if isinstance(error, KafkaException) and error.args[0].code() == KafkaError._STATE:  # noqa: SLF001
                    raise  # the transaction is broken, and by what is for whoever began it to say
                why = f"{topic}: not all records of the cycle could be queued: {reason(error)}"
                raise CycleFailedError(why, away=isinstance(error, BufferError)) from None

    def _wait_for_room(self, number: int) -> None:
        """Until the queue has room for so many records: the broker takes them while we wait."""
        until = time.monotonic() + _WAIT_SECONDS
        while len(self._producer) + number > _QUEUE_MESSAGES and time.monotonic() < until:
            self._producer.poll(_LOOK_SECONDS)


def _trace(parent: bytes | None) -> list[tuple[str, bytes]]:
    return [] if parent is None else [(TRACEPARENT, parent)]


def cloud_event(effect: Effect) -> list[tuple[str, str]]:
    """The CloudEvents 1.0 binary binding for Kafka, as headers."""
    record: Any = effect.record
    return [
        ("ce_specversion", "1.0"),
        ("ce_id", record.id),
        ("ce_type", record.type),
        ("ce_source", f"/pointstream/{record.program}"),
        ("ce_subject", record.profile_id),
        ("ce_time", record.occurred_at),
        ("content-type", "application/json"),
    ]
