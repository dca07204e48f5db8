"""One line of an input file: a record for a topic, a tick, or neither.

`{"topic": …, "value": {…}, "timestamp"?: …}` or `{"tick": TIME}`. The value is left as the bytes that stand in the line, so that
a number keeps its spelling. A line that is neither is no reason to stop: it becomes a dead letter that holds the whole line.
"""

from base64 import b64encode
from typing import Final

import msgspec
from msgspec import Raw, Struct

from agents.outbox import Effect
from schemas.events import DeadLetter
from schemas.outcomes import Refused
from schemas.topics import DEAD_LETTERS, INPUTS
from streams.replay.lines import LINE_BYTES_MAX

SHOWN_BYTES_MAX: Final = 64 * 1024  # of a broken line, as of a record that is too large


class Envelope(Struct):
    """`key` only where the file gives one; a line with a `tick` is nothing else."""

    topic: str | None = None
    value: Raw = Raw()
    timestamp: str | None = None
    tick: str | None = None
    key: str | None = None


decode: Final = msgspec.json.Decoder(Envelope).decode
"""A line as an envelope. Raises `msgspec.MsgspecError` or `UnicodeDecodeError`; see `explain`."""


def explain(line: bytes, error: Exception) -> Refused:
    """What is wrong with a line that `decode` did not take."""
    if len(line) > LINE_BYTES_MAX:  # it came cut, and is no JSON for that alone
        return Refused("too-large", f"the line is too long: more than {LINE_BYTES_MAX // 2**20} MiB are no record")
    if isinstance(error, msgspec.ValidationError):
        sentence = str(error).replace("`", "")
        if "- at $" in sentence:
            return Refused("invalid-field", f"the line: {sentence}", sentence.rpartition("$.")[2] or None)
        return Refused("not-json", f"the line must be a JSON object: {sentence}")
    return Refused("not-json", f"the line is not JSON in UTF-8: {error}")


def neither(envelope: Envelope) -> Refused:
    """What is wrong with an envelope that names no input topic or has no value."""
    if envelope.topic is None:
        return Refused("missing-field", "the line has neither a topic nor a tick", "topic")
    if envelope.topic not in INPUTS:
        return Refused("invalid-field", f"{envelope.topic[:80]!r} is no input topic; there are {', '.join(INPUTS)}", "topic")
    return Refused("missing-field", "the line has no value", "value")


def dead_line(line: bytes, number: int, refused: Refused) -> Effect:
    """The dead letter of a broken line: it was meant for no topic, so it names none; `offset` is the line's place in the input."""
    shown = line[:SHOWN_BYTES_MAX]
    base64: tuple[str, ...] = ()
    try:
        text = shown.decode()
    except UnicodeDecodeError:
        text, base64 = b64encode(shown).decode(), ("value",)
    letter = DeadLetter(
        topic=None,
        partition=0,
        offset=number,
        reason=refused.reason,
        message=refused.message,
        key=None,
        value=text,
        field=refused.field,
        base64=base64,
        truncated=len(line) > len(shown),
    )
    return Effect(DEAD_LETTERS, "", letter)
