"""Writes returns-matrix.yaml: receipts of many shapes, returned in parts, and what is left after each part, reckoned here with fractions.

Run `python -m tests.checks.returns_matrix` after a change here; `test_checks.py` says when the file is stale. It shares no code with the product and knows
one thing only: the exact worth of what is left of a receipt, each line with its share of discount, tax, shipping and points paid. The draws are those of a
seeded generator, so the file is the same on every machine.
"""

import json
from collections.abc import Iterator
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

FILE = Path(__file__).with_name("returns-matrix.yaml")
CASES = 120

HEAD = """\
# Receipts of many shapes, returned in parts, and what is left after each part: written by returns_matrix.py, which reckons with fractions and knows
# nothing of the product.
program: programs/within-balance.yaml
defaults:
  purchase: {application: pos, profile_id: p1, currency: EUR, receipt_id: R, closed_at: "2024-07-01T12:00:00Z"}
tests:
"""


class Line(NamedTuple):
    quantity: Fraction
    worth: Fraction  # of all its units, in the program's basis, exact
    gross: Fraction
    extra: bool  # whether the second rule looks at it


class Setting(NamedTuple):
    scale: int
    rounding: str
    round: str
    basis: str
    mode: str
    rates: tuple[Fraction, Fraction]  # points for 1.00, of every line and of the lines marked extra


def rounded(value: Fraction, how: str) -> int:
    below = floor(value)
    rest = value - below
    up = {
        "floor": False,
        "ceiling": rest > 0,
        "half-up": rest >= Fraction(1, 2),
        "half-even": rest > Fraction(1, 2) or (rest == Fraction(1, 2) and below % 2 == 1),
    }[how]
    return ceil(value) if up else below


def earned(lines: list[Line], left: list[Fraction], setting: Setting) -> int:
    """Points of what is left, in the smallest unit, rounded as the setting says."""
    units = 10**setting.scale
    base, extra = setting.rates
    worths = [line.worth * quantity / line.quantity for line, quantity in zip(lines, left, strict=True)]
    if sum(worths) <= 0:
        return 0
    by_line = [(worth * base * units, worth * extra * units * line.extra) for line, worth in zip(lines, worths, strict=True)]
    if setting.round == "line":
        return sum(rounded(one + two, setting.rounding) for one, two in by_line)
    if setting.round == "rule":
        return rounded(sum((one for one, _ in by_line), Fraction(0)), setting.rounding) + rounded(
            sum((two for _, two in by_line), Fraction(0)), setting.rounding
        )
    return rounded(sum((one + two for one, two in by_line), Fraction(0)), setting.rounding)


def money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def draw(random: Random) -> tuple[Setting, dict[str, Any], list[Line]]:
    setting = Setting(
        scale=random.choice((0, 0, 1, 2)),
        rounding=random.choice(("floor", "floor", "half-up", "half-even", "ceiling")),
        round=random.choice(("receipt", "receipt", "line", "rule")),
        basis=random.choice(("gross", "net", "total")),
        mode=random.choice(("recompute", "recompute", "by-amount")),
        rates=(Fraction(random.choice(("1", "0.1", "0.05", "3"))), Fraction(random.choice(("0", "0.5", "2")))),
    )
    sale: dict[str, Any] = {"lines": []}
    drawn: list[tuple[Fraction, Fraction, Fraction, bool]] = []
    for number in range(random.randint(1, 4)):
        quantity = Fraction(random.choice(("1", "2", "3", "4", "0.75", "1.5")))
        price = random.randint(99, 9999)
        discount = random.choice((0, 0, random.randint(1, 50)))
        tax = random.choice((0, random.randint(1, 30)))
        extra = random.random() < 0.5
        line: dict[str, Any] = {"sku": "ABCD"[number], "quantity": str(float(quantity)), "unit_price": money(price)}
        if discount:
            line["discount"] = money(discount)
        if tax and setting.basis == "net":
            line["tax"] = money(tax)
        if extra:
            line["category"] = "extra"
        sale["lines"].append(line)
        drawn.append((quantity, quantity * Fraction(price, 100) - Fraction(discount, 100), Fraction(tax, 100), extra))
    whole = sum((amount for _, amount, _, _ in drawn), Fraction(0))
    header = Fraction(0)
    if random.random() < 0.4:
        sale["discount"] = money(random.randint(1, 60))
        header = Fraction(sale["discount"])
    gross = whole - header
    shipping = Fraction(0)
    if setting.basis == "total" and random.random() < 0.6:
        sale["shipping"] = money(random.randint(100, 900))
        shipping = Fraction(sale["shipping"])
    paid = Fraction(0)
    if setting.basis != "total" and random.random() < 0.3:
        sale["paid_by_points"] = money(random.randint(1, int(gross * 50)))
        paid = Fraction(sale["paid_by_points"])
    lines = []
    for quantity, amount, line_tax, extra in drawn:
        mine = amount * gross / whole
        worth = {"gross": mine, "net": mine - line_tax, "total": mine + shipping * amount / whole}[setting.basis]
        lines.append(Line(quantity, worth * (1 - paid / gross), mine, extra))
    return setting, sale, lines


