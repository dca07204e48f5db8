"""Earning: what a sale is worth in points under one version of a program.

Pure. Order of thought, for each point type: which rules match → exact points of each, line by line → multipliers over the base
points of the lines they match → one rounding → whole points a rule. Limits come afterwards (`limits.py`): they need to know
what was given before; this file does not.

Matching rules add up. Multipliers multiply together, and never a fixed bonus. Among exclusive rules the one with the highest
priority, then the first by name, stands alone, without the others and without multipliers.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction

from msgspec import Struct

from schemas.amounts import NANO
from schemas.conditions import Condition
from schemas.instants import Instant, to_local
from schemas.program import Band, PointType, Program, Rule
from schemas.records import Line, Sale
from tables.basis import ATTO, Basis, LineBasis
from tables.rounding import Exact, apportion, round_exact, round_ratio

Lookup = Callable[[str], object]
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Situation(Struct, gc=False, frozen=True):
    """What a condition may ask of the profile, as it stood before the record's own effect."""

    at: Instant
    tier: str | None
    member: bool


class Award(Struct, gc=False, frozen=True):
    """What one point type gets: whole points (minor) a rule, in file order; they may still meet limits."""

    point: PointType
    rows: tuple[tuple[Rule, int], ...]


class Part(Struct, gc=False, frozen=True):
    """Exact points (minor) that a rule gives for one line, or for the receipt as a whole (`line` None)."""

    line: int | None
    points: Exact


Match = tuple[Rule, Sequence[LineBasis]]
"""A rule that matches, and the lines that it counts."""


class _PointRules:
    """The enabled rules of one point type, told apart once: those that give, those that multiply, those without conditions."""

    def __init__(self, point: PointType, rules: Sequence[Rule]) -> None:
        self.point = point
        self.order = tuple(rule for rule in rules if rule.enabled and rule.point == point.sid)
        self.giving = tuple(rule for rule in self.order if rule.multiplier_nano is None)
        self.multipliers = tuple(rule for rule in self.order if rule.multiplier_nano is not None)
        self.plain = frozenset(rule.rule for rule in self.order if _is_plain(rule))
        self.any_exclusive = any(rule.exclusive for rule in self.giving)

    def matching(self, rules: Sequence[Rule], lines: Sequence[LineBasis], facts: "_Facts") -> list[Match]:
        plain = self.plain
        found = [(rule, lines if rule.rule in plain else _matched_lines(rule, lines, facts)) for rule in rules]
        return [match for match in found if match[1]]


class Rulebook:
    """The earning rules of one program version, sorted for use."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._by_point = [_PointRules(point, program.earning) for point in program.points]

    def earn(self, sale: Sale, basis: Basis, situation: Situation) -> list[Award]:
        """What the sale earns, for each point type that gets anything, in file order."""
        facts = _Facts(sale, basis, situation, self.program)
        lines = basis.lines
        if self.program.exclude is not None:
            lines = [line for line in lines if not facts.line_matches(self.program.exclude, line)]
        awards: list[Award] = []
        if sum([line.basis for line in lines]) < 0:
            return awards  # a receipt below zero earns nothing, not even a fixed bonus
        for rules in self._by_point:
            if rows := _award(rules, self.program.choose, lines, facts):
                awards.append(Award(rules.point, rows))
        return awards


def _award(rules: _PointRules, choose: str, lines: Sequence[LineBasis], facts: "_Facts") -> tuple[tuple[Rule, int], ...]:
    point = rules.point
    giving = rules.matching(rules.giving, lines, facts)
    if not giving:
        return ()
    multipliers = rules.matching(rules.multipliers, lines, facts) if rules.multipliers else []
    if rules.any_exclusive and (exclusive := [match for match in giving if match[0].exclusive]):
        giving, multipliers = [min(exclusive, key=lambda match: (-match[0].priority, match[0].rule))], []
    elif choose == "first":
        giving = [max(giving, key=lambda match: match[0].priority)]  # max keeps the first of equals: file order
    if len(giving) == 1 and not multipliers and giving[0][0].rate is not None and point.round != "line":
        rule, matched = giving[0]
        points = _whole_points(rule, point, matched)
        return ((rule, points),) if points > 0 else ()
    if choose == "best" and len(giving) > 1:
        giving = [max(giving, key=lambda match: _sum_of(_multiplied(point, [match], multipliers)))]
    return _rounded(point, rules.order, _multiplied(point, giving, multipliers))


def _is_plain(rule: Rule) -> bool:
    """Whether a rule matches every line of every receipt."""
    conditions = (rule.when, rule.lines, rule.code, rule.starts_at, rule.ends_at)
    return all(condition is None for condition in conditions)


def _matched_lines(rule: Rule, lines: Sequence[LineBasis], facts: "_Facts") -> Sequence[LineBasis]:
    """The lines that the rule counts; none where the rule does not match at all."""
    at = facts.situation.at
    if (rule.starts_at is not None and at < rule.starts_at) or (rule.ends_at is not None and at >= rule.ends_at):
        return ()
    if rule.code is not None and rule.code not in facts.sale.promo_codes:
        return ()
    if rule.when is not None and not rule.when.matches(facts.of_receipt):
        return ()
    if rule.lines is None:
        return lines
    return [line for line in lines if facts.line_matches(rule.lines, line)]


def _whole_points(rule: Rule, point: PointType, lines: Sequence[LineBasis]) -> int:
    """One rate rule alone: no fractions need to be made."""
    amount = _banded(rule.band, sum([line.basis for line in lines]))
    rate = rule.rate
    if rate is None or amount <= 0:
        return 0
    if rate.steps == "whole":
        steps = amount // (rate.per_nano * NANO)
        return round_ratio(steps * rate.points_nano * 10**point.scale, NANO, point.rounding)
    if isinstance(amount, Fraction):
        return round_exact(_rate_points(rule, point, amount), point.rounding)
    return round_ratio(amount * rate.points_nano * 10**point.scale, rate.per_nano * ATTO, point.rounding)


def _rate_points(rule: Rule, point: PointType, amount: Exact) -> Exact:
    """Exact minor points of a rate rule over an amount above 0."""
    rate = rule.rate
    if rate is None:
        return 0
    if rate.steps == "whole":
        return Fraction(amount // (rate.per_nano * NANO) * rate.points_nano * 10**point.scale, NANO)
    return Fraction(amount * rate.points_nano * 10**point.scale, rate.per_nano * ATTO)


def _banded(band: Band | None, amount: Exact) -> Exact:
    """Only the part of an amount between two amounts."""
    if band is None:
        return amount
    low = (band.from_nano or 0) * NANO
    high = amount if band.to_nano is None else min(amount, band.to_nano * NANO)
    return max(high - low, 0)


def _parts(rule: Rule, point: PointType, lines: Sequence[LineBasis]) -> list[Part]:
    """What a rate or fixed rule gives, by line where it belongs to lines."""
    if rule.fixed is not None:
        each = Fraction(rule.fixed.points_nano * 10**point.scale, NANO)
        if rule.fixed.per == "receipt":
            return [Part(None, each)]
        if rule.fixed.per == "line":
            return [Part(id(line.line), each) for line in lines]
        return [Part(id(line.line), each * Fraction(line.line.quantity, NANO)) for line in lines]
    amount = sum(line.basis for line in lines)
    counted = _banded(rule.band, amount)
    if counted <= 0:
        return []
    points = _rate_points(rule, point, counted)
    return [Part(id(line.line), points * Fraction(line.basis) / amount) for line in lines]


def _multiplied(point: PointType, giving: Sequence[Match], multipliers: Sequence[Match]) -> dict[str, list[Part]]:
    """Parts by rule; a multiplier's are what it adds to the base points of its lines, one after another in file order."""
    parts = {rule.rule: _parts(rule, point, lines) for rule, lines in giving}
    running: dict[int, Exact] = {}
    for rule, _ in giving:
        if rule.rate is not None:
            for part in parts[rule.rule]:
                if part.line is not None:
                    running[part.line] = running.get(part.line, 0) + part.points
    for rule, lines in multipliers:
        amount = sum(line.basis for line in lines)
        factor = Fraction((rule.multiplier_nano or 0) - NANO, NANO)
        if rule.band is not None:
            factor = factor * _banded(rule.band, amount) / amount if amount > 0 else Fraction(0)
        added = [Part(id(line.line), running.get(id(line.line), 0) * factor) for line in lines]
        for part in added:
            if part.line in running:
                running[part.line] += part.points
        parts[rule.rule] = added
    return parts


