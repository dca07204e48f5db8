"""Redemptions and adjustments of the naive model: judged at the settled time, on what is there."""

from datetime import datetime
from fractions import Fraction
from math import ceil, floor

from tests.properties.naive.books import Pieces, size, taken
from tests.properties.naive.calendar import moved
from tests.properties.naive.crediting import accrue, become_member, joins_with
from tests.properties.naive.lifetimes import renew
from tests.properties.naive.people import Person, Refused, Request, Scene
from tests.properties.naive.program import Json, Program, fraction
from tests.properties.naive.settling import expire, release, settle
from tests.properties.naive.tiers import became_active


class Declined(Exception):
    """A redemption that is not granted."""


def on_redemption(scene: Scene, person: Person, program: Program, record: Json, at: datetime) -> str:
    kind = record.get("kind", "redeem")
    identity = ("redemption", kind, record["redemption_id"], record.get("part", ""))
    if identity in person.identities:
        if person.identities[identity] != record:
            raise Refused("conflicting-duplicate")
        scene.decisions.append(person.decided[identity])
        return "duplicate"
    sid = record.get("point", program.first)
    if kind in {"redeem", "reserve"}:
        check(program, sid, record)
    now = person.at_least(at)
    settle(scene, person, now)
    program = program.at(now)  # spending is judged by what is there now
    person.identities[identity] = record
    decision: Json = {"redemption_id": record["redemption_id"], "type": "redemption.accepted", "reason": None}
    try:
        pieces = react(scene, person, program, sid, record, kind, now)
        decision["points"] = program.text(sid, size(pieces))
        taken_by = person.requests[program.name, record["redemption_id"]].taken_by or program
        if taken_by.points[sid]["ratio"] is not None:
            cents = floor(worth(taken_by, sid, size(pieces)) * 100)
            decision["money"] = f"{cents // 100}.{cents % 100:02d}"
    except Declined as declined:
        decision |= {"type": "redemption.declined", "reason": str(declined)}
    person.decided[identity] = decision
    scene.decisions.append(decision)
    settle(scene, person, now)
    return "applied"


def check(program: Program, sid: str, record: Json) -> None:
    amount = record.get("points", record.get("money"))
    if ("points" in record) == ("money" in record) or fraction(amount) <= 0 or sid not in program.points:
        raise Refused("invalid-field")


def worth(program: Program, sid: str, minor: int) -> Fraction:
    ratio = program.points[sid]["ratio"]
    return Fraction(minor, 10 ** program.scale(sid)) * fraction(ratio["money"]) / fraction(ratio["points"])


def react(scene: Scene, person: Person, program: Program, sid: str, record: Json, kind: str, now: datetime) -> Pieces:
    subledger = record.get("subledger") if program.subledgers else None
    member = person.member(program)
    ledger = member.ledger(sid, subledger)
    name = (program.name, record["redemption_id"])
    if member.joined is None:
        raise Declined("not-a-member")
    if kind in {"redeem", "reserve"}:
        try:
            points = wanted(person, program, sid, subledger, record)
        except Declined:
            person.requests.setdefault(name, Request(member, sid, subledger, "declined", []))
            raise
        pieces = taken(ledger.spendable(program.points[sid]["spend_order"]), points)
        request = Request(member, sid, subledger, "redeemed" if kind == "redeem" else "reserved", pieces, taken_by=program)
        person.requests[name] = request
        ledger.move(pieces, "active", request.state)
        if kind == "reserve":
            holds = str(record.get("hold", program.points[sid]["hold"])), str(program.points[sid]["max_hold"])
            request.hold_until = min(moved(hold, now, program.zone) for hold in holds)
        scene.post(person, member, f"points.{request.state}", now, sid, subledger, pieces)
        if kind == "redeem":
            renew(scene, person, member, "spending", sid, [subledger], now, everywhere=False)
        return pieces
    found = person.requests.get(name)
    if found is None or found.state == "declined":
        raise Declined("unknown-redemption")
    if kind == "rollback":
        return roll_back(scene, person, program, found, record, now)
    if found.state != "reserved":
        raise Declined({"redeemed": "already-committed", "released": "already-released"}.get(found.state, found.state))
    if kind == "release":
        found.state = "released"
        release(scene, person, found, now)
    else:
        found.state = "redeemed"
        member.ledger(found.sid, found.subledger).move(found.pieces, "reserved", "redeemed")
        scene.post(person, member, "points.redeemed", now, found.sid, found.subledger, found.pieces)
        renew(scene, person, member, "spending", found.sid, [found.subledger], now, everywhere=False)
    return found.pieces


