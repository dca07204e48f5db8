"""The topic `programs` on a broker: read forward from its start, and written to.

Only partition 0 is used, so that there is one order of all versions. Who reads is told when the end has been reached.
"""

import time
from typing import Any, Final
from uuid import uuid4

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from msgspec import structs

from schemas.topics import LARGE, PROGRAMS
from streams.brokers import REACH_SECONDS, Broker, client_settings, reason
from streams.errors import BrokerAway, WrongUsage
from streams.published.rules import Offer
from streams.published.versions import Found, record_key
from streams.reading import reading_settings

PARTITION: Final = 0
_BATCH: Final = 12  # hex digits
_POLL_RECORDS: Final = 500
_WAIT_SECONDS: Final = 30.0
_EOF: Final = KafkaError._PARTITION_EOF  # noqa: SLF001  # its public name
_MISSING: Final = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})  # noqa: SLF001


class Reader:
    """`end`: an offset that it has read up to, 0 before it has reached the end of the topic once."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.end = 0
        self.ended = False
        self._waiting: list[Found] = []
        self._patient_until = time.monotonic() + REACH_SECONDS
        self._consumer = Consumer(
            {
                **client_settings(broker),
                **reading_settings("pointstream-reading", reset="earliest", wait_ms=100),
            }
        )
        self._consumer.assign([TopicPartition(PROGRAMS, PARTITION, 0)])

    def read(self, seconds: float) -> list[Found]:
        """What has come, when its end has come, too: who asks once knows all that is there.

        Raises `WrongUsage` where the topic is not there or may not be read; a broker that is away is waited for.
        """
        found: list[Found] = []
        first = self._consumer.poll(seconds)
        message: Any
        for message in [] if first is None else [first, *self._consumer.consume(_POLL_RECORDS, 0.0)]:
            error = message.error()
            if error is None:
                self._waiting.append(Found(message.offset(), message.key(), message.value()))
            elif error.code() == _EOF:
                self.ended, self.end = True, max(self.end, message.offset())
                found, self._waiting = [*found, *self._waiting], []
            elif error.code() in _MISSING and time.monotonic() > self._patient_until:  # it may have been made a moment ago
                raise WrongUsage(f"{self._broker} has no topic {PROGRAMS}; `pointstream topics` creates it")
            elif error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise WrongUsage(
                    f"the broker does not allow this user to read the topic {PROGRAMS} ({error.str()}): give it the right "
                    "(docs/deployment.md, least privilege), then start again"
                )
        return found

    def close(self) -> None:
        self._consumer.close()


def send(broker: Broker, offers: list[Offer]) -> None:
    """Write all of them, to count together, and wait for the broker's word. Raises `WrongUsage`."""
    batch = uuid4().hex[:_BATCH]
    failed: list[str] = []

    def delivered(error: Any, _message: Any) -> None:
        if error is not None:
            failed.append(error.str())

    settings = {"acks": "all", "enable.idempotence": True, "linger.ms": 50, "batch.size": LARGE, "message.max.bytes": LARGE}
    try:
        producer = Producer({**client_settings(broker), **settings, "compression.type": "lz4", "delivery.timeout.ms": 25_000})
        for offer in offers:
            published = structs.replace(offer.published, batch=batch, of=len(offers))
            key = record_key(offer.key, batch)
            producer.produce(PROGRAMS, msgspec.json.encode(published), key, PARTITION, on_delivery=delivered)
        left = producer.flush(_WAIT_SECONDS)
    except (KafkaException, BufferError) as error:
        raise WrongUsage(f"the topic {PROGRAMS} cannot be written: {reason(error)}") from None
    if failed or left:
        raise BrokerAway(f"the topic {PROGRAMS} cannot be written: {failed[0] if failed else 'the broker does not answer'}")
