"""Erasure in the naive model: what is there goes when the record comes, and the books keep their totals."""

from datetime import datetime

from tests.properties.naive.books import Lot, Member
from tests.properties.naive.people import Person, Scene
from tests.properties.naive.settling import release, settle

REASON = {"reason": "erased"}


def on_erase(scene: Scene, person: Person, at: datetime) -> str:
    settle(scene, person, person.at_least(at))
    assert person.settled is not None
    now = person.settled
    for _, member in sorted(person.members.items()):
        held = [(name, request) for (_, name), request in person.requests.items() if request.member is member]
        for _, request in sorted(held, key=lambda one: one[0]):
            if request.state == "reserved":
                request.state = "released"
                release(scene, person, request, now)
        for sid, subledger in member.told_of():
            close(scene, person, member, sid, subledger, now)
        member.joined = None
        for remembered in (member.granted, member.counted, member.standings):
            remembered.clear()
    person.forget(now)
    return "applied"


def close(scene: Scene, person: Person, member: Member, sid: str, subledger: str | None, now: datetime) -> None:
    """Debt is forgiven by a credit that pays it; whatever is left is written off."""
    ledger = member.ledger(sid, subledger)
    debt = ledger.debt()
    if debt:
        lot = Lot(scene.name(person, member, sid, subledger, debt, None), debt, now, now, None)
        ledger.lots.append(lot)
        paid = ledger.activate([(lot, debt)], None)
        scene.post(
            person, member, "points.adjusted", now, sid, subledger, [(lot, debt)], debt_paid=paid, direction="credit", **REASON
        )
    active, pending = ledger.within("active"), ledger.within("pending")
    ledger.move(active, "active", "written_off")
    ledger.move(pending, "pending", "written_off")
    pieces = [*active, *pending]
    if pieces:
        scene.post(person, member, "points.adjusted", now, sid, subledger, pieces, direction="debit", **REASON)
