"""Spending: how many points a request takes, what they are worth, and why it is declined.

Pure, exact and in integers: points in minor units, money in nano. Money is rounded up to points and points are rounded down to
money, so that nobody spends more than there is and no order is paid more than it is worth. It knows nothing of lots: which ones
are taken is `ledger.py`.
"""

from typing import Final

from msgspec import Struct

from schemas.amounts import NANO, format_points
from schemas.program import PointType, Ratio

_PER_MINOR: Final[tuple[int, ...]] = tuple(10 ** (9 - decimals) for decimals in range(10))


class Declined(Exception):
    """A redemption that is not carried out. `reason` is the decision's, one word that never changes."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Wanted(Struct, gc=False, frozen=True):
    """What a request asks for: points or money, exactly one of them; and what the order comes to. All in nano."""

    points_nano: int | None
    money_nano: int | None
    order_total_nano: int | None = None


def points_taken(wanted: Wanted, point: PointType, active_minor: int) -> int:
    """How many points (minor) the request takes, more than 0.

    Raises `Declined`: `no-ratio`, `order-total-required`, `not-a-multiple`, `below-minimum`, `above-max-share`,
    `insufficient-points`, looked at in this order.
    """
    redeem = point.redeem
    if point.ratio is None and (wanted.money_nano is not None or redeem.max_share_nano < NANO):
        raise Declined("no-ratio")
    if wanted.order_total_nano is None and redeem.max_share_nano < NANO:
        raise Declined("order-total-required")
    points, finer = _asked(wanted, point, redeem.multiple_minor)
    share = _share(wanted, point)
    if redeem.partial:
        return _part(points, share, active_minor, point)
    if finer or points % redeem.multiple_minor:
        raise Declined("not-a-multiple")
    if points < redeem.minimum_minor:
        raise Declined("below-minimum")
    if share is not None and points > share:
        raise Declined("above-max-share")
    if points > active_minor:
        raise Declined("insufficient-points")
    return points


def points_named(wanted: Wanted, point: PointType) -> int:
    """The points (minor) that a rollback names, money rounded up to the unit. Raises `Declined`: `no-ratio`, `not-a-multiple`."""
    if point.ratio is None and wanted.money_nano is not None:
        raise Declined("no-ratio")
    points, finer = _asked(wanted, point, 1)
    if finer:
        raise Declined("not-a-multiple")
    return points


def worth(points_minor: int, ratio: Ratio | None, currency_decimals: int) -> str | None:
    """The money that so many points are worth, rounded down to the currency's minor unit; None where they have no price."""
    if ratio is None:
        return None
    money = points_minor * ratio.money_nano // (ratio.points_minor * _PER_MINOR[currency_decimals])
    return format_points(money, currency_decimals)


def _asked(wanted: Wanted, point: PointType, multiple_minor: int) -> tuple[int, int]:
    """The points (minor) that are asked for, and what is finer than their scale; of money, rounded up to the multiple."""
    if wanted.points_nano is not None:
        return divmod(wanted.points_nano, _PER_MINOR[point.scale])
    if wanted.money_nano is None or point.ratio is None:
        raise ValueError("a request names points, or money that has a ratio")
    exact_nano, step = wanted.money_nano * point.ratio.points_minor, point.ratio.money_nano * multiple_minor
    return -(-exact_nano // step) * multiple_minor, 0


def _share(wanted: Wanted, point: PointType) -> int | None:
    """The most points that may pay for the order, rounded down; None where nothing says so."""
    if wanted.order_total_nano is None or point.ratio is None:
        return None
    most = wanted.order_total_nano * point.redeem.max_share_nano * point.ratio.points_minor
    return most // (point.ratio.money_nano * NANO)


def _part(points: int, share: int | None, active_minor: int, point: PointType) -> int:
    """The least of what is asked for, what is there and what the order bears, then down to the multiple."""
    redeem = point.redeem
    most = min(points, active_minor) if share is None else min(points, active_minor, share)
    taken = most // redeem.multiple_minor * redeem.multiple_minor
    if taken < redeem.minimum_minor:
        raise Declined("below-minimum")
    if not taken:
        raise Declined("insufficient-points" if active_minor < redeem.multiple_minor else "below-minimum")
    return taken
