"""How points come to a profile in the naive model: limits, joining, lots with their dates, and tiers that rise."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from fractions import Fraction
from types import MappingProxyType

from tests.properties.naive.books import Lot, Member
from tests.properties.naive.calendar import first_day
from tests.properties.naive.earning import Rooms, Rows, Situation, apportioned, earned, fits, lines_of
from tests.properties.naive.lifetimes import dates, is_active_at_once, is_born_expired, live_through, renew
from tests.properties.naive.people import Claim, Person, Scene
from tests.properties.naive.program import Json, Program, fraction
from tests.properties.naive.tiers import became_active, count, enter

Parts = Sequence[tuple[int, Json]]  # points, and the rule or record that may have dates of its own


def joins_with(person: Person, program: Program, sid: str, parts: Parts, at: datetime, receipt: str | None = None) -> bool:
    if program.join == "on-points-activated":
        return any(is_active_at_once(person, program, sid, how, at, receipt) for points, how in parts if points)
    return program.join == "on-points-earned"


def become_member(scene: Scene, person: Person, member: Member, at: datetime) -> None:
    member.joined = at
    scene.say(person, member, "membership.joined", at)
    for subledger in dict.fromkeys([None, *(where for where, _, _ in member.counted)]):
        enter(scene, person, member, subledger, None)
    for sid, point in member.program.points.items():
        initial = member.program.minor(sid, point["initial_balance"])
        if initial:
            accrue(scene, person, member, sid, None, [(initial, {})], at, "initial")


def accrue(
    scene: Scene,
    person: Person,
    member: Member,
    sid: str,
    subledger: str | None,
    parts: Parts,
    at: datetime,
    source: str,
    receipt: str | None = None,
    withheld: int = 0,
    lines: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> list[Lot]:
    """One entry; a lot for each pair of dates. `lines`: of each rule, the lines that it counted."""
    program, ledger = member.program, member.ledger(sid, subledger)
    merged: dict[tuple[datetime | None, datetime | None, str], tuple[int, Json]] = {}
    of_lines: dict[tuple[datetime | None, datetime | None, str], set[frozenset[str]]] = {}
    for points, how in parts:
        if points:
            activates, expires = dates(person, program, sid, how, at, receipt)
            own = how.get("expiration") or program.points[sid]["expiration"]  # what counts from an event that is still to come
            own = own if activates is None and program.points[sid]["expires_from"] == "activation" else ""
            merged[activates, expires, own] = merged.get((activates, expires, own), (0, how))[0] + points, how
            of_lines.setdefault((activates, expires, own), set()).add(lines.get(how.get("rule", ""), frozenset()))
    lots = []
    for (activates, expires, own), (points, how) in merged.items():
        name = scene.name(person, member, sid, subledger, points, expires)
        lots.append(
            Lot(
                name,
                points,
                at,
                activates,
                expires,
                receipt,
                is_born_expired(activates, expires, at),
                how,
                one_of(of_lines[activates, expires, own]),
            )
        )
    ledger.lots += lots
    paid = 0
    for lot in lots:  # debt is paid in this order
        if lot.activates is not None and lot.activates <= at and not lot.born_expired:
            paid += ledger.activate([(lot, lot.points)], None)
        else:
            ledger.move([(lot, lot.points)], None, "pending")
    kind = "points.adjusted" if source == "adjustments" else "points.accrued"
    direction = {"direction": "credit"} if source == "adjustments" else {}
    pieces = [(lot, lot.points) for lot in lots]
    scene.post(person, member, kind, at, sid, subledger, pieces, debt_paid=paid, withheld=withheld, **direction)
    count(scene, person, member, sid, subledger, source, at, sum(lot.points for lot in lots))
    became_active(scene, person, member, sid, subledger, at, pieces)
    for lot in lots:
        if lot.born_expired:
            ledger.move([(lot, lot.points)], "pending", "expired")
            scene.post(person, member, "points.expired", at, sid, subledger, [(lot, lot.points)])
    for lot in lots:
        live_through(scene, person, member, sid, subledger, lot, at)
    became_active(scene, person, member, sid, subledger, at)  # what is not over after all
    if source != "initial":
        renew(scene, person, member, "earning", sid, [subledger], at, everywhere=False)
    return lots


def one_of(lines: set[frozenset[str]]) -> str | None:
    """The line that all of these rules counted, and no other."""
    every = set().union(*lines)
    return every.pop() if len(lines) == 1 and len(every) == 1 else None


# sales


def sale_earns(
    scene: Scene,
    person: Person,
    program: Program,
    sid: str,
    sale: Json,
    saw: Situation,
    kept: int,
    receipt: tuple[str, str],
    left: list[Fraction],
) -> Claim:
    """Credit what a sale earns in one point type beyond what is kept of it already."""
    member = person.member(program)
    subledger = sale.get("subledger") if program.subledgers else None
    at = saw.at
    rooms = rooms_of_rules(person, program, sid, at)
    rows = earned(program, sid, sale, saw, left, rooms)
    rooms |= rooms_of(person, program, sid, subledger, rows, rooms, at, sale["receipt_id"], kept)
    claim = Claim(program, sid, subledger, saw, rooms, kept, kept)
    given = limited(rows, rooms)
    total = sum(points for _, points in given)
    granted = max(total - kept, 0)
    withheld = sum(points for _, points in rows) - total
    for rule, points in given:  # what an earlier revision kept uses limits like what is given anew
        if points > 0:
            member.granted.append((f"rule {rule['rule']}", at, points, receipt))
    if total > 0:
        member.granted.append((f"point {sid}", at, total, receipt))
    given = shrunk(given, granted)
    if not granted:
        return claim
    parts = [(points, rule) for rule, points in given]
    if member.joined is None and joins_with(person, program, sid, parts, at, sale["receipt_id"]):
        become_member(scene, person, member, person.joins_at(program, at))
    claim.given = claim.claims = granted
    lines = lines_of(program, sid, sale, saw, left, rooms)
    claim.lots = accrue(scene, person, member, sid, subledger, parts, at, "earning", sale["receipt_id"], withheld, lines)
    return claim


def spread_of(line: Json) -> Fraction:
    return Fraction(1) if fraction(line["quantity"]) else Fraction(0)


def rooms_of_rules(person: Person, program: Program, sid: str, at: datetime) -> Rooms:
    """What each limit lets through at this moment; it goes by the period of the event's own time."""
    member = person.member(program)
    rules = [rule for rule in program.rules if rule["point"] == sid and "limit" in rule]
    return {f"rule {rule['rule']}": room(member, rule["limit"], f"rule {rule['rule']}", sid, at) for rule in rules}


