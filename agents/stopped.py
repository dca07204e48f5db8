"""Stopped: a profile at which an exception was met, or that was ordered to stop, goes on only when it is released; what comes meanwhile waits.

Pure. The records stand in the profile as they came, like all that is parked, at most as many as may wait at one profile; nothing of
it falls due. Released, they are applied in order of arrival, each as a record of its own: so a stop delays a profile and loses nothing.
"""

from typing import Final

from agents import parking
from agents.incoming import Incoming
from agents.settle import reckon
from agents.visit import Visit
from schemas.instants import LATEST, Instant
from schemas.outcomes import Refused
from schemas.records import Record, fingerprint
from tables.drafts import draft_of
from tables.state import Parked, Profile

WAITS: Final = b"s"
FAILED: Final = "internal-error"
ORDERED: Final = "ordered"


def stop(profile: Profile | None, at: Instant, why: str) -> Profile:
    """The profile as it was before the exception, or as it is, stopped."""
    stopped = Profile(at) if profile is None else draft_of(profile)
    stopped.stopped = why
    return stopped


def wait(visit: Visit, record: Record, incoming: Incoming) -> str:
    """A record of a stopped profile waits for its release. Returns its outcome: `parked`, or `duplicate` where it waits already.

    Raises `Refused` with `profile-stopped` where too many wait at this profile.
    """
    content = fingerprint(record)
    identity = b"%b%b\x00%b" % (WAITS, incoming.topic.encode(), content)
    profile = visit.profile
    if parking.is_full(profile, incoming) and not any(parked.identity == identity for parked in profile.parked):
        message = f"the profile is stopped, and {len(profile.parked):,} of its records wait already"
        raise Refused("profile-stopped", message)
    return parking.park(visit, incoming, WAITS, LATEST, identity, content)


def release(profile: Profile) -> list[Parked]:
    """A draft of a stopped profile goes on. Returns what has waited for that, in order of arrival."""
    profile.stopped = None
    waiting = parking.take(profile, WAITS)
    reckon(profile)
    return waiting
