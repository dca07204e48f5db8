"""Publishing a cycle without transactions (embedded broker only): the plan first, then everything in an order that can be redone.

    cycles (which offsets, which ticks) -> flush -> outputs -> flush -> changelog, position last -> flush -> WriteBatch

A restart finds its position in RocksDB, or behind the last complete cycle of the changelog, and the plan of the cycle that
was under way in `cycles`; it does exactly that cycle again, so what it announces again has equal ids and equal content. There
is no fence here against a second owner; only the transactional way has one.
"""

from typing import Any

from confluent_kafka import KafkaException, Producer

from streams.logs import CLIENT
from streams.worker.cycle import FencedError, Parcel
from streams.worker.producing import Sender, producer_settings
from streams.worker.settings import WorkerSettings


class Planned:
    def __init__(self, settings: WorkerSettings) -> None:
        self._producer = Producer(producer_settings(settings) | {"acks": "all", "enable.idempotence": True}, logger=CLIENT)
        self._timeout = settings.transaction_timeout_ms / 1000
        self._failed: str | None = None
        self._sender = Sender(self._producer, self._delivered)

    def send(self, parcels: list[Parcel], *, planned: bool = False) -> None:
        """Any failure ends the process: the plan stands in the log, and the restart does it again."""
        try:
            if not planned:
                for parcel in parcels:
                    self._sender.cycle(parcel)
                self._flush()
            for parcel in parcels:
                self._sender.outputs(parcel)
            self._flush()
            for parcel in parcels:
                self._sender.changelog(parcel)
            self._flush()
        except (KafkaException, BufferError) as error:
            raise FencedError(f"the embedded broker did not take a cycle: {error}") from None

    def commit(self, parcels: list[Parcel], group: Any) -> None:
        """There is nothing left to be done: each part was waited for before the next."""

    def _delivered(self, error: Any, _message: Any) -> None:
        if error is not None:
            self._failed = error.str()

    def _flush(self) -> None:
        left = self._producer.flush(self._timeout)
        if left or self._failed:
            raise FencedError(f"the embedded broker did not take a cycle: {self._failed or f'{left} records are still waiting'}")

    def renew(self) -> None:
        """There is nothing to be in doubt about: any failure ends the process."""

    def overdue(self) -> bool:
        """No call of this client's was ever seen not to return."""
        return False

    def close(self) -> None:
        self._producer.flush(1.0)
