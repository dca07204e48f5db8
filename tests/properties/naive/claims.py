"""Claims in the naive model: whose receipt it is, where a program gives it to the profile whose sale was first."""

from tests.properties.naive.people import Person, Refused, Scene
from tests.properties.naive.program import Json, Program

Key = tuple[str, str]
Owners = dict[Key, str]


def receipt_of(record: Json) -> Key:
    return record["application"], record["receipt_id"]


def are_claimed(programs: list[Program]) -> bool:
    return any(program.receipts == "claimed" for program in programs)


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
