"""A ledger entry as anybody finds it in the topic: the published shape, as types of the auditor's own.

Pure. Amounts stay text until they are needed: an entry repeats ten terms, of which it changes two or three. `minor` makes of a text
the integer of its smallest units; a ledger has one scale, so nothing is ever rounded and no amount is a binary float.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct


class Violation(Exception):
    """The books do not hold. The message is the end of a sentence about one entry: what it does, and what would be right."""


class Balance(Struct, gc=False, array_like=False):
    """The ten terms, in the order of `books.TERMS`."""

    active: str
    pending: str
    reserved: str
    redeemed: str
    expired: str
    reversed: str
    written_off: str
    debt_paid: str
    debt: str
    lifetime: str


class Part(Struct, gc=False):
    lot_id: str
    points: str
    state: str = ""
    expires_at: str | None = None


class Extended(Struct, gc=False):
    """Which lots an entry extends that names none: those that would have expired between these two, to the second of them."""

    lots_omitted: int
    expires_after: str
    expires_at: str


class Row(Struct, gc=False):
    """What one rule gave."""

    points: str


class Cause(Struct, gc=False):
    kind: Any = None


class Entry(Struct, gc=False):
    id: str
    type: str
    program: str
    profile_id: str
    sequence: int
    entry: int
    cause: Cause
    point: str | None = None
    subledger: str | None = None
    points: str | None = None
    direction: str | None = None
    lots: tuple[Part, ...] = ()
    extended: Extended | None = None
    rules: tuple[Row, ...] = ()
    withheld: str | None = None
    debt_added: str | None = None
    debt_paid: str | None = None
    balance: Balance | None = None


_ENTRY: Final = msgspec.json.Decoder(Entry)


def read(value: bytes | None) -> Entry:
    """Raises `Violation` where the record is no entry at all."""
    try:
        return _ENTRY.decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Violation(f"is no entry that anybody could read: {error}") from None


def minor(text: str, scale: int) -> int:
    """`12.50` at scale 2 is 1250. Raises `Violation` where the text is no amount of this scale."""
    digits = text
    if scale:
        whole, _, fraction = text.partition(".")
        digits = whole + fraction
        if len(fraction) != scale:
            raise Violation(f"names {text}, which has not the {scale} decimals of its ledger")
    unsigned = digits[1:] if digits[:1] == "-" else digits
    if not (unsigned.isascii() and unsigned.isdigit()):
        raise Violation(f"names {text}, which is no amount of scale {scale}")
    return int(digits)


def scale_of(text: str) -> int:
    """How many decimals an amount is written with."""
    return len(text.partition(".")[2])
