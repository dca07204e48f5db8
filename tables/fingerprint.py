"""A fingerprint of a partition's states: one number that is equal where two tables hold the same, however they came to hold it.

The sum (mod 2^256) of a SHA-256 of every key with what its value says, so it depends on no order, and the fingerprints of partitions
add up. What a value says, and not how it lies: formats and the layout of lots in pages are taken out. Of what is remembered only that
counts which no sweep can have taken yet (`forgotten`, the latest instant that any sweep was told): a table that was swept sooner than
another holds less, and means the same.

Two fingerprints are comparable if the same version of pointstream took them at the same cycle.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from schemas.instants import Instant
from tables.counted import Count
from tables.drafts import close_ledger, draft_of
from tables.keys import KINDS, page_key
from tables.pages import open_all
from tables.state import Lot, LotPage, PageRef, Planned, Profile
from tables.store import Store
from tables.stored import decode, known_from

_MODULUS: Final = 1 << 256
_PROFILE: Final = b"p"
_PAGE: Final = b"q"
_REMEMBERED: Final[dict[bytes, Any]] = dict(KINDS) | {b"n": Count, b"v": Planned}
_encode: Final = msgspec.msgpack.Encoder().encode


class Fingerprint(NamedTuple):
    """`states`: how many keys are in it."""

    number: int
    states: int

    @property
    def text(self) -> str:
        return f"{self.number:064x}"


def fingerprint(store: Store, forgotten: Instant | None) -> Fingerprint:
    """Of all that was flushed. Raises `StateFormatError`, or `OSError` where a page of lots is missing."""
    total = states = 0
    for key, stored in store.states(b""):
        letter = key[:1]
        if letter == _PAGE:
            continue  # its lots are counted with their ledger
        if letter == _PROFILE:
            said: Any = _whole(store, key[1:].decode(), decode(Profile, stored))
        elif letter in _REMEMBERED:
            said = decode(_REMEMBERED[letter], stored)
            if forgotten is not None and known_from(said) < forgotten:
                continue
        else:
            said = stored
        total += int.from_bytes(sha256(b"%d %b" % (len(key), key) + _encode(said)).digest(), "big")
        states += 1
    return Fingerprint(total % _MODULUS, states)


def together(fingerprints: Iterable[Fingerprint]) -> Fingerprint:
    """Of several partitions as of one table."""
    found = list(fingerprints)
    return Fingerprint(sum([one.number for one in found]) % _MODULUS, sum([one.states for one in found]))


def _whole(store: Store, profile_id: str, profile: Profile) -> Profile:
    """The profile with the lots of its pages among its own, in one order."""
    whole = draft_of(profile)
    for name, membership in whole.programs.items():
        for ledger_key, ledger in membership.ledgers.items():
            open_all(ledger, _fetch(store, profile_id, name, ledger_key))
            ledger.lots.sort(key=lambda lot: lot.lot_id)
            ledger.pages_made = 0
            close_ledger(ledger)
    return whole


def _fetch(store: Store, profile_id: str, program: str, ledger_key: str) -> Callable[[PageRef], Sequence[Lot]]:
    def fetch(page: PageRef) -> Sequence[Lot]:
        stored = store.get(page_key(profile_id, program, ledger_key, page.number))
        if stored is None:
            raise OSError(
                f"a page of lots is not there ({program} {ledger_key} {page.number}): rebuild the state from the changelog"
            )
        return decode(LotPage, stored).lots

    return fetch