def _sum_of(parts: dict[str, list[Part]]) -> Exact:
    return sum((part.points for rows in parts.values() for part in rows), 0)


def _rounded(point: PointType, rules: Sequence[Rule], parts: dict[str, list[Part]]) -> tuple[tuple[Rule, int], ...]:
    """Whole points a rule, in file order; rows of nothing are left out, and so is a receipt that sums to nothing."""
    named = [rule for rule in rules if rule.rule in parts]
    exact = [sum((part.points for part in parts[rule.rule]), 0) for rule in named]
    if point.round == "rule":
        whole = [round_exact(points, point.rounding) for points in exact]
    else:
        whole = apportion(exact, _total(point, parts))
    if sum(whole) <= 0:
        return ()
    return tuple((rule, points) for rule, points in zip(named, whole, strict=True) if points)


def _total(point: PointType, parts: dict[str, list[Part]]) -> int:
    if point.round == "receipt":
        return round_exact(_sum_of(parts), point.rounding)
    by_line: dict[int | None, Exact] = {}
    for rows in parts.values():
        for part in rows:
            by_line[part.line] = by_line.get(part.line, 0) + part.points
    return sum(round_exact(points, point.rounding) for points in by_line.values())


class _Facts:
    """What conditions may look up about a sale: computed when asked for."""

    def __init__(self, sale: Sale, basis: Basis, situation: Situation, program: Program) -> None:
        self.sale = sale
        self.basis = basis
        self.situation = situation
        self._program = program

    def line_matches(self, condition: Condition, line: LineBasis) -> bool:
        def look_up(field: str) -> object:
            found = _field_of_line(line.line, line.line_id, field)
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
            return _WEEKDAYS[local.weekday()] if field == "weekday" else local.hour
        if field in _MONEY:
            return _nano_decimal(getattr(self.sale, field))
        if field.startswith("attributes."):
            found = _within(self.sale.attributes, field)
            if found is not None or not lines:
                return found
        elif field in Sale.__struct_fields__:
            value: object = getattr(self.sale, field)
            return value
        if not lines:
            return None
        values: list[object] = []
        for line in self.basis.lines:
            value = _field_of_line(line.line, line.line_id, field)
            values.extend(value if isinstance(value, list) else () if value is None else (value,))
        return values or None


_MONEY = frozenset({"discount", "tax", "shipping", "paid_by_points"})
_LINE_MONEY = frozenset({"quantity", "unit_price", "discount", "tax"})
_LINE_TEXT = frozenset({"sku", "category", "tags"})


def _field_of_line(line: Line, line_id: str, field: str) -> object:
    if field in _LINE_TEXT:
        value: object = getattr(line, field)
        return value
    if field in _LINE_MONEY:
        return _nano_decimal(getattr(line, field))
    if field == "line_id":
        return line_id
    if field.startswith("attributes."):
        return _within(line.attributes, field)
    return None


def _within(attributes: dict[str, object] | None, field: str) -> object:
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
