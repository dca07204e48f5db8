"""Claims in the naive model: whose receipt it is, where a program gives it to the profile whose sale was first."""

from datetime import datetime

from tests.properties.naive.people import Person, Receipt, Refused, Scene
from tests.properties.naive.program import Json, Program
from tests.properties.naive.waiting import counts

Key = tuple[str, str]
Owners = dict[Key, str]


def receipt_of(record: Json) -> Key:
    return record["application"], record["receipt_id"]


def are_claimed(programs: list[Program]) -> bool:
    return any(program.receipts == "claimed" for program in programs)


def has_effect(person: Person, programs: list[Program], sale: Json, at: datetime) -> bool:
    """Whether a sale counts, or waits for its profile, where a receipt is one profile's; what is refused or was seen claims nothing."""
    receipt, revision = person.receipts.get(receipt_of(sale), Receipt()), sale.get("revision", 1)
    known = [program for program in programs if sale["currency"] in {program.currency, *program.rates}]
    claimed = [program for program in known if program.receipts == "claimed"]
    if ("sale", revision) in receipt.seen or revision <= receipt.revision:
        waits = sale == receipt.sale and receipt.closed
        return waits and any(program.name in receipt.waits_for for program in claimed)
    return any(program.before_join == "park" or counts(person, program, at) for program in claimed)


def claim(scene: Scene, owners: Owners, person: Person, sale: Json) -> bool:
    """Whether the receipt is ours now. Another's is a dead letter of its own: the sale itself waits for the answer."""
    key = receipt_of(sale)
    if owners.setdefault(key, person.name) != person.name:
        scene.dead.append("claimed-by-another")
        return False
    person.claims.add(key)
    return True


def owner_of(owners: Owners, programs: list[Program], record: Json) -> str:
    """Who gets what is said of a receipt without saying whose it is."""
    if not are_claimed(programs):
        raise Refused("profile-required")
    return owners.get(receipt_of(record), "")
