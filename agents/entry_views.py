"""How an entry tells of what it is about: a part of a lot, the balance after it, and its cause within an id. Pure; decides nothing."""

from schemas.amounts import format_points
from schemas.events import BalanceView, Cause, LotView
from schemas.instants import format_instant
from tables.books import totals
from tables.state import Ledger, Lot


def cause_text(cause: Cause) -> str:
    """The values of a cause, as ids are made of them."""
    return "\x1f".join([value if isinstance(value, str) else str(value) for value in cause.values()])


def lot_view(lot: Lot, points: int, scale: int) -> LotView:
    """So many points (minor) of a lot."""
    return LotView(
        lot_id=lot.lot_id,
        points=format_points(points, scale),
        state="active" if lot.active else "pending",
        activates_at=None if lot.activates_at is None else format_instant(lot.activates_at),
        expires_at=None if lot.expires_at is None else format_instant(lot.expires_at),
        receipt_id=lot.receipt_id,
        line_id=lot.line_id,
    )


def balance_view(ledger: Ledger, scale: int) -> BalanceView:
    """All terms of the invariant, so that an entry proves itself."""
    active, pending, reserved, redeemed, expired, taken_back, written_off, debt_paid, debt, issued = totals(ledger)
    return BalanceView(
        format_points(active, scale),
        format_points(pending, scale),
        format_points(reserved, scale),
        format_points(redeemed, scale),
        format_points(expired, scale),
        format_points(taken_back, scale),
        format_points(written_off, scale),
        format_points(debt_paid, scale),
        format_points(debt, scale),
        format_points(issued, scale),
    )
