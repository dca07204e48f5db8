"""The till feed on its way to the broker: paced, held back when the worker falls behind, counted when confirmed.

A thread of its own, so that drawing never holds the tills up. It is the only one that changes `sent`. The embedded broker
keeps 5 MiB a partition, so the feed never runs further ahead of the worker than `_AHEAD_RECORDS`: the simulated clock stands
still meanwhile, on a slow machine days take longer than a second, and nothing is lost.
"""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from schemas.topics import PURCHASES
from streams.demo.audit import Sent
from streams.demo.tills import TillRecord

_AHEAD_RECORDS: Final = 6_000
_AHEAD_AT_FIRST: Final = 300  # until the worker has begun
_SLOWEST: Final = 500.0  # records a second: a short feed shows its days faster than one a second
_STEP_SECONDS: Final = 0.02
_FLUSH_SECONDS: Final = 15.0


class Feeder(threading.Thread):
    """Sends `records`, a simulated day of `per_day` a second (or faster), until `count` are sent or `stop` is called.

    `accounted` tells how many the worker has done.
    """

    def __init__(
        self,
        address: str,
        records: Iterator[TillRecord],
        per_day: int,
        count: int | None,
        accounted: Callable[[], int],
    ) -> None:
        super().__init__(name="till-feed", daemon=True)
        self.sent = Sent()
        self.produced = 0
        self.clock: datetime | None = None  # the simulated time of the newest record
        self.error: str | None = None
        self._records = records
        self._days_per_second = max(1.0, _SLOWEST / per_day)
        self._count = count
        self._accounted = accounted
        self._stopping = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": address,
                "partitioner": "murmur2",
                "linger.ms": 20,
                "compression.type": "lz4",
                "enable.idempotence": True,
                "log_level": 2,
            }
        )

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        try:
            self._feed()
            if left := self._producer.flush(_FLUSH_SECONDS):
                self.error = self.error or f"the broker did not confirm {left:,} records"
        except Exception as error:  # noqa: BLE001  whatever it is, the screen tells it and the demo ends with 1
            self.error = f"{type(error).__name__}: {error}"

    def _feed(self) -> None:
        day, before = 0.0, time.monotonic()
        waiting = next(self._records)
        while not self._stopping.wait(_STEP_SECONDS) and self.error is None:
            now = time.monotonic()
            elapsed, before = now - before, now
            if self._may_send():
                day += elapsed * self._days_per_second
            while waiting.day <= day and self._may_send():
                if self._count is not None and self.produced >= self._count:
                    return
                self._send(waiting)
                waiting = next(self._records)
            self._producer.poll(0)

    def _may_send(self) -> bool:
        accounted = self._accounted()
        return self.produced - accounted < (_AHEAD_RECORDS if accounted else _AHEAD_AT_FIRST)

    def _send(self, record: TillRecord) -> None:
        def confirmed(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                self.error = f"the broker refused a record: {error.str()}"
            else:
                self.sent.confirm(record.truth)

        self._producer.produce(PURCHASES, key=record.key, value=record.value, on_delivery=confirmed)
        self.produced += 1
        self.clock = record.at