def rooms_of(
    person: Person,
    program: Program,
    sid: str,
    subledger: str | None,
    rows: Rows,
    rooms: Rooms,
    at: datetime,
    receipt: str,
    kept: int,
) -> Rooms:
    """The point type's own limit and its highest balance, beside the limits of the rules. What the receipt has kept is its own."""
    member, point = person.member(program), program.points[sid]
    rooms = dict(rooms)
    if point["limit"] is not None:
        rooms["point"] = room(member, point["limit"], f"point {sid}", sid, at)
    if point["max_balance"] is not None:
        given = limited(rows, rooms)
        joins = member.joined is None and sum(p for _, p in given) > 0
        joins = joins and joins_with(person, program, sid, [(points, rule) for rule, points in given], at, receipt)
        ledger = member.ledger(sid, subledger)
        held = max(ledger.total("active") - kept, 0) + ledger.total("pending")
        initial = program.minor(sid, point["initial_balance"]) if joins and subledger is None else 0
        rooms["balance"] = (max(program.minor(sid, point["max_balance"]) - held - initial, 0), False)
    return rooms


def room(member: Member, limit: Json, name: str, sid: str, at: datetime) -> tuple[int | None, bool]:
    same = [
        points
        for who, moment, points, _ in member.granted
        if who == name and limit["per"] != "receipt" and in_one_period(member.program, limit["per"], moment, at)
    ]
    if "times" in limit:
        return (None if len(same) < int(limit["times"]) else 0), False
    return max(member.program.minor(sid, limit["points"]) - sum(same), 0), limit.get("on_cap") == "refuse"


def in_one_period(program: Program, period: str, one: datetime, other: datetime) -> bool:
    days: list[date] = [instant.astimezone(program.zone).date() for instant in (one, other)]
    return period == "ever" or first_day(days[0], period) == first_day(days[1], period)


def limited(rows: Rows, rooms: Rooms) -> Rows:
    """What the limits leave of whole points by rule: the rules' own first, then the point type's, then the balance's."""
    given = [(rule, fits(points, rooms.get(f"rule {rule['rule']}"))) for rule, points in rows]
    for name in ("point", "balance"):
        given = shrunk(given, fits(sum(points for _, points in given), rooms.get(name)))
    return given


def shrunk(rows: Rows, to: int) -> Rows:
    """What is cut from a whole is cut from all its parts alike."""
    whole = sum(points for _, points in rows)
    return rows if whole == to else apportioned([(rule, Fraction(points * to, whole)) for rule, points in rows], to)
