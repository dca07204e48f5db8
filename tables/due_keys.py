"""How the index of what is due spells an entry: the instant, so that bytes sort as instants do, then whose it is.

Eight bytes, big-endian, the sign turned round so that what is before 1970 sorts first.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from schemas.instants import Instant
from tables.stored import FORMAT, LEAST_ARRAY, MOST_ARRAY, NIL, UINT64, due_of

SIGN: Final = 1 << 63
_PLAIN_BYTES: Final = 21
_PLAIN_HEADS: Final = frozenset(
    [bytes([number, array, UINT64]) for number in (FORMAT - 1, FORMAT) for array in range(LEAST_ARRAY, MOST_ARRAY + 1)]
)
"""A stored profile as nearly every one begins: the format, an array, `settled_at` in nine bytes; `due_at` likewise and no `stopped` follow."""
_FIRST: Final = [bytes([first | 0x80]) for first in range(0x80)]


def due_key(at: Instant, profile_id: bytes) -> bytes:
    return (at + SIGN).to_bytes(8, "big") + profile_id


def split_due_key(key: bytes) -> tuple[Instant, str]:
    return int.from_bytes(key[:8], "big") - SIGN, key[8:].decode()


def due_keys(profiles: Iterable[bytes], states: Mapping[bytes, bytes | None]) -> list[bytes]:
    """The entries of these profiles' keys, of which the index has none yet.

    A restore does this for every profile. What `due_of` and `due_key` would make of a plain head is there already but for its sign, in
    the very bytes.
    """
    found: list[bytes] = []
    for key in profiles:
        value = states[key]
        if value is None:
            continue
        if (
            len(value) >= _PLAIN_BYTES
            and value[11] == UINT64
            and value[20] == NIL
            and value[12] < 0x80
            and value[:3] in _PLAIN_HEADS
        ):
            found.append(_FIRST[value[12]] + value[13:20] + key[1:])
            continue
        at = due_of(value)
        if at is not None:
            found.append(due_key(at, key[1:]))
    return found
