"""Turns: while a sale waits for an answer from another key, whatever else comes for its profile waits as well, for it may spend what the sale brings.

Pure. A sale waits for its claim, or for its promo codes; in files both are answered before the next record, so that a redemption right behind a
purchase has its points. In a worker the question travels, and what comes meanwhile stands in the profile, as it came, until each sale that
arrived before it is answered. Further sales do not wait: earning has a time of its own, and one question after the other would take long.

For ten minutes after the arrival of such a sale, and no longer: the key that is asked may lie in a partition that is left alone, and nobody is to be
refused everything for that. Where too much waits at the profile already, what comes is applied at once.
"""

from bisect import bisect_right
from typing import Final

from agents import parking
from agents.incoming import Incoming
from agents.visit import Visit
from schemas.instants import Instant
from schemas.records import Record, fingerprint
from tables.state import Parked, Profile

PATIENCE_US: Final = 10 * 60 * 1_000_000


def wait(visit: Visit, record: Record, incoming: Incoming) -> str | None:
    """The outcome of a record that waits for its turn, or waits already; None: it may be applied."""
    profile = visit.profile
    until = _until(_asking(profile), incoming.arrived_at)
    if until is None or until <= profile.settled_at or parking.is_full(profile, incoming):
        return None
    content = fingerprint(record)
    identity = b"%b%b\x00%b" % (parking.TURN, incoming.topic.encode(), content)
    return parking.park(visit, incoming, parking.TURN, until, identity, content)


def take(profile: Profile, before: Instant) -> list[Parked]:
    """Take out of a draft those whose turn it is, and that arrived before an instant, in order of arrival."""
    waiting = [parked for parked in profile.parked if parked.waits_for == parking.TURN and parked.arrived_at < before]
    asking = _asking(profile) if waiting else []
    found = [parked for parked in waiting if _until(asking, parked.arrived_at) is None]
    gone = {parked.identity for parked in found}
    profile.parked = tuple([parked for parked in profile.parked if parked.identity not in gone]) if gone else profile.parked
    return found


def _asking(profile: Profile) -> list[Instant]:
    """When the sales arrived that wait for an answer."""
    return sorted([parked.arrived_at for parked in profile.parked if parked.waits_for[:1] in parking.ANSWERED])


def _until(asking: list[Instant], arrived_at: Instant) -> Instant | None:
    """Until when what arrived then waits for sales before it. None: for none."""
    before = bisect_right(asking, arrived_at)
    until = asking[before - 1] + PATIENCE_US if before else arrived_at
    return until if until > arrived_at else None
