"""Limits: how much of what a receipt earned is given, and how much is withheld.

Pure. Rule limits come first, in file order, then the point type's own, then the maximum balance. What was used before comes in
as counters by limit and period (`Membership.usage`); what is used now is returned, for the caller to add. A period is a
calendar period of the program's zone that holds the receipt's own time; use counts in the order of application and is never
reopened.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

from schemas.instants import Instant, start_of_period
from schemas.program import Limit, PointType, Program, Rule
from tables.earning import Award, Leaves
from tables.rounding import apportion

_LONGEST_PERIOD_US: Final = 367 * 24 * 3600 * 1_000_000  # a leap year and a change of the clocks


class Granted:
    """`given`: points a rule, after every limit, and their `total`; `withheld`: all that was kept back; `usage`: what each
    counter rises by.
    """

    __slots__ = ("given", "total", "usage", "withheld")

    def __init__(self, given: list[int], total: int, withheld: int, usage: tuple[tuple[str, int], ...]) -> None:
        self.given = given
        self.total = total
        self.withheld = withheld
        self.usage = usage


def grant(award: Award, program: Program, usage: Mapping[str, int], held: int, at: Instant) -> Granted:
    """Lay every limit over an award. `held`: active and pending points of the ledger now (minor)."""
    point = award.point
    limited = point.limit is not None or point.max_balance_minor is not None
    if len(award.rows) == 1 and not limited and award.rows[0][0].limit is None:
        points = award.rows[0][1]  # what most receipts are
        return Granted([points], points, 0, ())
    rows = [points for _, points in award.rows]
    earned = sum(rows)
    given = _under_own(award.rows, program, usage, at)
    given = _reduced(given, _capped(sum(given), point.limit, usage.get(_point_key(point, program, at), 0)))
    if point.max_balance_minor is not None:
        given = _reduced(given, min(sum(given), max(point.max_balance_minor - held, 0)))
    total = sum(given)
    return Granted(given, total, earned - total, _usage(award, given, program, at))


class Room(NamedTuple):
    """What limits leave of points that no rule gave, and what of them they hold back."""

    points: int
    withheld: int


def room_of(point: PointType, points: int, program: Program, usage: Mapping[str, int], held: int, at: Instant) -> Room:
    """What the point type's own limit and its maximum balance leave of points that are no receipt's. `held`: as for `grant`."""
    left = _capped(points, point.limit, usage.get(_point_key(point, program, at), 0))
    if point.max_balance_minor is not None:
        left = min(left, max(point.max_balance_minor - held, 0))
    return Room(left, points - left)


def usage_of(point: PointType, points: int, program: Program, at: Instant) -> tuple[tuple[str, int], ...]:
    """What the counter of the point type's own limit rises by, where it has one that lasts."""
    limit = point.limit
    if not points or limit is None or limit.per == "receipt":
        return ()
    return ((_point_key(point, program, at), 1 if limit.times is not None else points),)


def counters(program: Program, usage: Mapping[str, int], at: Instant) -> dict[str, int]:
    """What every limit of a program has used at an instant, so that the same can be laid over what is left of a receipt later.

    One at 0 is left out, as is one that each receipt has for itself.
    """
    keys = [_rule_key(rule, program, at) for rule in program.earning if rule.enabled and rule.limit is not None]
    keys += [_point_key(point, program, at) for point in program.points if point.limit is not None]
    return {key: used for key in keys if (used := usage.get(key, 0))}


def asker(program: Program, usage: Mapping[str, int], at: Instant) -> Leaves | None:
    """What the rules' own limits leave, for whoever has to choose among rules; None where none of them can make a difference."""
    if not usage and not (program.choose == "best" and any(rule.limit is not None for rule in program.earning)):
        return None
    return lambda rows: sum(_under_own(rows, program, usage, at))


def _under_own(rows: Sequence[tuple[Rule, int]], program: Program, usage: Mapping[str, int], at: Instant) -> list[int]:
    """What each rule gives under its own limit."""
    netted = _netted([points for _, points in rows])
    return [
        _capped(points, rule.limit, usage.get(_rule_key(rule, program, at), 0))
        for (rule, _), points in zip(rows, netted, strict=True)
    ]


def _netted(rows: list[int]) -> list[int]:
    """Rows in which what a multiplier below 1 takes off is taken off the others: points that are given are not negative."""
    if min(rows, default=0) >= 0:
        return rows
    return _reduced([max(points, 0) for points in rows], sum(rows))


def _capped(points: int, limit: Limit | None, used: int) -> int:
    if limit is None or points <= 0:
        return points
    if limit.times is not None:
        return points if used < limit.times else 0
    room = max((limit.points_minor or 0) - used, 0)
    if points <= room:
        return points
    return room if limit.on_cap == "truncate" else 0


def _reduced(given: list[int], total: int) -> list[int]:
    """The same rows, shrunk in proportion to a smaller total."""
    earned = sum(given)
    if total == earned:
        return given
    if total <= 0:
        return [0] * len(given)
    return apportion([Fraction(points * total, earned) for points in given], total)


def _usage(award: Award, given: list[int], program: Program, at: Instant) -> tuple[tuple[str, int], ...]:
    used: list[tuple[str, int]] = []
    for (rule, _), points in zip(award.rows, given, strict=True):
        if points > 0 and rule.limit is not None and rule.limit.per != "receipt":
            used.append((_rule_key(rule, program, at), 1 if rule.limit.times is not None else points))
    return (*used, *usage_of(award.point, sum(given), program, at))


def _rule_key(rule: Rule, program: Program, at: Instant) -> str:
    return "" if rule.limit is None else f"rule:{rule.rule}:{_period(rule.limit, program, at)}"


def _point_key(point: PointType, program: Program, at: Instant) -> str:
    return "" if point.limit is None else f"point:{point.sid}:{_period(point.limit, program, at)}"


def _period(limit: Limit, program: Program, at: Instant) -> str:
    """`day:<start>` and the like; one counter serves for ever under `ever`, and none is kept for `receipt`."""
    if limit.per == "receipt":
        return "receipt"
    unit = "times" if limit.times is not None else "points"
    if limit.per == "ever":
        return f"{unit}:ever:0"
    return f"{unit}:{limit.per}:{start_of_period(at, program.timezone, limit.per)}"


def forget_usage(usage: dict[str, int], before: Instant) -> None:
    """Drop the counters of periods that ended before an instant: no record that old is accepted any more."""
    for key in [key for key in usage if 0 < int(key.rsplit(":", 1)[1]) < before - _LONGEST_PERIOD_US]:
        del usage[key]
