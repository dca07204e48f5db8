"""Settling: what is due at a profile happens, in the order that LEDGER fixes, each at its own instant.

The order is (due instant, kind, id), kinds at one instant being activation before expiry. A profile is settled before a record of
it is applied, by a tick when it is quiet, and again after a late record, so that what would have happened to its lots meanwhile
happens now. Settling in one step or in many comes to the same.
"""

from heapq import heapify, heappop, heappush

from agents.crediting import join
from agents.visit import Visit
from schemas.events import Cause
from schemas.instants import Instant, format_instant
from tables import ledger
from tables.state import Lot, split_ledger_key

ACTIVATION, EXPIRY = 0, 2  # 1 is for holds that run out
Due = tuple[Instant, int, str, str, str]  # instant, kind, lot id, program, ledger key


def settle(visit: Visit, until: Instant) -> None:
    """Everything due up to and including `until` happens. Afterwards `due_at` says when the next thing does."""
    profile = visit.profile
    if profile.due_at is None or profile.due_at > until:
        return
    waiting = _due(visit, until)
    heapify(waiting)
    while waiting:
        due = heappop(waiting)
        profile.settled_at = max(profile.settled_at, due[0])
        for brought in _fire(visit, due):
            if brought[0] <= until:
                heappush(waiting, brought)
    reschedule(visit)


def reschedule(visit: Visit) -> None:
    """Work out anew when the next thing of the profile is due."""
    instants = [
        due_at
        for membership in visit.profile.programs.values()
        for held in membership.ledgers.values()
        for lot in held.lots
        if (due_at := ledger.due_at(lot)) is not None
    ]
    visit.profile.due_at = min(instants, default=None)


def _due(visit: Visit, until: Instant) -> list[Due]:
    """What is due up to an instant, in no order."""
    return [
        due
        for program, membership in visit.profile.programs.items()
        for key, held in membership.ledgers.items()
        for lot in held.lots
        if (due := _next(lot, program, key)) is not None and due[0] <= until
    ]


def _next(lot: Lot, program: str, key: str) -> Due | None:
    due_at = ledger.due_at(lot)
    if due_at is None:
        return None
    return due_at, EXPIRY if lot.expires_at == due_at else ACTIVATION, lot.lot_id, program, key


def _fire(visit: Visit, due: Due) -> list[Due]:
    """One thing happens. Returns what it brings with it: a lot's expiry behind its activation, the lots of joining."""
    due_at, kind, lot_id, program, key = due
    membership = visit.profile.programs[program]
    sid, subledger = split_ledger_key(key)
    held = membership.ledgers[key]
    lot = next(lot for lot in held.lots if lot.lot_id == lot_id)
    point = visit.programs.point(program, sid, due_at)
    if kind == EXPIRY:
        cause: Cause = {"timer": "expiry", "due_at": format_instant(due_at)}
        visit.put_used_lot(ledger.expire(held, lot))
        visit.say(program, "points.expired", due_at, point, subledger, lot.remaining, ((lot, lot.remaining),), cause=cause)
        return []
    cause = {"timer": "activation", "due_at": format_instant(due_at)}
    version = visit.programs.version(program, due_at)
    known: set[str] = set()
    joins = membership.joined_at is None and version is not None and version.program.membership.join == "on-points-activated"
    if joins and version is not None:
        known = {lot.lot_id for held in membership.ledgers.values() for lot in held.lots}
        join(visit, version, due_at, cause)
    activated = ledger.activate(held, lot)
    parts = ((activated.lot, lot.remaining),)
    visit.say(
        program, "points.activated", due_at, point, subledger, lot.remaining, parts, cause=cause, debt_paid=activated.debt_paid
    )
    brought = [_next(activated.lot, program, key)]  # nothing, where debt took all of it
    if joins:
        brought += [
            _next(lot, program, key) for key, held in membership.ledgers.items() for lot in held.lots if lot.lot_id not in known
        ]
    return [due for due in brought if due is not None]
