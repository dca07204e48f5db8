"""How an entry tells of what it is about: a part of a lot, the balance after it, and its cause within an id. Pure; decides nothing."""

from schemas.amounts import format_points
from schemas.events import BalanceView, Cause, LotView
from schemas.instants import format_instant
from tables.state import Ledger, Lot


def cause_text(cause: Cause) -> str:
    """The values of a cause, as ids are made of them."""
    return "\x1f".join([value if type(value) is str else str(value) for value in cause.values()])


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
    terms = (
        ledger.active,
        ledger.pending,
        ledger.reserved,
        ledger.redeemed,
        ledger.expired,
        ledger.reversed,
        ledger.written_off,
        ledger.debt_paid,
        ledger.debt,
        ledger.issued,
    )
    return BalanceView(*[format_points(term, scale) if term or scale else "0" for term in terms])
