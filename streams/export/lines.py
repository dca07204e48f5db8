"""The file of an exported run: JSON Lines as `replay` reads them, with all that tells one partition's records from another's.

    {"export": 2, "partitions": 8, "exported": [0, 1, 2, 3, 4, 5, 6, 7]}
    {"cycle": {…}, "partition": 3, "offset": 811}                            what the worker wrote into `cycles`, as it stands
    {"topic": "purchases", "partition": 3, "offset": 17, "timestamp": "…", "key": "p1", "value": {…}}
    {"tick": "2024-03-01T00:00:00Z", "partition": 3, "at_most": 500}         a piece of a tick
    {"programs": {"offset": 2, "versions": [{"key": …, "file": …, "text": …}]}, "partition": 3}     these are in force from here on
    {"end": {"cycles": 40, "records": 9000, "ticks": 12}}

A cycle's line comes first, then its records and ticks in the order in which they were applied. Bytes come back as they were: a
value stands in its line as it is where that is one line of JSON, else as text (`value_text`) or base64 (`value_base64`); so does a
key. Whoever reads the file needs no broker, and whoever knows records and ticks of input files can read these.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct

from schemas.instants import Instant, format_instant, parse_instant
from schemas.nesting import too_deep

FORMAT: Final = 2
"""2: with the programs, where the workers took them from their topic. Files of 1 are read as before."""
_ABSENT: Final = -1


class ProgramText(Struct):
    """One version of a program: its key in the topic `programs`, and the file as it was written."""

    key: str
    file: str
    text: str


class InForce(Struct):
    """The programs of one step of `cycles`, with their texts."""

    offset: int
    versions: list[ProgramText]


class Line(Struct):
    """Any line of the file; which one it is, says the field that is there."""

    export: int | None = None
    partitions: int = _ABSENT
    cycle: Raw = Raw()
    partition: int = _ABSENT
    topic: str | None = None
    offset: int = _ABSENT
    timestamp: str | None = None
    key: str | None = None
    key_base64: str | None = None
    value: Raw = Raw()
    value_text: str | None = None
    value_base64: str | None = None
    tick: str | None = None
    at_most: int = 0
    programs: InForce | None = None
    end: dict[str, int] | None = None


class LineError(Exception):
    """What is wrong with a line, in words."""


class Recorded:
    """A record of the file, with the part of `confluent_kafka.Message` that a partition asks for."""

    __slots__ = ("_key", "_ms", "_offset", "_value")

    def __init__(self, offset: int, key: bytes | None, value: bytes | None, arrived_ms: int) -> None:
        self._offset, self._key, self._value, self._ms = offset, key, value, arrived_ms

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return self._key

    def value(self) -> bytes | None:
        return self._value

    def timestamp(self) -> tuple[int, int]:
        return 0, self._ms

    def headers(self) -> None:
        """Nothing that comes out of a replay has any."""


decode: Final = msgspec.json.Decoder(Line).decode
"""Raises `msgspec.MsgspecError` or `UnicodeDecodeError`."""
_encode: Final = msgspec.json.Encoder().encode


def is_export(line: bytes) -> bool:
    """Whether a file that begins with this line is an exported run."""
    if not line.startswith(b'{"export":'):
        return False
    try:
        return decode(line).export is not None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False


# writing


def head(partitions: int, exported: list[int]) -> bytes:
    return _encode({"export": FORMAT, "partitions": partitions, "exported": exported})


def cycle(number: int, offset: int, record: bytes) -> bytes:
    """`record`: a value of `cycles`, which is one line of JSON."""
    return b'{"cycle":%b,"partition":%d,"offset":%d}' % (record, number, offset)


def record(topic: str, number: int, offset: int, arrived_ms: int, key: bytes | None, value: bytes | None) -> bytes:
    parts = [
        b'{"topic":"%b","partition":%d,"offset":%d' % (topic.encode(), number, offset),
        b'"timestamp":%b' % _encode(format_instant(arrived_ms * 1000)),
    ]
    if key is not None:
        parts.append(_text("key", "key_base64", key))
    if value is None:
        parts.append(b'"value":null')
    elif _stands_alone(value):
        parts.append(b'"value":%b' % value)
    else:
        parts.append(_text("value_text", "value_base64", value))
    return b",".join(parts) + b"}"


def tick(number: int, at: Instant, at_most: int) -> bytes:
    return b'{"tick":"%b","partition":%d,"at_most":%d}' % (format_instant(at).encode(), number, at_most)


def programs(number: int, in_force: InForce) -> bytes:
    return _encode({"programs": in_force, "partition": number})


def end(counts: Mapping[str, int]) -> bytes:
    return _encode({"end": counts})


def _text(name: str, name_base64: str, content: bytes) -> bytes:
    """As text; as base64 where it is no text, or little but control characters."""
    try:
        text = _encode(content.decode())
        if len(text) <= 2 * len(content) + 2:
            return b'"%b":%b' % (name.encode(), text)
    except UnicodeDecodeError:
        pass
    return b'"%b":"%b"' % (name_base64.encode(), b64encode(content))


def _stands_alone(value: bytes) -> bool:
    """Whether a value comes back as it is when it stands in a line: JSON without line ends, with nothing before it or behind it."""
    if b"\n" in value or value == b"null" or too_deep(value):
        return False
    try:
        value.decode()
        return bytes(decode(b'{"value":%b}' % value).value) == value
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


# reading


def recorded(line: Line) -> Recorded:
    """The record of a line. Raises `LineError`."""
    if line.partition < 0 or line.offset < 0 or line.timestamp is None:
        raise LineError("a record must have partition, offset and timestamp")
    try:
        return Recorded(line.offset, _key(line), _value(line), parse_instant(line.timestamp) // 1000)
    except ValueError as error:
        raise LineError(str(error)) from None


def _key(line: Line) -> bytes | None:
    if line.key is not None:
        return line.key.encode()
    return None if line.key_base64 is None else b64decode(line.key_base64, validate=True)


def _value(line: Line) -> bytes | None:
    if line.value_text is not None:
        return line.value_text.encode()
    if line.value_base64 is not None:
        return b64decode(line.value_base64, validate=True)
    value = bytes(line.value)
    if not value:
        raise LineError("a record must have a value")
    return None if value == b"null" else value
