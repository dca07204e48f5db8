"""Amounts: decimals as integers, never through a float (CONTRACT 1)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.amounts import NANO, format_nano, format_points, is_decimal, parse_decimal, to_minor

nanos = st.integers(-(10**21) + 1, 10**21 - 1)


@pytest.mark.parametrize(
    ("value", "nano"),
    [
        ("0", 0),
        ("-0", 0),
        ("1", NANO),
        ("127.43", 127_430_000_000),
        ("0.000000001", 1),
        ("-0.5", -500_000_000),
        ("007", 7 * NANO),
        ("999999999999.999999999", 10**21 - 1),
        (5, 5 * NANO),
        (-3, -3 * NANO),
        (999_999_999_999, 999_999_999_999 * NANO),
    ],
)
def test_a_decimal_is_read_exactly(value: object, nano: int) -> None:
    assert parse_decimal(value) == nano


@pytest.mark.parametrize(
    "value",
    [
        "", " 1", "1 ", "1\n", "+1", "1_0", "1e3", "1E400", "1e400", "NaN", "nan", "Infinity", "-", ".5", "5.", "1.2.3", "1,5", "--1",
        "0x10", "１", "٣", "1" * 13, "1.0000000001", "1" * 100_000,
        10**12, -(10**12), True, False, None, [], {}, [1], 1.5, Decimal("1.5"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_a_sentence(value: Any) -> None:
    with pytest.raises(ValueError, match="must be a decimal") as caught:
        parse_decimal(value)
    assert len(str(caught.value)) < 200


@given(nanos)
def test_a_decimal_told_is_read_back(nano: int) -> None:
    assert parse_decimal(format_nano(nano)) == nano
    assert is_decimal(format_nano(nano, 2))
    assert Decimal(format_nano(nano)) * NANO == nano


@given(st.text(max_size=30))
def test_no_text_breaks_the_reader(text: str) -> None:
    if is_decimal(text):
        assert Decimal(text) * NANO == parse_decimal(text)
    else:
        with pytest.raises(ValueError, match="must be a decimal"):
            parse_decimal(text)


@pytest.mark.parametrize(
    ("minor", "scale", "text"),
    [(254, 2, "2.54"), (254, 0, "254"), (-254, 2, "-2.54"), (-4, 2, "-0.04"), (0, 2, "0.00"), (0, 0, "0"), (1, 7, "0.0000001"),
     (10**19, 7, "1000000000000.0000000"), (100, 1, "10.0")],
)  # fmt: skip
def test_points_have_as_many_decimals_as_their_scale(minor: int, scale: int, text: str) -> None:
    assert format_points(minor, scale) == text


@given(st.integers(-(10**18), 10**18), st.integers(0, 7))
def test_points_told_are_read_back(minor: int, scale: int) -> None:
    text = format_points(minor, scale)
    if is_decimal(text):
        assert to_minor(parse_decimal(text), scale) == minor


@pytest.mark.parametrize(("text", "scale"), [("0.5", 0), ("1.001", 2), ("-0.1", 0), ("0.000000001", 7)])
def test_points_finer_than_the_scale_are_refused(text: str, scale: int) -> None:
    with pytest.raises(ValueError, match="must have"):
        to_minor(parse_decimal(text), scale)


def test_an_amount_of_money_keeps_its_decimals() -> None:
    assert format_nano(parse_decimal("12.5"), 2) == "12.50"
    assert format_nano(parse_decimal("12.505"), 2) == "12.505"
    assert format_nano(parse_decimal("12")) == "12"
    assert format_nano(-1) == "-0.000000001"
