"""Adjustments: understood, not applied yet."""

from agents.programs import Version
from agents.visit import Visit
from schemas.outcomes import Refused
from schemas.records import Adjustment


def on_adjustment(visit: Visit, record: Adjustment, version: Version) -> str:
    raise Refused("not-supported-yet", "adjustments: records of this kind are understood, but not applied yet")
