"""Segments: who is in one at an instant."""

from agents import person
from agents.programs import Version
from agents.visit import Visit
from schemas.instants import Instant


def inside(visit: Visit, version: Version, name: str, at: Instant) -> bool:
    """Whether the profile is in the segment, by what its time lines say of the instant."""
    segment = version.program.campaigns.segments.get(name)
    if segment is None:
        return False
    return segment.where.matches(
        lambda field: (
            [other for other in version.program.campaigns.segments if other != name and inside(visit, version, other, at)]
            if field == "segment"
            else person.look_up(visit, version, field, at)
        )
    )
