"""Earning: what a sale is worth in points under one version of a program.

Pure. Order of thought, for each point type: which rules match → exact points of each, line by line → multipliers over the base
points of the lines they match → one rounding → whole points a rule. Limits come afterwards (`limits.py`): they need to know
what was given before; this file does not.

Matching rules add up. Multipliers multiply together, and never a fixed bonus. Among exclusive rules the one with the highest
priority, then the first by name, stands alone, without the others and without multipliers.
"""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import gcd

from schemas.amounts import NANO
from schemas.program import Band, PointType, Program, Rate, Rule
from schemas.records import Sale
from tables.basis import ATTO, Basis
from tables.facts import Facts, Situation
from tables.rounding import Exact, apportion, apportion_each, round_exact, round_ratio


class Award:
    """What one point type gets: whole points (minor) a rule, in file order; they may still meet limits.

    `lines`: which lines a rule counted, by position, where it asks for some of them or not every line of the receipt counts.
    """

    __slots__ = ("lines", "point", "rows")

    def __init__(self, point: PointType, rows: tuple[tuple[Rule, int], ...], lines: dict[str, Sequence[int]]) -> None:
        self.point = point
        self.rows = rows
        self.lines = lines


class Part:
    """Exact points (minor) that a rule gives for one line, or for the receipt as a whole (`line` None)."""

    __slots__ = ("line", "points")

    def __init__(self, line: int | None, points: Exact) -> None:
        self.line = line
        self.points = points


Lines = Sequence[int]
"""Lines of the receipt, by position."""

Match = tuple[Rule, Lines]
"""A rule that matches, and the lines that it counts."""


Leaves = Callable[[Sequence[tuple[Rule, int]]], int]
"""How much the rules' own limits leave of these points (minor), rule by rule."""


class _PointRules:
    """The enabled rules of one point type, told apart once: those that give, those that multiply, those without conditions."""

    def __init__(self, point: PointType, rules: Sequence[Rule]) -> None:
        self.point = point
        self.order = tuple(rule for rule in rules if rule.enabled and rule.point == point.sid)
        self.giving = tuple(rule for rule in self.order if rule.multiplier_nano is None)
        self.multipliers = tuple(rule for rule in self.order if rule.multiplier_nano is not None)
        self.plain = frozenset(rule.rule for rule in self.order if _is_plain(rule))
        self.any_exclusive = any(rule.exclusive for rule in self.giving)
        self.asking_for_lines = tuple(rule for rule in self.order if rule.lines is not None)
        self.ratios = {rule.rule: _ratio(rule.rate, point.scale) for rule in self.order if rule.rate is not None}
        self.only = self._only()

    def _only(self) -> Rule | None:
        """The one rule of a point type that has no other, where it is a rate on every receipt: what most programs begin with."""
        if len(self.order) != 1 or self.point.round == "line":
            return None
        rule = self.order[0]
        return rule if rule.rate is not None and rule.rule in self.plain else None

    def matching(self, rules: Sequence[Rule], lines: Lines, facts: Facts) -> list[Match]:
        found: list[Match] = []
        for rule in rules:
            matched = lines if rule.rule in self.plain else _matched_lines(rule, lines, facts)
            if matched:
                found.append((rule, matched))
        return found


