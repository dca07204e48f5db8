"""Sums that are rounded one by one, told by their parts: nobody gains or loses by what is not his."""

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.program import Rounding
from tables.rounding import apportion_each, round_exact

HALF, THIRD = Fraction(1, 2), Fraction(1, 3)
parts = st.fractions(-3, 30, max_denominator=12)
modes: st.SearchStrategy[Rounding] = st.sampled_from(("floor", "half-up", "half-even", "ceiling"))


@pytest.mark.parametrize(
    ("sums", "mode", "given_"),
    [
        pytest.param([[Fraction(9, 10), 0]] * 9 + [[0, 2]], "floor", [0, 2], id="what is whole pays for no fractions"),
        pytest.param([[Fraction(1, 10), 0]] * 9 + [[0, 2]], "ceiling", [9, 2], id="and gains by none"),
        pytest.param([[HALF, HALF]] * 4, "floor", [2, 2], id="equal parts come to the same"),
        pytest.param([[THIRD, 2 * THIRD]] * 3, "floor", [1, 2], id="others in proportion"),
        pytest.param([[HALF, HALF]], "floor", [1, 0], id="a tie goes to the earlier part"),
        pytest.param([], "floor", [], id="nothing is nothing"),
    ],
)
def test_what_a_rounding_leaves_goes_to_who_has_a_fraction_in_that_sum(
    sums: list[list[Fraction | int]], mode: Rounding, given_: list[int]
) -> None:
    assert apportion_each(sums, mode) == given_


@given(
    st.integers(1, 4).flatmap(lambda many: st.lists(st.lists(parts, min_size=many, max_size=many), min_size=1, max_size=8)), modes
)
def test_the_parts_add_up_to_the_rounded_sums_and_each_is_its_own_rounded_up_or_down(
    sums: list[list[Fraction]], mode: Rounding
) -> None:
    found = apportion_each(sums, mode)
    assert sum(found) == sum(round_exact(sum(each, Fraction(0)), mode) for each in sums)
    for n, whole in enumerate(found):
        assert sum(floor(each[n]) for each in sums) <= whole <= sum(ceil(each[n]) for each in sums)
