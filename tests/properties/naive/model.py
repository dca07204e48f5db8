"""A naive model of the ledger: it keeps every fact for ever and works everything out again from the first one.

It shares no code with the product: the standard library's zones and fractions, lists instead of indexes, and no state but the
facts. It covers what the properties generate: sales with rates, fixed points and multipliers, roundings, limits, the join
policies that a sale can use, lots with activation and expiration, late records, duplicates, tiers that rise, and ticks.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any
from zoneinfo import ZoneInfo

from tests.properties.naive.calendar import falls_on, first_day, rfc3339

Said = tuple[str, str, str, str]  # type, point or tier, points, occurred_at


@dataclass
class Lot:
    points: int
    activates: datetime | None
    expires: datetime | None
    born_expired: bool
    told: int = 0  # 0: accrued, 1: activated, 2: expired -- what has been said about it


@dataclass
class Person:
    settled: datetime | None = None
    joined: datetime | None = None
    lots: dict[str, list[Lot]] = field(default_factory=dict)
    granted: list[tuple[datetime, str, str, int]] = field(default_factory=list)  # event time, kind, name, points
    tiers: list[tuple[datetime, int]] = field(default_factory=list)
    receipts: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    qualifying: int = 0


@dataclass
class Result:
    outcomes: list[str | None]
    said: list[Counter[Said]]  # by step, in no order within a step
    people: dict[str, Person]


def rounded(exact: Fraction, mode: str) -> int:
    match mode:
        case "floor":
            return floor(exact)
        case "ceiling":
            return ceil(exact)
        case "half-even":
            return round(exact)
        case _:
            return floor(exact + Fraction(1, 2))


def text(minor: int, scale: int) -> str:
    whole, rest = divmod(minor, 10**scale)
    return f"{whole}.{rest:0{scale}d}" if scale else str(whole)


class Model:
    def __init__(self, program: Mapping[str, Any]) -> None:
        self.program = program
        self.zone = ZoneInfo(program["timezone"])
        self.leap_day = program.get("leap_day", "feb-28")
        self.points = {point["sid"]: point for point in program["points"]}
        self.rules: list[Mapping[str, Any]] = [
            {"point": program["points"][0]["sid"], **rule} for rule in program.get("earning", [])
        ]
        self.tiers = program.get("tiers", {}).get("definitions", [])
        self.join = program.get("membership", {}).get("join", "on-points-earned")

    def run(self, facts: Sequence[Mapping[str, Any] | datetime]) -> Result:
        """Everything that a sequence of sales and ticks comes to."""
        result = Result([], [], {})
        arrival = None
        for fact in facts:
            self.said: Counter[Said] = Counter()
            if isinstance(fact, datetime):
                for person in result.people.values():
                    if self.due(person, fact):  # a tick settles every profile with something due, and no other
                        self.settle(person, fact)
                result.outcomes.append(None)
            else:
                at = datetime.fromisoformat(fact["closed_at"])
                arrival = at if arrival is None else max(arrival, at)
                result.outcomes.append(self.sale(result, fact, at, arrival))
            result.said.append(self.said)
        return result

    def sale(self, result: Result, sale: Mapping[str, Any], at: datetime, arrival: datetime) -> str:
        if "profile_id" not in sale:
            return "anonymous"
        late = self.program.get("late", "accept")
        if late != "accept" and at < arrival - timedelta(days=int(late.split()[2])):
            return "dead-letter"
        person = result.people.setdefault(sale["profile_id"], Person())
        identity = (sale["application"], sale["receipt_id"])
        if identity in person.receipts:
            return "duplicate" if person.receipts[identity] == sale else "dead-letter"
        person.receipts[identity] = sale
        now = at if person.settled is None else max(person.settled, at)
        self.settle(person, now)
        if self.join == "explicit":
            return "not-a-member"
        held = [number for moment, number in person.tiers if moment <= at]
        tier = self.tiers[held[-1]]["name"] if held else None  # before the record's own effect
        for sid in self.points:
            self.credit(person, sid, sale, at, tier)
        self.settle(person, now)
        return "applied"

    # what is due

    def settle(self, person: Person, until: datetime) -> None:
        """Say what happened to each lot up to an instant; joining by an activation brings lots of its own."""
        while due := self.due(person, until):
            moment, kind, sid, lot = min(due, key=lambda item: (item[0], item[1]))
            person.settled = moment if person.settled is None else max(person.settled, moment)
            lot.told = kind
            if kind == 1 and person.joined is None:
                self.become_member(person, moment)
            self.say("points.activated" if kind == 1 else "points.expired", sid, lot.points, moment)
        person.settled = until if person.settled is None else max(person.settled, until)

    def due(self, person: Person, until: datetime) -> list[tuple[datetime, int, str, Lot]]:
        return [
            (moment, kind, sid, lot)
            for sid, lots in person.lots.items()
            for lot in lots
            for kind, moment in ((1, lot.activates), (2, lot.expires))
            if moment is not None
            and moment <= until
            and lot.told < kind
            and not lot.born_expired
            and not (kind == 1 and lot.expires is not None and lot.expires <= moment)
        ]

    def say(self, kind: str, sid: str, points: int, at: datetime) -> None:
        self.said[kind, sid, text(points, self.scale(sid)), rfc3339(at)] += 1

    def scale(self, sid: str) -> int:
        return int(self.points[sid].get("scale", 0))

    def become_member(self, person: Person, at: datetime) -> None:
        person.joined = at
        self.said["membership.joined", "", "", rfc3339(at)] += 1
        self.rise(person)
        for sid, point in self.points.items():
            initial = int(Fraction(point.get("initial_balance", "0")) * 10 ** self.scale(sid))
            if initial:
                self.accrue(person, sid, [(initial, {})], at)

    # what a sale earns

    def credit(self, person: Person, sid: str, sale: Mapping[str, Any], at: datetime, tier: str | None) -> None:
        rows = self.earned(sid, sale, tier)
        point = self.points[sid]
        wanted = sum(points for _, points in rows)
        given: list[tuple[Mapping[str, Any], int]] = []
        for rule, points in rows:
            allowed = self.room(person, rule.get("limit"), f"rule {rule['rule']}", points, at)
            given.append((rule, min(points, allowed)))
        total = sum(points for _, points in given)
        joins = person.joined is None and total > 0 and self.joins_with(sid, given, at)
        allowed = self.room(person, point.get("limit"), f"point {sid}", total, at)
        if point.get("max_balance") is not None:
            unit = 10 ** self.scale(sid)
            held = self.open(person, sid) + (int(Fraction(point.get("initial_balance", "0")) * unit) if joins else 0)
            allowed = min(allowed, max(int(Fraction(point["max_balance"]) * unit) - held, 0))
        if joins and allowed > 0:  # points that nobody gets are not earned
            self.become_member(person, at)
        cut = max(total - allowed, 0)
        for n, (rule, points) in enumerate(given):  # only the total is compared where a cut meets several rules
            given[n] = (rule, points - min(cut, points))
            cut -= min(cut, points)
        assert wanted >= sum(points for _, points in given)
        if not sum(points for _, points in given):
            return
        for rule, points in given:
            if points:
                person.granted.append((at, "rule", f"rule {rule['rule']}", points))
        person.granted.append((at, "point", f"point {sid}", sum(points for _, points in given)))
        self.accrue(person, sid, [(points, rule) for rule, points in given if points], at)

    def joins_with(self, sid: str, given: Sequence[tuple[Mapping[str, Any], int]], at: datetime) -> bool:
        if self.join == "on-points-earned":
            return True
        lots = [self.lot(sid, points, rule, at) for rule, points in given if points]
        return any(self.is_active_at_once(lot, at) for lot in lots)

    def is_active_at_once(self, lot: Lot, at: datetime) -> bool:
        return not lot.born_expired and lot.activates is not None and lot.activates <= at

    def open(self, person: Person, sid: str) -> int:
        return sum(lot.points for lot in person.lots.get(sid, []) if lot.told < 2 and not lot.born_expired)

    def room(self, person: Person, limit: Mapping[str, str] | None, name: str, wanted: int, at: datetime) -> int:
        """How much of what is wanted a limit lets through; it goes by the period of the event's own time."""
        if limit is None or not wanted:
            return wanted
        period = limit["per"]
        same = [points for moment, _, who, points in person.granted if who == name and self.same(period, moment, at)]
        if period == "receipt":
            same = []
        if "times" in limit:
            return wanted if len(same) < int(limit["times"]) else 0
        sid = name.removeprefix("point ") if name.startswith("point ") else self.point_of(name)
        left = max(int(Fraction(limit["points"]) * 10 ** self.scale(sid)) - sum(same), 0)
        if wanted > left and limit.get("on_cap") == "refuse":
            return 0
        return left

    def point_of(self, name: str) -> str:
        return str(next(rule["point"] for rule in self.rules if f"rule {rule['rule']}" == name))

    def same(self, period: str, one: datetime, other: datetime) -> bool:
        if period == "ever":
            return True
        days = [moment.astimezone(self.zone).date() for moment in (one, other)]
        return first_day(days[0], period) == first_day(days[1], period)

    def earned(self, sid: str, sale: Mapping[str, Any], tier: str | None) -> list[tuple[Mapping[str, Any], int]]:
        """Whole points by rule, in file order."""
        point = self.points[sid]
        unit = 10 ** self.scale(sid)
        amounts = self.amounts(sale)
        if sum(amounts) < 0:
            return []
        exact: list[tuple[Mapping[str, Any], list[Fraction]]] = []
        base = [Fraction(0)] * len(amounts)
        for rule in self.rules:
            if rule["point"] != sid or not self.matches(rule, tier):
                continue
            lines = [rule.get("lines") in (None, {"sku": line["sku"]}) for line in sale["lines"]]
            if "multiplier" in rule:
                continue
            parts = [Fraction(0)] * len(amounts)
            if "fixed" in rule:
                worth = Fraction(rule["fixed"]["points"]) * unit
                match rule["fixed"]["per"]:
                    case "receipt":
                        parts = [*parts, worth if any(lines) else Fraction(0)]
                    case "line":
                        parts = [worth * on for on in lines]
                    case _:
                        parts = [
                            worth * on * Fraction(str(line["quantity"])) for on, line in zip(lines, sale["lines"], strict=True)
                        ]
            else:
                basis = sum((amount for amount, on in zip(amounts, lines, strict=True) if on), Fraction(0))
                if basis > 0:
                    rate = rule["rate"]
                    steps = basis / Fraction(rate["per"])
                    if rate.get("steps") == "whole":
                        steps = Fraction(floor(steps))
                    points = steps * Fraction(rate["points"]) * unit
                    parts = [points * amount / basis * on for amount, on in zip(amounts, lines, strict=True)]
                    base = [before + more for before, more in zip(base, parts, strict=True)]
            exact.append((rule, parts))
        for rule in self.rules:
            if rule["point"] == sid and "multiplier" in rule and self.matches(rule, tier):
                lines = [rule.get("lines") in (None, {"sku": line["sku"]}) for line in sale["lines"]]
                more = [before * (Fraction(rule["multiplier"]) - 1) * on for before, on in zip(base, lines, strict=True)]
                base = [before + added for before, added in zip(base, more, strict=True)]
                exact.append((rule, more))
        exact.sort(key=lambda row: self.rules.index(row[0]))
        mode = point.get("rounding", "floor")
        match point.get("round", "receipt"):
            case "rule":
                return [(rule, rounded(sum(parts, Fraction(0)), mode)) for rule, parts in exact]
            case "line":
                width = len(amounts) + 1
                lines_of = [[*parts, Fraction(0)][:width] for _, parts in exact]
                total = sum(rounded(sum((parts[n] for parts in lines_of), Fraction(0)), mode) for n in range(width))
            case _:
                total = rounded(sum((sum(parts, Fraction(0)) for _, parts in exact), Fraction(0)), mode)
        return self.apportioned([(rule, sum(parts, Fraction(0))) for rule, parts in exact], total)

    def apportioned(self, rows: list[tuple[Mapping[str, Any], Fraction]], total: int) -> list[tuple[Mapping[str, Any], int]]:
        """Largest remainder first."""
        whole = [floor(points) for _, points in rows]
        order = sorted(range(len(rows)), key=lambda n: whole[n] - rows[n][1])
        for turn in range(total - sum(whole)):
            whole[order[turn % len(order)]] += 1
        while sum(whole) > total:  # rounded line by line; which row loses it is open, and not compared
            whole[max(order, key=lambda n: whole[n])] -= 1
        return [(rule, points) for (rule, _), points in zip(rows, whole, strict=True)]

    def amounts(self, sale: Mapping[str, Any]) -> list[Fraction]:
        """Gross by line: the header discount spread by amount."""
        lines = [
            Fraction(str(line["quantity"])) * Fraction(line["unit_price"]) - Fraction(line.get("discount", "0"))
            for line in sale["lines"]
        ]
        whole = sum(lines)
        return [amount - Fraction(sale.get("discount", "0")) * amount / whole for amount in lines] if whole else lines

    def matches(self, rule: Mapping[str, Any], tier: str | None) -> bool:
        return "when" not in rule or rule["when"]["tier"] == tier

    # lots and tiers

    def lot(self, sid: str, points: int, rule: Mapping[str, Any], at: datetime) -> Lot:
        point = self.points[sid]
        activates = falls_on(
            rule.get("activation") or point.get("activation", "immediately"), at, self.zone, self.leap_day, through=False
        )
        anchor = activates if point.get("expires_from") == "activation" else at
        lasts = rule.get("expiration") or point.get("expiration", "never")
        expires = None if anchor is None else falls_on(lasts, anchor, self.zone, self.leap_day, through=True)
        born_expired = expires is not None and (expires <= at or (activates is not None and expires <= max(activates, at)))
        return Lot(points, activates, expires, born_expired)

    def accrue(self, person: Person, sid: str, parts: Sequence[tuple[int, Mapping[str, Any]]], at: datetime) -> None:
        """One entry; a lot for each pair of dates."""
        merged: dict[tuple[datetime | None, datetime | None], Lot] = {}
        for points, rule in parts:
            lot = self.lot(sid, points, rule, at)
            same = merged.setdefault((lot.activates, lot.expires), lot)
            if same is not lot:
                same.points += points
        self.say("points.accrued", sid, sum(lot.points for lot in merged.values()), at)
        for lot in merged.values():
            if self.is_active_at_once(lot, at):
                lot.told = 1
            if lot.born_expired:
                lot.told = 2
                self.say("points.expired", sid, lot.points, at)
            person.lots.setdefault(sid, []).append(lot)
        if self.tiers and sid == self.program["points"][0]["sid"]:
            person.qualifying += sum(points for points, _ in parts)
            self.rise(person)

    def rise(self, person: Person) -> None:
        if person.joined is None or not self.tiers:
            return
        scale = self.scale(self.program["points"][0]["sid"])
        reached = [n for n, tier in enumerate(self.tiers) if Fraction(tier["threshold"]) * 10**scale <= person.qualifying]
        held = person.tiers[-1][1] if person.tiers else -1
        if reached and reached[-1] > held:
            assert person.settled is not None
            person.tiers.append((person.settled, reached[-1]))
            self.said["tier.joined" if held < 0 else "tier.upgraded", self.tiers[reached[-1]]["name"], "", ""] += 1

    def row(self, person: Person, sid: str) -> dict[str, Any]:
        """A row of balances: the figures that sales and time can change, and the open lots in no order."""
        scale = self.scale(sid)
        figures = Counter({"active": 0, "pending": 0, "expired": 0, "lifetime": 0})
        open_lots = []
        for lot in person.lots.get(sid, []):
            figures["lifetime"] += lot.points
            figures[("pending", "active", "expired")[lot.told]] += lot.points
            if lot.told < 2:
                dates = [None if moment is None else rfc3339(moment) for moment in (lot.activates, lot.expires)]
                open_lots.append((text(lot.points, scale), *dates))
        tier = self.tiers[person.tiers[-1][1]]["name"] if person.tiers else None
        return {**{name: text(minor, scale) for name, minor in figures.items()}, "lots": Counter(open_lots), "tier": tier}
