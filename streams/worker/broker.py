"""What a worker asks the broker about its topics: that they are there, that their partitions agree, and where they end."""

import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Event
from typing import Any, Final, TypeVar

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AclOperation, AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.cimpl import _AdminClientImpl
from tenacity import RetryCallState, retry, retry_if_exception, wait_exponential

from schemas.topics import BALANCES, CHANGELOG, CONSUMED, CYCLES, MESSAGES, OUTPUTS, PROGRAMS
from streams.brokers import Admin, ClosedError, RefusedError
from streams.errors import WrongUsage
from streams.logs import say
from streams.worker.group import told_members, told_owners
from streams.worker.settings import WorkerSettings

_SECONDS: Final = 10.0
_GRACE_SECONDS: Final = 2.0  # a client that answers at all does so this soon after its timeout
_OWNERS_SECONDS: Final = 5.0  # a take-over may wait for it
_REFUSALS: Final = 3
_CLOSED: Final = 10  # a proxy with no broker behind it does so, too
_SLICE_SECONDS: Final = 2.0
_LOOKS: Final = 8  # a broker that has just begun may know of no topic yet
_LOOK_SECONDS: Final = 1.0
_SAME_PARTITIONS: Final = (*CONSUMED, CHANGELOG, CYCLES, BALANCES)
_NEEDED: Final = (*CONSUMED, *OUTPUTS, CHANGELOG, CYCLES, PROGRAMS)
_WRITTEN: Final = (*OUTPUTS, *MESSAGES, CHANGELOG, CYCLES)
_LATEST: Final[Any] = OffsetSpec.latest()  # type: ignore[no-untyped-call]
_EARLIEST: Final[Any] = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
Place = tuple[str, int]  # topic, partition
_Seen = TypeVar("_Seen")


