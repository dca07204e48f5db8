"""Rules that compete in the naive model: exclusive ones, the best, the first; bands; and lines that a program does not count."""

from collections.abc import Callable, Mapping
from fractions import Fraction

from tests.properties.naive.program import Json, Program, fraction

Match = tuple[Json, list[bool]]  # a rule, and which lines it is about


def chosen(
    program: Program, matching: list[Match], used_up: frozenset[str], worth: Callable[[list[Match]], Fraction]
) -> list[Match]:
    """Of the rules that match those that give. `used_up`: limits that leave nothing make way for the next where one rule stands alone."""
    giving = [match for match in matching if "multiplier" not in match[0]]
    multipliers = [match for match in matching if "multiplier" in match[0]]
    open_ = [match for match in giving if match[0]["rule"] not in used_up]
    exclusive = [match for match in open_ if match[0].get("exclusive") == "true"]
    if exclusive:
        return [min(exclusive, key=lambda match: (-int(match[0].get("priority", "0")), match[0]["rule"]))]
    ordinary = [match for match in giving if match[0].get("exclusive") != "true"]
    match program.choose:
        case "sum":
            return [*ordinary, *multipliers]
        case "first":
            first = sorted((match for match in open_), key=lambda match: -int(match[0].get("priority", "0")))[:1]
            return [*first, *multipliers]
        case _:
            most = max((worth([match, *multipliers]) for match in open_), default=Fraction(0))
            best = [match for match in open_ if worth([match, *multipliers]) == most][:1]
            return [*best, *multipliers]


def banded(rule: Json, amount: Fraction) -> Fraction:
    """Only the part of an amount between two amounts."""
    band = rule.get("band", {})
    upper = min(amount, fraction(band["to"])) if "to" in band else amount
    return max(upper - fraction(band.get("from", "0")), Fraction(0))


def is_excluded(program: Program, line: Json) -> bool:
    return program.exclude is not None and applies(program.exclude, line)


def applies(condition: Mapping[str, str] | None, line: Json) -> bool:
    if condition is None:
        return True
    ((name, wanted),) = condition.items()
    return wanted in line.get("tags", []) if name == "tags" else bool(line.get(name) == wanted)
