"""What a condition asks of one value: equality, bounds, being there. Exact, and never failing whatever a record holds.

A test gets what the lookup gave: text, a boolean, a whole number, a Decimal, a list of these, or None for absent.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from schemas.amounts import is_decimal
from schemas.condition_fields import Kind
from schemas.instants import shown

Test = Callable[[Any], bool]

_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,9})?")  # no idle zeros in front


def equal_to(text: str, kind: Kind) -> Test:
    number = Decimal(text) if is_decimal(text) else None
    as_number = number is not None and (kind in ("number", "hour") or (kind == "free" and _NUMBER.fullmatch(text) is not None))

    def test(found: Any) -> bool:
        if found.__class__ is str:
            return found == text or (as_number and _number_in(found, kind) == number)
        if found is True or found is False:
            return text == ("true" if found else "false")
        return number is not None and isinstance(found, int | Decimal) and bool(found == number)

    return test


def _number_in(found: str, kind: Kind) -> Decimal | None:
    spells = _NUMBER.fullmatch(found) is not None if kind == "free" else is_decimal(found)
    return Decimal(found) if spells else None


def spelled(found: object) -> str | None:
    """A value that is not text, as a condition would spell it."""
    if found is True or found is False:
        return "true" if found else "false"
    if isinstance(found, Decimal):
        text = format(found, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(found) if isinstance(found, int) else None


def _comparison(holds: Callable[[Any, Decimal], bool]) -> Callable[[Decimal], Test]:
    def against(bound: Decimal) -> Test:
        def test(found: Any) -> bool:
            if found.__class__ is str:
                return is_decimal(found) and holds(Decimal(found), bound)
            if found is True or found is False or not isinstance(found, int | Decimal):
                return False
            return holds(found, bound)

        return test

    return against


COMPARE: Final[Mapping[str, Callable[[Decimal], Test]]] = {
    "at_least": _comparison(lambda found, bound: bool(found >= bound)),
    "more_than": _comparison(lambda found, bound: bool(found > bound)),
    "at_most": _comparison(lambda found, bound: bool(found <= bound)),
    "less_than": _comparison(lambda found, bound: bool(found < bound)),
}


def any_element(test: Test) -> Test:
    def whole(found: Any) -> bool:
        if found is None:
            return False
        if found.__class__ is list or found.__class__ is tuple:
            return any(whole(element) for element in found)
        return test(found)

    return whole


def exists(found: Any) -> bool:
    if found.__class__ is list or found.__class__ is tuple:
        return any(exists(element) for element in found)
    return found is not None


def absent(found: Any) -> bool:
    return not exists(found)


def denied(test: Test) -> Test:
    return lambda found: not test(found)


def no(found: Any) -> bool:
    return False


def all_tests(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    return lambda found: all(test(found) for test in tests)


def any_test(tests: list[Test]) -> Test:
    return lambda found: any(test(found) for test in tests)


def text_of(value: object) -> str | None:
    """A scalar as the text that was written; None for null, lists and mappings."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    return None


def shown_operand(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return shown(text_of(value) or value)


def either(words: tuple[str, ...]) -> str:
    if len(words) > 12:
        return f"{words[0]} to {words[-1]}"
    return f"{', '.join(words[:-1])} or {words[-1]}"
