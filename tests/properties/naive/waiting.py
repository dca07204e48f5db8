"""Sales and pixels of the naive model that wait until their profile consents, or joins: a copy for each program that one waits for.

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
    waits = copies(scene, person, "purchases", sale, programs)
    receipt.waits_for |= waits
    return bool(waits)


def wait_pixel(scene: Scene, person: Person, programs: list[Program], pixel: Json) -> bool:
    waits = copies(scene, person, "pixels", pixel, programs)
    person.pixels_wait[pixel_of(pixel)] = waits
    return bool(waits)


def copies(scene: Scene, person: Person, topic: str, record: Json, programs: list[Program]) -> set[str]:
    waits = [program for program in programs if program.before_join == "park"]
    for program in waits:
        until, number = scene.arrival + program.park, len(person.identities) + len(person.parked)
        person.parked.append(Parked(topic, record, scene.arrival, (JOINING, program.name), until, number))
    return {program.name for program in waits}


def pixel_of(pixel: Json) -> tuple[str, ...]:
    return ("pixel", pixel.get("application", ""), pixel["event_id"])


def is_over(person: Person, waiting: Parked) -> bool:
    """Its time is over: it has been of no member. False: it did not wait for that."""
    if waiting.waits_for[0] != JOINING:
        return False
    stands_for(person, waiting).discard(waiting.waits_for[1])
    return True


def stands_for(person: Person, waiting: Parked) -> set[str]:
    """The programs that a record which waits still waits for; none, where it has been replaced since."""
    if waiting.topic == "pixels":
        return person.pixels_wait[pixel_of(waiting.record)]
    receipt = receipt_of(person, waiting)
    return receipt.waits_for if receipt.sale == waiting.record else set()


def receipt_of(person: Person, waiting: Parked) -> Receipt:
    return person.receipts[waiting.record["application"], waiting.record["receipt_id"]]


def consented(person: Person, programs: list[Program], fields: Json, count: Callable[[Parked], None]) -> None:
    """What waited for consent counts, for whatever program it waited, in order of arrival; what consent does not reach waits on."""
    asking = {
        (JOINING, program.name): program for program in programs if program.consent is not None and fields.get(program.consent)
    }
    for waiting in [parked for parked in person.parked if parked.waits_for in asking]:
        program = asking[waiting.waits_for]
        stands = program.name in stands_for(person, waiting) and (waiting.topic == "pixels" or receipt_of(person, waiting).closed)
        at = waiting.record["occurred_at" if waiting.topic == "pixels" else "closed_at"]
        if not stands or counts(person, program, datetime.fromisoformat(at)):
            person.parked.remove(waiting)
            if stands:
                count(waiting)
