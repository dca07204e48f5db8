"""Lots in time: a lot becomes active, a lot expires, each at its own instant (timers of `settle`).

A pending lot that waits for an event and whose expiry comes first will never activate: it is cancelled, not expired.
"""

from collections.abc import Iterator

from agents import consent, standing
from agents.crediting import join
from agents.due import ACTIVATION, EXPIRY, Due
from agents.entries import say
from agents.programs import Version
from agents.visit import Visit
from schemas.events import Cause
from schemas.instants import Instant, format_instant
from tables import ledger
from tables.ledger_keys import split_ledger_key
from tables.lots import next_at
from tables.state import Lot, Profile


def due(profile: Profile) -> Iterator[Due]:
    """The next thing of each open lot, in no order."""
    for program, membership in profile.programs.items():
        for key, held in membership.ledgers.items():
            for lot in held.lots:
                due = next_of(lot, program, key)
                if due is not None:
                    yield due


def next_of(lot: Lot, program: str, key: str) -> Due | None:
    due_at = next_at(lot)
    if due_at is None:
        return None
    return Due(due_at, EXPIRY if lot.expires_at == due_at else ACTIVATION, lot.earned_at, lot.lot_id, program, key)


def fire(visit: Visit, due: Due) -> list[Due]:
    """One thing happens. Returns what it brings with it: a lot's expiry behind its activation, the lots of joining."""
    due_at, kind, _, lot_id, program, key = due
    held = visit.profile.programs[program].ledgers[key]
    lot = next(lot for lot in held.lots if lot.lot_id == lot_id)
    if kind == EXPIRY:
        end(visit, program, key, lot, due_at, {"timer": "expiry", "due_at": format_instant(due_at)})
        return []
    return activate(visit, program, key, lot, due_at, {"timer": "activation", "due_at": format_instant(due_at)})


def catch_up(visit: Visit) -> None:
    """What has become of lots by now is so, of late ones and of those of this instant: for what is taken or told now, before the queue comes to
    them. What else is due waits for its place there.
    """
    profile = visit.profile
    while passed := [each for each in due(profile) if each.at <= profile.settled_at]:
        fire(visit, min(passed))


def catch_up_before(visit: Visit, program: str, at: Instant) -> None:
    """Likewise of one program's late lots, before it gives something at an instant: what is over by then has no place in a maximum any more, and
    what has become active has paid its debt.
    """
    while passed := [each for each in due(visit.profile) if each.at < at and each.program == program]:
        fire(visit, min(passed))


def end(visit: Visit, program: str, key: str, lot: Lot, at: Instant, cause: Cause | None, reason: str | None = None) -> None:
    """What remains of a lot expires; or, where it has waited for an event that does not come any more, it is cancelled."""
    sid, subledger = split_ledger_key(key)
    held = visit.profile.programs[program].ledgers[key]
    point = visit.programs.point(program, sid, at)
    if not lot.active and lot.activates_at is None:
        kind, ended = "points.cancelled", ledger.cancel(held, lot)
    else:
        kind, ended = "points.expired", ledger.expire(held, lot)
    visit.remember_used(ended)
    say(visit, program, kind, at, point, subledger, lot.remaining, ((lot, lot.remaining),), cause=cause, reason=reason)


def activate(visit: Visit, program: str, key: str, lot: Lot, at: Instant, cause: Cause | None) -> list[Due]:
    """A pending lot becomes active, and makes a member where that does. Returns what falls due by it."""
    sid, subledger = split_ledger_key(key)
    membership = visit.profile.programs[program]
    held = membership.ledgers[key]
    version = visit.programs.version(program, at)
    known: set[str] = set()
    joined = membership.joined_at is None and version is not None and _joins(visit, version, at)
    if joined and version is not None:
        known = {lot.lot_id for held in membership.ledgers.values() for lot in held.lots}
        join(visit, version, at, cause)
    activated = ledger.activate(held, lot)
    point = visit.programs.point(program, sid, at)
    parts = ((activated.lot, lot.remaining),)
    say(
        visit, program, "points.activated", at, point, subledger, lot.remaining, parts, cause=cause, debt_paid=activated.debt_paid
    )
    if version is not None:
        standing.active_changed(visit, version, sid, subledger, at, cause)
    brought = [next_of(activated.lot, program, key)]  # nothing, where debt took all of it
    if joined:
        brought += [
            next_of(lot, program, key) for key, held in membership.ledgers.items() for lot in held.lots if lot.lot_id not in known
        ]
    return [due for due in brought if due is not None]


def _joins(visit: Visit, version: Version, at: Instant) -> bool:
    program = version.program
    if program.membership.join != "on-points-activated" or program.status != "active":
        return False
    return consent.consents(visit.profile, program, at)
