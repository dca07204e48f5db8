"""Put back: the records of dead letters go to their input topics again, with key and value exactly as they came.

So they keep their identity: whatever was counted meanwhile makes the second a duplicate, and putting back twice is safe. A record of which there are several dead letters
is sent once. What cannot be put back is said with the reason, and nothing else is held up by it: a value that was cut, a person who was erased, a line of
a file that was no record.
"""

import time
from collections import Counter
from collections.abc import Callable, Container, Iterable
from hashlib import blake2b
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.topics import CONSUMED
from streams.brokers import Broker, client_settings, partitions, reason
from streams.dead_letters.letters import Letter, record_of
from streams.errors import WrongUsage

DELIVERY_SECONDS: Final = 60
_MESSAGE_BYTES_MAX: Final = 8 * 1024 * 1024


class PutBack:
    """What became of the letters: sent, of a record that was sent already (`alike`), left out, not delivered."""

    def __init__(self) -> None:
        self.put_back = 0
        self.alike = 0
        self.left_out = 0
        self.failed = 0
        self.topics: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()

    @property
    def begun(self) -> bool:
        return bool(self.put_back or self.alike or self.left_out or self.failed)


def why_not(letter: Letter) -> str | None:
    """Why a letter's record cannot be put back, or None."""
    told = letter.letter
    if told.topic is None or told.topic not in CONSUMED:
        return "it holds no record of a topic" if told.topic is None else f"{told.topic} is no input topic"
    if told.truncated:
        return f"only its beginning stands there; fetch the original from {letter.source}, while it is there"
    if told.reason == "erased":
        return "it is of a person who was erased, and comes without its value"
    return None


def put_back(
    broker: Broker, letters: Iterable[Letter], done: PutBack, tell: Callable[[Letter, str], None], *, dry_run: bool
) -> None:
    """Send the records, and wait for the broker's word on each: also where what comes cannot be read on, or somebody interrupts.

    `done` counts them, and `tell` hears of every letter that is not put back, and why. With `dry_run` nothing is sent, and `put_back` counts
    what would be. Raises `WrongUsage` where a topic is not there.
    """
    there = partitions(broker)
    if dry_run:
        _each(broker, letters, there, done, tell, None)
        return
    sender = _Sender(broker, done, tell)
    try:
        _each(broker, letters, there, done, tell, sender)
    finally:
        sender.wait()


def _each(
    broker: Broker,
    letters: Iterable[Letter],
    there: Container[str],
    done: PutBack,
    tell: Callable[[Letter, str], None],
    sender: "_Sender | None",
) -> None:
    seen = set[bytes]()
    for letter in letters:
        wrong = why_not(letter)
        if wrong is not None:
            done.left_out += 1
            tell(letter, wrong)
            continue
        key, value = record_of(letter.letter)
        content = _content(letter.letter.topic or "", key, value)
        if content in seen:
            done.alike += 1
            continue
        seen.add(content)
        topic = letter.letter.topic or ""
        if topic not in there:
            raise WrongUsage(f"the topic {topic} is not there; `pointstream topics --broker {broker}` creates it")
        if sender is None:
            _count(done, letter)
        else:
            sender.send(letter, topic, key, value)


def _content(topic: str, key: bytes | None, value: bytes | None) -> bytes:
    """Stands for a record: alike for the same topic, key and value."""
    digest = blake2b(digest_size=16)
    for part in (topic.encode(), key, value):
        digest.update(b"-" if part is None else b"%d:%b" % (len(part), part))
    return digest.digest()


def _count(done: PutBack, letter: Letter) -> None:
    done.put_back += 1
    done.topics[letter.letter.topic or ""] += 1
    done.reasons[letter.letter.reason] += 1


class _Sender:
    def __init__(self, broker: Broker, done: PutBack, tell: Callable[[Letter, str], None]) -> None:
        self._done = done
        self._tell = tell
        self._producer = Producer(
            {
                **client_settings(broker),
                "partitioner": "murmur2_random",  # keyed records as Java does: also those that lay in a wrong partition before
                "enable.idempotence": True,
                "linger.ms": 5,
                "compression.type": "lz4",
                "message.max.bytes": _MESSAGE_BYTES_MAX,
                "delivery.timeout.ms": DELIVERY_SECONDS * 1000,
            }
        )

    def send(self, letter: Letter, topic: str, key: bytes | None, value: bytes | None) -> None:
        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is None:
                _count(self._done, letter)
            else:
                self._failed(letter, error.str())

        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=delivered)
                self._producer.poll(0)
                return
            except BufferError:  # the queue is full: let the broker catch up
                self._producer.poll(0.2)
            except KafkaException as error:
                self._failed(letter, reason(error))
                return

    def wait(self) -> None:
        """Every record gets its word within the time that is allowed to it; who is interrupted here has none for the rest."""
        deadline = time.monotonic() + DELIVERY_SECONDS + 5
        try:
            while len(self._producer) and time.monotonic() < deadline:
                self._producer.flush(0.5)
        finally:
            self._done.failed += len(self._producer)

    def _failed(self, letter: Letter, why: str) -> None:
        self._done.failed += 1
        self._tell(letter, f"it did not arrive: {why}")
