"""Packed lots: a list of encoded lots that grows at its end without being read.

A MessagePack array is a header with the number of its elements, and then the elements; so one more element is a new header and
more bytes behind. Pure; what a lot is, is not known here.
"""

from typing import Final

from msgspec import Raw

EMPTY: Final = Raw(b"\x90")
_SHORT_MAX: Final = 15  # elements that the header of one byte can tell; then it takes three bytes, and then five
_SHORT: Final = 0x90
_SHORT_HEADERS: Final = tuple([bytes((_SHORT | number,)) for number in range(_SHORT_MAX + 1)])
_MIDDLE: Final = 0xDC
_MIDDLE_MAX: Final = 0xFFFF


def count(stored: bytes) -> int:
    """How many elements there are."""
    first = stored[0]
    if first & 0xF0 == _SHORT:
        return first & _SHORT_MAX
    return int.from_bytes(stored[1 : header_bytes(stored)])


def header_bytes(stored: bytes) -> int:
    """How many bytes say how many elements there are, before the first of them."""
    first = stored[0]
    if first & 0xF0 == _SHORT:
        return 1
    return 3 if first == _MIDDLE else 5


def added(packed: Raw, element: bytes) -> tuple[int, Raw]:
    """The same with one element more, and how many there are then."""
    stored = bytes(packed)
    first = stored[0]
    if _SHORT <= first < _SHORT | _SHORT_MAX:
        number = first - _SHORT + 1
        return number, Raw(_SHORT_HEADERS[number] + stored[1:] + element)
    number = count(stored) + 1
    return number, Raw(_header(number) + stored[header_bytes(stored) :] + element)


def listed(number: int, rest: bytes) -> bytes:
    """So many elements that follow upon each other, as a list of their own."""
    return _header(number) + rest


def _header(number: int) -> bytes:
    if number <= _SHORT_MAX:
        return _SHORT_HEADERS[number]
    if number <= _MIDDLE_MAX:
        return b"\xdc" + number.to_bytes(2)
    return b"\xdd" + number.to_bytes(4)
