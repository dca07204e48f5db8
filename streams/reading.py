"""Reads one topic from a broker: read committed, without a group, every partition from where the caller has come.

`reading_settings` is what every client is told that reads so; `TopicReader` a whole such reader.

A reader that ends reads what the topic held when it began; one that follows goes on for ever. A broker that is away is waited for, by one that
follows without end: where nothing comes, it asks now and then whether anybody is there, for the client alone goes on saying what it knew last. Knows nothing of what the records mean; imports nothing that the ledger is made of, for the auditor reads by it, too.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.brokers import REACH_SECONDS, Broker, client_settings, reach, reason
from streams.errors import BrokerAway, Stop, WrongUsage

_BATCH: Final = 10_000
_POLL_SECONDS: Final = 0.2
_SILENT_SECONDS: Final = 60.0
_ASK_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 2.0
_TRY_SECONDS: Final = 0.5  # a call that waits for longer hears nobody who asks the process to end
_AGAIN_SECONDS: Final = 0.2
_EOF: Final = KafkaError._PARTITION_EOF  # noqa: SLF001  # its public name
_PASSING: Final = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError._DESTROY_BROKER,  # noqa: SLF001  # the client's handle of a broker, of which it has learnt the name meanwhile
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._TIMED_OUT_QUEUE,  # noqa: SLF001  # it had not even been sent by then
        KafkaError._TRANSPORT,  # noqa: SLF001
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
_OURS: Final = {
    KafkaError._AUTO_OFFSET_RESET: "what comes next has been deleted from it: begin anew",  # noqa: SLF001
    KafkaError.OFFSET_OUT_OF_RANGE: "what comes next has been deleted from it: begin anew",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "reading it is not allowed",
}


def reading_settings(group: str, *, reset: str = "error", wait_ms: int = 50) -> dict[str, Any]:
    """For a consumer in no group: it reads what is committed, says where a partition ends, and never joins or commits.

    `group`: the client wants one all the same, and asks where its coordinator is; `reset`: what it does at an offset that is not there;
    `wait_ms`: how long the broker may keep it waiting where nothing is.
    """
    return {
        "group.id": group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": reset,
        "fetch.wait.max.ms": wait_ms,
        # Where as much waits as may, the client fetches nothing for a second by default: by then it is long used up.
        "fetch.queue.backoff.ms": 10,
    }


def bounds(consumer: Consumer, topic: str, number: int) -> tuple[int, int]:
    """Where a partition begins, and where it ends now.

    The client gives this one question up at the first thing that goes wrong with it. So a connection that is cut, a leader that changes and a
    topic that was made a moment ago are waited for here. Raises `KafkaException`.
    """
    until, wait_seconds = time.monotonic() + REACH_SECONDS, _TRY_SECONDS
    while True:
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=wait_seconds)
        except KafkaException as error:
            wait_seconds = min(2 * wait_seconds, 2 * _ANSWER_SECONDS)  # it may be slow to answer, and not away
            if error.args[0].code() not in _PASSING or time.monotonic() > until:
                raise
            _learn_leaders(consumer, topic)
            time.sleep(_AGAIN_SECONDS)
        else:
            return low, high


def _learn_leaders(consumer: Consumer, topic: str) -> None:
    """Have the client learn who leads the partitions now: it keeps what it knows of that for minutes, and where a broker stands still others lead in
    its place after seconds. Any broker may be asked, also the one that stands still; then it is to be asked again.
    """
    with suppress(KafkaException):
        consumer.list_topics(topic, timeout=_ANSWER_SECONDS)


class TopicReader:
    """`offsets`: the next one to check, by partition; kept up to date by whoever takes a message.

    `heard_at`: when (monotonic) the broker last gave anything: records, the end of a partition, an answer. `cut_off`: it was asked since, and did
    not answer for every partition; until it does, what comes of others counts for nothing.
    """

    def __init__(self, broker: Broker, topic: str, ask_seconds: float = _ASK_SECONDS) -> None:
        """`ask_seconds`: one that follows asks the broker when nothing has come for so long, and as long after that again.

        Raises `WrongUsage` where the broker does not answer or has no such topic.
        """
        self._broker = broker
        self._ask_seconds = ask_seconds
        self._topic = topic
        _, known = reach(broker)
        found = known.topics.get(topic)
        if found is None or found.error is not None or not found.partitions:
            raise WrongUsage(f"the topic {topic} is not there; `pointstream topics --broker {broker}` creates it")
        self._consumer = Consumer(
            {
                **client_settings(broker),
                **reading_settings("pointstream-reader"),
                "queued.max.messages.kbytes": 4 * 1024,  # a partition
                "fetch.max.bytes": 4
                * 1024
                * 1024,  # of all partitions, so that one answer is there in time over a slow line as well
            }
        )
        self.cluster: str | None = known.cluster_id
        self.partitions = sorted(found.partitions)
        self.offsets: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        # where a partition was read to its end, past what is no record (markers of transactions)
        self._reached: dict[int, int] = {}
        self.heard_at = self._asked_at = time.monotonic()
        self.cut_off = False
        self._unanswered_seconds = 0.0

    def begin(self, offsets: dict[int, int]) -> None:
        """Read on from these offsets; a partition without one from its beginning. Raises `WrongUsage`."""
        for number in self.partitions:
            try:
                first, end = bounds(self._consumer, self._topic, number)
            except KafkaException as error:  # the broker is there, and perhaps not the one that leads this partition
                raise BrokerAway(f"{self._topic} partition {number} cannot be read: {reason(error)}") from None
            at = self.offsets[number] = offsets.get(number, first)
            self._ends[number] = end
            if at > end:
                raise WrongUsage(
                    f"offset {at} of partition {number} of {self._topic} is behind its end ({end}): it was kept of another topic"
                )
        self._consumer.assign([TopicPartition(self._topic, number, self.offsets[number]) for number in self.partitions])

    def messages(self, *, follow: bool) -> Iterator[list[Any]]:
        """Batches in order; empty ones while nothing comes. Ends where the topic ended at the beginning, unless it follows."""
        done = {number for number in self.partitions if self.offsets[number] >= self._ends[number]}
        self.heard_at = time.monotonic()
        while follow or len(done) < len(self.partitions):
            batch: list[Any] = []
            heard = False
            message: Any
            for message in self._consumer.consume(_BATCH, _POLL_SECONDS):
                error = message.error()
                if error is None:
                    batch.append(message)
                    if message.offset() + 1 >= self._ends[message.partition()]:
                        done.add(message.partition())
                elif error.code() == _EOF:
                    done.add(message.partition())
                    self._reached[message.partition()] = message.offset()
                    heard = True
                elif error.fatal() or error.code() in _OURS:
                    raise Stop(f"{self._topic} cannot be read: {_OURS.get(error.code(), error.str())}")
            if (batch or heard) and not self.cut_off:
                self.heard_at, self._unanswered_seconds = time.monotonic(), 0.0
            elif follow:
                self._ask()
            elif time.monotonic() - self.heard_at > _SILENT_SECONDS:
                raise Stop(f"nothing has come from {self._broker} for {_SILENT_SECONDS:.0f} s, and the topic goes on")
            yield batch

    def _ask(self) -> None:
        """Whether the broker is there, by where the topic ends; not oftener than every few seconds. Where no answer comes it is asked
        again with the next batch, so that whoever reads may end meanwhile.
        """
        if time.monotonic() - max(self.heard_at, self._asked_at) < self._ask_seconds:
            return
        try:
            for number in self.partitions:
                self._consumer.get_watermark_offsets(TopicPartition(self._topic, number), timeout=_TRY_SECONDS)
        except KafkaException:
            self._unanswered_seconds += _TRY_SECONDS
            if self._unanswered_seconds < _ANSWER_SECONDS:
                return
            self.cut_off = True
        else:
            self.cut_off, self.heard_at = False, time.monotonic()
        self._unanswered_seconds = 0.0
        self._asked_at = time.monotonic()

    def lag(self) -> dict[int, int]:
        """How many offsets are still to check in each partition, as far as the client knows."""
        return {number: max(self._end(number) - self._at(number), 0) for number in self.partitions}

    def came_since(self) -> int:
        """How many of these came after the beginning."""
        return sum([max(self._end(number) - max(self._at(number), self._ends[number]), 0) for number in self.partitions])

    def _end(self, number: int) -> int:
        return int(self._consumer.get_watermark_offsets(TopicPartition(self._topic, number), cached=True)[1])

    def _at(self, number: int) -> int:
        return max(self.offsets[number], self._reached.get(number, 0))

    def close(self) -> None:
        self._consumer.close()
