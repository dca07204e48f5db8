"""Lots: the order in which they are spent, and when something happens to one next. Pure questions; nothing is changed here."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from schemas.instants import Instant
from tables.state import Lot

SpendOrder = Literal["earliest-expiry", "earliest-earned"]

_NEVER: Final = 1 << 62


def spending_order(lots: Sequence[Lot], order: SpendOrder) -> list[Lot]:
    """Earliest expiry first, never-expiring last, then earliest earned, then id; or earliest earned first."""
    return sorted(lots, key=spending_key(order))


def spending_key(order: SpendOrder) -> Callable[[Lot], tuple[int, int, str]]:
    """What lots are sorted by when points are spent."""
    return lambda lot: spending_place(lot, order)


def spending_place(lot: Lot, order: SpendOrder) -> tuple[int, int, str]:
    """Where a lot stands among others when points are spent."""
    expires_at = lot.expires_at
    at = _NEVER if expires_at is None else expires_at
    if order == "earliest-earned":
        return lot.earned_at, at, lot.lot_id
    return at, lot.earned_at, lot.lot_id


def by_age(lots: Iterable[Lot]) -> list[Lot]:
    """Earliest earned first, then by id: where all of some lots have the same thing happen to them. Never in the order in which they
    lie, for that tells which of them have been in a page.
    """
    return sorted(lots, key=age)


def age(lot: Lot) -> tuple[Instant, str]:
    return lot.earned_at, lot.lot_id


def next_at(lot: Lot) -> Instant | None:
    """The next instant at which something happens to an open lot: its activation or its expiry."""
    if not lot.remaining:
        return None
    if lot.active or lot.activates_at is None:
        return lot.expires_at
    return lot.activates_at if lot.expires_at is None else min(lot.activates_at, lot.expires_at)


def past_their_date(lots: Iterable[Lot], now: Instant) -> dict[str, int]:
    """What of active lots cannot be used any more, though its expiry is not booked yet, by lot (minor)."""
    return {lot.lot_id: lot.remaining for lot in lots if lot.active and lot.expires_at is not None and lot.expires_at <= now}
