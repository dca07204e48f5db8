"""The two kinds of value that a record writes as text and the product keeps as an integer: decimals and instants.

The names type the fields of records (`records.py`); what they say of a value is how it is read (`reading.py`). Both are plain integers
afterwards, so that no number ever passes through a binary float.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Nano = int
    At = int
else:

    class _PlainInt(type):
        """Fields typed by these names hold plain integers; the names only choose how the JSON value is read.

        What is read is asked for its type once a field; reading gives nothing but integers, so the answer is yes, and quick.
        """

        __instancecheck__ = type  # called with the value: its type, which is true

    class Nano(metaclass=_PlainInt):
        """A decimal times 10^9."""

    class At(metaclass=_PlainInt):
        """An instant in microseconds."""
