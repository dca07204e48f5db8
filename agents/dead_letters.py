"""Dead letters: a record that could not be used, as it came, with the reason, the field and a sentence.

One that speaks of a person who was erased comes without its key and its value.
"""

from base64 import b64encode
from typing import Final

from agents.incoming import Incoming
from agents.outbox import Effect
from schemas.events import DeadLetter
from schemas.outcomes import Refused
from schemas.topics import DEAD_LETTERS

_CUT_BYTES: Final = 64 * 1024


def dead_timer(profile_id: str, refused: Refused) -> Effect:
    """What was due at a profile and failed: there is no record, and the key names the profile, so that somebody learns which one is stopped."""
    letter = DeadLetter(
        topic=None, partition=0, offset=0, reason=refused.reason, message=refused.message, key=profile_id, value=None
    )
    return Effect(DEAD_LETTERS, profile_id, letter)


def failed_template(profile_id: str, message: str) -> Effect:
    """A text that could not be made for a profile; what it should have told has happened all the same."""
    return dead_timer(profile_id, Refused("template-failed", message))


def dead_letter(incoming: Incoming, refused: Refused) -> Effect:
    key, value, encoded = incoming.key, incoming.value, []
    truncated = refused.reason == "too-large"
    if truncated:
        key, value = key and key[:_CUT_BYTES], value and value[:_CUT_BYTES]
    texts: dict[str, str | None] = {}
    told = () if refused.reason == "erased" else (("key", key), ("value", value))
    for name, content in told:
        try:
            texts[name] = None if content is None else content.decode()
        except UnicodeDecodeError:
            texts[name] = b64encode(content or b"").decode()
            encoded.append(name)
    letter = DeadLetter(
        topic=incoming.topic,
        partition=incoming.partition,
        offset=incoming.offset,
        reason=refused.reason,
        message=refused.message,
        key=texts.get("key"),
        value=texts.get("value"),
        field=refused.field,
        base64=tuple(encoded),
        truncated=truncated,
    )
    told_key = texts.get("key")
    return Effect(DEAD_LETTERS, "" if told_key is None or "key" in encoded else told_key, letter)
