"""What a sale is worth in the naive model: exact fractions of points, rule by rule and line by line, then one rounding."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import floor
from types import MappingProxyType

from tests.properties.naive.competing import Match, applies, banded, chosen, is_excluded
from tests.properties.naive.program import Json, Program, fraction, rounded

Rows = list[tuple[Json, int]]  # whole points by rule, in file order
Exact = list[tuple[Json, list[Fraction]]]  # by rule: what each line brings, and last what the receipt brings as a whole
Rooms = dict[str, tuple[int | None, bool]]  # by limit: how much fits (None: all), and whether more is refused whole
NO_ROOMS: Mapping[str, tuple[int | None, bool]] = MappingProxyType({})


@dataclass
class Situation:
    """What the receipt saw, so that what is left of it can be judged again as it was judged then."""

    at: datetime
    tier: str | None
    fields: Json  # of the profile


def gross_of(sale: Json) -> list[Fraction]:
    """By line: the header discount is spread by amount."""
    lines = [
        fraction(line["quantity"]) * fraction(line["unit_price"]) - fraction(line.get("discount", "0"))
        if fraction(line["quantity"])
        else Fraction(0)
        for line in sale["lines"]
    ]
    return spread(lines, lines, -fraction(sale.get("discount", "0")))


def spread(lines: list[Fraction], by: list[Fraction], more: Fraction) -> list[Fraction]:
    whole = sum(by, Fraction(0))
    return [line + (more * part / whole if whole else 0) for line, part in zip(lines, by, strict=True)]


def amounts_of(sale: Json, basis: str) -> list[Fraction]:
    """By line, before anything is taken off: gross, net or total."""
    gross = gross_of(sale)
    if basis == "net":
        if any("tax" in line for line in sale["lines"]):
            taxes = [fraction(line.get("tax", "0")) if fraction(line["quantity"]) else Fraction(0) for line in sale["lines"]]
            return [amount - tax for amount, tax in zip(gross, taxes, strict=True)]
        return spread(gross, gross, -fraction(sale.get("tax", "0")))
    if basis == "total":
        return spread(gross, gross, total_of(sale) - sum(gross, Fraction(0)))
    return gross


def total_of(sale: Json) -> Fraction:
    whole = sum(gross_of(sale), Fraction(0))
    return fraction(sale["total"]) if "total" in sale else whole + fraction(sale.get("shipping", "0"))


def basis_of(sale: Json, program: Program) -> list[Fraction]:
    """What was paid by points is a share of all that was paid."""
    basis = amounts_of(sale, program.basis)
    if "paid_by_points" in sale and not program.earn_on_paid_by_points:
        whole, paid = total_of(sale), fraction(sale["paid_by_points"])
        share = max(1 - paid / whole, Fraction(0)) if whole > 0 else Fraction(1)
        basis = [amount * share for amount in basis]
    return basis


def in_currency(program: Program, sale: Json) -> Json:
    """The sale in the program's own currency: every amount of it, before everything else."""
    if sale["currency"] == program.currency:
        return sale
    rate = fraction(program.rates[sale["currency"]])

    def converted(record: Json, *names: str) -> Json:
        return {**record, **{name: fraction(record[name]) * rate for name in names if name in record}}

    lines = [converted(line, "unit_price", "discount", "tax") for line in sale["lines"]]
    return {**converted(sale, "discount", "tax", "shipping", "total", "paid_by_points"), "lines": lines}


def exact(
    program: Program,
    sid: str,
    sale: Json,
    saw: Situation,
    left: list[Fraction],
    rooms: Mapping[str, tuple[int | None, bool]] = NO_ROOMS,
) -> Exact:
    """`left`: of each line, which share of it still counts. `rooms`: what limits leave."""
    sale = in_currency(program, sale)
    amounts = [amount * share for amount, share in zip(basis_of(sale, program), left, strict=True)]
    there = [share > 0 and not is_excluded(program, line) for share, line in zip(left, sale["lines"], strict=True)]
    if sum(amount for amount, here in zip(amounts, there, strict=True) if here) < 0:
        return []
    facts = {
        name: sum((amount * share for amount, share in zip(amounts_of(sale, name), left, strict=True)), Fraction(0))
        for name in ("gross", "net", "total")
    }
    matching = []
    for rule in program.rules:
        if rule["point"] == sid and matches(rule, sale, saw, facts):
            on = [here and applies(rule.get("lines"), line) for here, line in zip(there, sale["lines"], strict=True)]
            if any(on):
                matching.append((rule, on))

    def give(rules: list[Match]) -> Exact:
        return parts_of(program, sid, sale, rules, amounts, left)

    def worth(rules: list[Match]) -> Fraction:
        rows = give(rules)
        whole = whole_points(program, sid, sale, rows)
        given = sum(fits(points, rooms.get(f"rule {rule['rule']}")) for rule, points in whole)
        full = sum((part for _, parts in rows for part in parts), Fraction(0))
        return full if given == sum(points for _, points in whole) else Fraction(given)

    found = give(chosen(program, matching, used_up(rooms), worth))
    return sorted(found, key=lambda row: program.rules.index(row[0]))


