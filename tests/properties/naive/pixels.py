"""Pixels of the naive model: consent that a form gives, events that activate what waits for them, visits that renew."""

from datetime import datetime

from tests.properties.naive.books import Ledger, Lot, Member
from tests.properties.naive.crediting import become_member
from tests.properties.naive.lifetimes import expires, live_through, note_activation, renew
from tests.properties.naive.people import Person, Refused, Scene
from tests.properties.naive.program import Json, Program
from tests.properties.naive.settling import expire, settle
from tests.properties.naive.tiers import became_active
from tests.properties.naive.waiting import counts, pixel_of, wait_pixel


def on_pixel(scene: Scene, person: Person, programs: list[Program], record: Json, at: datetime) -> str:
    identity = pixel_of(record)
    if identity in person.identities:
        if person.identities[identity] != record:
            raise Refused("conflicting-duplicate")
        waited = person.pixels_wait[identity]
        later = [program for program in programs if program.name in waited and counts(person, program, at)]
        waited -= {program.name for program in later}
        return "applied" if count(scene, person, later, record, at) else "duplicate"
    settle(scene, person, person.at_least(at))
    person.identities[identity] = record
    person.told += [(at, name, given) for name, given in consent_in(programs, record).items()]
    counting = [program for program in programs if counts(person, program, at)]
    waits = wait_pixel(scene, person, [program for program in programs if program not in counting], record)
    return "applied" if count(scene, person, counting, record, at) else "parked" if waits else "not-a-member"


def consent_in(programs: list[Program], record: Json) -> Json:
    """What a form says of consent: Boolean fields that a program calls so."""
    attributes = record.get("attributes", {})
    return {
        program.consent: attributes[program.consent]
        for program in programs
        if program.consent is not None and isinstance(attributes.get(program.consent), bool)
    }


def count(scene: Scene, person: Person, programs: list[Program], record: Json, at: datetime) -> bool:
    now = person.at_least(at)
    if programs:
        settle(scene, person, now)
    for program in programs:
        for sid in program.points:
            act(scene, person, person.member(program), sid, record, at)
    settle(scene, person, now)
    return bool(programs)


def act(scene: Scene, person: Person, member: Member, sid: str, record: Json, at: datetime) -> None:
    point = member.program.points[sid]
    on = point["activate_on"]
    if on is not None and on["pixel"] == record["type"]:
        receipt = record.get("attributes", {}).get("receipt_id") if "receipt" in on else None
        if receipt is not None or "receipt" not in on:
            note_activation(person, member.program, sid, receipt, at)
            for subledger, ledger in ledgers_of(member, sid):
                for lot in waiting_for(ledger, receipt, at):
                    activate(scene, person, member, sid, subledger, lot, at)
    there = [subledger for subledger, _ in ledgers_of(member, sid)]
    renew(scene, person, member, record["type"], sid, there, at, everywhere=True)


def ledgers_of(member: Member, sid: str) -> list[tuple[str | None, Ledger]]:
    return [(subledger, member.ledger(sid, subledger)) for of, subledger in member.told_of() if of == sid]


def waiting_for(ledger: Ledger, receipt: str | None, at: datetime) -> list[Lot]:
    """Of the receipt that the event names, else whatever was earned by then; the first earned first."""
    lots = [lot for lot, _ in ledger.within("pending") if lot.activates is None]
    found = [lot for lot in lots if (lot.receipt == receipt if receipt is not None else lot.earned <= at)]
    return sorted(found, key=lambda lot: (lot.earned, lot.name))


def activate(scene: Scene, person: Person, member: Member, sid: str, subledger: str | None, lot: Lot, at: datetime) -> None:
    """At the event's own time, and not before the points were earned."""
    program = member.program
    lot.activates = at = max(at, lot.earned)
    if program.points[sid]["expires_from"] == "activation":
        lot.expires = expires(program, sid, lot.how, at)
    if member.joined is None and program.join == "on-points-activated" and person.consents(program, at):
        become_member(scene, person, member, person.joins_at(program, at))
    ledger = member.ledger(sid, subledger)
    pieces = ledger.within("pending", [lot])
    paid = ledger.activate(pieces, "pending")
    scene.post(person, member, "points.activated", at, sid, subledger, pieces, debt_paid=paid)
    became_active(scene, person, member, sid, subledger, at)
    if lot.expires is not None and lot.expires <= at:
        expire(scene, person, member, sid, subledger, lot, at)
    live_through(scene, person, member, sid, subledger, lot, at)
    became_active(scene, person, member, sid, subledger, at)  # what is not over after all
