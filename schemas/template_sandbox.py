"""The sandbox that templates run in: Jinja's immutable one, with everything in it bounded and nothing in it random.

A text to a person is short. So what a template makes on the way is bounded as well as what comes out: no text of more than 16 KiB, no
list of more than 1,000 items, no number of more than 256 bits; and a loop is counted where it runs (`templates.py`). Whatever would go
beyond raises `TooMuch`, before it is made where it could be large at once. Together with the length of a template that bounds its
time without a clock.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from decimal import Decimal
from functools import wraps
from itertools import islice
from re import compile as pattern
from typing import Any, Final, NoReturn

from jinja2 import ChainableUndefined
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace

TEXT_MAX: Final = 16 * 1024
ITEMS_MAX: Final = 1_000
_BITS_MAX: Final = 256
_WIDE: Final = pattern(r"[0-9]{4}|\*")
_LEFT_OUT: Final = frozenset({"random", "pprint", "safe"})
"""What cannot be told again, what is for programmers, and what would let a value out unescaped."""
_COUNTED: Final = frozenset({"batch", "center", "indent", "round", "slice", "tojson", "wordwrap"})
"""Filters that make as much as a number tells them to."""
_OF_TEXT: Final = frozenset({
    "capitalize", "count", "endswith", "find", "isalnum", "isalpha", "isdigit", "lower", "lstrip", "removeprefix", "removesuffix",
    "rstrip", "split", "startswith", "strip", "swapcase", "title", "upper",
})  # fmt: skip
_OF_MAPPINGS: Final = frozenset({"get", "items", "keys", "values"})


class TooMuch(Exception):
    """A template that makes more than a text to a person can need."""


class Amount(Decimal):
    """Points or money, as a template may reckon with them; alone it prints in its own scale, without an exponent, and a text that says the
    same is equal to it.
    """

    def __str__(self) -> str:
        return format(self, "f")

    def __eq__(self, other: object) -> bool:
        return str(self) == other if isinstance(other, str) else super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = Decimal.__hash__


class Nothing(ChainableUndefined):
    """What is not there: empty, and so is whatever would be in it. It is neither more nor less than anything."""

    def __int__(self) -> int:  # type: ignore[override]
        return 0

    def __lt__(self, _other: object) -> bool:  # type: ignore[override]
        return False

    __le__ = __gt__ = __ge__ = __lt__  # type: ignore[assignment]

    def __call__(self, *_given: Any, **_named: Any) -> "Nothing":  # type: ignore[override]
        return self


def bounded(made: Any) -> Any:
    """The same, if it is no more than a template may make."""
    if isinstance(made, int) and made.bit_length() > _BITS_MAX:
        raise TooMuch("a number grew too large")
    if isinstance(made, Sized) and len(made) > (TEXT_MAX if isinstance(made, str) else ITEMS_MAX):
        raise TooMuch("a text or list grew too long")
    return made


class Sandbox(ImmutableSandboxedEnvironment):
    """`html`: values are escaped for it."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, *, html: bool) -> None:
        super().__init__(autoescape=html, undefined=Nothing, finalize=shown, cache_size=0)
        self.filters = {name: _bounded(name, filter_) for name, filter_ in self.filters.items() if name not in _LEFT_OUT}
        self.filters["or"] = _or
        self.filters |= {BOUNDED: bounded, SHOWN: shown}
        self.globals = {"range": _range, "dict": dict, "namespace": Namespace, "joiner": Joiner, "cycler": Cycler}
        self.policies["json.dumps_kwargs"] = {"sort_keys": True, "default": _inside}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """What a template may ask of a value: of the plain kinds only what is named here."""
        if attr.startswith("_"):
            return False
        if isinstance(obj, str):
            return attr in _OF_TEXT
        if isinstance(obj, Mapping):
            return attr in _OF_MAPPINGS
        return isinstance(obj, (LoopContext, Namespace, Joiner, Cycler)) or hasattr(obj, "for_templates")

    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:
        """What is not to be asked fails, and is not just empty."""
        raise SecurityError(f"{attribute} is not to be asked")

    def wrap_str_format(self, value: Any) -> None:
        """`format` of a text may make it as wide as it likes: it is not to be asked either."""

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and isinstance(left, str):
            _check_format(left)
        elif operator == "*":
            _check_times(left, right)
        elif operator == "**":
            _check_power(left, right)
        return bounded(super().call_binop(context, operator, _beside(left, right), _beside(right, left)))


def _beside(value: Any, other: Any) -> Any:
    """A number with a point, as the template wrote it, beside an exact one: exact as well."""
    return Decimal(repr(value)) if isinstance(value, float) and isinstance(other, Decimal) else value


BOUNDED: Final = "_bounded"
SHOWN: Final = "_shown"


def shown(value: Any) -> Any:
    """A value as it is printed: nothing is empty, a Boolean is written as in JSON. What is no value, such as a function, is none to print:
    Python would write where in memory it lies, which is different each time.
    """
    if isinstance(value, (str, ChainableUndefined)):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, default=_inside)
    if isinstance(value, (int, float)) or hasattr(value, "for_templates"):
        return value
    if isinstance(value, Iterable) and not isinstance(value, LoopContext):
        return shown(_listed(value))
    raise TypeError("this cannot be printed")


def _inside(value: Any) -> str:
    """A value inside of a list or mapping that is printed."""
    return str(shown(value))


def _listed(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = bounded(list(islice(values, ITEMS_MAX + 1)))
    return found


def _or(value: Any, otherwise: Any = "") -> Any:
    """Something else for what is not there, is empty or blank."""
    return otherwise if not value or (isinstance(value, str) and not value.strip()) else value


def _range(*bounds: int) -> Sequence[int]:
    made = range(*bounds)
    if len(made) > ITEMS_MAX:
        raise TooMuch("a range is too long")
    return made


def _bounded(name: str, filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The same filter, which makes no more than it may."""

    @wraps(filter_)  # with the marks by which Jinja knows what to hand it
    def limited(*given: Any, **named: Any) -> Any:
        told = [value for value in (*given, *named.values()) if isinstance(value, (int, str))]
        if name in _COUNTED and any(isinstance(value, int) and abs(value) > ITEMS_MAX for value in told):
            raise TooMuch("a filter was told to make too much")
        if name == "format":
            _check_format(next((value for value in told if isinstance(value, str)), ""))
        if name == "replace":
            texts = [value for value in told if isinstance(value, str)]
            if len(texts) == 3 and (texts[0].count(texts[1]) + 1) * len(texts[2]) > TEXT_MAX:
                raise TooMuch("a text grew too long")
        made = filter_(*given, **named)
        return _listed(made) if isinstance(made, Iterator) else bounded(made)

    return limited


def _check_format(text: str) -> None:
    if _WIDE.search(text):
        raise TooMuch("a format is too wide")


def _check_times(left: Any, right: Any) -> None:
    for one, other in ((left, right), (right, left)):
        most = TEXT_MAX if isinstance(one, str) else ITEMS_MAX
        if isinstance(one, (str, list, tuple)) and isinstance(other, int) and len(one) * other > most:
            raise TooMuch("a text or list grew too long")


def _check_power(left: Any, right: Any) -> None:
    if not isinstance(right, int) or abs(right) > 64 or (isinstance(left, int) and left.bit_length() * abs(right) > _BITS_MAX):
        raise TooMuch("a power is too large")
