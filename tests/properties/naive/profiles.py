"""Fields of a profile in the naive model: everything that was ever said of them, with the time from which on it holds."""

from datetime import datetime

from tests.properties.naive.people import Person, Scene
from tests.properties.naive.program import Json
from tests.properties.naive.settling import settle


def on_profile(scene: Scene, person: Person, record: Json, at: datetime) -> str:
    """Merged in order of arrival; the same content of the same instant again is a duplicate, another is not."""
    content = repr(sorted(record["fields"].items()))
    identity = ("profile", record["updated_at"], content)
    if identity in person.identities:
        return "duplicate"
    settle(scene, person, person.at_least(at))
    person.identities[identity] = record
    person.told += [(at, name, value) for name, value in record["fields"].items()]
    return "applied"