def wanted(person: Person, program: Program, sid: str, subledger: str | None, record: Json) -> int:
    """How many points a request is about; raises `Declined` with the first reason against it."""
    member, point = person.member(program), program.points[sid]
    rules = point["redeem"]
    unit = 10 ** program.scale(sid)
    multiple = program.minor(sid, rules["multiple"]) if rules["multiple"] is not None else 1
    partial = rules["partial"] == "true"
    active = member.ledger(sid, subledger).total("active")
    if "money" in record and point["ratio"] is None:
        raise Declined("no-ratio")
    share = fraction(rules["max_share"])
    if share < 1 and "order_total" not in record:
        raise Declined("order-total-required")
    if "money" in record:
        ratio = point["ratio"]
        exact = fraction(record["money"]) * fraction(ratio["points"]) / fraction(ratio["money"]) * unit
        points = Fraction(ceil(Fraction(ceil(exact), multiple)) * multiple)
    else:
        points = fraction(record["points"]) * unit
    most = None
    if "order_total" in record and point["ratio"] is not None:
        most = (
            share
            * fraction(record["order_total"])
            * fraction(point["ratio"]["points"])
            / fraction(point["ratio"]["money"])
            * unit
        )
    if partial:
        minor: int = floor(min(points, active, active if most is None else most)) // multiple * multiple
        if minor < program.minor(sid, rules["minimum"]):
            raise Declined("below-minimum")
        if not minor:
            raise Declined("insufficient-points" if active < multiple else "below-minimum")
        return minor
    if points % multiple:
        raise Declined("not-a-multiple")
    if points < program.minor(sid, rules["minimum"]):
        raise Declined("below-minimum")
    if most is not None and points > most:
        raise Declined("above-max-share")
    if points > active:
        raise Declined("insufficient-points")
    return int(points)


def roll_back(scene: Scene, person: Person, program: Program, request: Request, record: Json, now: datetime) -> Pieces:
    """Into the same lots, the last spent first."""
    if request.state != "redeemed":
        raise Declined("unknown-redemption")
    member, sid, subledger = request.member, request.sid, request.subledger
    left = size(request.pieces) - request.rolled_back
    points = program.minor(sid, record["points"]) if "points" in record else left
    if points > left or not points:
        raise Declined("over-rolled-back")
    backwards = taken(list(reversed(request.pieces)), request.rolled_back + points)
    before = dict(taken(backwards, request.rolled_back))
    pieces = [(lot, part - before.get(lot, 0)) for lot, part in backwards if part > before.get(lot, 0)]
    request.rolled_back += points
    ledger = member.ledger(sid, subledger)
    grace = program.points[sid]["reinstate_expired"]
    for lot, _ in pieces:
        if lot.expires is not None and moved(grace, now, program.zone, -1) <= lot.expires <= now:
            lot.expires = moved(grace, now, program.zone)
    paid = ledger.activate(pieces, "redeemed")
    scene.post(person, member, "points.reinstated", now, sid, subledger, pieces, debt_paid=paid)
    for lot, _ in pieces:
        if lot.expires is not None and lot.expires <= now:
            expire(scene, person, member, sid, subledger, lot, now)
    became_active(scene, person, member, sid, subledger)
    return pieces


def on_adjustment(scene: Scene, person: Person, program: Program, record: Json, at: datetime) -> str:
    if program.status == "draft":
        raise Refused("not-a-member")
    identity = ("adjustment", record["adjustment_id"])
    if identity in person.identities:
        if person.identities[identity] != record:
            raise Refused("conflicting-duplicate")
        return "duplicate"
    sid = record.get("point", program.first)
    subledger = record.get("subledger") if program.subledgers else None
    if sid not in program.points or not fraction(record["points"]) or not program.is_whole(sid, record["points"]):
        raise Refused("invalid-field")
    points = program.minor(sid, record["points"])
    now = person.at_least(at)
    settle(scene, person, now)
    member = person.member(program)
    if points > 0:
        if member.joined is None and (program.join == "explicit" or program.status == "ended"):
            raise Refused("not-a-member")
        if not person.consents(program, at):
            raise Refused("not-a-member")
        if member.joined is None and joins_with(person, program, sid, [(points, record)], at):
            become_member(scene, person, member, person.joins_at(program, at))
        accrue(scene, person, member, sid, subledger, [(points, record)], at, "adjustments")
        settle(scene, person, now)
    else:
        if member.joined is None:
            raise Refused("not-a-member")
        program, ledger = program.at(now), member.ledger(sid, subledger)
        if ledger.total("active") < -points:
            raise Refused("insufficient-points")
        pieces = taken(ledger.spendable(program.points[sid]["spend_order"]), -points)
        ledger.move(pieces, "active", "written_off")
        scene.post(person, member, "points.adjusted", now, sid, subledger, pieces, direction="debit")
    person.identities[identity] = record
    return "applied"
