"""Time in the naive model: everything that is due is looked for again after each thing that happened."""

from datetime import datetime
from typing import NamedTuple

from tests.properties.naive.books import Lot, Member
from tests.properties.naive.crediting import become_member
from tests.properties.naive.people import Parked, Person, Request, Scene
from tests.properties.naive.tiers import became_active, review
from tests.properties.naive.waiting import is_over

ACTIVATE, HOLD_RUNS_OUT, EXPIRE, REVIEW, PARKING_ENDS = range(5)


class Due(NamedTuple):
    moment: datetime
    kind: int
    name: str
    member: Member | None
    sid: str
    subledger: str | None
    what: Lot | Request | Parked | None  # None: a review


def due(person: Person, until: datetime) -> list[Due]:
    found: list[Due] = []
    for member in person.members.values():
        for (sid, subledger), ledger in member.ledgers.items():
            for lot, _ in ledger.within("pending"):
                if lot.activates is not None:
                    found.append(Due(lot.activates, ACTIVATE, lot.name, member, sid, subledger, lot))
                elif lot.expires is not None:  # it waits for an event that comes too late
                    found.append(Due(lot.expires, EXPIRE, lot.name, member, sid, subledger, lot))
            for lot, _ in ledger.within("active"):
                if lot.expires is not None:
                    found.append(Due(lot.expires, EXPIRE, lot.name, member, sid, subledger, lot))
        for subledger, standing in member.standings.items():
            name = f"{subledger or ''} {member.program.name}"
            for moment in (standing.falls, standing.next):
                if moment is not None:
                    found.append(Due(moment, REVIEW, name, member, "", subledger, None))
    for (_, name), request in person.requests.items():
        if request.state == "reserved" and request.hold_until is not None:
            found.append(Due(request.hold_until, HOLD_RUNS_OUT, name, request.member, request.sid, request.subledger, request))
    for waiting in person.parked:
        found.append(Due(waiting.until, PARKING_ENDS, str(waiting.number), None, "", None, waiting))
    return [item for item in found if item.moment <= until]


def settle(scene: Scene, person: Person, until: datetime) -> None:
    while waiting := due(person, until):
        first = min(waiting, key=_order)
        person.settled = person.at_least(first.moment)
        fire(scene, person, first)
    person.settled = person.at_least(until)


def _order(item: Due) -> tuple[datetime, int, datetime, str]:
    """By instant, kind and id; of lots the one that was earned first comes first."""
    return item.moment, item.kind, item.what.earned if isinstance(item.what, Lot) else item.moment, item.name


def fire(scene: Scene, person: Person, item: Due) -> None:
    at, member, what = item.moment, item.member, item.what
    if isinstance(what, Parked):
        person.parked.remove(what)
        if is_over(person, what):
            return
        scene.dead.append("unknown-receipt")
        return
    assert member is not None
    judged_by, member.program = member.program, member.program.at(at)
    try:
        happen(scene, person, member, item)
    finally:
        member.program = judged_by


def happen(scene: Scene, person: Person, member: Member, item: Due) -> None:
    at, what = item.moment, item.what
    assert not isinstance(what, Parked)
    if isinstance(what, Request):
        what.state = "hold-over"
        release(scene, person, what, at)
        return
    if what is None:
        review(scene, person, member, item.subledger)
        return
    ledger = member.ledger(item.sid, item.subledger)
    if item.kind == ACTIVATE:
        if member.joined is None and member.program.status == "active" and person.consents(member.program, at):
            become_member(scene, person, member, person.joins_at(member.program, at))
        pieces = ledger.within("pending", [what])
        paid = ledger.activate(pieces, "pending")
        scene.post(person, member, "points.activated", at, item.sid, item.subledger, pieces, debt_paid=paid)
        became_active(scene, person, member, item.sid, item.subledger, at)
    elif pieces := ledger.within("active", [what]):
        expire(scene, person, member, item.sid, item.subledger, what, at)
    else:
        pieces = ledger.within("pending", [what])
        ledger.move(pieces, "pending", "written_off")
        scene.post(person, member, "points.cancelled", at, item.sid, item.subledger, pieces)


def expire(scene: Scene, person: Person, member: Member, sid: str, subledger: str | None, lot: Lot, at: datetime) -> None:
    pieces = member.ledger(sid, subledger).within("active", [lot])
    if pieces:
        member.ledger(sid, subledger).move(pieces, "active", "expired")
        scene.post(person, member, "points.expired", at, sid, subledger, pieces)


def release(scene: Scene, person: Person, request: Request, at: datetime) -> None:
    """What was held is active again; what is past its date expires at once.

    Of a lot that was partly active all along the whole expires at this very instant, in its turn.
    """
    member, sid, subledger = request.member, request.sid, request.subledger
    ledger = member.ledger(sid, subledger)
    paid = ledger.activate(request.pieces, "reserved")
    scene.post(person, member, "points.released", at, sid, subledger, request.pieces, debt_paid=paid)
    for lot, part in request.pieces:
        if lot.expires is not None and lot.expires <= at and sum(points for _, points in ledger.within("active", [lot])) <= part:
            expire(scene, person, member, sid, subledger, lot, at)
    became_active(scene, person, member, sid, subledger)
