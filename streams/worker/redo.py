"""Without transactions: the cycle that was under way when its owner ended is done again, exactly as it was planned.

The plan was in `cycles` before anything of the cycle was sent, so what is sent again has equal ids. On Kafka a cycle that was under way
never was, and none of this is needed.
"""

from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import KafkaError, TopicPartition

from schemas.topics import CYCLES
from streams.errors import WrongUsage
from streams.worker.broker import Broker
from streams.worker.changelog import reading_consumer
from streams.worker.partition import Partition
from streams.worker.position import CycleRecord, Programs, Records, decode_cycle
from streams.worker.settings import WorkerSettings

_POLL_RECORDS: Final = 5_000
_POLL_SECONDS: Final = 1.0


class Redo:
    def __init__(self, settings: WorkerSettings, broker: Broker) -> None:
        self._settings = settings
        self._broker = broker

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

    def again(self, partition: Partition, record: CycleRecord, run_by: Callable[[Partition, Programs], None]) -> None:
        """Apply exactly what the plan says, in its order. `run_by` has the partition go by other programs."""
        partition.note()  # a cycle without steps was one, too
        for step in record.steps:
            if isinstance(step, Records):
                partition.apply(step.topic, self._range(step.topic, partition.number, step.start, step.end))
            elif isinstance(step, Programs):
                run_by(partition, step)
                partition.take(step)
            else:
                partition.tick(step.at, step.at_most)

    def _range(self, topic: str, number: int, start: int, end: int) -> list[Any]:
        """Records of these offsets. Raises `WrongUsage` where they cannot be read."""
        consumer = reading_consumer(self._settings, "error")
        found: list[Any] = []
        try:
            consumer.assign([TopicPartition(topic, number, start)])
            while True:
                message: Any
                for message in consumer.consume(_POLL_RECORDS, _POLL_SECONDS):
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