def parts(random: Random, lines: list[Line]) -> Iterator[list[tuple[int, Fraction]]]:
    """Returns one after the other, the last of which leaves nothing."""
    left = [line.quantity for line in lines]
    for _ in range(random.randint(1, 3)):
        chosen = [number for number, quantity in enumerate(left) if quantity > 0 and random.random() < 0.6]
        part = []
        for number in chosen:
            step = Fraction(1) if left[number] >= 1 else left[number]
            part.append((number, step))
            left[number] -= step
        if part and any(left):
            yield part
        elif part:
            yield part
            return
    yield [(number, quantity) for number, quantity in enumerate(left) if quantity > 0]


def decimal(value: Fraction) -> str:
    return f"{float(value):g}"


def points(minor: int, scale: int) -> str:
    return str(minor) if scale == 0 else f"{minor // 10**scale}.{minor % 10**scale:0{scale}}"


def case(number: int, random: Random) -> Iterator[str]:
    setting, sale, lines = draw(random)
    base, extra = setting.rates
    rules: list[dict[str, Any]] = [{"rule": "base", "rate": {"points": decimal(base), "per": "1.00"}}]
    if extra:
        rules.append({"rule": "extra", "lines": {"category": "extra"}, "rate": {"points": decimal(extra), "per": "1.00"}})
    point = {"sid": "pts", "scale": str(setting.scale), "rounding": setting.rounding, "round": setting.round}
    given = {
        "basis": setting.basis,
        "points.0": {**point, "returns": "within-balance", "on_return": setting.mode},
        "earning": rules,
    }
    yield f"  - name: case {number}, {setting.mode}, {setting.basis}, {setting.rounding} per {setting.round}"
    yield f"    with: {json.dumps(given)}"
    yield "    steps:"
    yield f"      - purchase: {json.dumps(sale)}"
    left = [line.quantity for line in lines]
    claimed = all_of_it = earned(lines, left, setting)
    yield f'      - expect: {{balance: {{profile_id: p1, active: "{points(claimed, setting.scale)}"}}}}'
    basis = sum((line.worth for line in lines), Fraction(0))
    for ordinal, part in enumerate(parts(random, lines), start=1):
        for line, quantity in part:
            left[line] -= quantity
        returned = [{"sku": "ABCD"[line], "quantity": decimal(quantity)} for line, quantity in part]
        yield f"      - purchase: {json.dumps({'kind': 'return', 'return_id': f'X{ordinal}', 'lines': returned})}"
        if not any(left):
            claimed = 0
        elif setting.mode == "recompute":
            claimed = min(claimed, earned(lines, left, setting))
        else:
            back = sum((line.worth * (1 - rest / line.quantity) for line, rest in zip(lines, left, strict=True)), Fraction(0))
            claimed = all_of_it - floor(all_of_it * back / basis)
        yield f'      - expect: {{dead_letters: [], balance: {{profile_id: p1, active: "{points(claimed, setting.scale)}"}}}}'


def document() -> str:
    random = Random("returns")
    return HEAD + "\n".join(line for number in range(1, CASES + 1) for line in case(number, random)) + "\n"


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
