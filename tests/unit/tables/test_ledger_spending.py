"""The moves of spending: lots in their order, books that balance after each, and points that come back to their own lots."""

import pytest
from msgspec import structs

from schemas.instants import DAY_US, Instant
from tables import ledger
from tables.books import InvariantViolated
from tables.state import Ledger, Lot


def lot(name: str, points: int, expires_at: Instant | None = None, earned_at: Instant = 0) -> Lot:
    return Lot(name, points, points, True, earned_at, earned_at, expires_at)


def holding(*lots: Lot) -> Ledger:
    found = Ledger()
    ledger.accrue(found, lots)
    return found


def shown(parts: ledger.Parts) -> list[tuple[str, int]]:
    return [(lot.lot_id, points) for lot, points in parts]


def remaining(found: Ledger) -> dict[str, tuple[int, int]]:
    return {lot.lot_id: (lot.remaining, lot.reserved) for lot in found.lots}


def test_spending_goes_lot_by_lot_in_order_and_tells_what_is_used_up() -> None:
    found = holding(lot("never", 50), lot("late", 50, 20), lot("soon", 50, 10))
    spent = ledger.redeem(found, 70, "earliest-expiry")
    assert shown(spent.parts) == [("soon", 50), ("late", 20)]
    assert [used.lot_id for used in spent.used] == ["soon"]
    assert remaining(found) == {"never": (50, 0), "late": (30, 0)}
    assert (found.active, found.redeemed) == (80, 70)


def test_what_is_written_off_was_active() -> None:
    found = holding(lot("a", 50))
    ledger.write_off(found, 20, "earliest-expiry")
    assert (found.active, found.written_off) == (30, 20)


@pytest.mark.parametrize("points", [0, -1, 51])
def test_no_more_than_is_active_is_ever_spent(points: int) -> None:
    with pytest.raises(InvariantViolated, match="what is spent is there"):
        ledger.redeem(holding(lot("a", 50)), points, "earliest-expiry")


def test_what_is_held_stays_in_its_lot_until_it_is_spent() -> None:
    found = holding(lot("a", 50, 10), lot("b", 50, 20))
    held = ledger.reserve(found, 60, "earliest-expiry")
    assert (found.active, found.reserved) == (40, 60)
    assert remaining(found) == {"a": (0, 50), "b": (40, 10)}
    spent = ledger.commit(found, held.parts)
    assert (found.active, found.reserved, found.redeemed) == (40, 0, 60)
    assert [used.lot_id for used in spent.used] == ["a"]


def test_of_a_lot_partly_held_only_the_rest_expires() -> None:
    found = holding(lot("a", 50, 10))
    held = ledger.reserve(found, 20, "earliest-expiry")
    expired = ledger.expire(found, found.lots[0])
    assert (expired.remaining, expired.reserved, expired.expired) == (0, 20, 30)
    released = ledger.release(found, held.parts)
    assert (found.active, found.reserved, found.expired) == (20, 0, 30)
    assert released.parts[0][0].expired == 30


def test_what_is_released_pays_debt_first() -> None:
    found = holding(lot("a", 50))
    held = ledger.reserve(found, 50, "earliest-expiry")
    ledger.take_back(found, 30, frozenset(), "allow-debt", "earliest-expiry")
    released = ledger.release(found, held.parts)
    assert (released.points, released.debt_paid) == (50, 30)
    assert (found.active, found.debt, found.debt_paid) == (20, 0, 30)


def test_a_lot_that_debt_takes_whole_is_told_as_used_up() -> None:
    found = holding(lot("a", 50))
    spent = ledger.redeem(found, 50, "earliest-expiry")
    ledger.take_back(found, 80, frozenset(), "allow-debt", "earliest-expiry")
    given = ledger.reinstate(found, _empty(spent), 5, 5, 5)
    assert (given.points, given.debt_paid, [used.lot_id for used in given.used]) == (50, 50, ["a"])
    assert (found.active, found.redeemed, found.debt, found.debt_paid, found.lots) == (0, 0, 30, 50, [])


def test_what_comes_back_comes_back_to_its_lot_with_its_dates() -> None:
    found = holding(lot("a", 50, 10), lot("b", 50, 20))
    spent = ledger.redeem(found, 60, "earliest-expiry")
    ledger.reinstate(found, _empty(spent), 5, 5, 5)
    assert {(lot.lot_id, lot.remaining, lot.expires_at) for lot in found.lots} == {("a", 50, 10), ("b", 50, 20)}
    assert (found.active, found.redeemed, found.issued) == (100, 0, 100)


@pytest.mark.parametrize(
    ("expired_ago", "expires_in"),
    [
        pytest.param(2 * DAY_US, 2 * DAY_US, id="two days ago: for two days more"),
        pytest.param(0, 2 * DAY_US, id="at this instant: likewise"),
        pytest.param(2 * DAY_US + 1, -2 * DAY_US - 1, id="longer ago: it stays expired"),
        pytest.param(-1, 1, id="not yet: it keeps its own date"),
    ],
)
def test_days_of_grace_for_what_has_expired(expired_ago: int, expires_in: int) -> None:
    at = 100 * DAY_US
    found = holding(lot("a", 50, at - expired_ago))
    spent = ledger.redeem(found, 50, "earliest-expiry")
    ledger.reinstate(found, _empty(spent), at, at - 2 * DAY_US, at + 2 * DAY_US)
    assert found.lots[0].expires_at == at + expires_in


def test_more_than_was_held_cannot_be_committed() -> None:
    found = holding(lot("a", 50))
    held = ledger.reserve(found, 20, "earliest-expiry")
    ledger.commit(found, held.parts)
    with pytest.raises(InvariantViolated, match="what is held is in its lot"):
        ledger.commit(found, held.parts)


def _empty(spent: ledger.Spent) -> ledger.Parts:
    """The lots as they are remembered: nothing in them."""
    return tuple([(structs.replace(lot, remaining=0, reserved=0), points) for lot, points in spent.parts])
