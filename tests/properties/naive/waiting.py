"""Sales of the naive model that wait until their profile consents, or joins: a copy for each program that one waits for.

What is left of it counts when that comes, at the sale's own time; if it never does, the sale was of no member, and nothing is said.
"""

from collections.abc import Callable
from datetime import datetime

from tests.properties.naive.people import Parked, Person, Receipt, Scene
from tests.properties.naive.program import Json, Program

JOINING = "joining "  # where the application of a receipt stands: no application is called so


def counts(person: Person, program: Program, at: datetime) -> bool:
    """Whether what happened at an instant counts for a program."""
    member = person.members.get(program.name)
    if program.join == "explicit" and (member is None or member.joined is None):
        return False
    return person.consents(program, at)


def wait(scene: Scene, person: Person, receipt: Receipt, programs: list[Program], sale: Json) -> bool:
    """A copy for each of the programs that let it wait; whether any does."""
    waits = [program for program in programs if program.before_join == "park"]
    for program in waits:
        receipt.waits_for.add(program.name)
        until, number = scene.arrival + program.park, len(person.identities) + len(person.parked)
        person.parked.append(Parked("purchases", sale, scene.arrival, (JOINING, program.name), until, number))
    return bool(waits)


def is_over(person: Person, waiting: Parked) -> bool:
    """Its time is over: it has been of no member. False: it did not wait for that."""
    if waiting.waits_for[0] != JOINING:
        return False
    receipt = receipt_of(person, waiting)
    if receipt.sale == waiting.record:
        receipt.waits_for.discard(waiting.waits_for[1])
    return True


def receipt_of(person: Person, waiting: Parked) -> Receipt:
    return person.receipts[waiting.record["application"], waiting.record["receipt_id"]]


def consented(person: Person, programs: list[Program], fields: Json, count: Callable[[Parked], None]) -> None:
    """What waited for consent counts, in order of arrival; what consent does not reach waits on."""
    for program in programs:
        if program.consent is None or not fields.get(program.consent):
            continue
        for waiting in [parked for parked in person.parked if parked.waits_for == (JOINING, program.name)]:
            receipt = receipt_of(person, waiting)
            stands = receipt.closed and receipt.sale == waiting.record and program.name in receipt.waits_for
            if not stands or counts(person, program, datetime.fromisoformat(waiting.record["closed_at"])):
                person.parked.remove(waiting)
                if stands:
                    count(waiting)
