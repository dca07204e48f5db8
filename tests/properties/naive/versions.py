"""Versions of the naive model: a family is all that was ever in force under one name; which one holds is asked anew each time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.properties.naive.people import Person
from tests.properties.naive.program import Json, Program


def first_of_each(documents: tuple[Mapping[str, Any], ...]) -> list[Program]:
    """The first version of each program, in order of name; it knows the others."""
    families: dict[str, list[Program]] = {}
    for version in sorted((Program(document) for document in documents), key=lambda version: (version.name, version.begins)):
        families.setdefault(version.name, []).append(version)
    for family in families.values():
        for version in family:
            version.family = family
    return [family[0] for family in families.values()]


def look_at(person: Person, programs: list[Program], at: datetime) -> None:
    """What a record of an instant changes is judged by the versions of then, in every program."""
    for program in programs:
        if program.name in person.members:
            person.members[program.name].program = program.at(at)


def that_count(programs: list[Program], topic: str, record: Json) -> list[Program]:
    """A draft counts nothing; what has ended earns nothing."""
    if topic not in {"purchases", "pixels"}:
        return programs
    sale = topic == "purchases" and record.get("kind", "sale") == "sale"
    return [program for program in programs if program.status == "active" or (program.status == "ended" and not sale)]


def is_of_ended(programs: list[Program], topic: str, record: Json) -> bool:
    """A sale that a program would count if it had not ended is remembered, for what may come back of it."""
    if topic != "purchases" or record.get("kind", "sale") != "sale":
        return False
    return any(program.status == "ended" and record["currency"] in {program.currency, *program.rates} for program in programs)
