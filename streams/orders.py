"""Orders: tell the worker that owns a profile to stop it, or to let it go on, and wait until it has.

An order goes through the internal topic `requests`, keyed like the profile's own records, so that it has its place among them and
a replay of the run repeats it. That it was applied is read off `cycles`; whether the profile was stopped before is not known
here, and stopping or releasing it twice changes nothing.
"""

import time
from typing import Any, Final, Literal, NamedTuple

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from msgspec import Struct

from schemas.messages import Order
from schemas.topics import CYCLES, REQUESTS
from streams.brokers import REACH_SECONDS, Broker, client_settings, partitions, reason
from streams.errors import WrongUsage
from streams.reading import bounds, reading_settings

_POLL_SECONDS: Final = 0.2
_LOOK_BACK: Final = 1_000
"""Records of `cycles` (markers of transactions among them) that may have come since the order was sent."""


class Ordered(NamedTuple):
    """Where the order stands; `applied` says whether a worker has followed it within the time that was allowed."""

    partition: int
    offset: int
    applied: bool


class _Step(Struct):
    topic: str = ""
    start: int = 0
    end: int = 0


class _Cycle(Struct):
    steps: list[_Step]


_CYCLE: Final = msgspec.json.Decoder(_Cycle)


def order(broker: Broker, what: Literal["stop", "release"], profile_id: str, wait_seconds: float) -> Ordered:
    """Raises `WrongUsage` where the broker or its topics are not there, or it does not take the order."""
    there = partitions(broker)
    for topic in (REQUESTS, CYCLES):
        if topic not in there:
            raise WrongUsage(f"the topic {topic} is not there; `pointstream topics --broker {broker}` creates it")
    place = _send(broker, Order(kind=what, profile_id=profile_id))
    applied = wait_seconds > 0 and _applied(broker, *place, wait_seconds)
    return Ordered(*place, applied)


def _send(broker: Broker, order: Order) -> tuple[int, int]:
    producer = Producer({**client_settings(broker), "partitioner": "murmur2", "enable.idempotence": True})
    answers: list[tuple[KafkaError | None, Message]] = []
    producer.produce(
        REQUESTS, msgspec.json.encode(order), order.profile_id.encode(), on_delivery=lambda *answer: answers.append(answer)
    )
    producer.flush(REACH_SECONDS)
    if not answers:
        raise WrongUsage(f"the broker {broker} has not taken the order within {REACH_SECONDS:.0f} s")
    error, message = answers[0]
    if error is not None:
        raise WrongUsage(f"the broker {broker} has not taken the order: {error.str()}")
    return message.partition() or 0, message.offset() or 0


def _applied(broker: Broker, partition: int, offset: int, seconds: float) -> bool:
    """Whether a cycle of the partition tells of the record within so many seconds."""
    consumer = Consumer(
        {
            **client_settings(broker),
            **reading_settings("pointstream-orders", reset="earliest"),
        }
    )
    until = time.monotonic() + seconds
    try:
        first, end = bounds(consumer, CYCLES, partition)
        consumer.assign([TopicPartition(CYCLES, partition, max(first, end - _LOOK_BACK))])
        while time.monotonic() < until:
            if any(_tells(message, offset) for message in consumer.consume(500, _POLL_SECONDS)):
                return True
    except KafkaException as error:
        raise WrongUsage(f"the broker {broker} does not tell what its workers do: {reason(error)}") from None
    finally:
        consumer.close()
    return False


def _tells(message: Any, offset: int) -> bool:
    """Others may have written to the topic, too: what is no record of a cycle tells nothing."""
    if message.error() is not None:
        return False
    try:
        cycle = _CYCLE.decode(message.value() or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return any(step.topic == REQUESTS and step.start <= offset < step.end for step in cycle.steps)
