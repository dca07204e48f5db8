"""The reader: the consumer that owns this worker's partitions, in a thread of its own.

It joins the group, hands whole fetched batches over to the event loop and waits when the loop is behind. It subscribes to all
inputs with the range assignor, so that equal partition counts give a worker the same partition number of every input; where the
members differ in what they subscribe to, one topic decides for all (docs/decisions/0012-one-topic-decides.md). A
rebalance is told to the engine from inside the consumer's callback: the old generation is still valid there, so what was applied
can be committed before the partitions are let go. Reading starts only where recovery says.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.topics import CONSUMED
from streams.brokers import Complaint, refusal
from streams.errors import Stop, WrongUsage
from streams.logs import CLIENT, say
from streams.worker.arrivals import Arrivals, Fetched, arrived, happened
from streams.worker.broker import Place
from streams.worker.cycle import FencedError
from streams.worker.feeds_clock import FeedsClock
from streams.worker.outage import not_allowed
from streams.worker.owned import owned, spread_otherwise
from streams.worker.pulse import TRY_AGAIN
from streams.worker.settings import WorkerSettings

_log: Final = logging.getLogger(__name__)
_EOF: Final = KafkaError._PARTITION_EOF  # noqa: SLF001  # its public name
_BEHIND_POLLS: Final = 3  # a commit that took long makes one or two
_WAIT_SECONDS: Final = 0.1
_POLL_SECONDS: Final = 0.02  # a poll lasts so long where less comes than it may bring, and what it has brought waits for its end
_LEAVE_SECONDS: Final = 30.0
_LEFT_SECONDS: Final = 3.0
_ASK_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 10.0
_POLL_INTERVAL_MS: Final = 300_000  # the client's own; it may not be shorter than a session


def patience_polls(stuck_ms: int) -> int:
    """For how long an input is waited for of which nothing comes, and little of the others. Who waits is not stuck: `Pulse` mends that after
    a quarter of `stuck_ms`.
    """
    return max(int(min(_PATIENCE_SECONDS, stuck_ms / 6_000) / _POLL_SECONDS), 1)


class GroupFullError(Stop):
    """The group has no room, now."""

    exit_code = TRY_AGAIN


def end_by(error: KafkaError, settings: WorkerSettings, topic: str | None = None) -> Exception | None:
    """What an error of the consumer's ends the worker with: a lost position or a fence is our affair. None: librdkafka gets over it by itself.

    `topic`: the one that it is about, where that is known.
    """
    if error.code() == KafkaError.FENCED_INSTANCE_ID or _FENCED_BY_NAME in error.str():
        return FencedError(
            f"another worker has this worker's name, {settings.instance_id}: is a copy of its state directory, or its --instance-id, in use?"
        )
    if error.code() == KafkaError.GROUP_MAX_SIZE_REACHED:
        return GroupFullError(
            f"the group {settings.app_id} has as many members as the broker allows (group.max.size): trying again when one of them has left"
        )
    if (why := _REFUSED.get(error.code())) is not None:
        return WrongUsage(f"the group {settings.app_id} does not let this worker in: {why} ({error.str()})")
    if error.fatal() or error.code() in _FATAL:
        return KafkaException(error)
    return not_allowed(error, topic)


class Listener(Protocol):
    """What the reader tells. Called in the reader's thread; `revoked` returns when the partitions are let go."""

    def assigned(self, assignment: int, numbers: list[int], group: Any) -> None: ...
    def revoked(self, *, lost: bool) -> None: ...
    def fetched(self, fetched: Fetched) -> "Future[None]": ...
    def failed(self, error: BaseException) -> None: ...


