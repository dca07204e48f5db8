"""What is remembered: a profile with its memberships, ledgers and open lots; a receipt; a lot that is used up.

Pure values with a compact, versioned encoding. A profile record holds only what every update needs; what a receipt earned and
lots that are used up live under keys of their own, so the hot record stays small. Nothing here decides anything: how a balance
may change is `ledger.py`.

Whoever changes a profile works on a `draft` and puts it back whole, so that an exception half-way changes nothing.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

from schemas.instants import Instant

FORMAT: Final = 1
"""The number that every stored value begins with: a program reads its own and the one before, and refuses a newer one."""


class StateFormatError(Exception):
    """A stored value was written by a newer version of pointstream."""


class Lot(Struct, gc=False, array_like=True, frozen=True):
    """Points from one cause. Half-open life: usable from `activates_at` up to, not including, `expires_at`.

    Points are minor units. `active` says whether the activation has fired; `activates_at` None waits for an event.
    `issued = remaining + reserved + expired + what was redeemed, reversed, written off or paid as debt`.
    """

    lot_id: str
    issued: int
    remaining: int
    active: bool
    earned_at: Instant
    activates_at: Instant | None
    expires_at: Instant | None
    reserved: int = 0
    expired: int = 0
    application: str | None = None
    receipt_id: str | None = None
    legal_entity: str | None = None
    description: str | None = None


class Ledger(Struct, gc=False, array_like=True):
    """The totals of one point type and subledger, minor units, and the open lots in order of birth."""

    active: int = 0
    pending: int = 0
    reserved: int = 0
    redeemed: int = 0
    expired: int = 0
    reversed: int = 0
    written_off: int = 0
    debt_paid: int = 0
    debt: int = 0
    issued: int = 0
    lots: list[Lot] = []

    def draft(self) -> "Ledger":
        return Ledger(
            self.active,
            self.pending,
            self.reserved,
            self.redeemed,
            self.expired,
            self.reversed,
            self.written_off,
            self.debt_paid,
            self.debt,
            self.issued,
            self.lots.copy(),
        )


class TierState(Struct, gc=False, array_like=True, frozen=True):
    """The tier held (None: none yet), the qualifying points, and since when each tier was held, oldest first."""

    tier: str | None = None
    qualifying: int = 0
    history: tuple[tuple[Instant, str | None], ...] = ()


class Membership(Struct, gc=False, array_like=True):
    """One profile in one program. `joined_at` None: points may be pending, but it is no member yet.

    `sequence` numbers all output of the profile in the program, `entry` its ledger entries; `usage` is what limits have used,
    by limit and period; ledgers and tiers are keyed by `ledger_key` and subledger ("" for none).
    """

    joined_at: Instant | None = None
    sequence: int = 0
    entry: int = 0
    ledgers: dict[str, Ledger] = {}
    tiers: dict[str, TierState] = {}
    usage: dict[str, int] = {}

    def draft(self) -> "Membership":
        ledgers = {key: ledger.draft() for key, ledger in self.ledgers.items()}
        return Membership(self.joined_at, self.sequence, self.entry, ledgers, self.tiers.copy(), self.usage.copy())


class Profile(Struct, gc=False, array_like=True):
    """Everything about one profile that an update needs. `due_at`: no thing of it is due before this instant."""

    settled_at: Instant
    due_at: Instant | None = None
    stopped: str | None = None
    programs: dict[str, Membership] = {}

    def draft(self) -> "Profile":
        programs = {name: membership.draft() for name, membership in self.programs.items()}
        return Profile(self.settled_at, self.due_at, self.stopped, programs)


class Earned(Struct, gc=False, array_like=True, frozen=True):
    """What a receipt earned in one ledger and has not given back: `points` minor, the lots it made, the limits it used.

    `gone`: how much of these lots had expired when that was last reckoned up; it is in `points` no more.
    """

    program: str
    point: str
    subledger: str
    points: int
    lots: tuple[str, ...] = ()
    usage: tuple[tuple[str, int], ...] = ()
    gone: int = 0


class Receipt(Struct, gc=False, array_like=True, frozen=True):
    """A receipt as it is remembered: which records of it were seen, by kind and revision, and what it earned.

    `revision` is the highest one applied; `last_at` the latest event time, from which `remember` counts.
    """

    revision: int
    last_at: Instant
    seen: dict[str, bytes]
    earned: tuple[Earned, ...] = ()


def ledger_key(point: str, subledger: str) -> str:
    return f"{point}/{subledger}" if subledger else point


def split_ledger_key(key: str) -> tuple[str, str]:
    """(point, subledger); a point's sid never holds a slash."""
    point, _, subledger = key.partition("/")
    return point, subledger


_ENCODER: Final = msgspec.msgpack.Encoder()
_PREFIX: Final = bytes([FORMAT])
_PROFILE: Final = msgspec.msgpack.Decoder(Profile)
_RECEIPT: Final = msgspec.msgpack.Decoder(Receipt)
_LOT: Final = msgspec.msgpack.Decoder(Lot)


def encode(value: Profile | Receipt | Lot) -> bytes:
    return _PREFIX + _ENCODER.encode(value)


def _decode(decoder: msgspec.msgpack.Decoder[Any], stored: bytes) -> Any:
    if stored[0] != FORMAT:
        raise StateFormatError(
            f"a stored value has format {stored[0]}, and this version of pointstream reads format {FORMAT}: "
            "run the version that wrote it, or a newer one"
        )
    return decoder.decode(memoryview(stored)[1:])


def decode_profile(stored: bytes) -> Profile:
    profile: Profile = _decode(_PROFILE, stored)
    return profile


def decode_receipt(stored: bytes) -> Receipt:
    receipt: Receipt = _decode(_RECEIPT, stored)
    return receipt


def decode_lot(stored: bytes) -> Lot:
    lot: Lot = _decode(_LOT, stored)
    return lot
