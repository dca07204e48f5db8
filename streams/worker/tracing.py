"""Traces: the header `traceparent` of a record goes on to whatever the record causes, so that a receipt can be followed from its till.

W3C Trace Context, as the client writes it: we begin no trace and make no span of our own. What time causes has none, nor is it part of any
record or of an exported run. Anything that is not of the standard's form is passed over, whatever its length.
"""

import re
from collections.abc import Sequence
from operator import methodcaller
from typing import Any, Final

from agents.outbox import Outbox

TRACEPARENT: Final = "traceparent"
_headers_of: Final = methodcaller("headers")
"""Of a message, and never by `message.headers()`: where that is called often, Python no longer looks whether it has failed."""
_FORM: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def parent_of(message: Any) -> bytes | None:
    """The trace of a `confluent_kafka.Message`. Where one of its headers has a name that is no UTF-8 the client raises instead of telling any
    (confluent-kafka 2.16): it gives a list with holes, and an exception beside it. It may be asked once, for then it gives the list alone.
    """
    try:
        return traceparent(_headers_of(message))
    except SystemError:
        return None


def traceparent(headers: Sequence[tuple[str, bytes | str | None]] | None) -> bytes | None:
    """Of a record's headers. Nearly every record has none."""
    for name, value in headers or ():
        if name == TRACEPARENT and isinstance(value, bytes) and _FORM.fullmatch(value):
            return value
    return None


class Traces:
    """Of one cycle: by their places in its outbox, of which trace effects and messages are."""

    def __init__(self) -> None:
        self.effects: dict[int, bytes] = {}
        self.messages: dict[int, bytes] = {}

    def note(self, parent: bytes, said: Outbox, effects: int, messages: int) -> None:
        """What was said from these places on is of that trace."""
        self.effects.update(dict.fromkeys(range(effects, len(said.effects)), parent))
        self.messages.update(dict.fromkeys(range(messages, len(said.messages)), parent))
