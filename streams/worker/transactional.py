"""Publishing a cycle on Kafka: one transaction for the whole worker, with the group's offsets in it (KIP-447).

The group coordinator refuses the offsets of a worker whose generation is over, so an old owner's transaction can never commit
after a new owner has started (`recovery` makes sure of the other half). The transactional id names this worker alone: a restart
of the same worker aborts what its predecessor left open at once, anybody else's is aborted by the broker when it times out.
Any failed delivery makes librdkafka refuse the commit, so ordinary records need no delivery report.

Where it fails, the producer is dropped, and a new one takes over the id before partitions are recovered (`renew`): that ends what is open,
and settles what nobody here can know, for a broker that goes away in the middle of a commit may have made it. The changelog says
how it went. Where it fails for a right that is missing the client may say only that its transaction is in error; so the broker is asked
then which rights there are. No producer is used again after a failure: one that had aborted what a restart of the broker broke hung in
`send_offsets_to_transaction` for ever, whatever its timeout (librdkafka 2.16; `make chaos` found it).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from schemas.instants import format_instant
from streams.errors import WrongUsage
from streams.logs import CLIENT
from streams.worker.broker import Broker
from streams.worker.cycle import CycleFailedError, FencedError, Parcel
from streams.worker.producing import Sender, producer_settings
from streams.worker.settings import WorkerSettings

_TAKE_OVER_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 2.0  # of the client itself
_GRACE_SECONDS: Final = 3.0  # a call that returns does so this soon after its timeout


class Transactional:
    def __init__(self, settings: WorkerSettings, worker_id: str, broker: Broker) -> None:
        self._settings = producer_settings(settings) | {
            "transactional.id": f"{settings.app_id}-{worker_id}",
            "transaction.timeout.ms": settings.transaction_timeout_ms,
        }
        self._broker = broker
        self._timeout = settings.transaction_timeout_ms / 1000
        self._producer: Any = None  # None: there is none yet, or the last one was dropped
        self._began = 0.0
        self._until: float | None = None  # when the call that is under way has to have returned

    def renew(self) -> None:
        """Take over the transactional id, if the last cycle has left it in doubt: blocks until the broker has answered. Raises `WrongUsage`
        where a right is missing for what the next cycle is to write.
        """
        if self._producer is None:
            self._broker.check_may_write()
            producer: Any = Producer(self._settings, logger=CLIENT)
            try:
                producer.init_transactions(_TAKE_OVER_SECONDS)
            except KafkaException as error:
                if error.args[0].code() in _NOT_ALLOWED:
                    raise WrongUsage(f"the broker does not allow this worker's transactions: {error.args[0].str()}") from None
                raise
            self._producer = producer

    def send(self, parcels: list[Parcel], *, planned: bool = False) -> None:
        if self._producer is None:
            raise CycleFailedError("the transactional id has to be taken over first", away=True)
        sender = Sender(self._producer)
        self._began = time.monotonic()
        with self._given_up():
            self._producer.begin_transaction()
            with self._named():
                for parcel in parcels:
                    sender.changelog(parcel)
                    sender.outputs(parcel)
                    sender.cycle(parcel)
            self._producer.poll(0)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """What the broker refuses breaks the transaction while it is still being filled. Then the client takes no more for it, and does not say why; asked to
        commit it, it does, and commits nothing.
        """
        try:
            yield
        except KafkaException as error:
            if error.args[0].code() == KafkaError._STATE:  # noqa: SLF001
                self._producer.commit_transaction(_ANSWER_SECONDS)
            raise

    def commit(self, parcels: list[Parcel], group: Any) -> None:
        producer = self._producer
        with self._given_up():
            producer.send_offsets_to_transaction(_offsets(parcels), group, self._within(self._timeout / 2))
            producer.commit_transaction(self._within(self._timeout))
        if any(parcel.changelog_end is None for parcel in parcels):
            producer.poll(0)

    @contextmanager
    def _given_up(self) -> Iterator[None]:
        """Where it fails: the producer goes, and whoever asked is told what kind of failure it is."""
        try:
            yield
        except KafkaException as error:
            self._producer = None
            self._tell(error.args[0])
        except BufferError as error:
            self._producer = None
            raise CycleFailedError(
                str(error), away=True
            ) from None  # it took nothing of a full queue for as long as that was waited for
        except CycleFailedError:
            self._producer = None
            raise
        finally:
            self._until = None

    def _within(self, seconds: float) -> float:
        """The timeout of a call that begins now."""
        self._until = time.monotonic() + seconds + _GRACE_SECONDS
        return seconds

    def overdue(self) -> bool:
        until = self._until
        return until is not None and time.monotonic() > until

    def _tell(self, why: KafkaError) -> None:
        """Always raises."""
        if why.code() == KafkaError.INVALID_TIMESTAMP:
            raise CycleFailedError(f"{why.str()}: {_clock_ahead()}", away=True)
        if why.code() not in _FENCED:
            raise CycleFailedError(why.str(), away=why.code() in _AWAY or why.retriable())
        if time.monotonic() - self._began < self._timeout / 2:
            raise FencedError(f"another worker has this worker's name: {why.str()}")
        raise CycleFailedError(f"the broker has given up a transaction that took too long: {why.str()}", away=True)

    def close(self) -> None:
        if self._producer is not None:
            with suppress(KafkaException):  # fenced: that has been told, and nothing waits to be sent
                self._producer.flush(1.0)


def _clock_ahead() -> str:
    shown = format_instant(time.time_ns() // 1_000_000_000 * 1_000_000)
    return f"this machine's clock shows {shown}, further ahead of the broker's than it takes: set the wrong one of the two right"


_NOT_ALLOWED: Final = {KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}
_FENCED: Final = {
    KafkaError._FENCED,  # noqa: SLF001
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.INVALID_PRODUCER_EPOCH,
    KafkaError.PRODUCER_FENCED,
}
_AWAY: Final = {
    KafkaError._INCONSISTENT,  # noqa: SLF001  # deliveries failed, and not for what was sent: that has a code of its own
    KafkaError._TIMED_OUT,  # noqa: SLF001
    KafkaError._MSG_TIMED_OUT,  # noqa: SLF001
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
    KafkaError._CONFLICT,  # noqa: SLF001  # an earlier call goes on in the background
    KafkaError._STATE,  # noqa: SLF001
    KafkaError.BROKER_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.INVALID_TXN_STATE,  # ended by somebody: by an answer that was lost, or by the broker's clock
    KafkaError.KAFKA_STORAGE_ERROR,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError.NOT_COORDINATOR,
    KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.REQUEST_TIMED_OUT,
}


def _offsets(parcels: list[Parcel]) -> list[TopicPartition]:
    return [
        TopicPartition(topic, parcel.partition.number, offset) for parcel in parcels for topic, offset in parcel.inputs.items()
    ]
