"""Conditions: structured, never code. They say which receipts, lines, profiles or events a rule speaks of.

    {category: ac-units}                         equal
    {channel: [online, in-store]}                one of
    {total: {at_least: "50.00", not: "99.00"}}   at_least, more_than, at_most, less_than, not, exists
    {all: [...]}, {any: [...]}, {not: {...}}     joined; several keys in one mapping mean all of them

What a value means:

- Of a list any element may match; one element has to satisfy all the bounds of one mapping. In a condition on a receipt the
  field of a line names the list over the receipt's lines.
- `not` beside a field is the denial of being equal: no element is equal. So it also holds where the field is absent, and
  `{tags: {not: staff}}` says what it reads like. `exists: true` beside it asks for a value as well.
- Numbers are compared exactly, as decimals. Where the record holds a number, so does a text of the condition that spells
  one (`1.5` is `1.50`). Free fields (`attributes.…`, `profile.…`) are numbers too where both sides spell one without idle
  zeros in front; codes that the contract calls text (`sku`, `store`, …) are compared as text, `007` is not `7`.
- Booleans are `true` and `false`. An absent field satisfies nothing but `not` and `exists: false`; an empty list is absent.

`matches` is compiled to closures once, when the program is loaded. It never fails, whatever a record holds.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Final, NamedTuple

from schemas.amounts import is_decimal
from schemas.condition_fields import DERIVED, FIELDS, FREE_PREFIXES, WORDS, Kind
from schemas.condition_tests import (
    COMPARE,
    Test,
    absent,
    all_tests,
    any_element,
    any_test,
    denied,
    either,
    equal_to,
    exists,
    no,
    shown_operand,
    spelled,
    text_of,
)
from schemas.instants import shown
from schemas.schedules import parse_duration

Lookup = Callable[[str], object]
Matcher = Callable[[Lookup], bool]

BOUNDS: Final = ("at_least", "more_than", "at_most", "less_than")
COMPARATORS: Final = (*BOUNDS, "not", "exists")
_JOINED: Final = {"and": "all", "or": "any"}  # what is spelled most like `and` is `any`, which means the other thing
_MAX_DEPTH: Final = 16


class ConditionFault(NamedTuple):
    """`path` is relative to the condition."""

    path: tuple[str, ...]
    reason: str


class Mention(NamedTuple):
    """A name that a condition takes from elsewhere in the program: of a tier, a segment or a point type."""

    path: tuple[str, ...]
    what: str
    name: str


class ConditionError(ValueError):
    """What is wrong with a condition, all at once; the names in it are told as well, they may be wrong too."""

    def __init__(self, faults: list[ConditionFault], mentions: list[Mention]) -> None:
        super().__init__("; ".join(f"{'.'.join(fault.path)}: {fault.reason}".removeprefix(": ") for fault in faults))
        self.faults = faults
        self.mentions = mentions


class Condition:
    """A compiled condition. `fields` are what it looks up, each as `lookup` gets it; equal where the sources are equal."""

    __slots__ = ("fields", "matches", "mentions", "source")

    source: object
    fields: frozenset[str]
    mentions: tuple[Mention, ...]
    matches: Matcher

    def __init__(self, source: object, fields: frozenset[str], mentions: tuple[Mention, ...], matches: Matcher) -> None:
        self.source = source
        self.fields = fields
        self.mentions = mentions
        self.matches = matches

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self.source == other.source

    def __hash__(self) -> int:
        return hash(repr(self.source))

    def __repr__(self) -> str:
        return f"Condition({self.source!r})"


def parse_condition(value: object, *, also: Iterable[str] = (), only: frozenset[str] | None = None) -> Condition:
    """A condition from what the program file holds; `also` are fields of its place (`trigger.`: a prefix ends with a dot); `only`:
    besides `profile.…` no fields but these are known there.

    Raises ConditionError with every fault in it.
    """
    parser = _Parser(tuple(also), only)
    matches = parser.mapping(value, (), 0)
    if parser.faults:
        raise ConditionError(parser.faults, parser.mentions)
    return Condition(value, frozenset(parser.fields), tuple(parser.mentions), matches)


class _Parser:
    """Collects faults, fields and mentions on its way through one condition."""

    def __init__(self, also: tuple[str, ...], only: frozenset[str] | None) -> None:
        self.also = also
        self.only = only
        self.faults: list[ConditionFault] = []
        self.fields: set[str] = set()
        self.mentions: list[Mention] = []

    def fault(self, path: tuple[str, ...], reason: str) -> Matcher:
        self.faults.append(ConditionFault(path, reason))
        return _never

    def mapping(self, value: object, path: tuple[str, ...], depth: int) -> Matcher:
        if not isinstance(value, Mapping):
            return self.fault(path, f"must be a condition (a mapping of fields), is {shown_operand(value)}")
        if not value:
            return self.fault(path, "must name at least one field, is empty")
        if depth > _MAX_DEPTH:
            return self.fault(path, f"must not be nested deeper than {_MAX_DEPTH}")
        parts: list[Matcher] = []
        for key, inner in value.items():
            here = (*path, str(key))
            if key in ("all", "any"):
                parts.append(self._joined(key, inner, here, depth))
            elif key == "not":
                parts.append(_negated(self.mapping(inner, here, depth + 1)))
            else:
                parts.append(self._field(str(key), inner, here))
        return _all_of(parts)

    def _joined(self, key: str, value: object, path: tuple[str, ...], depth: int) -> Matcher:
        if not isinstance(value, list) or not value:
            return self.fault(path, f"must be a list of conditions, is {shown_operand(value)}")
        parts = [self.mapping(inner, (*path, str(index)), depth + 1) for index, inner in enumerate(value)]
        return _all_of(parts) if key == "all" else _any_of(parts)

    def _field(self, field: str, value: object, path: tuple[str, ...]) -> Matcher:
        kind = self._kind(field, path)
        if kind is None:
            return _never
        looked_up = field
        if field in DERIVED and isinstance(value, Mapping):
            looked_up, value = self._parameters(field, value, path)
            if not value:  # `points_expiring: {within: 10 days}`: there are some
                value = {"more_than": "0"}
        self.fields.add(looked_up)
        test = self._test(field, kind, value, path)
        return lambda lookup: test(lookup(looked_up))

    def _kind(self, field: str, path: tuple[str, ...]) -> Kind | None:
        if self.only is not None and field not in self.only and (field in FIELDS or field.startswith("attributes.")):
            self.fault(path, f"is not known here; there are {', '.join(sorted(self.only))} and profile.…")
            return None
        if field in FIELDS:
            return FIELDS[field]
        for prefix in FREE_PREFIXES + tuple(name for name in self.also if name.endswith(".")):
            if field.startswith(prefix) and len(field) > len(prefix):
                return "free"
        if field in self.also:
            return "free"
        if f"{field}." in FREE_PREFIXES:
            self.fault(path, f"must name one field of it, like {field}.color")
            return None
        known = [*FIELDS, *FREE_PREFIXES, *self.also, "all", "any", "not"]
        near = [_JOINED[field]] if field in _JOINED else get_close_matches(field, known, 1)
        self.fault(path, "is not a field of a condition" + (f"; did you mean {near[0]}?" if near else ""))
        return None

    def _parameters(self, field: str, value: Mapping[str, object], path: tuple[str, ...]) -> tuple[str, dict[str, object]]:
        """Takes `point` and `within` out; the lookup gets `points_expiring[point=pts,within=10 days]`."""
        rest = dict(value)
        given: list[str] = []
        for name in DERIVED[field]:
            if name not in rest:
                continue
            text = rest.pop(name)
            here = (*path, name)
            if not isinstance(text, str):
                self.fault(here, f"must be text, is {shown_operand(text)}")
                continue
            if name == "within":
                try:
                    parse_duration(text)
                except ValueError as error:
                    self.fault(here, str(error))
            else:
                self.mentions.append(Mention(here, "point type", text))
            given.append(f"{name}={text}")
        return (f"{field}[{','.join(given)}]" if given else field), rest

    def _test(self, field: str, kind: Kind, value: object, path: tuple[str, ...]) -> Test:
        if not isinstance(value, Mapping):
            return self._one_of(field, kind, value, path)
        if not value:
            self.fault(path, "must name at least one comparison, is empty")
        bounds: list[Test] = []
        wholes: list[Test] = []
        for comparator, operand in value.items():
            here = (*path, str(comparator))
            if comparator in BOUNDS:
                bounds.append(self._bound(str(comparator), kind, operand, here))
            elif comparator == "not":
                wholes.append(denied(self._one_of(field, kind, operand, here)))
            elif comparator == "exists":
                wholes.append(self._presence(operand, here))
            else:
                near = get_close_matches(str(comparator), COMPARATORS, 1)
                hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(COMPARATORS)}"
                self.fault(here, "is not a comparison" + hint)
        if bounds:
            wholes.append(any_element(all_tests(bounds)))
        return all_tests(wholes)

    def _presence(self, operand: object, path: tuple[str, ...]) -> Test:
        text = text_of(operand)
        if text not in ("true", "false"):
            self.fault(path, f"must be true or false, is {shown_operand(operand)}")
        return exists if text == "true" else absent

    def _bound(self, comparator: str, kind: Kind, operand: object, path: tuple[str, ...]) -> Test:
        if kind not in ("number", "hour", "free"):
            self.fault(path, "does not go with this field: it is not a number")
            return no
        text = text_of(operand)
        if text is None or not is_decimal(text):
            self.fault(path, f"must be a decimal like 50.00, is {shown_operand(operand)}")
            return no
        return COMPARE[comparator](Decimal(text))

    def _one_of(self, field: str, kind: Kind, value: object, path: tuple[str, ...]) -> Test:
        if not isinstance(value, list):
            return any_element(self._equal(field, kind, value, path))
        if not value:
            self.fault(path, "must list at least one value, is empty")
        tests = [self._equal(field, kind, inner, (*path, str(index))) for index, inner in enumerate(value)]
        if all(isinstance(inner, str) for inner in value) and kind in ("text", "weekday"):
            texts = frozenset(str(inner) for inner in value)
            return any_element(lambda found: (found if found.__class__ is str else spelled(found)) in texts)
        return any_element(any_test(tests))

    def _equal(self, field: str, kind: Kind, value: object, path: tuple[str, ...]) -> Test:
        text = text_of(value)
        if text is None:
            reason = "must be a value (`exists: false` asks for none)" if value is None else "must be one value"
            self.fault(path, f"{reason}, is {shown_operand(value)}")
            return no
        allowed = WORDS.get(field) or WORDS.get(kind)
        if allowed is not None and text not in allowed:
            near = get_close_matches(text, allowed, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            self.fault(path, f"must be {either(allowed)}, is {shown(text)}{hint}")
            return no
        if kind in ("number", "hour") and not is_decimal(text):
            self.fault(path, f"must be a decimal like 50.00, is {shown(text)}")
            return no
        if field in ("tier", "segment"):
            self.mentions.append(Mention(path, field, text))
        return equal_to(text, kind)


# --- joining ----------------------------------------------------------------------------------------------------------


def _never(lookup: Lookup) -> bool:
    return False


def _negated(matcher: Matcher) -> Matcher:
    return lambda lookup: not matcher(lookup)


def _all_of(parts: list[Matcher]) -> Matcher:
    if len(parts) == 1:
        return parts[0]
    return lambda lookup: all(part(lookup) for part in parts)


def _any_of(parts: list[Matcher]) -> Matcher:
    return lambda lookup: any(part(lookup) for part in parts)
