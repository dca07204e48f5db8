"""Redemptions: understood, not applied yet."""

from agents.programs import Version
from agents.visit import Visit
from schemas.outcomes import Refused
from schemas.records import Redemption


def on_redemption(visit: Visit, record: Redemption, version: Version) -> str:
    raise Refused("not-supported-yet", "redemptions: records of this kind are understood, but not applied yet")
