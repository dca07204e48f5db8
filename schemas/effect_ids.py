"""Ids of effects: what a record of an output topic is known by, however often it is told. Pure; compiled where anything is."""

from hashlib import sha256
from typing import Final

_sha256: Final = sha256  # a name of one's own is found at once where this is compiled
_ORDINALS: Final = tuple([f"\x1f{number}" for number in range(100)])


def effect_id(stem: str, ordinal: int) -> str:
    """The id of an effect: SHA-256, first 32 hex digits, over what it is and why it came to be.

    `stem` joins program, profile, the cause's values, the type, and the lot or rule; `ordinal` counts the effects of one cause
    that are otherwise alike.
    """
    text = stem + _ORDINALS[ordinal] if ordinal < len(_ORDINALS) else f"{stem}\x1f{ordinal}"
    digest: bytes = _sha256(text.encode(), usedforsecurity=False).digest()
    return digest[:16].hex()
