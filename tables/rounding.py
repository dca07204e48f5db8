"""Rounding: the one place where an exact figure becomes whole points.

Pure. `Exact` is an int or a Fraction; no float is ever made. A program names its mode, and where a rounded sum has parts, the
largest remainder takes what the rounding left over, so that the parts always add up to the whole.
"""

from collections.abc import Iterable, Sequence
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
    """Whole parts that add up to `total`, which is what their exact sum was rounded to: each as near to its exact part as the
    largest-remainder method allows. Ties go to the earlier part.
    """
    wholes = [floor(part) for part in parts]
    order = sorted(range(len(parts)), key=lambda n: wholes[n] - parts[n])  # largest remainder first
    for n in order[: total - sum(wholes)]:
        wholes[n] += 1
    return wholes


def apportion_each(sums: Iterable[Sequence[Exact]], mode: Rounding) -> list[int]:
    """Whole parts of several sums that are each rounded by itself: what the first parts of all of them come to, the second ones, and so on.

    What a rounding leaves over stays with the parts of its own sum that are broken, so nobody pays for another one's fractions; of
    these it goes to who has had least of what was due to it in the sums so far. Ties go to the earlier part.
    """
    given: list[int] = []
    due: list[Exact] = []
    for parts in sums:
        if not given:
            given, due = [0] * len(parts), [0] * len(parts)
        wholes = [floor(part) for part in parts]
        broken = [n for n, part in enumerate(parts) if part != wholes[n]]
        for n in broken:
            due[n] += parts[n] - wholes[n]
        left = round_exact(sum(parts), mode) - sum(wholes)
        for n in sorted(broken, key=lambda n: -due[n])[:left]:
            wholes[n] += 1
            due[n] -= 1
        given = [before + whole for before, whole in zip(given, wholes, strict=True)]
    return given
