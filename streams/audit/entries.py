"""A ledger entry as anybody finds it in the topic: the published shape, as types of the auditor's own.

Pure. Amounts stay text until they are needed: an entry repeats ten terms, of which it changes two or three. `minor` makes of a text
the integer of its smallest units; a ledger has one scale, so nothing is ever rounded and no amount is a binary float.

Every number has a bound that no right entry comes near to. What lies beyond it is a violation, and nothing that the auditor would have to
keep: what is kept has 64 bits, and a record that could not be kept would end every run that comes to it.
"""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

NUMBER_MAX: Final = 2**63 - 1
DECIMALS_MAX: Final = 9
_DIGITS_MAX: Final = 80  # the dearest receipt at the best of rates has some 60
_SHOWN: Final = 40
Number = Annotated[int, Meta(ge=1, le=NUMBER_MAX)]
"""What counts entries: from 1."""
Name = Annotated[str, Meta(min_length=1)]


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
    program: Name
    profile_id: Name
    sequence: Number
    entry: Number
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
    """`12.50` at scale 2 is 1250. Raises `Violation` where the text is no amount of this scale, or more than any ledger holds."""
    amount = given(text, scale)
    if not -NUMBER_MAX <= amount <= NUMBER_MAX:
        raise Violation(f"names {_shown(text)}, which is more than any ledger holds")
    return amount


def given(text: str, scale: int) -> int:
    """Likewise, what a rule gave or a limit kept back: most of it may be in no ledger, and the auditor keeps nothing of it."""
    digits = text
    if scale:
        whole, _, fraction = text.partition(".")
        digits = whole + fraction
        if len(fraction) != scale:
            raise Violation(f"names {_shown(text)}, which has not the {scale} decimals of its ledger")
    unsigned = digits[1:] if digits[:1] == "-" else digits
    if not (unsigned.isascii() and unsigned.isdigit()):
        raise Violation(f"names {_shown(text)}, which is no amount of scale {scale}")
    if len(unsigned) > _DIGITS_MAX:
        raise Violation(f"names {_shown(text)}, which is more than any ledger holds")
    return int(digits)


def scale_of(text: str) -> int:
    """How many decimals an amount is written with; of more than there may be, as many as may be: it fits no ledger then."""
    return min(len(text.partition(".")[2]), DECIMALS_MAX)


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} characters)"
