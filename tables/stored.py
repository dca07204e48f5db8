"""Stored values: how what is remembered is encoded, with the number of the format that it is in.

Compact and versioned: a program reads its own format and the one before, and refuses a newer one with a sentence.
"""

from struct import Struct as Layout
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from schemas.instants import LATEST, Instant
from tables.counted import Count, Given
from tables.state import Claim, LotPage, Planned, Profile, Receipt, Redemption, Remembered, Seen, UsedLot

FORMAT: Final = 4
"""The number that every stored value begins with: a program reads its own and the one before, and refuses a newer one."""


class StateFormatError(Exception):
    """A stored value was written by another version of pointstream, or is broken."""


class NewerFormatError(StateFormatError):
    """It was written by a newer version, which is to go on with it."""


_ENCODER: Final = msgspec.msgpack.Encoder()
_PREFIX: Final = bytes([FORMAT])
_READABLE: Final = frozenset({FORMAT - 1, FORMAT})
_DECODERS: Final[dict[type[Any], msgspec.msgpack.Decoder[Any]]] = {
    kind: msgspec.msgpack.Decoder(kind)
    for kind in (Profile, Receipt, LotPage, UsedLot, Seen, Redemption, Claim, Given, Count, Planned)
}


class _ProfileHead(Struct, gc=False, array_like=True, frozen=True):
    """What a profile's record begins with: all that the due index asks."""

    settled_at: Instant
    due_at: Instant | None = None
    stopped: str | None = None


_DECODERS[_ProfileHead] = msgspec.msgpack.Decoder(_ProfileHead)
_PLAIN_HEAD: Final = Layout(">BBBQBQB")
"""The same head as nearly every profile has it: the format, an array, then in MessagePack `settled_at`, `due_at` and no `stopped`."""
_PLAIN_RECEIPT: Final = Layout(">BBBBQ")
"""What a receipt's record begins with: the format, an array, a `revision` of one byte, and `last_at`."""
LEAST_ARRAY: Final = 0x93
MOST_ARRAY: Final = 0x9F
UINT64: Final = 0xCF
_ONE_BYTE_MAX: Final = 0x7F
NIL: Final = 0xC0
State = TypeVar("State", Profile, Receipt, LotPage, UsedLot, Seen, Redemption, Claim, Given, Count, Planned)


def encode(value: Profile | Remembered) -> bytes:
    return _PREFIX + _ENCODER.encode(value)


def last_at(kind: type[Remembered], stored: bytes) -> Instant:
    """The event time from which `remember` counts, for the sweep: what holds points is kept until the hold has run out.

    A sweep asks this of everything, and nearly everything is a receipt: that is read by its place, for it holds the whole sale as well.
    """
    if kind is Receipt and len(stored) >= _PLAIN_RECEIPT.size:
        number, array, revision, mark, at = _PLAIN_RECEIPT.unpack_from(stored)
        if mark == UINT64 and revision <= _ONE_BYTE_MAX and LEAST_ARRAY <= array <= MOST_ARRAY and number in _READABLE:
            told: Instant = at
            return told
    return known_from(_checked(kind, stored))


def known_from(state: Remembered) -> Instant:
    """As `last_at`, of what has been decoded."""
    if isinstance(state, Redemption) and state.status == "reserved":
        return LATEST
    return state.last_at


def decode(kind: type[State], stored: bytes) -> State:
    """Raises `StateFormatError` for what a newer version has written, or nobody can read."""
    state: State = _checked(kind, stored)
    return state


def due_of(stored: bytes | None) -> Instant | None:
    """When the next thing of a stored profile is due; None where nothing is, and for one that is stopped: it waits for nothing.

    A restore asks this of every profile, so the usual head is read by its place: the decoder would walk through all that follows.
    """
    if stored is None:
        return None
    if len(stored) >= _PLAIN_HEAD.size:
        number, array, settled, _, due, due_at, stopped = _PLAIN_HEAD.unpack_from(stored)
        if settled == UINT64 and LEAST_ARRAY <= array <= MOST_ARRAY and number in _READABLE:
            if due == UINT64 and stopped == NIL:
                at: Instant = due_at
                return at
            if due == NIL:
                return None
    head = _checked(_ProfileHead, stored)
    return None if head.stopped is not None else head.due_at


def _checked(kind: type[Any], stored: bytes) -> Any:
    if not stored:
        raise StateFormatError(f"a stored {kind.__name__} is empty: rebuild the state from the changelog")
    if stored[0] not in _READABLE:
        raise (NewerFormatError if stored[0] > FORMAT else StateFormatError)(
            f"a stored value has format {stored[0]}, and this version of pointstream reads formats {FORMAT - 1} and {FORMAT}: "
            "run the version that wrote it, or a newer one"
        )
    content = memoryview(stored)[1:]
    try:
        return _DECODERS[kind].decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise StateFormatError(
            f"a stored {kind.__name__} cannot be read ({error}): rebuild the state from the changelog"
        ) from None
