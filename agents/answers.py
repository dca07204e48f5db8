"""Answers: what a profile has asked of other keys is answered, and it goes on.

A stopped profile gets its answers when it is released, like everything that comes for it; and an answer that a mistake of ours made
impossible to follow waits at the profile that it stopped, so that nothing asked is ever forgotten.
"""

from hashlib import sha256

import msgspec

from agents import campaigns, claims, stopped
from agents.incoming import Incoming
from agents.outbox import Outbox
from agents.programs import Programs
from agents.settle import settle
from agents.visit import Visit
from schemas.events import Cause
from schemas.instants import LATEST, Instant
from schemas.messages import Granted, Reply
from schemas.topics import REPLIES
from tables.drafts import draft_of
from tables.state import Parked, Profile
from tables.table import Table


def follow(
    programs: Programs, table: Table, reply: Reply | Granted, arrived_at: Instant, outbox: Outbox
) -> tuple[list[Incoming], list[bytes]]:
    """Returns the records that may go on now, and what other parked ones may have waited for."""
    profile = table.profile(reply.profile_id)
    if profile is not None and profile.stopped is not None and isinstance(reply, Granted):
        keep(table, reply, arrived_at)
        return [], []
    draft = Profile(reply.at) if profile is None else draft_of(profile)
    cause: Cause = {"topic": REPLIES, "kind": reply.kind}
    if isinstance(reply, Granted) and reply.cause is not None:
        cause = dict(reply.cause)
    visit = Visit(programs, table, reply.profile_id, draft, cause, reply.at, arrived_at, settle)
    released = claims.on_reply(visit, reply) if isinstance(reply, Reply) else campaigns.answered(visit, reply)
    if visit.changed:
        visit.commit(outbox)
    return released, visit.arrived


def keep(table: Table, reply: Reply | Granted, arrived_at: Instant) -> None:
    """Let an answer wait for the release of its profile, however much waits there already: what asked for it is in the profile."""
    profile = table.profile(reply.profile_id)
    if profile is None:
        return
    value = msgspec.json.encode(reply)
    content = sha256(value).digest()[:8]
    identity = b"%b%b\x00%b" % (stopped.WAITS, REPLIES.encode(), content)
    if any(parked.identity == identity for parked in profile.parked):
        return
    key = reply.profile_id.encode()
    draft = draft_of(profile)
    waiting = Parked(LATEST, stopped.WAITS, identity, content, REPLIES, 0, 0, key, value, arrived_at)
    draft.parked = (*draft.parked, waiting)
    table.put_profile(reply.profile_id, draft)
