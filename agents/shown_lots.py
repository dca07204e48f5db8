"""Shown lots: the open lots of a ledger as the topic `balances` tells them, kept as text from one record to the next.

It tells those that come first and how many more there are: a lot takes some 190 bytes of text and is told with every change of its
profile, so with all of them whoever buys often would make up most of what the broker stores.

Most records add one lot behind those that were told before; then only that one is put into words, if it is told at all. Where the last ones
were put into a page (`tables/pages.py`), those that are told stay as they were. It is a cache and nothing else: what comes out is the same
without it. Bounded by the bytes of what it keeps.
"""

from typing import Final

from msgspec import Struct

from schemas.amounts import format_points
from schemas.events import LotBalance, encode, encode_list
from schemas.instants import format_instant
from schemas.program import PointType
from tables import packed_lots
from tables.lots import SpendOrder, spending_place
from tables.state import Ledger, Lot, unpack_lots

Place = tuple[str, str, str]
"""Profile, program, and the ledger's key."""
Order = tuple[bool, bool, int, tuple[int, int, str]]

SHOWN_MAX: Final = 20
_NONE: Final[Order] = (False, False, 0, (0, 0, ""))
_SHOWN_BYTES: Final = 16 * 1024 * 1024
_ENTRY_BYTES: Final = 400  # what an entry takes beside its bytes


class _Shown(Struct, gc=False, frozen=True):
    """The lots that were told last: how many (-1: nothing to go on from), each as it is stored, one behind the other, and the first of them as
    text, in which order and scale; none of all stands behind `last`. `in_order`: they are stored so. `omitted`: how many are not in the text.
    """

    number: int
    elements: bytes
    text: bytes
    scale: int
    order: SpendOrder
    last: Order
    in_order: bool
    omitted: int

    @property
    def kept_bytes(self) -> int:
        return _ENTRY_BYTES + len(self.text) + len(self.elements)


class ShownLots:
    def __init__(self, at_most_bytes: int = _SHOWN_BYTES) -> None:
        self._generation_bytes = at_most_bytes // 2
        self._young: dict[Place, _Shown] = {}
        self._old: dict[Place, _Shown] = {}
        self._young_bytes = 0

    def show(self, place: Place, ledger: Ledger, point: PointType) -> tuple[bytes, int]:
        """The open lots that come first of those in the ledger's own record, in JSON already: the elements of a list. And how many more there are."""
        young = self._young.get(place)
        before = self._old.get(place) if young is None else young
        after = None if before is None or ledger.opened is not None else _from(before, bytes(ledger.packed), point)
        if after is None:
            after = _afresh(ledger, point)
        if after is not young:
            self._young[place] = after
            self._young_bytes += after.kept_bytes - (0 if young is None else young.kept_bytes)
            if self._young_bytes > self._generation_bytes:
                self._old, self._young, self._young_bytes = self._young, {}, 0
        return after.text, after.omitted


def open_lots(lots: list[Lot], order: SpendOrder) -> list[Lot]:
    """Active lots in spending order, then pending ones by activation."""
    return sorted(lots, key=lambda lot: _place_of(lot, order))


def lot_balance(lot: Lot, scale: int) -> LotBalance:
    return LotBalance(
        lot_id=lot.lot_id,
        remaining=format_points(lot.remaining, scale),
        state="active" if lot.active else "pending",
        activates_at=None if lot.activates_at is None else format_instant(lot.activates_at),
        expires_at=None if lot.expires_at is None else format_instant(lot.expires_at),
        earned_at=format_instant(lot.earned_at),
        reserved=format_points(lot.reserved, scale) if lot.reserved else None,
        receipt_id=lot.receipt_id,
        legal_entity=lot.legal_entity,
        description=lot.description,
    )


def _place_of(lot: Lot, order: SpendOrder) -> Order:
    if lot.active:
        return False, False, 0, spending_place(lot, order)
    activates_at = lot.activates_at
    return True, activates_at is None, activates_at or 0, spending_place(lot, order)


def _afresh(ledger: Ledger, point: PointType) -> _Shown:
    order, scale = point.spend_order, point.scale
    stored_lots = ledger.look()
    lots = open_lots(stored_lots, order)
    last = _place_of(lots[-1], order) if lots else _NONE
    text = encode_list([lot_balance(lot, scale) for lot in lots[:SHOWN_MAX]])[1:-1]
    omitted = max(len(lots) - SHOWN_MAX, 0)
    if ledger.opened is not None:  # somebody is at work on them
        return _Shown(-1, b"", text, scale, order, last, False, omitted)
    stored = bytes(ledger.packed)
    return _Shown(len(lots), stored[packed_lots.header_bytes(stored) :], text, scale, order, last, lots == stored_lots, omitted)


def _from(before: _Shown, stored: bytes, point: PointType) -> _Shown | None:
    """What is to be told now, by what was told before; None where something else has changed than lots at the end."""
    if before.number < 0 or before.scale != point.scale or before.order != point.spend_order:
        return None
    header_bytes, number = packed_lots.header_bytes(stored), packed_lots.count(stored)
    if number < before.number:
        return _fewer(before, number, stored[header_bytes:])
    if not stored.startswith(before.elements, header_bytes):
        return None
    return before if number == before.number else _added(before, number, stored[header_bytes:])


def _fewer(before: _Shown, number: int, elements: bytes) -> _Shown | None:
    """Without the last ones, none of which was told; None where others are gone."""
    if not before.in_order or number < SHOWN_MAX or not before.elements.startswith(elements):
        return None
    return _Shown(number, elements, before.text, before.scale, before.order, before.last, True, number - SHOWN_MAX)


def _added(before: _Shown, number: int, elements: bytes) -> _Shown | None:
    """With the lots behind it; None where a new one belongs in between."""
    scale, order, known_number = before.scale, before.order, before.number
    last, text = before.last, before.text
    texts = [text] if text else []
    added = unpack_lots(packed_lots.listed(number - known_number, elements[len(before.elements) :]))
    for shown, lot in enumerate(added, known_number):
        place = _place_of(lot, order)
        if place < last:
            return None
        last = place
        if shown < SHOWN_MAX:
            texts.append(encode(lot_balance(lot, scale)))
    text = text if known_number >= SHOWN_MAX else b",".join(texts)
    return _Shown(number, elements, text, scale, order, last, before.in_order, max(number - SHOWN_MAX, 0))
