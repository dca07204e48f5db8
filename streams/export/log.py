"""One partition of one topic, read forward as the worker reads it: what is committed, in order, range by range.

It says where retention has deleted what is asked for, where a topic ends before it, and where the broker is away; it never guesses.
"""

import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.brokers import Broker, client_settings, reason
from streams.errors import WrongUsage
from streams.reading import bounds, reading_settings

AWAY_SECONDS: Final = 30.0
_POLL_RECORDS: Final = 2_000
_POLL_SECONDS: Final = 0.5
_EOF: Final = KafkaError._PARTITION_EOF  # noqa: SLF001  # its public name


class Log:
    """`begin` first; then ranges that only go forward. Raises `WrongUsage` with a sentence."""

    def __init__(self, broker: Broker, topic: str, away_seconds: float = AWAY_SECONDS) -> None:
        self._broker = broker
        self._topic = topic
        self._away_seconds = away_seconds
        self._consumer = Consumer(
            {
                **client_settings(broker),
                # Going on to another partition waits for the request that the one before has left with the broker.
                **reading_settings("pointstream-reading", wait_ms=10),
                "queued.max.messages.kbytes": 16 * 1024,
                "queued.min.messages": 10_000,
            }
        )
        self._number = -1
        self._fetched: deque[Any] = deque()

    def bounds(self, number: int) -> tuple[int, int]:
        """Where the partition begins, and where it ends now."""
        try:
            return bounds(self._consumer, self._topic, number)
        except KafkaException as error:
            raise WrongUsage(f"{self._topic} partition {number} cannot be read: {reason(error)}") from None

    def begin(self, number: int, offset: int) -> None:
        """Go to a partition, at the first offset that is wanted of it."""
        low, high = self.bounds(number)
        if offset < low:
            raise WrongUsage(
                f"{self._topic} partition {number} begins at offset {low}, and the run at {offset}: retention has deleted what was "
                "applied. A run can be exported while its inputs and `cycles` are whole; keep them longer with retention.ms"
            )
        if offset > high:
            raise WrongUsage(
                f"{self._topic} partition {number} ends at offset {high}, and is wanted from {offset}: it was made anew"
            )
        self._number = number
        self._fetched.clear()
        self._consumer.assign([TopicPartition(self._topic, number, offset)])

    def upto(self, end: int, *, whole: bool) -> Iterator[Any]:
        """All that is committed from where it stands to before `end`; unless `whole`, only to the end of what is committed now."""
        waited_since = time.monotonic()
        while True:
            while self._fetched:
                message = self._fetched[0]
                error = message.error()
                if error is not None and error.code() != _EOF:
                    raise WrongUsage(f"{self._topic} partition {self._number} cannot be read on: {error.str()}")
                if error is None and message.offset() >= end:
                    return
                self._fetched.popleft()
                if error is None:
                    yield message
                    waited_since = time.monotonic()
                    if message.offset() == end - 1:
                        return
                elif not whole:
                    return  # else it ended here when it was fetched, and goes on by now
            first = self._consumer.poll(_POLL_SECONDS)  # `consume` alone would wait for as many as are asked for
            if first is not None:
                self._fetched.append(first)
                self._fetched.extend(self._consumer.consume(_POLL_RECORDS, 0.0))
            if not self._fetched and time.monotonic() - waited_since > self._away_seconds:
                raise WrongUsage(
                    f"{self._broker} has given no more of {self._topic} partition {self._number} for {self._away_seconds:g} s: "
                    "try again when the broker is back"
                )

    def close(self) -> None:
        self._consumer.close()
