"""Publishing a cycle on Kafka: one transaction for the whole worker, with the group's offsets in it (KIP-447).

The group coordinator refuses the offsets of a worker whose generation is over, so an old owner's transaction can never commit
after a new owner has started (`recovery` makes sure of the other half). The transactional id names this worker alone: a restart
of the same worker aborts what its predecessor left open at once, anybody else's is aborted by the broker when it times out.
Any failed delivery makes librdkafka refuse the commit, so ordinary records need no delivery report.
"""

from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from streams.errors import WrongUsage
from streams.logs import CLIENT
from streams.worker.cycle import CycleFailedError, FencedError, Parcel
from streams.worker.producing import Sender, producer_settings
from streams.worker.settings import WorkerSettings


class Transactional:
    def __init__(self, settings: WorkerSettings, worker_id: str) -> None:
        """Takes over the transactional id: blocks until the broker has answered."""
        self._producer = Producer(
            producer_settings(settings)
            | {
                "transactional.id": f"{settings.app_id}-{worker_id}",
                "transaction.timeout.ms": settings.transaction_timeout_ms,
            },
            logger=CLIENT,
        )
        self._timeout = settings.transaction_timeout_ms / 1000
        self._sender = Sender(self._producer)
        try:
            self._producer.init_transactions(30.0)
        except KafkaException as error:
            if error.args[0].code() in _NOT_ALLOWED:
                raise WrongUsage(f"the broker does not allow this worker's transactions: {error.args[0].str()}") from None
            raise

    def publish(self, parcels: list[Parcel], group: Any, *, planned: bool = False) -> None:
        sender = self._sender
        try:
            self._producer.begin_transaction()
            for parcel in parcels:
                sender.changelog(parcel)
                sender.outputs(parcel)
                sender.cycle(parcel)
            self._producer.poll(0)
            self._producer.send_offsets_to_transaction(_offsets(parcels), group, self._timeout)
            self._producer.commit_transaction(self._timeout)
        except KafkaException as error:
            self._abort(error.args[0])
        except (BufferError, CycleFailedError) as error:
            self._abort(error)
        if any(parcel.changelog_end is None for parcel in parcels):
            self._producer.poll(0)

    def _abort(self, why: Any) -> None:
        """Nothing of the transaction counts. Always raises."""
        if isinstance(why, KafkaError) and (why.fatal() or why.code() in _FENCED):
            raise FencedError(f"another worker has this worker's transactional id, or its transaction timed out: {why.str()}")
        try:
            self._producer.abort_transaction(self._timeout)
        except KafkaException as error:
            raise FencedError(f"the transaction could not be aborted: {error.args[0].str()}") from None
        raise CycleFailedError(why.str() if isinstance(why, KafkaError) else str(why))

    def close(self) -> None:
        with suppress(KafkaException):  # fenced: that has been told, and nothing waits to be sent
            self._producer.flush(1.0)


_FENCED = {KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED}  # noqa: SLF001  # its public name
_NOT_ALLOWED = {KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}


def _offsets(parcels: list[Parcel]) -> list[TopicPartition]:
    return [
        TopicPartition(topic, parcel.partition.number, offset)
        for parcel in parcels
        for topic, offset in parcel.partition.position.inputs.items()
    ]
