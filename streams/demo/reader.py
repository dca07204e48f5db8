"""Reads the output topics into a `Story`, from their beginning and without a group, as any other reader of them would."""

from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from schemas.topics import BALANCES, CYCLES, DEAD_LETTERS, LEDGER_ENTRIES, TIER_CHANGES
from streams.demo.story import Story
from streams.embedded import PARTITIONS
from streams.errors import Stop

_TOPICS: Final = (LEDGER_ENTRIES, TIER_CHANGES, DEAD_LETTERS, BALANCES, CYCLES)
_BATCH: Final = 1_000


class Reader:
    """`read` takes what is there into the story; `at_end` says whether anything is left unread."""

    def __init__(self, address: str, story: Story) -> None:
        self._story = story
        self._partitions = [TopicPartition(topic, number, OFFSET_BEGINNING) for topic in _TOPICS for number in range(PARTITIONS)]
        self._consumer = Consumer(
            {
                "bootstrap.servers": address,
                "group.id": "pointstream-demo",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,
                "log_level": 2,
            }
        )
        self._consumer.assign(self._partitions)

    def read(self, seconds: float) -> int:
        """Take a batch, waiting at most so long for it; how many records it had."""
        messages = self._consumer.consume(_BATCH, seconds)
        for message in messages:
            if (error := message.error()) is not None:
                raise Stop(f"the demo cannot read {message.topic()}: {error.str()}")
            self._story.read(message.topic() or "", message.key(), message.value())
        return len(messages)

    def at_end(self) -> bool:
        """Whether everything that the topics hold at this moment has been read."""
        for position in self._consumer.position(self._partitions):
            _, end = self._consumer.get_watermark_offsets(position, timeout=5.0)
            if max(position.offset, 0) < end:
                return False
        return True

    def close(self) -> None:
        self._consumer.close()
