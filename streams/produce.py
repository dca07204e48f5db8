"""Push records of a file to an input topic: keyed by profile, partitioned as the worker expects, acknowledged one by one.

A record counts as sent when the broker has said so, and as failed when it has not within the time that is allowed; nothing is
tried for ever, and nothing is sent twice (the producer is idempotent). Knows no terminal.
"""

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from msgspec import Raw, Struct

from schemas.instants import parse_instant
from schemas.topics import TOPICS
from streams.brokers import Broker, client_settings, partitions, reason
from streams.errors import WrongUsage
from streams.export.lines import is_export
from streams.replay.lines import LINE_BYTES_MAX, DamagedFileError, read_blocks

DELIVERY_SECONDS: Final = 60
_NAMES: Final = frozenset(topic.name for topic in TOPICS)
_PACE_EVERY: Final = 20  # records between two looks at the clock


class Result(NamedTuple):
    """`ticks`: lines that are no record but a tick, which a broker has no use for."""

    sent: int
    failed: int
    refused: int
    ticks: int
    seconds: float


class Watch(Protocol):
    """Who looks on: bytes read, lines that were not sent, the broker's refusals, and what became of all, also where it was broken off."""

    def advanced(self, count: int) -> None: ...

    def refused(self, file: str, line: int, why: str) -> None: ...

    def ended(self, result: Result) -> None: ...


class _Line(Struct):
    """A record as it is, or an envelope of one as `replay` reads it."""

    topic: Any = None
    value: Raw = Raw()
    timestamp: Any = None
    tick: Any = None
    profile_id: Any = None


class _Owner(Struct):
    profile_id: Any = None


_LINE: Final = msgspec.json.Decoder(_Line)
_OWNER: Final = msgspec.json.Decoder(_Owner)


class _Push(NamedTuple):
    key: bytes | None
    value: bytes
    timestamp_ms: int


def produce(broker: Broker, topic: str, files: tuple[str, ...], rate: float | None, watch: Watch) -> Result:
    """Push every line, and wait for the broker's word on each: also where a file is damaged further on, or somebody interrupts.

    Raises `WrongUsage` if the broker or the topic is not there, or where a file cannot be read to its end.
    """
    _check_topic(broker, topic)
    return _Run(broker, topic, rate, watch).run(files)


def read_line(line: bytes, topic: str) -> _Push | None:
    """What to send for a line; None for a tick. Raises ValueError with a sentence."""
    if len(line) > LINE_BYTES_MAX:
        raise ValueError(f"is too long: more than {LINE_BYTES_MAX // 2**20} MiB are no record")
    try:
        found = _LINE.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"is not a JSON object: {error}") from None
    if found.topic is None and isinstance(found.tick, str):
        return None
    value = bytes(found.value)
    if not isinstance(found.topic, str) or not value or found.topic not in _NAMES:
        return _Push(_key(found.profile_id), line.strip(), 0)
    if found.topic != topic:
        raise ValueError(f"is for the topic {found.topic}")
    try:
        owner = _OWNER.decode(value).profile_id
    except msgspec.MsgspecError:
        owner = None  # not an object: the worker says what is wrong with it
    at = parse_instant(found.timestamp) // 1000 if isinstance(found.timestamp, str) else 0
    return _Push(_key(owner), value, at)


def _key(profile_id: Any) -> bytes | None:
    """An anonymous sale has no key, and no order to keep."""
    return profile_id.encode() if isinstance(profile_id, str) and profile_id else None


class _Run:
    def __init__(self, broker: Broker, topic: str, rate: float | None, watch: Watch) -> None:
        self._topic = topic
        self._rate = rate
        self._watch = watch
        self._sent = self._failed = self._refused = self._ticks = self._pushed = 0
        self._producer = Producer(
            {
                **client_settings(broker),
                "partitioner": "murmur2_random",  # keyed records as Java does, anonymous ones spread
                "enable.idempotence": True,
                "linger.ms": 5,
                "compression.type": "lz4",
                "message.max.bytes": 8 * 1024 * 1024,
                "delivery.timeout.ms": DELIVERY_SECONDS * 1000,
            }
        )

    def run(self, files: tuple[str, ...]) -> Result:
        started = time.monotonic()
        try:
            self._push_all(files, started)
        except DamagedFileError as error:
            raise WrongUsage(f"{error.message}; what came before it has been sent") from None
        finally:
            try:
                self._wait()
            finally:
                result = Result(self._sent, self._failed, self._refused, self._ticks, time.monotonic() - started)
                self._watch.ended(result)
        return result

    def _push_all(self, files: tuple[str, ...], started: float) -> None:
        for block in read_blocks(files, self._watch.advanced):
            if block.first == 1 and is_export(block.lines[0]):
                raise WrongUsage(f"{block.file}: is an exported run, with records of all topics; `replay` repeats it")
            for number, line in enumerate(block.lines, block.first):
                if line.strip():
                    self._line(block.file, number, line)
                    self._pace(started)
            self._producer.poll(0)

    def _line(self, file: str, number: int, line: bytes) -> None:
        try:
            push = read_line(line, self._topic)
        except ValueError as error:
            self._refused += 1
            self._watch.refused(file, number, str(error))
            return
        if push is None:
            self._ticks += 1
            return
        self._pushed += 1
        try:
            self._push(push, self._reported(file, number))
        except KafkaException as error:  # too large for the producer, say
            self._failed += 1
            self._watch.refused(file, number, reason(error))

    def _push(self, push: _Push, report: Callable[[KafkaError | None, Message], None]) -> None:
        while True:
            try:
                self._producer.produce(self._topic, push.value, push.key, on_delivery=report, timestamp=push.timestamp_ms)
                return
            except BufferError:  # the queue is full: let the broker catch up
                self._producer.poll(0.2)

    def _reported(self, file: str, number: int) -> Callable[[KafkaError | None, Message], None]:
        def report(error: KafkaError | None, _message: Message) -> None:
            if error is None:
                self._sent += 1
                return
            self._failed += 1
            self._watch.refused(file, number, error.str())

        return report

    def _pace(self, started: float) -> None:
        if self._rate is None or self._pushed % _PACE_EVERY:
            return
        ahead = started + self._pushed / self._rate - time.monotonic()
        while ahead > 0:
            self._producer.poll(min(ahead, 0.5))
            ahead = started + self._pushed / self._rate - time.monotonic()

    def _wait(self) -> None:
        """Every record gets its word within the time that is allowed to it; who is interrupted here has none for the rest."""
        deadline = time.monotonic() + DELIVERY_SECONDS + 5
        try:
            while len(self._producer) and time.monotonic() < deadline:
                self._producer.flush(0.5)
        finally:
            self._failed += len(self._producer)


def _check_topic(broker: Broker, topic: str) -> None:
    if topic not in partitions(broker):
        raise WrongUsage(f"the topic {topic} is not there; `pointstream topics --broker {broker}` creates it")
