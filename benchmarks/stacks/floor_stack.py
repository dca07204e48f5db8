"""The floor: consume and produce again, by confluent-kafka in batches, with no logic, no state and no transaction.

What no worker on these clients can be faster than. Offsets are committed once a commit interval, behind what was delivered.
"""

import argparse
import signal
import time
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.stacks.engine import OUTPUT
from schemas.topics import PURCHASES

_POLL_RECORDS = 10_000


def run(broker: str, name: str, commit_ms: int) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": name,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "fetch.wait.max.ms": 50,
            "fetch.message.max.bytes": 2 * 1024 * 1024,
            "queued.max.messages.kbytes": 16 * 1024,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": broker,
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 5,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    consumer.subscribe([PURCHASES])
    reached: dict[int, int] = {}
    kept = time.monotonic()
    while not asked:
        batches: dict[int, list[dict[str, Any]]] = {}
        message: Any
        for message in consumer.consume(_POLL_RECORDS, 0.05):
            if message.error() is None:
                batches.setdefault(message.partition(), []).append({"key": message.key(), "value": message.value()})
                reached[message.partition()] = message.offset() + 1
        for number, batch in batches.items():
            if producer.produce_batch(OUTPUT, batch, number) != len(batch):
                raise RuntimeError("the producer's queue is full")
        if time.monotonic() - kept >= commit_ms / 1000 and reached:
            producer.flush()
            consumer.commit(offsets=[TopicPartition(PURCHASES, *place) for place in reached.items()], asynchronous=False)
            reached, kept = {}, time.monotonic()
    consumer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--broker", required=True)
    parser.add_argument("--name", required=True, help="the consumer group")
    parser.add_argument("--commit-ms", type=int, required=True)
    given = parser.parse_args()
    run(given.broker, given.name, given.commit_ms)


if __name__ == "__main__":
    main()