class Rulebook:
    """The earning rules of one program version, sorted for use.

    `asks`: what their conditions look up; `limited`: whether what one receipt earns depends on what others did; `free`: nothing is
    ever held back.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        conditions = [program.exclude]
        for rule in program.earning:
            conditions += (rule.when, rule.lines) if rule.enabled else ()
        self.asks = frozenset([field for condition in conditions if condition is not None for field in condition.fields])
        limits = [rule.limit for rule in program.earning if rule.enabled] + [point.limit for point in program.points]
        self.limited = any(limit is not None and limit.per != "receipt" for limit in limits)
        capped = any(point.max_balance_minor is not None for point in program.points)
        self.free = not capped and all(limit is None for limit in limits)
        self._by_point = [_PointRules(point, program.earning) for point in program.points]

    def earn(self, sale: Sale, basis: Basis, situation: Situation, leaves: Leaves | None = None) -> list[Award]:
        """What the sale earns, for each point type that gets anything, in file order.

        `leaves`: what limits leave; where rules do not add up, the next one comes in the place of one that is used up, and the best is the one
        that gives most under its limit.
        """
        facts = Facts(sale, basis, situation, self.program)
        lines = self.lines_of(facts)
        if basis.of(lines) < 0:
            return []  # a receipt below zero earns nothing, not even a fixed bonus
        awards: list[Award] = []
        for rules in self._by_point:
            rows = _award(rules, self.program.choose, lines, facts, leaves)
            if rows:
                some = rules.asking_for_lines or len(lines) < len(sale.lines)
                awards.append(Award(rules.point, rows, _counted(rules, rows, lines, facts) if some else {}))
        return awards

    def lines_of(self, facts: Facts) -> Lines:
        """The lines that count: none that is voided, none that the program excludes."""
        lines: Lines = facts.basis.counted
        exclude = self.program.exclude
        return lines if exclude is None else [line for line in lines if not facts.line_matches(exclude, line)]

    def own_points(
        self, sale: Sale, basis: Basis, situation: Situation, point: str, leaves: Leaves | None = None
    ) -> tuple[dict[int, Exact], Exact]:
        """What each line earns by itself in one point type, exactly, and what the receipt earns altogether (minor).

        What is given to the receipt as a whole belongs to no line.
        """
        facts = Facts(sale, basis, situation, self.program)
        lines = self.lines_of(facts)
        by_line: dict[int, Exact] = {}
        whole: Exact = 0
        for rules in self._by_point:
            if rules.point.sid == point and basis.of(lines) >= 0:
                giving, multipliers = _chosen(rules, self.program.choose, lines, facts, leaves)
                for parts in _multiplied(rules.point, giving, multipliers, facts, by_line=True).values():
                    for part in parts:
                        whole += part.points
                        if part.line is not None:
                            by_line[part.line] = by_line.get(part.line, 0) + part.points
        return by_line, whole


def _award(rules: _PointRules, choose: str, lines: Lines, facts: Facts, leaves: Leaves | None) -> tuple[tuple[Rule, int], ...]:
    point = rules.point
    if rules.only is not None:
        points = _whole_points(rules, rules.only, facts.basis.of(lines)) if lines else 0
        return ((rules.only, points),) if points > 0 else ()
    giving, multipliers = _chosen(rules, choose, lines, facts, leaves)
    if not giving:
        return ()
    if len(giving) == 1 and not multipliers and giving[0][0].rate is not None and point.round != "line":
        rule, matched = giving[0]
        points = _whole_points(rules, rule, facts.basis.of(matched))
        return ((rule, points),) if points > 0 else ()
    by_line = bool(multipliers) or point.round == "line"
    return _rounded(point, rules.order, _multiplied(point, giving, multipliers, facts, by_line))


def _counted(rules: _PointRules, rows: tuple[tuple[Rule, int], ...], lines: Lines, facts: Facts) -> dict[str, Lines]:
    """Which lines the rules counted that gave something; without those that counted every line of the receipt unasked.

    A multiplier counts lines that have base points.
    """
    every = len(facts.sale.lines)
    asked = {rule.rule: matched for rule, matched in rules.matching(rules.asking_for_lines, lines, facts)}
    counted = {rule.rule: asked.get(rule.rule, lines) for rule, _ in rows}
    based = {line for rule, _ in rows if rule.rate is not None for line in counted[rule.rule]}
    if based and len(based) < every:
        for rule, _ in rows:
            if rule.multiplier_nano is not None:
                counted[rule.rule] = [line for line in counted[rule.rule] if line in based]
    return {rule: matched for rule, matched in counted.items() if rule in asked or len(matched) < every}


def _chosen(
    rules: _PointRules, choose: str, lines: Lines, facts: Facts, leaves: Leaves | None = None
) -> tuple[list[Match], list[Match]]:
    """The rules that give, and the multipliers over them: all that match, or those that stand alone among them."""
    giving = rules.matching(rules.giving, lines, facts)
    if leaves is not None and (rules.any_exclusive or choose != "sum"):
        giving = [match for match in giving if (choose == "sum" and not match[0].exclusive) or leaves([(match[0], 1)])]
    if not giving:
        return [], []
    multipliers = rules.matching(rules.multipliers, lines, facts) if rules.multipliers else []
    if rules.any_exclusive and (exclusive := [match for match in giving if match[0].exclusive]):
        return [min(exclusive, key=lambda match: (-match[0].priority, match[0].rule))], []
    if choose == "first":
        giving = [max(giving, key=lambda match: match[0].priority)]  # max keeps the first of equals: file order
    elif choose == "best" and len(giving) > 1:
        by_line = bool(multipliers) or rules.point.round == "line"
        worths = [_worth(rules, _multiplied(rules.point, [match], multipliers, facts, by_line), leaves) for match in giving]
        giving = [giving[worths.index(max(worths))]]
    return giving, multipliers


def _worth(rules: _PointRules, parts: dict[str, list[Part]], leaves: Leaves | None) -> Exact:
    """What one rule with its multipliers gives, exactly; where limits hold some of it back, what they leave."""
    whole = _sum_of(parts)
    if leaves is None or all(rule.limit is None for rule in rules.order):
        return whole
    rows = _rounded(rules.point, rules.order, parts)
    left = leaves(rows)
    return left if left < sum([points for _, points in rows]) else whole


def _is_plain(rule: Rule) -> bool:
    """Whether a rule matches every line of every receipt."""
    conditions = (rule.when, rule.lines, rule.code, rule.starts_at, rule.ends_at)
    return all(condition is None for condition in conditions)


def _matched_lines(rule: Rule, lines: Lines, facts: Facts) -> Lines:
    """The lines that the rule counts; none where the rule does not match at all."""
    at = facts.situation.at
    if (rule.starts_at is not None and at < rule.starts_at) or (rule.ends_at is not None and at >= rule.ends_at):
        return ()
    if rule.code is not None and (rule.code not in facts.sale.promo_codes or rule.code in facts.situation.refused_codes):
        return ()
    if rule.when is not None and not rule.when.matches(facts.of_receipt):
        return ()
    if rule.lines is None:
        return lines
    return [line for line in lines if facts.line_matches(rule.lines, line)]


def _ratio(rate: Rate, scale: int) -> tuple[int, int]:
    """So many points (minor) for so much of an amount, in lowest terms: small numbers are quickly multiplied."""
    points, of_amount = rate.points_nano * 10**scale, rate.per_nano * ATTO
    common = gcd(points, of_amount)
    return points // common, of_amount // common


def _whole_points(rules: _PointRules, rule: Rule, amount: Exact) -> int:
    """One rate rule alone over an amount: no fractions need to be made."""
    point = rules.point
    if rule.band is not None:
        amount = _banded(rule.band, amount)
    rate = rule.rate
    if rate is None or amount <= 0:
        return 0
    if rate.steps == "whole":
        steps = amount // (rate.per_nano * NANO)
        return round_ratio(steps * rate.points_nano * 10**point.scale, NANO, point.rounding)
    if isinstance(amount, int):  # what it nearly always is, and asking for a Fraction takes ten times as long
        points, of_amount = rules.ratios[rule.rule]
        return round_ratio(amount * points, of_amount, point.rounding)
    return round_exact(_rate_points(rule, point, amount), point.rounding)


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


def _parts(rule: Rule, point: PointType, lines: Lines, facts: Facts, by_line: bool) -> list[Part]:
    """What a rate or fixed rule gives, by line where it belongs to lines and that is asked for."""
    if rule.fixed is not None:
        each = Fraction(rule.fixed.points_nano * 10**point.scale, NANO)
        if rule.fixed.per == "receipt":
            return [Part(None, each)]
        if rule.fixed.per == "line":
            return [Part(line, each) for line in lines]
        return [Part(line, each * Fraction(facts.sale.lines[line].quantity, NANO)) for line in lines]
    amount = facts.basis.of(lines)
    counted = _banded(rule.band, amount)
    if counted <= 0:
        return []
    points = _rate_points(rule, point, counted)
    if not by_line:
        return [Part(None, points)]
    return [Part(line, points * Fraction(facts.basis.amounts[line]) / amount) for line in lines]


def _multiplied(
    point: PointType, giving: Sequence[Match], multipliers: Sequence[Match], facts: Facts, by_line: bool
) -> dict[str, list[Part]]:
    """Parts by rule; a multiplier's are what it adds to the base points of its lines, one after another in file order."""
    parts = {rule.rule: _parts(rule, point, lines, facts, by_line) for rule, lines in giving}
    running: dict[int, Exact] = {}
    for rule, _ in giving:
        if rule.rate is not None:
            for part in parts[rule.rule]:
                if part.line is not None:
                    running[part.line] = running.get(part.line, 0) + part.points
    for rule, lines in multipliers:
        amount = facts.basis.of(lines)
        factor = Fraction((rule.multiplier_nano or 0) - NANO, NANO)
        if rule.band is not None:
            factor = factor * _banded(rule.band, amount) / amount if amount > 0 else Fraction(0)
        added = [Part(line, running.get(line, 0) * factor) for line in lines]
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
    if point.round == "line":
        whole = apportion_each(_line_by_line([parts[rule.rule] for rule in named]), point.rounding)
    else:
        exact = [sum((part.points for part in parts[rule.rule]), 0) for rule in named]
        if point.round == "rule":
            whole = [round_exact(points, point.rounding) for points in exact]
        else:
            whole = apportion(exact, round_exact(_sum_of(parts), point.rounding))
    if sum(whole) <= 0:
        return ()
    return tuple((rule, points) for rule, points in zip(named, whole, strict=True) if points)


def _line_by_line(rows: Sequence[Sequence[Part]]) -> Iterator[list[Exact]]:
    """What each rule gives for a line, line after line in order of the receipt, and at last for the receipt as a whole."""
    lines: dict[int | None, list[Exact]] = {}
    for n, parts in enumerate(rows):
        for part in parts:
            lines.setdefault(part.line, [0] * len(rows))[n] += part.points
    yield from [lines[line] for line in sorted(lines, key=lambda line: (line is None, line))]
