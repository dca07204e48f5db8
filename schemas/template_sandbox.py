"""The sandbox that templates run in: Jinja's immutable one, with everything in it bounded and nothing in it random.

A text to a person is short. So what a template makes on the way is bounded as well as what comes out: no text of more than 16 KiB, no
list of more than 1,000 items, nor of more than 4,000 with all that lies in them and their texts 16 KiB together, no number of more than
256 bits; and a loop is counted where it runs (`templates.py`). Whatever would go beyond raises `TooMuch`, before it is made where it
could be large at once. What is made is also summed up over the whole rendering, with what it is made of (`Counts`): that bounds its time
without a clock.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from decimal import Decimal
from itertools import islice
from re import compile as pattern
from typing import Any, Final, NoReturn, Protocol

from jinja2 import ChainableUndefined, Undefined, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace, _PassArg

TEXT_MAX: Final = 16 * 1024
ITEMS_MAX: Final = 1_000
_NESTED_MAX: Final = 4 * ITEMS_MAX
_BITS_MAX: Final = 256
_DIGITS_MAX: Final = 256  # of an exact number, before its point or behind it
USE: Final = "_use"
"""By this name a rendering has its `Counts`."""
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


class Counts(Protocol):
    """What one rendering does, summed up. Raises `TooMuch` where it is too much."""

    def spend(self, work: int) -> None: ...


def bounded(made: Any) -> Any:
    """The same, if it is no more than a template may make."""
    if isinstance(made, int) and made.bit_length() > _BITS_MAX:
        raise TooMuch("a number grew too large")
    if isinstance(made, Decimal) and abs(made.adjusted()) > _DIGITS_MAX:
        raise TooMuch("a number grew too large")
    if isinstance(made, Sized) and len(made) > (TEXT_MAX if isinstance(made, str) else ITEMS_MAX):
        raise TooMuch("a text or list grew too long")
    if _is_many(made):
        items, letters = _held_by(made)
        if items > _NESTED_MAX or letters > TEXT_MAX:
            raise TooMuch("a text or list grew too long")
    return made


def _is_many(value: Any) -> bool:
    """Whether other values lie in it: a list, a mapping, a view of one."""
    if isinstance(value, _SINGLE):
        return False
    return isinstance(value, Iterable) and isinstance(value, Sized)


def _held_by(value: Any) -> tuple[int, int]:
    """How many items lie in a list or mapping and in all that it holds, and how many characters they have; counted up to where it is too much."""
    items = letters = 0
    holders = [value]
    while holders and items <= _NESTED_MAX and letters <= TEXT_MAX:
        holder = holders.pop()
        inside = [*holder, *holder.values()] if isinstance(holder, Mapping) else holder
        items += len(inside)
        letters += sum([len(each) for each in inside if isinstance(each, str)])
        holders += [each for each in inside if _is_many(each)]
    return items, letters


_SINGLE: Final = (str, int, Decimal, float, Undefined, LoopContext)


def _size_of(value: Any) -> int:
    if isinstance(value, str):
        return 1 + len(value)
    return 1 + sum(_held_by(value)) if _is_many(value) else 1


class Sandbox(ImmutableSandboxedEnvironment):
    """`html`: values are escaped for it."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, *, html: bool) -> None:
        super().__init__(autoescape=html, undefined=Nothing, finalize=shown, cache_size=0)
        self.filters = {name: _bounded(name, filter_) for name, filter_ in self.filters.items() if name not in _LEFT_OUT}
        self.filters["or"] = _or
        self.filters |= {BOUNDED: _counted, COUNTED: _seen, SHOWN: shown}
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
        return _counted(context, super().call_binop(context, operator, _beside(left, right), _beside(right, left)))

    def call(self, context: Any, called: Any, *given: Any, **named: Any) -> Any:
        _count(context, getattr(called, "__self__", None))
        return _counted(context, super().call(context, called, *given, **named))


def _beside(value: Any, other: Any) -> Any:
    """A number with a point, as the template wrote it, beside an exact one: exact as well."""
    return Decimal(repr(value)) if isinstance(value, float) and isinstance(other, Decimal) else value


BOUNDED: Final = "_bounded"
COUNTED: Final = "_counted"
SHOWN: Final = "_shown"


def shown(value: Any) -> Any:
    """A value as it is printed: nothing is empty, a Boolean is written as in JSON. What is no value, such as a function, is none to print:
    Python would write where in memory it lies, which is different each time.
    """
    if isinstance(value, (str, Undefined)):  # the plain kind is what an `if` without `else` leaves inside of an expression
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


def _count(context: Any, *values: Any) -> None:
    """What is worked with counts for the rendering."""
    uses: Counts = context[USE]
    uses.spend(sum(map(_size_of, values)))


@pass_context
def _counted(context: Any, made: Any) -> Any:
    _count(context, bounded(made))
    return made


@pass_context
def _seen(context: Any, value: Any) -> Any:
    _count(context, value)
    return value


def _handed(wants: _PassArg, context: Any) -> Any:
    """What Jinja hands to a filter that is marked for it."""
    if wants is _PassArg.context:
        return context
    return context.eval_ctx if wants is _PassArg.eval_context else context.environment


def _bounded(name: str, filter_: Callable[..., Any]) -> Callable[..., Any]:
    """The same filter, which makes no more than it may."""
    wants = _PassArg.from_obj(filter_)

    @pass_context
    def limited(context: Any, *given: Any, **named: Any) -> Any:
        _count(context, *given, *named.values())
        told = [value for value in (*given, *named.values()) if isinstance(value, (int, str))]
        if name in _COUNTED and any(isinstance(value, int) and abs(value) > ITEMS_MAX for value in told):
            raise TooMuch("a filter was told to make too much")
        if name == "format":
            _check_format(next((value for value in told if isinstance(value, str)), ""))
        if name == "replace":
            texts = [value for value in told if isinstance(value, str)]
            if len(texts) == 3 and (texts[0].count(texts[1]) + 1) * len(texts[2]) > TEXT_MAX:
                raise TooMuch("a text grew too long")
        if wants is not None:
            given = (_handed(wants, context), *given)
        made = filter_(*given, **named)
        return _counted(context, _listed(made) if isinstance(made, Iterator) else made)

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
