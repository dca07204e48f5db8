"""A person at an instant, as conditions of scenarios and segments ask: profile fields, membership, tier, tags, derived figures.

Pure. Each is what its time line says of that instant, so that a late record is judged by its own time. What a profile must be reckoned
through for (`segment`) is asked elsewhere (`segments.inside`).
"""

from collections.abc import Iterable
from typing import Any, Final

from agents import figures
from agents.programs import Version
from agents.visit import Visit
from schemas.condition_fields import WEEKDAYS
from schemas.events import TierChange
from schemas.instants import Instant, format_instant, parse_instant, to_local
from tables import tiers
from tables.state import Profile
from tables.timelines import field_at, value_at

_PROFILE: Final = "profile."


def look_up(visit: Visit, version: Version, field: str, at: Instant, subledger: str = "") -> object:
    """A fact of the person; None for what is not known of this one. `subledger`: whose tier is asked for."""
    if field.startswith(_PROFILE):
        return field_of(visit.profile, field.removeprefix(_PROFILE), at)
    match field:
        case "member":
            return is_member(visit, version, at)
        case "tier":
            return tier_at(visit, version, at, subledger)
        case "tags":
            return tags_at(visit, version, at)
        case "weekday":
            return WEEKDAYS[to_local(at, version.program.timezone).weekday()]
        case "hour":
            return to_local(at, version.program.timezone).hour
        case _:
            return figures.look_up(visit, version, field, at)


def field_of(profile: Profile, name: str, at: Instant) -> object:
    """A field by its name. `registered_at` stands beside the fields in a record, and goes by its name like one of them."""
    found: object = field_at(profile.fields, name, at)
    if found is None and name == "registered_at":
        registered_at: Instant | None = value_at(profile.registered_at, at)
        return None if registered_at is None else format_instant(registered_at)
    return found


def fields_of(profile: Profile, names: Iterable[str], at: Instant) -> dict[str, Any]:
    """Those of the named fields that held something at an instant."""
    found = {name: field_of(profile, name, at) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def is_member(visit: Visit, version: Version, at: Instant) -> bool:
    membership = visit.profile.programs.get(version.program.program)
    return membership is not None and membership.joined_at is not None and membership.joined_at <= at


def tier_at(visit: Visit, version: Version, at: Instant, subledger: str = "") -> str | None:
    """The tier of the main ledger, or of a subledger: each has its own (R107)."""
    membership = visit.profile.programs.get(version.program.program)
    if membership is None or membership.joined_at is None or version.ladder is None:
        return None
    return tiers.held_at(membership.tiers.get(subledger), at)


def tier_before(visit: Visit, version: Version, at: Instant, subledger: str = "") -> str | None:
    """The tier held at the record's instant before its own effect, as the conditions of rules see it: the receipt that makes one Gold is no
    receipt of a Gold member.
    """
    for said in visit.heard or ():
        if (
            isinstance(said, TierChange)
            and said.cause == visit.cause
            and said.program == version.program.program
            and (said.subledger or "") == subledger
            and parse_instant(said.occurred_at) <= at
        ):
            return said.from_tier
    return tier_at(visit, version, at, subledger)


def tags_at(visit: Visit, version: Version, at: Instant) -> list[str] | None:
    engagement = visit.profile.engagements.get(version.program.program)
    if engagement is None or not engagement.tags:
        return None
    return [tag for tag, line in sorted(engagement.tags.items()) if value_at(line, at)] or None
