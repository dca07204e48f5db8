"""Pixels: understood, not applied yet."""

from agents.incoming import Incoming
from agents.programs import Version
from agents.visit import Visit
from schemas.outcomes import Refused
from schemas.records import Pixel


def on_pixel(visit: Visit, record: Pixel, incoming: Incoming, versions: list[Version]) -> str:
    raise Refused("not-supported-yet", "pixels: records of this kind are understood, but not applied yet")
