"""Up to when the workers have settled, as `cycles` tells it, whatever else somebody has written there."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer

from schemas.topics import CYCLES
from streams.embedded import EmbeddedBroker, embedded_broker
from streams.errors import WrongUsage
from streams.orders import order
from streams.published.settled import settled
from tests.unit.published.fleet import day

FOREIGN = (b"garbage", b"", b"\xff\xfe", b"[" * 2_000, b'{"steps": 1}', b"17")


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with embedded_broker(announce=lambda _: None) as found:
        yield found


def put(broker: EmbeddedBroker, *values: bytes, number: int = 1) -> None:
    producer = Producer({"bootstrap.servers": broker.address})
    for value in values:
        producer.produce(CYCLES, value, partition=number)
    assert producer.flush(10) == 0


def cycle(tick: str, **more: Any) -> bytes:
    return json.dumps({"cycle": 1, "steps": [], "outcomes": {}, "position": {"tick": day(tick)}} | more).encode()


def test_what_is_no_cycle_is_passed_over(broker: EmbeddedBroker) -> None:
    put(broker, *FOREIGN, number=0)
    put(broker, *FOREIGN, cycle("2024-03-01"), cycle("2024-03-02"), *FOREIGN)
    assert settled(broker.url) == day("2024-03-02")
    assert not order(broker.url, "release", "p1", 3.0).applied


def test_what_another_version_wrote_is_not_taken_for_nothing(broker: EmbeddedBroker) -> None:
    put(broker, cycle("2024-03-01"), cycle("2024-03-02", steps=[{"type": "invented"}]))
    with pytest.raises(WrongUsage, match=r"partition 1 offset 1 cannot be read .* publish with that one"):
        settled(broker.url)