def parts_of(program: Program, sid: str, sale: Json, rules: list[Match], amounts: list[Fraction], left: list[Fraction]) -> Exact:
    """What rules give, and what multipliers add to what the rates among them gave."""
    point_unit = 10 ** program.scale(sid)
    found: Exact = []
    base = [Fraction(0)] * len(amounts)
    for rule, on in rules:
        if "multiplier" in rule:
            continue
        parts = [Fraction(0)] * (len(amounts) + 1)
        if "fixed" in rule:
            worth = fraction(rule["fixed"]["points"]) * point_unit
            match rule["fixed"]["per"]:
                case "receipt":
                    parts[-1] = worth
                case "line":
                    parts[:-1] = [worth * yes for yes in on]
                case _:
                    units = [fraction(line["quantity"]) * share for line, share in zip(sale["lines"], left, strict=True)]
                    parts[:-1] = [worth * yes * count for yes, count in zip(on, units, strict=True)]
        else:
            basis = sum((amount for amount, yes in zip(amounts, on, strict=True) if yes), Fraction(0))
            counted = banded(rule, basis)
            if counted > 0:
                steps = counted / fraction(rule["rate"]["per"])
                if rule["rate"].get("steps") == "whole":
                    steps = Fraction(floor(steps))
                points = steps * fraction(rule["rate"]["points"]) * point_unit
                parts[:-1] = [points * amount / basis * yes for amount, yes in zip(amounts, on, strict=True)]
                base = [before + more for before, more in zip(base, parts, strict=False)]
        found.append((rule, parts))
    for rule, on in rules:
        if "multiplier" in rule:
            more = [before * (fraction(rule["multiplier"]) - 1) * yes for before, yes in zip(base, on, strict=True)]
            base = [before + added for before, added in zip(base, more, strict=True)]
            found.append((rule, [*more, Fraction(0)]))
    return found


def lines_of(
    program: Program,
    sid: str,
    sale: Json,
    saw: Situation,
    left: list[Fraction],
    rooms: Mapping[str, tuple[int | None, bool]] = NO_ROOMS,
) -> dict[str, frozenset[str]]:
    """The lines that each rule counted: those that it is for, and of a multiplier those that have points to multiply."""
    there = [share > 0 and not is_excluded(program, line) for share, line in zip(left, sale["lines"], strict=True)]
    found: dict[str, frozenset[str]] = {}
    rules = [rule for rule, _ in exact(program, sid, sale, saw, left, rooms)]
    for rule in rules:
        on = [here and applies(rule.get("lines"), line) for here, line in zip(there, sale["lines"], strict=True)]
        found[rule["rule"]] = frozenset(line.get("line_id", str(n + 1)) for n, line in enumerate(sale["lines"]) if on[n])
    based = frozenset().union(*[found[rule["rule"]] for rule in rules if "rate" in rule])
    for rule in rules:
        if "multiplier" in rule and based:
            found[rule["rule"]] &= based
    return found


def earned(
    program: Program,
    sid: str,
    sale: Json,
    saw: Situation,
    left: list[Fraction],
    rooms: Mapping[str, tuple[int | None, bool]] = NO_ROOMS,
) -> Rows:
    return whole_points(program, sid, sale, exact(program, sid, sale, saw, left, rooms))


def whole_points(program: Program, sid: str, sale: Json, rows: Exact) -> Rows:
    point = program.points[sid]
    match point["round"]:
        case "rule":
            return [(rule, rounded(sum(parts, Fraction(0)), point["rounding"])) for rule, parts in rows]
        case "line":
            return line_by_line(rows, point["rounding"])
        case _:
            total = rounded(sum((sum(parts, Fraction(0)) for _, parts in rows), Fraction(0)), point["rounding"])
    return apportioned([(rule, sum(parts, Fraction(0))) for rule, parts in rows], total)


def line_by_line(rows: Exact, mode: str) -> Rows:
    """Each line is rounded alone, and at last what is the receipt's. What that adds goes point by point to the rule with a fraction in this
    line that has had least of all its fractions so far.
    """
    given = [0] * len(rows)
    fractions = [Fraction(0)] * len(rows)
    for n in range(len(rows[0][1]) if rows else 0):
        exactly = [parts[n] for _, parts in rows]
        share = [floor(points) for points in exactly]
        fractions = [before + points % 1 for before, points in zip(fractions, exactly, strict=True)]
        able = [row for row, points in enumerate(exactly) if points % 1]
        while sum(share) < rounded(sum(exactly, Fraction(0)), mode):
            least = max(able, key=lambda row: fractions[row])
            able.remove(least)
            share[least] += 1
            fractions[least] -= 1
        given = [before + points for before, points in zip(given, share, strict=True)]
    return [(rule, points) for (rule, _), points in zip(rows, given, strict=True)]


def used_up(rooms: Mapping[str, tuple[int | None, bool]]) -> frozenset[str]:
    """The rules whose limits leave nothing."""
    return frozenset(name.removeprefix("rule ") for name, (fits_, _) in rooms.items() if fits_ == 0)


def fits(points: int, bound: tuple[int | None, bool] | None) -> int:
    if bound is None or bound[0] is None or points <= bound[0]:
        return points
    return 0 if bound[1] else bound[0]


def apportioned(rows: list[tuple[Json, Fraction]], total: int) -> Rows:
    """Largest remainder first."""
    whole = [floor(points) for _, points in rows]
    order = sorted(range(len(rows)), key=lambda n: whole[n] - rows[n][1])
    for turn in range(total - sum(whole)):
        whole[order[turn]] += 1
    return [(rule, points) for (rule, _), points in zip(rows, whole, strict=True)]


def matches(rule: Json, sale: Json, saw: Situation, facts: Mapping[str, Fraction]) -> bool:
    if rule.get("enabled") == "false":
        return False
    if "code" in rule and rule["code"] not in sale.get("promo_codes", []):
        return False
    for name, wanted in rule.get("when", {}).items():
        if name.startswith("profile."):
            if saw.fields.get(name.removeprefix("profile.")) != wanted:
                return False
            continue
        match name:
            case "tier":
                if saw.tier != wanted:
                    return False
            case "channel":
                if sale.get("channel") != wanted:
                    return False
            case "gross" | "net" | "total":
                if facts[name] < fraction(wanted["at_least"]):
                    return False
            case _:
                raise NotImplementedError(name)
    return True