class Reader(threading.Thread):
    def __init__(self, settings: WorkerSettings, listener: Listener, refused: Callable[[str], None] = lambda _why: None) -> None:
        """`refused` hears, in any thread, why a connection was not let in."""
        super().__init__(name="reader", daemon=True)
        self.misses_topics = False
        """Any thread: the client has heard, since partitions were assigned last, that an input is not there. Then it joins no group."""
        self._full_polls = 0  # in a row
        self._settings = settings
        self._listener = listener
        self._refused = refused
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.ending = threading.Event()
        self._assignment = 0
        self._member: str | None = None
        self._numbers: list[int] = []
        self._fatal: KafkaError | None = None
        self._adrift = False  # the client itself holds our session for over, and we are not back in the group
        self._consumer = self._new_consumer()
        self._feeds_clock = FeedsClock(embedded=settings.embedded)
        when, patience = happened if settings.backfill else arrived, patience_polls(settings.stuck_ms)
        self._arrivals = Arrivals(when, self._high, self._pass_over, settings.ahead_bytes, patience)

    def _new_consumer(self) -> Consumer:
        settings = self._settings
        return Consumer(
            {
                **settings.connection,
                "group.id": settings.app_id,
                "client.id": settings.app_id,
                "partition.assignment.strategy": "range",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "session.timeout.ms": settings.session_ms,
                "max.poll.interval.ms": max(_POLL_INTERVAL_MS, settings.session_ms),
                "heartbeat.interval.ms": max(settings.session_ms // 6, 300),
                "fetch.wait.max.ms": 40,
                "fetch.min.bytes": 256 * 1024,
                "fetch.message.max.bytes": 2 * 1024 * 1024,
                "queued.max.messages.kbytes": 16 * 1024,
                "queued.min.messages": 10_000,
                "fetch.queue.backoff.ms": 10,  # of a second, as it is by default, a fast partition would stand still for half
                "error_cb": self._on_error,
                "log_level": 3,
            }
            | ({"group.instance.id": settings.instance_id} if settings.instance_id else {}),
            logger=CLIENT,
        )

    @property
    def behind(self) -> bool:
        """Any thread: there is more to read than a moment's worth, for poll after poll has brought as many records as it may."""
        return self._full_polls >= _BEHIND_POLLS

    def start_at(self, assignment: int, positions: list[TopicPartition]) -> None:
        """Any thread: read from these positions, if the assignment still stands when the reader gets to it."""
        self._orders.put(lambda: self._start_at(positions) if assignment == self._assignment else None)

    def assign_again(self) -> None:
        """Any thread: stop reading and have the partitions recovered once more, if they are still ours when the reader gets to it."""
        self._orders.put(self._assign_again)

    def renew(self) -> None:
        """Any thread: read by a new client. What was applied is committed first, as in any rebalance; a named member keeps its partitions.

        After a restart of the broker a client may go on polling and never fetch again (librdkafka 2.16; `make chaos` found it).
        """
        self._orders.put(self._renew)

    def member(self) -> str | None:
        """Any thread: this worker's name in the group, as of the last assignment. The client itself must not be asked in a rebalance."""
        return self._member

    def end(self) -> None:
        """Any thread: leave the group and end."""
        self.ending.set()

    def run(self) -> None:
        try:
            self._subscribe()
            while not self.ending.is_set():
                try:
                    self._read()
                except FencedError:
                    if not self._adrift:
                        raise
                    say(
                        "joins-anew",
                        "the group did not know this worker again after the broker was away: joining by a new client",
                    )
                    self._renew()
        except BaseException as error:  # noqa: BLE001  # whatever ends this thread ends the worker
            raised = error.__cause__ if isinstance(error, SystemError) else None  # in a callback of the client's
            self._listener.failed(raised or error)
        finally:
            self._leave()
            self._consumer.close()

    def _read(self) -> None:
        if self._fatal is not None:
            self._complain(self._fatal)
        while not self._orders.empty():
            self._orders.get()()
        assignment = self._assignment  # a rebalance inside `consume` makes what came with it the old assignment's
        messages = self._consumer.consume(self._settings.poll_records, _POLL_SECONDS)
        if not messages:
            self._full_polls = 0
        if assignment != self._assignment:
            self._member = self._consumer.memberid()
        if messages:
            self._sort_in(messages)
        if assignment != self._assignment:
            self._arrivals.drop()
        elif messages or self._arrivals.waiting:
            self._hand_over(assignment)

    def _leave(self) -> None:
        """Leave the group at once, named or not: docs/decisions/0011-a-named-worker-leaves.md.

        Closing alone does not tell the broker that a named member goes, and the others would wait for its session to end.
        """
        if not self._answers():
            return  # closing does what can be done; nobody is there to be told that it goes
        until = time.monotonic() + _LEAVE_SECONDS
        try:
            self._consumer.unsubscribe()
            while self._numbers and time.monotonic() < until:
                self._consumer.consume(1, _WAIT_SECONDS)
            until = time.monotonic() + _LEFT_SECONDS  # the client tells the broker a moment later, and not if it is closed first
            while self._consumer.memberid() and time.monotonic() < until:
                self._consumer.consume(1, _WAIT_SECONDS / 10)
        except (KafkaException, RuntimeError):  # fenced, or never joined: there is nothing to leave
            return

    def _answers(self) -> bool:
        """Whether the client and the group's coordinator are there. To unsubscribe waits for the client's own thread with the interpreter's
        lock held, however long that takes; this question waits without it, and not for long.
        """
        try:
            self._consumer.committed([], _ASK_SECONDS)
        except (KafkaException, RuntimeError):
            return False
        return True

    def _sort_in(self, messages: list[Any]) -> None:
        batches: dict[Place, list[Any]] = {}
        ends: dict[Place, int] = {}
        for message in messages:
            place = message.topic(), message.partition()
            error = message.error()
            if error is None:
                batch = batches.get(place)
                if batch is None:
                    batches[place] = [message]
                else:
                    batch.append(message)
            elif error.code() == _EOF:
                ends[place] = message.offset()
            else:
                self._cannot_read(*place, error)
        records = sum([len(batch) for batch in batches.values()])
        full = len(messages) >= self._settings.poll_records and records > len(messages) // 2  # the rest tells of ends
        self._full_polls = self._full_polls + 1 if full else 0
        for (topic, number), batch in batches.items():
            self._arrivals.came(topic, number, batch)
            self._feeds_clock.look(topic, batch[-1])
        for (topic, number), end in ends.items():
            self._arrivals.ended(topic, number, end)
        if full:
            self._arrivals.doubt()

    def _cannot_read(self, topic: str, number: int, error: KafkaError) -> None:
        if error.code() in _NOT_THERE:
            _log.warning("%s partition %d cannot be read on: %s", topic, number, error.str())
            self.assign_again()  # recovery knows what to do about it
            return
        self._complain(error, topic)
        self.misses_topics |= error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
        # It tries again, for ever where somebody has to see to it, as with a batch that cannot be unpacked: so it is told.
        _log.warning("reading %s partition %d is tried again: %s", topic, number, error.str())

    def _hand_over(self, assignment: int) -> None:
        fetched = Fetched(assignment, *self._arrivals.taken())
        for place in self._arrivals.to_ask():
            with suppress(KafkaException):  # not fetched at the moment: then nothing is told, and it is waited for
                self._consumer.seek(TopicPartition(*place))
        stop, go_on = self._arrivals.too_far_ahead()
        if stop:
            self._consumer.pause([TopicPartition(*place) for place in stop])
        if go_on:
            self._consumer.resume([TopicPartition(*place) for place in go_on])
        if not fetched.runs and not fetched.ends:
            return
        taken = self._listener.fetched(fetched)
        while not self.ending.is_set():
            try:
                taken.result(_WAIT_SECONDS)
                break
            except TimeoutError:
                continue

    # the order of arrival

    def _start_at(self, positions: list[TopicPartition]) -> None:
        self._arrivals.begin({(place.topic, place.partition): place.offset for place in positions})
        self._consumer.assign(positions)

    def _drop_arrivals(self) -> None:
        """What is not handed over yet is not applied. An input that was held up would stay so under whatever assignment comes next."""
        if paused := self._arrivals.paused:
            self._consumer.resume([TopicPartition(*place) for place in paused])
        self._arrivals.drop()

    def _high(self, topic: str, number: int) -> int:
        """The end of a log as of the last fetch of it."""
        return self._consumer.get_watermark_offsets(TopicPartition(topic, number), cached=True)[1]

    def _pass_over(self, topic: str, number: int) -> None:
        say(
            "goes-on-without",
            f"{topic} partition {number} cannot be read at present: going on with the other inputs of it; what comes of it later is applied then",
            "warning",
        )

    def _on_error(self, error: KafkaError) -> None:
        """What ends a client for good is told here and nowhere else. Raising here would be lost in the client."""
        if error.fatal() or error.code() in _FATAL:
            self._fatal = error
        refused = refusal(self._settings.cluster, [Complaint(error.code(), error.str())], over=False)
        if refused is not None:
            self._refused(refused.message)

    def _complain(self, error: KafkaError, topic: str | None = None) -> None:
        ending = end_by(error, self._settings, topic)
        if ending is not None:
            raise ending

    # the group

    def _on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        consumer.assign([])
        self._adrift = self.misses_topics = False
        self._assignment += 1
        self._numbers, otherwise = owned(places)
        if otherwise:
            say("mixed-group", spread_otherwise(self._numbers, otherwise), "warning")
        self._listener.assigned(self._assignment, self._numbers, consumer.consumer_group_metadata())

    def _subscribe(self) -> None:
        self._consumer.subscribe(list(CONSUMED), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    def _renew(self) -> None:
        self._consumer.close()
        self._fatal, self._adrift = None, False
        self._consumer = self._new_consumer()
        self._subscribe()

    def _assign_again(self) -> None:
        if (
            not self._numbers
        ):  # lost meanwhile: the group will say what is ours, and until then nobody may take it for having said so
            return
        self._drop_arrivals()
        self._consumer.assign([])
        self._assignment += 1
        self._listener.assigned(self._assignment, self._numbers, self._consumer.consumer_group_metadata())

    def _on_revoke(self, consumer: Consumer, _places: list[TopicPartition]) -> None:
        self._let_go(consumer, lost=False)

    def _on_lost(self, consumer: Consumer, _places: list[TopicPartition]) -> None:
        """A client that takes its session for over, since the broker is away, forgets its name in the group; yet it still beats while what is
        lost is let go of, and the broker, back by then, takes that for another of the same name (librdkafka 2.16; `make chaos` found it). A
        true fence is told before the partitions are lost.
        """
        self._adrift = self._fatal is None
        self._let_go(consumer, lost=True)

    def _let_go(self, consumer: Consumer, *, lost: bool) -> None:
        self._assignment += 1
        self._numbers = []
        self._listener.revoked(lost=lost)
        self._drop_arrivals()
        consumer.unassign()


_FENCED_BY_NAME: Final = "group.instance.id"  # librdkafka's fatal error names its cause in words alone
_FATAL: Final = frozenset({KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID})  # noqa: SLF001  # its public name
_REFUSED: Final = {
    KafkaError.INVALID_SESSION_TIMEOUT: "--session-timeout-ms is outside what the broker allows (its group.min.session.timeout.ms, 6,000 by default, and "
    "group.max.session.timeout.ms)",
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: "its members share partitions out in another way, so they are no workers: another --app-id",
    KafkaError.INVALID_GROUP_ID: "the broker takes no such name: another --app-id",
}
_NOT_THERE: Final = frozenset({KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE})  # noqa: SLF001  # its public name
