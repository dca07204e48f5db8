"""Facts: what a condition may ask about a sale, its lines and the profile at that instant.

Pure. A fact is computed when it is asked for. Numbers are given as decimals, every digit of them; money is in the program's currency.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from schemas.amounts import NANO
from schemas.condition_fields import WEEKDAYS
from schemas.conditions import Condition
from schemas.instants import Instant, to_local
from schemas.program import Program
from schemas.records import Line, Sale
from tables.basis import ATTO, Basis, rate_of
from tables.rounding import Exact

_PROFILE: Final = "profile."
_NOTHING: Final[Mapping[str, Any]] = {}


class Situation:
    """What a condition may ask of the profile, as it stood before the record's own effect.

    `fields`: by name, what those that `asked_fields` tells of held at that instant; `figures`: likewise the segments and derived
    figures that are asked for. `refused_codes`: what the sale carries and may not use.
    """

    __slots__ = ("at", "fields", "figures", "member", "refused_codes", "tier")

    def __init__(
        self,
        at: Instant,
        tier: str | None,
        member: bool,
        fields: Mapping[str, Any] = _NOTHING,
        refused_codes: tuple[str, ...] = (),
        figures: Mapping[str, Any] = _NOTHING,
    ) -> None:
        self.at = at
        self.tier = tier
        self.member = member
        self.fields = fields
        self.refused_codes = refused_codes
        self.figures = figures


def asked_fields(program: Program) -> tuple[str, ...]:
    """The profile fields that the program's conditions on receipts and lines ask for, without `profile.`, in order."""
    conditions = [program.exclude]
    for rule in program.earning:
        conditions += [rule.when, rule.lines] if rule.enabled else ()
    asked = {field for condition in conditions if condition is not None for field in condition.fields}
    return tuple(sorted(field.removeprefix(_PROFILE) for field in asked if field.startswith(_PROFILE)))


class Facts:
    """What conditions may look up about a sale: computed when asked for."""

    def __init__(self, sale: Sale, basis: Basis, situation: Situation, program: Program) -> None:
        self.sale = sale
        self.basis = basis
        self.situation = situation
        self._program = program

    def line_matches(self, condition: Condition, number: int) -> bool:
        """Whether a condition holds for the line at a position; what the line lacks is asked of the receipt."""

        def look_up(field: str) -> object:
            found = self._of_line(number, field)
            return self.of_receipt(field, lines=False) if found is None else found

        return condition.matches(look_up)

    def of_receipt(self, field: str, lines: bool = True) -> object:
        """A field of the receipt; with `lines`, one that only lines have is the list over them."""
        if field == "member":
            return self.situation.member
        if field == "tier":
            return self.situation.tier
        if field in ("gross", "net", "total"):
            return _decimal(getattr(self.basis, field))
        if field in ("weekday", "hour"):
            local = to_local(self.situation.at, self._program.timezone)
            return WEEKDAYS[local.weekday()] if field == "weekday" else local.hour
        if field in _MONEY:
            return self._money(getattr(self.sale, field))
        if field.startswith(_PROFILE):
            return self.situation.fields.get(field.removeprefix(_PROFILE))
        if field in self.situation.figures:
            figure: object = self.situation.figures[field]
            return figure
        if field.startswith("attributes."):
            found = within(self.sale.attributes, field)
            if found is not None or not lines:
                return found
        elif field == "promo_codes" and self.situation.refused_codes:
            return [code for code in self.sale.promo_codes if code not in self.situation.refused_codes]
        elif field in Sale.__struct_fields__:
            value: object = getattr(self.sale, field)
            return value
        if not lines:
            return None
        values: list[object] = []
        for number in self.basis.counted:
            value = self._of_line(number, field)
            values.extend(value if isinstance(value, list) else () if value is None else (value,))
        return values or None

    def lines(self) -> list[dict[str, object]]:
        """The lines that count, each with what is known of it."""
        found = [{name: self._of_line(number, name) for name in _TOLD_OF_LINES} for number in self.basis.counted]
        for number, line in zip(self.basis.counted, found, strict=True):
            line["attributes"] = self.sale.lines[number].attributes
        return [{name: value for name, value in line.items() if value not in (None, [], {})} for line in found]

    def _of_line(self, number: int, field: str) -> object:
        line = self.sale.lines[number]
        return self._money(getattr(line, field)) if field in _LINE_MONEY else _field_of_line(line, number, field)

    def _money(self, nano: int | None) -> Decimal | None:
        """An amount of the record, in the program's currency."""
        if nano is None or self.sale.currency == self._program.currency:
            return _nano_decimal(nano)
        return _decimal(nano * NANO * rate_of(self.sale, self._program))


_MONEY = frozenset({"discount", "tax", "shipping", "paid_by_points"})
_LINE_MONEY = frozenset({"unit_price", "discount", "tax"})
_LINE_TEXT = frozenset({"sku", "category", "tags"})
_TOLD_OF_LINES = ("line_id", "sku", "category", "tags", "quantity", "unit_price", "discount", "tax")


def _field_of_line(line: Line, number: int, field: str) -> object:
    if field in _LINE_TEXT:
        value: object = getattr(line, field)
        return value
    if field == "quantity":
        return _nano_decimal(line.quantity)
    if field == "line_id":
        return line.line_id or str(number + 1)
    if field.startswith("attributes."):
        return within(line.attributes, field)
    return None


def within(attributes: dict[str, object] | None, field: str) -> object:
    """`attributes.a.b`: the key `a.b` where there is one, else the key b inside a."""
    path = field.removeprefix("attributes.")
    found: object = attributes
    if attributes and path in attributes:
        return attributes[path]
    for name in path.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found


def _nano_decimal(nano: int | None) -> Decimal | None:
    return None if nano is None else Decimal(nano).scaleb(-9)


def _decimal(amount: Exact) -> Decimal:
    """An amount of the receipt as a decimal, every digit of it (its denominator is a power of ten)."""
    unit = ATTO * NANO
    digits = amount * unit // ATTO
    sign, text = (1, str(-digits)) if digits < 0 else (0, str(digits))
    return Decimal((sign, tuple(map(int, text)), -27))
