"""Amounts: decimals as integers, in and out.

`nano` is a decimal times 10^9, as a record or the program file writes quantities, prices and rates; `minor` is points in the
smallest unit of their point type. A float never comes in here (JSON is decoded with `float_hook=str`) and none is made.
The grammar is narrow on purpose: what Python's `int`, `float` or `Decimal` would also take (`1_0`, ` 1`, `+1`, `1e3`, `NaN`,
digits of other scripts) is refused, so that every reader of a record reads the same number.
"""

import re
from typing import Final

from schemas.instants import shown

NANO: Final = 10**9
MAX_SCALE: Final = 7
POINTS_MINOR_MAX: Final = 9 * 10**18
"""What one ledger may ever issue, in minor units: it fits into 64 bits, wherever it is stored."""
COUNTED_MAX: Final = 9 * 10**18
"""What is remembered of money and quantities, in nano: likewise."""


_DECIMAL: Final = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,9}))?")
_PER_MINOR: Final[tuple[int, ...]] = tuple(10 ** (9 - scale) for scale in range(10))
_PER_POINT: Final[tuple[int, ...]] = tuple(10**scale for scale in range(10))
INT_END: Final = 10**12
_SMALL_END: Final = 4_096
_SMALL: Final = tuple([str(number) for number in range(_SMALL_END)])
_TEXTS_MAX: Final = 65_536
_texts: Final[dict[str, int]] = {}
"""Decimals that were read lately, in nano."""


def parse_decimal(value: object) -> int:
    """Nano of a decimal, given as text or as a whole number; ValueError says what is wrong."""
    if type(value) is int:  # and no bool
        if -INT_END < value < INT_END:
            return value * NANO
        raise ValueError("must be a decimal of at most 12 digits before the point")
    if isinstance(value, str):
        return parse_text(value)
    raise ValueError(f"must be a decimal like 12.50, is {_kind(value)}")


def is_decimal(text: str) -> bool:
    """Whether a text spells a decimal as `parse_decimal` wants it."""
    return _DECIMAL.fullmatch(text) is not None


def to_minor(nano: int, scale: int) -> int:
    """Points in the smallest unit of a scale; ValueError where the amount is finer than the scale."""
    minor, finer = divmod(nano, _PER_MINOR[scale])
    if finer:
        decimals = "whole points" if scale == 0 else f"at most {scale} decimal{'s' if scale > 1 else ''}"
        raise ValueError(f"must have {decimals}, is {format_nano(nano)}")
    return minor


def minor_of(text: str) -> int:
    """What `format_points` made of minor units, back again."""
    return int(text.replace(".", ""))


def format_points(minor: int, scale: int) -> str:
    """Points as text with exactly `scale` decimals and no exponent: 254 at scale 2 is `2.54`."""
    if scale == 0:
        return _SMALL[minor] if 0 <= minor < _SMALL_END else str(minor)
    points, rest = divmod(abs(minor), _PER_POINT[scale])
    return f"{'-' if minor < 0 else ''}{points}.{rest:0{scale}d}"


def format_nano(nano: int, decimals: int = 0) -> str:
    """A decimal as text, with at least so many decimals and no zeros after them."""
    whole, rest = divmod(abs(nano), NANO)
    fraction = f"{rest:09d}".rstrip("0").ljust(decimals, "0")
    text = f"{whole}.{fraction}" if fraction else str(whole)
    return f"-{text}" if nano < 0 else text


def parse_text(text: str) -> int:
    """Nano of a decimal given as text: the heart of `parse_decimal`. Prices come again and again, so what was read is kept for a while."""
    nano = _texts.get(text)
    return _read_text(text) if nano is None else nano


def _read_text(text: str) -> int:
    found = _DECIMAL.fullmatch(text)
    if found is None:
        raise ValueError(f"must be a decimal like 12.50, is {shown(text)}")
    sign, whole, fraction = found.groups()
    nano = int(whole) * NANO
    if fraction is not None:
        nano += int(fraction.ljust(9, "0"))
    if sign:
        nano = -nano
    if len(_texts) >= _TEXTS_MAX:
        _texts.clear()
    _texts[text] = nano
    return nano


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else f"a {type(value).__name__}"
