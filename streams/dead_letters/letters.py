"""The dead letters of a broker, as they stand now: which there are, and the record that each of them holds.

Others may have written to the topic, too: what is no dead letter is told and passed over, for it must not hide those that are.
"""

from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec

from schemas.events import DeadLetter
from schemas.instants import Instant
from schemas.topics import DEAD_LETTERS
from streams.brokers import Broker
from streams.reading import TopicReader

_LETTER: Final = msgspec.json.Decoder(DeadLetter)


class Wanted(NamedTuple):
    """`reasons` empty: all of them. `since`: refused at that instant or later."""

    reasons: tuple[str, ...] = ()
    since: Instant | None = None


class Letter(NamedTuple):
    """A dead letter, where it lies in `dead-letters`, and when it was put there."""

    partition: int
    offset: int
    at: Instant
    letter: DeadLetter

    @property
    def place(self) -> str:
        return f"{DEAD_LETTERS} partition {self.partition} offset {self.offset}"

    @property
    def source(self) -> str:
        """Where the record itself came from."""
        return f"{self.letter.topic} partition {self.letter.partition} offset {self.letter.offset}"


class Foreign(NamedTuple):
    """A record of `dead-letters` that is none."""

    partition: int
    offset: int
    why: str

    def __str__(self) -> str:
        return f"{DEAD_LETTERS} partition {self.partition} offset {self.offset} is no dead letter, and is passed over: {self.why}"


def letters(broker: Broker, wanted: Wanted, foreign: Callable[[Foreign], None]) -> Iterator[Letter]:
    """All that the topic holds now and that are wanted, partition by partition in their order; `foreign` hears of what is none.

    Raises `WrongUsage` or `Stop`.
    """
    reader = TopicReader(broker, DEAD_LETTERS)
    try:
        reader.begin({})
        for batch in reader.messages(follow=False):
            for message in batch:
                partition, offset = message.partition(), message.offset()
                reader.offsets[partition] = offset + 1
                at = message.timestamp()[1] * 1000
                if wanted.since is not None and at < wanted.since:
                    continue
                try:
                    letter = _LETTER.decode(message.value() or b"")
                    record_of(letter)
                except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # not UTF-8 and no base64 are values, too
                    foreign(Foreign(partition, offset, str(error)))
                    continue
                if not wanted.reasons or letter.reason in wanted.reasons:
                    yield Letter(partition, offset, at, letter)
    finally:
        reader.close()


def record_of(letter: DeadLetter) -> tuple[bytes | None, bytes | None]:
    """Key and value exactly as they came. Of one that was cut, the value is its beginning. Raises `ValueError` for base64 that is none."""
    return _bytes(letter.key, encoded="key" in letter.base64), _bytes(letter.value, encoded="value" in letter.base64)


def _bytes(text: str | None, *, encoded: bool) -> bytes | None:
    if text is None:
        return None
    return b64decode(text, validate=True) if encoded else text.encode()
