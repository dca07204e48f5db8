"""Rounding: the one place where an exact figure becomes whole points.

Pure. `Exact` is an int or a Fraction; no float is ever made. A program names its mode, and where a rounded sum has parts, the
largest remainder takes what the rounding left over, so that the parts always add up to the whole.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import floor

from schemas.program import Rounding

Exact = int | Fraction


def round_exact(value: Exact, mode: Rounding) -> int:
    """A figure to a whole number. `half-up` rounds a half away from zero."""
    if isinstance(value, int):
        return value
    return round_ratio(value.numerator, value.denominator, mode)


def round_ratio(numerator: int, denominator: int, mode: Rounding) -> int:
    """numerator / denominator (above 0) to a whole number, without making the fraction."""
    whole = numerator // denominator
    if mode == "floor":
        return whole
    rest = numerator - whole * denominator
    if not rest:
        return whole
    if mode == "ceiling":
        return whole + 1
    twice = 2 * rest
    if twice != denominator:
        return whole + (twice > denominator)
    if mode == "half-up":
        return whole + (numerator > 0)
    return whole + (whole & 1)


def apportion(parts: Sequence[Exact], total: int) -> list[int]:
    """Whole parts that add up to `total`, each as near to its exact part as the largest-remainder method allows.

    Ties go to the earlier part. A total further off than one a part (rounding line by line) goes round again.
    """
    wholes = [floor(part) for part in parts]
    left = total - sum(wholes)
    if not left or not wholes:
        return wholes
    order = sorted(range(len(parts)), key=lambda n: wholes[n] - parts[n])  # largest remainder first
    step = 1 if left > 0 else -1
    if left < 0:
        order.reverse()
    for turn in range(abs(left)):
        wholes[order[turn % len(order)]] += step
    return wholes
