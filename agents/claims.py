"""Claims: where a program says `receipts: claimed`, a receipt belongs to the profile whose sale of it was first, and to no other.

What counts across profiles is asked of the key that owns the count: here application/receipt. A sale of a receipt that its profile
has not claimed yet waits, while the question goes there and the answer comes back; in files it is answered before the next record. One
that has no effect, for its profile is no member or it is a dead letter, claims nothing: the receipt would be lost to its owner. A
return, cancel or reopen that names no profile is sent on to the receipt's owner by the same way.
"""

from typing import Final

from agents import consent, parking
from agents.carrying import carried_by, incoming_of
from agents.dead_letters import dead_letter
from agents.incoming import Incoming
from agents.outbox import Effect, Outbox
from agents.programs import Version
from agents.visit import Visit
from schemas.instants import LATEST, Instant
from schemas.messages import Answer, Reply, Request
from schemas.outcomes import DUPLICATE, PARKED, Refused
from schemas.records import Cancel, Return, Sale, fingerprint
from schemas.topics import REPLIES, REQUESTS
from tables.basis import basis_of
from tables.keys import claim_key, identity_key, receipt_key
from tables.state import Claim, Receipt, Seen
from tables.table import Table

_CLAIM: Final = "claim"


def claimed(versions: list[Version]) -> bool:
    return any(version.program.receipts == "claimed" for version in versions)


def wait(visit: Visit, sale: Sale, incoming: Incoming, versions: list[Version]) -> str | None:
    """A sale of a receipt that is ours, or that has no effect, is to be applied (None); else it waits for the answer whether it is ours, or
    goes there and back with the question, where too many wait at the profile already. Returns its outcome then.
    """
    if visit.find(Seen, identity_key(visit.profile_id, _CLAIM, sale.application, sale.receipt_id)) is not None:
        return None
    known = visit.find(Receipt, receipt_key(visit.profile_id, sale.application, sale.receipt_id))
    if not any([_has_effect(visit, sale, version, known) for version in versions]):
        return None
    waits_for = claim_key(sale.application, sale.receipt_id)
    identity = b"sale:%d" % sale.revision + waits_for
    carried = None
    if parking.is_full(visit.profile, incoming):
        carried = carried_by(incoming)
        visit.touch()
    elif parking.park(visit, incoming, waits_for, LATEST, identity, fingerprint(sale)) != PARKED:
        return DUPLICATE
    visit.ask(
        Request(
            kind="claim",
            application=sale.application,
            receipt_id=sale.receipt_id,
            at=sale.closed_at,
            profile_id=visit.profile_id,
            carried=carried,
        )
    )
    return PARKED


def _has_effect(visit: Visit, sale: Sale, version: Version, known: Receipt | None) -> bool:
    """Whether a sale will do anything in a program that gives a receipt to one profile: count, wait to count, or set scenarios off."""
    program, profile, at = version.program, visit.profile, sale.closed_at
    if program.receipts != "claimed" or not consent.counts_first(version, known, sale.revision):
        return False
    if not consent.counts(profile, program, at) and program.membership.before_join != "park":
        heard = "receipt" in version.playbook.waiting and consent.consents(profile, program, at)
        if not heard:
            return False
    try:
        basis_of(sale, program)
    except Refused:
        return False
    return True


def forward(record: Return | Cancel, incoming: Incoming, outbox: Outbox) -> str:
    """A record without a profile goes to the key that knows whose receipt it is."""
    request = Request(
        kind="forward",
        application=record.application,
        receipt_id=record.receipt_id,
        at=record.closed_at,
        carried=carried_by(incoming),
    )
    outbox.messages.append(Effect(REQUESTS, request.key, request))
    return PARKED


def on_request(table: Table, request: Request, arrived_at: Instant, remember_us: Instant, outbox: Outbox) -> None:
    """At the key application/receipt: the first profile that asks owns the receipt, for as long as it is remembered."""
    key = claim_key(request.application, request.receipt_id)
    claim = table.find(Claim, key)
    if claim is not None and claim.last_at + remember_us < arrived_at:
        claim = None
    if request.profile_id is not None:
        owner = request.profile_id if claim is None else claim.owner
        if owner == request.profile_id:
            table.put(key, Claim(owner, request.at if claim is None else max(claim.last_at, request.at)))
        _reply(outbox, request, "granted" if owner == request.profile_id else "refused", request.profile_id)
    elif claim is not None:
        _reply(outbox, request, "forwarded", claim.owner)
    elif request.carried is not None:
        message = f"receipt {request.receipt_id} of {request.application} belongs to nobody"
        outbox.effects.append(dead_letter(incoming_of(request.carried), Refused("unknown-receipt", message, "receipt_id")))


def _reply(outbox: Outbox, request: Request, kind: Answer, profile_id: str) -> None:
    reply = Reply(
        kind=kind,
        application=request.application,
        receipt_id=request.receipt_id,
        at=request.at,
        profile_id=profile_id,
        carried=request.carried,
    )
    outbox.messages.append(Effect(REPLIES, profile_id, reply))


def on_reply(visit: Visit, reply: Reply) -> list[Incoming]:
    """At the profile: what may go on now. A sale that waited for a receipt of another profile is a dead letter."""
    if reply.kind == "forwarded":
        return [] if reply.carried is None else [incoming_of(reply.carried)]
    waiting = [
        parking.incoming_of(parked) for parked in parking.take(visit.profile, claim_key(reply.application, reply.receipt_id))
    ]
    if reply.carried is not None:
        waiting.append(incoming_of(reply.carried))
    visit.touch()
    if reply.kind == "granted":
        visit.remember(identity_key(visit.profile_id, _CLAIM, reply.application, reply.receipt_id), Seen(b"", reply.at))
        return waiting
    for incoming in waiting:
        refused = Refused("claimed-by-another", f"receipt {reply.receipt_id} of {reply.application} belongs to another profile")
        visit.effects.append(dead_letter(incoming, refused))
        visit.count(("parked", "dead-letter"))
    return []
