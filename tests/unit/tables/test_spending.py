"""How many points a request takes: exact at every edge, and declined for the first reason that there is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.amounts import NANO, format_nano
from schemas.program import PointType, Ratio, Redeem
from schemas.schedules import IMMEDIATELY, NEVER, parse_length
from tables.spending import Declined, Wanted, points_named, points_taken, worth

HUNDRED_A_POUND = Ratio(points_minor=100, money_nano=NANO)


def point_type(*, ratio: Ratio | None = HUNDRED_A_POUND, scale: int = 0, **redeem: Any) -> PointType:
    rules = {"minimum_minor": 0, "multiple_minor": 1, "max_share_nano": NANO, "partial": False, **redeem}
    return PointType(
        sid="pts",
        name="Points",
        scale=scale,
        rounding="floor",
        round="receipt",
        initial_balance_minor=0,
        ratio=ratio,
        activation=IMMEDIATELY,
        activate_on=None,
        expiration=NEVER,
        expires_from="session",
        renew_on=(),
        spend_order="earliest-expiry",
        returns="pending-only",
        on_return="recompute",
        reinstate_expired=parse_length("0 days"),
        redeem=Redeem(**rules),
        hold=parse_length("1 minute"),
        max_hold=parse_length("1 minute"),
        max_balance_minor=None,
        limit=None,
        legal_entity=None,
        description=None,
    )


def points(amount: int, order_total: int | None = None) -> Wanted:
    return Wanted(amount * NANO, None, None if order_total is None else order_total * NANO)


def pence(amount: int, order_total: int | None = None) -> Wanted:
    return Wanted(None, amount * NANO // 100, None if order_total is None else order_total * NANO)


def outcome(wanted: Wanted, point: PointType, active: int) -> int | str:
    try:
        return points_taken(wanted, point, active)
    except Declined as declined:
        return declined.reason


@pytest.mark.parametrize(
    ("wanted", "point", "active", "expected"),
    [
        pytest.param(points(100), point_type(), 100, 100, id="all that is there may be taken"),
        pytest.param(points(101), point_type(), 100, "insufficient-points", id="and not one more"),
        pytest.param(pence(150), point_type(), 1_000, 150, id="money takes its points"),
        pytest.param(
            pence(150), point_type(ratio=Ratio(points_minor=7, money_nano=NANO)), 1_000, 11, id="rounded up to the unit"
        ),
        pytest.param(pence(150), point_type(multiple_minor=100), 1_000, 200, id="then to the multiple"),
        pytest.param(pence(150), point_type(ratio=None), 1_000, "no-ratio", id="money that has no price takes none"),
        pytest.param(
            points(1, 9), point_type(ratio=None, max_share_nano=NANO // 2), 9, "no-ratio", id="nor is there a share of it"
        ),
        pytest.param(
            points(1), point_type(max_share_nano=NANO // 2), 0, "order-total-required", id="a share asks for the total first"
        ),
        pytest.param(Wanted(3 * NANO // 2, None), point_type(), 9, "not-a-multiple", id="half a unit is no multiple of it"),
        pytest.param(
            points(150), point_type(multiple_minor=100, minimum_minor=200), 0, "not-a-multiple", id="multiple before minimum"
        ),
        pytest.param(points(100), point_type(minimum_minor=101), 0, "below-minimum", id="minimum before what is there"),
        pytest.param(points(100), point_type(minimum_minor=100), 100, 100, id="the minimum itself is enough"),
        pytest.param(
            points(501, 10), point_type(max_share_nano=NANO // 2), 0, "above-max-share", id="share before what is there"
        ),
        pytest.param(points(500, 10), point_type(max_share_nano=NANO // 2), 500, 500, id="the share itself may be paid"),
        pytest.param(points(1_001, 10), point_type(), 9_999, "above-max-share", id="never more than the order is worth"),
        pytest.param(points(1, 0), point_type(), 9_999, "above-max-share", id="an order of nothing takes nothing"),
    ],
)
def test_all_or_nothing(wanted: Wanted, point: PointType, active: int, expected: int | str) -> None:
    assert outcome(wanted, point, active) == expected


@pytest.mark.parametrize(
    ("wanted", "rules", "active", "expected"),
    [
        pytest.param(points(500), {}, 120, 120, id="what is there"),
        pytest.param(points(50), {}, 120, 50, id="no more than was asked for"),
        pytest.param(points(500, 1), {}, 999, 100, id="no more than the order is worth"),
        pytest.param(points(500), {"multiple_minor": 50}, 120, 100, id="down to the multiple"),
        pytest.param(Wanted(5 * NANO // 2, None), {}, 120, 2, id="down to the unit, which is a multiple too"),
        pytest.param(points(500), {"minimum_minor": 121}, 120, "below-minimum", id="never below the minimum"),
        pytest.param(points(500), {"multiple_minor": 200, "minimum_minor": 100}, 120, "below-minimum", id="after the multiple"),
        pytest.param(points(500), {}, 0, "insufficient-points", id="nothing is not a part"),
        pytest.param(points(500), {"multiple_minor": 200}, 120, "insufficient-points", id="less than one multiple is nothing"),
    ],
)
def test_partial(wanted: Wanted, rules: dict[str, Any], active: int, expected: int | str) -> None:
    assert outcome(wanted, point_type(partial=True, **rules), active) == expected


def test_a_rollback_names_its_points_exactly() -> None:
    assert points_named(points(150), point_type(multiple_minor=100)) == 150
    assert points_named(pence(1), point_type(ratio=Ratio(points_minor=7, money_nano=NANO), multiple_minor=100)) == 1
    with pytest.raises(Declined, match="not-a-multiple"):
        points_named(Wanted(NANO // 2, None), point_type())
    with pytest.raises(Declined, match="no-ratio"):
        points_named(pence(1), point_type(ratio=None))


@pytest.mark.parametrize(
    ("minor", "decimals", "expected"), [(254, 2, "2.54"), (254, 0, "2"), (254, 3, "2.540"), (0, 2, "0.00")], ids=str
)
def test_worth_is_told_in_the_minor_unit_of_the_currency(minor: int, decimals: int, expected: str) -> None:
    assert worth(minor, HUNDRED_A_POUND, decimals) == expected


def test_points_without_a_price_are_worth_nothing_that_could_be_told() -> None:
    assert worth(254, None, 2) is None


@given(
    money=st.integers(1, 10**15),
    active=st.integers(0, 10**15),
    share=st.integers(1, NANO),
    total=st.integers(0, 10**15),
    multiple=st.integers(1, 1_000),
    ratio=st.tuples(st.integers(1, 10**6), st.integers(1, 10**12)),
    partial=st.booleans(),
)
def test_nobody_pays_more_than_there_is_or_than_the_order_bears(
    money: int, active: int, share: int, total: int, multiple: int, ratio: tuple[int, int], partial: bool
) -> None:
    priced = Ratio(points_minor=ratio[0], money_nano=ratio[1])
    point = point_type(ratio=priced, multiple_minor=multiple, max_share_nano=share, partial=partial)
    taken = outcome(Wanted(None, money, total), point, active)
    if isinstance(taken, int):
        assert 0 < taken <= active
        assert taken % multiple == 0
        assert taken * ratio[1] * NANO <= total * share * ratio[0], format_nano(total)
        assert partial or taken * ratio[1] >= money * ratio[0]
