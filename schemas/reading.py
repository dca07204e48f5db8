"""How a decimal or an instant of a record is read: several times a receipt, so this is compiled where anything is."""

from typing import Any, Final

from schemas.amounts import INT_END, NANO, parse_decimal, parse_text
from schemas.instants import parse_instant
from schemas.scalars import Nano

_NANO: Final = Nano  # a name of one's own is found at once where this is compiled


def read_scalar(wanted: Any, value: Any) -> Any:
    """msgspec's hook for `Nano` and `At`; a ValueError from here becomes a fault with its path."""
    if wanted is _NANO:
        if isinstance(value, str):
            return parse_text(value)
        return value * NANO if type(value) is int and -INT_END < value < INT_END else parse_decimal(value)
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004  msgspec tells these with their path
            "must be a time as text, such as 2026-01-31T12:00:00Z"
        )
    return parse_instant(value)
