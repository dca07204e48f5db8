"""How far the fleet has come: a reader of `cycles`, which says of each commit what it applied. It outlives a broker that is away."""

from collections import Counter
from typing import Any

import msgspec
from confluent_kafka import Consumer, TopicPartition

from schemas.topics import CYCLES


class Applied:
    """`total` is what all cycles that count have applied, as far as `look` has read."""

    def __init__(self, servers: str, partitions: int) -> None:
        self.total = 0
        self.outcomes: Counter[str] = Counter()
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "chaos-looks-on",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
                "log_level": 0,
            }
        )
        self._consumer.assign([TopicPartition(CYCLES, number, 0) for number in range(partitions)])

    def look(self, seconds: float) -> None:
        message: Any
        for message in self._consumer.consume(500, seconds):
            if message.error() is None:
                outcomes = msgspec.json.decode(message.value())["outcomes"]
                self.outcomes.update(outcomes)
                self.total += sum(outcomes.values())

    def close(self) -> None:
        self._consumer.close()
