"""Profiles: understood, not applied yet."""

from agents.incoming import Incoming
from agents.visit import Visit
from schemas.outcomes import Refused
from schemas.records import ProfileRecord


def on_profile(visit: Visit, record: ProfileRecord, incoming: Incoming) -> str:
    raise Refused("not-supported-yet", "profiles: records of this kind are understood, but not applied yet")
