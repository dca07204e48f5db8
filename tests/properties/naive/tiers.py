"""Tiers of the naive model: qualifying points are counted again from the first one whenever somebody asks."""

from datetime import datetime

from tests.properties.naive.books import Member
from tests.properties.naive.people import Person, Scene


def qualifying(member: Member, subledger: str | None) -> int:
    return max(sum(points for where, _, points in member.counted if where == subledger), 0)


def held_at(member: Member, subledger: str | None, at: datetime) -> str | None:
    """The tier that was held at an instant."""
    held = [rank for since, rank in member.tiers.get(subledger, []) if since <= at]
    return None if not held or held[-1] < 0 else str(member.program.tiers["definitions"][held[-1]]["name"])


def rank_of(member: Member, subledger: str | None) -> int:
    return member.tiers[subledger][-1][1] if member.tiers.get(subledger) else -1


def count(
    scene: Scene, person: Person, member: Member, sid: str, subledger: str | None, source: str, at: datetime, points: int
) -> None:
    if member.program.tiers["definitions"] and sid == member.program.tiers["point"] and source in member.program.tiers["counts"]:
        member.counted.append((subledger, at, points))
        enter(scene, person, member, subledger)


def uncount(member: Member, sid: str, subledger: str | None, at: datetime, points: int) -> None:
    """A reversal takes off in the period of its receipt; nobody falls before a review."""
    if member.program.tiers["definitions"] and sid == member.program.tiers["point"]:
        member.counted.append((subledger, at, -points))


def enter(scene: Scene, person: Person, member: Member, subledger: str | None) -> None:
    """Entering and rising happen at once."""
    program = member.program
    if member.joined is None or not program.tiers["definitions"]:
        return
    points = qualifying(member, subledger)
    names = [tier["name"] for tier in program.tiers["definitions"]]
    reached = [rank for rank in range(len(names)) if program.threshold(rank) <= points]
    before = rank_of(member, subledger)
    if not reached or reached[-1] <= before:
        return
    rank = reached[-1]
    assert person.settled is not None
    member.tiers.setdefault(subledger, []).append((person.settled, rank))
    sid = program.tiers["point"]
    scene.say(
        person,
        member,
        "tier.joined" if before < 0 else "tier.upgraded",
        person.settled,
        subledger=subledger,
        to=names[rank],
        **{"from": names[before] if before >= 0 else None},
        qualifying_points=program.text(sid, points),
        points_to_next=program.text(sid, program.threshold(rank + 1) - points) if rank + 1 < len(names) else None,
    )
