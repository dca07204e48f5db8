"""Lots in time: a lot becomes active, a lot expires, each at its own instant (timers of `settle`).

A pending lot that waits for an event and whose expiry comes first will never activate: it is cancelled, not expired.
"""

from collections.abc import Iterator

from agents import standing
from agents.crediting import join
from agents.due import ACTIVATION, EXPIRY, Due
from agents.visit import Visit
from schemas.events import Cause
from schemas.instants import format_instant
from tables import ledger
from tables.state import Lot, Profile, split_ledger_key


def due(profile: Profile) -> Iterator[Due]:
    """The next thing of each open lot, in no order."""
    for program, membership in profile.programs.items():
        for key, held in membership.ledgers.items():
            for lot in held.lots:
                due = next_of(lot, program, key)
                if due is not None:
                    yield due


def next_of(lot: Lot, program: str, key: str) -> Due | None:
    due_at = ledger.due_at(lot)
    if due_at is None:
        return None
    return due_at, EXPIRY if lot.expires_at == due_at else ACTIVATION, lot.lot_id, program, key


def fire(visit: Visit, due: Due) -> list[Due]:
    """One thing happens. Returns what it brings with it: a lot's expiry behind its activation, the lots of joining."""
    due_at, kind, lot_id, program, key = due
    membership = visit.profile.programs[program]
    sid, subledger = split_ledger_key(key)
    held = membership.ledgers[key]
    lot = next(lot for lot in held.lots if lot.lot_id == lot_id)
    point = visit.programs.point(program, sid, due_at)
    if kind == EXPIRY:
        cause: Cause = {"timer": "expiry", "due_at": format_instant(due_at)}
        visit.remember_used(ledger.expire(held, lot))
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
    if version is not None:
        standing.active_changed(visit, version, sid, subledger, cause)
    brought = [next_of(activated.lot, program, key)]  # nothing, where debt took all of it
    if joins:
        brought += [
            next_of(lot, program, key) for key, held in membership.ledgers.items() for lot in held.lots if lot.lot_id not in known
        ]
    return [due for due in brought if due is not None]