class Broker:
    """A thin client for questions. Every call blocks and may raise `KafkaException`."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._admin = self._client()

    def _client(self) -> AdminClient:
        return AdminClient({**self._settings.connection, "log_level": 0, "socket.timeout.ms": 10_000})

    def wait(self) -> None:
        """Until the broker answers, for as long as that takes; says so once. Raises `RefusedError` where it answers, and does not let us
        in several times in a row: once may be a broker that is just starting.
        """
        address = self._settings.broker
        asking = Admin(self._settings.cluster)
        refused, said = 0, False

        def again(error: BaseException) -> bool:
            nonlocal refused
            refused = refused + 1 if isinstance(error, RefusedError) else 0
            at_most = _CLOSED if isinstance(error, ClosedError) else _REFUSALS
            return refused < at_most if refused else isinstance(error, KafkaException)

        def told(state: RetryCallState) -> None:
            nonlocal said
            error = state.outcome.exception() if state.outcome is not None else None
            if not said and (not refused or isinstance(error, ClosedError)):
                said = True
                closed = isinstance(error, ClosedError)
                why = (
                    f"{error}; trying again for a minute" if closed else f"{address} does not answer; trying again until it does"
                )
                say("broker-away", why, "warning")

        @retry(retry=retry_if_exception(again), wait=wait_exponential(0.5, 10.0), before_sleep=told, reraise=True)
        def ask() -> None:
            asking.metadata(3.0)

        ask()

    def partitions(self) -> int:
        """How many partitions the topics have. Raises `WrongUsage` where one is missing or they differ."""
        if self._settings.embedded:
            for topic in _NEEDED:  # asking about a topic creates it there
                self._admin.list_topics(topic, timeout=_SECONDS)
        known = self._known()
        self._refuse_missing(known)
        counts = {topic: len(known[topic].partitions) for topic in _NEEDED}
        if len({counts[topic] for topic in _SAME_PARTITIONS}) > 1:
            told = ", ".join(f"{topic} {counts[topic]}" for topic in _SAME_PARTITIONS)
            raise WrongUsage(
                f"topics differ in their number of partitions ({told}); a profile's records would be split: make them equal"
            )
        few = [topic for topic in _NEEDED if topic != PROGRAMS and counts[topic] < counts[CHANGELOG]]
        if few:
            raise WrongUsage(f"{', '.join(few)} has fewer partitions than the inputs ({counts[CHANGELOG]}): add some")
        return counts[CHANGELOG]

    def check_there(self, cancelled: Event) -> None:
        """Raises `WrongUsage` where a topic is missing, and still is after some seconds."""
        for _ in range(_LOOKS):
            with suppress(WrongUsage):
                self._refuse_missing(self._known(_SLICE_SECONDS))
                return
            if cancelled.wait(_LOOK_SECONDS):
                return
        self._refuse_missing(self._known(_SLICE_SECONDS))

    def missing(self, cancelled: Event) -> WrongUsage | None:
        """What `check_there` raises. None as well where the broker does not tell."""
        try:
            self.check_there(cancelled)
        except KafkaException:
            return None
        except WrongUsage as error:
            return error
        return None

    def check_may_write(self, sleep: Callable[[float], object] = time.sleep) -> None:
        """Raises `WrongUsage` where the worker's user may not write one of its topics, and still may not after some seconds. Of a right that
        is missing a client says no more, at times, than that its transaction is in error.
        """
        for _ in range(_REFUSALS - 1):
            if not self._unwritable():
                return
            sleep(_LOOK_SECONDS)
        if topics := self._unwritable():
            raise WrongUsage(
                f"the broker does not allow this worker to write {', '.join(topics)}: give its user the rights of a worker "
                "(docs/deployment.md, least privilege), then start again"
            )

    def _unwritable(self) -> list[str]:
        """What it may not write, where the broker tells who may do what."""
        may = self._described(_WRITTEN, lambda told: _may(told, AclOperation.WRITE), rights=True)
        return [topic for topic in _WRITTEN if not may[topic]]

    def _described(
        self, topics: Sequence[str], look: Callable[["Future[Any]"], _Seen], *, rights: bool = False
    ) -> dict[str, _Seen]:
        """What `look` sees in what is told of each topic. After a failure a new client asks, for one of several brokers may stand still."""
        admin = self._admin
        told = admin.describe_topics(TopicCollection([*topics]), include_authorized_operations=rights, request_timeout=_SECONDS)
        try:
            return {topic: look(told[topic]) for topic in topics}
        except KafkaException:
            self._ask_anew(admin)
            raise

    def _known(self, seconds: float = _SECONDS) -> Any:
        """The topics that there are, by name."""
        return self._admin.list_topics(timeout=seconds).topics

    def _refuse_missing(self, known: Container[str]) -> None:
        missing = [topic for topic in _NEEDED if topic not in known]
        if missing:
            raise WrongUsage(f"{self._settings.broker} has no topic {', '.join(missing)}; `pointstream topics` creates them")

    def ends(self, places: Iterable[Place], *, committed: bool = True) -> dict[Place, int]:
        """End offsets: of what can be read (`committed`), or of all that was written, open transactions included."""
        return self._offsets(places, _LATEST, committed=committed)

    def starts(self, places: Iterable[Place]) -> dict[Place, int]:
        return self._offsets(places, _EARLIEST, committed=False)

    def incarnations(self, topics: Sequence[str]) -> dict[str, str]:
        """The ids that the broker gave topics when they were made: one that is deleted and made again has another."""
        return self._described(topics, lambda told: str(answered(told).topic_id))

    def committed(self, group: str, places: Iterable[Place], cancelled: Event) -> dict[Place, int | None] | None:
        """The group's offsets, None where it has none; None for all where it was cancelled.

        Waits until no transaction holds any of them open (KIP-447): that is what `read_committed` means to the coordinator. Asked by a
        consumer that joins nothing and not by the admin client, which asks the same but has answered no more, and even aborted the
        process, when its question met a restart of the broker (librdkafka 2.16; `make chaos` found it).
        """
        asked = [TopicPartition(*place) for place in places]
        until = time.monotonic() + self._settings.transaction_timeout_ms / 1000 + _SECONDS
        consumer = Consumer(
            {
                **self._settings.connection,
                "group.id": group,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        try:
            while not cancelled.is_set():
                try:
                    found = consumer.committed(asked, timeout=_SLICE_SECONDS)
                except KafkaException as error:
                    if error.args[0].code() != KafkaError._TIMED_OUT or time.monotonic() > until:  # noqa: SLF001  # its public name
                        raise
                    _refuse_unseen(consumer)
                    continue
                if wrong := next((place.error for place in found if place.error is not None), None):
                    raise KafkaException(wrong)
                return {(place.topic, place.partition): place.offset if place.offset >= 0 else None for place in found}
            return None
        finally:
            consumer.close()

    def owners(self, group: str) -> dict[str, list[int]] | None:
        """Which partitions each member of a group has, by the member's name; None while the group is finding that out.

        Asked again and again, and so in the client's older way, which waits for every broker that it knows of: the newer one
        (`describe_consumer_groups`) aborts the process where its question meets the end or the restart of the broker that coordinates
        the group (librdkafka 2.16, #4605). After a failure a new client asks, which knows of no broker that is gone.
        """
        return told_owners(self._groups(group), group, CONSUMED[0])

    def members(self, group: str) -> int:
        """How many members a group has now; 0 where there is no such group. Raises `KafkaException`, also where this user may not see it.

        Asked in the older way as well, which leaves a group out that may not be seen or whose coordinator is away, as if there were none. So
        the coordinator is asked first for what only it knows, and answers for whoever may see the group.
        """
        self.committed(group, [(CONSUMED[0], 0)], Event())
        return told_members(self._groups(group), group)

    def _groups(self, group: str) -> Sequence[Any]:
        """What each broker says of a group that it knows."""
        admin = self._admin
        try:
            told: Sequence[Any] = _AdminClientImpl.list_groups(admin, group, timeout=_OWNERS_SECONDS)
        except KafkaException:
            self._ask_anew(admin)
            raise
        return told

    def _offsets(self, places: Iterable[Place], spec: Any, *, committed: bool) -> dict[Place, int]:
        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        asked: Any = {TopicPartition(topic, number): spec for topic, number in places}
        if not asked:
            return {}
        admin = self._admin
        answers = admin.list_offsets(asked, isolation_level=level, request_timeout=_SECONDS)
        try:
            return told_offsets(answers)
        except KafkaException:
            # What it knows of leaders it keeps, and is refused for ever after a leader has changed (librdkafka 2.16): ask by a new one.
            self._ask_anew(admin)
            raise

    def _ask_anew(self, admin: AdminClient) -> None:
        """By a new client from now on, where no other thread has seen to that yet."""
        if self._admin is admin:
            with suppress(WrongUsage):  # a file with a password that is just being replaced: the old one asks on
                self._admin = self._client()


def _refuse_unseen(consumer: Consumer) -> None:
    """That a group may not be seen is no answer to what is asked of it, but told like a record. Raises `KafkaException` then."""
    told = consumer.poll(0)
    error = None if told is None else told.error()
    if error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        raise KafkaException(error)


def _may(answer: "Future[Any]", operation: AclOperation) -> bool:
    """Whether it is allowed, as far as is told. Raises `KafkaException` where there is no answer."""
    try:
        operations = answered(answer).authorized_operations
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return False
        raise
    return not operations or operation in operations


def answered(answer: "Future[Any]", seconds: float = _SECONDS + _GRACE_SECONDS) -> Any:
    """What was answered. Raises `KafkaException`, also where nothing is: a client may keep a question for ever, whatever its timeout."""
    try:
        return answer.result(seconds)
    except TimeoutError:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer came")) from None  # noqa: SLF001  # its public name


def told_offsets(answers: Mapping[TopicPartition, "Future[Any]"]) -> dict[Place, int]:
    """What was told of each partition. Raises `KafkaException` for what was refused, and for what was not told.

    Where the broker goes away between question and answer there may be neither an offset nor an error (librdkafka 2.16; `make chaos`
    found it), and what is not known must not be taken for the end of a log.
    """
    found = {(place.topic, place.partition): answered(answer).offset for place, answer in answers.items()}
    for (topic, number), offset in found.items():
        if offset < 0:
            raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE, f"{topic} partition {number}: no offset was told"))
    return found
