"""Holds: points that wait for a commit, and what becomes of them when it does not come (a timer of `settle`).

Also how points come back to their lots, by a release, by a hold that ran out or by a rollback: they are active again, pay debt
first, and where their date has passed meanwhile they expire at once. Nothing that has expired becomes a new lot.
"""

from collections.abc import Iterable, Iterator

from msgspec import structs

from agents import lots, standing
from agents.due import HOLD, Due
from agents.entries import say
from agents.visit import Visit
from schemas.events import Cause
from schemas.instants import Instant, format_instant
from tables import ledger
from tables.keys import redemption_key
from tables.ledger import GivenBack
from tables.ledger_keys import ledger_key
from tables.state import Profile, Redemption


def begin(visit: Visit, program: str, redemption_id: str, until: Instant) -> None:
    membership = visit.membership(program)
    membership.holds = membership.holds | {redemption_id: until}
    visit.due_by(until)


def end(visit: Visit, program: str, redemption_id: str) -> None:
    membership = visit.membership(program)
    membership.holds = {other: until for other, until in membership.holds.items() if other != redemption_id}


def due(profile: Profile) -> Iterator[Due]:
    for program, membership in profile.programs.items():
        for redemption_id, until in membership.holds.items():
            yield Due(until, HOLD, 0, redemption_id, program, "")


def fire(visit: Visit, due: Due) -> Iterable[Due]:
    """A hold runs out: what it held is let go."""
    at, _, _, redemption_id, program, _ = due
    key = redemption_key(visit.profile_id, redemption_id)
    held = visit.recall(Redemption, key)
    if held is None:
        raise OSError(f"a redemption that holds points is not there ({redemption_id}): rebuild the state from the changelog")
    end(visit, program, redemption_id)
    visit.remember(key, structs.replace(held, status="hold-over"))
    let_go(visit, held, at, {"timer": "hold", "due_at": format_instant(at), "redemption_id": redemption_id})
    return ()


def let_go(visit: Visit, held: Redemption, at: Instant, cause: Cause | None = None) -> None:
    """What was reserved is active again."""
    there = visit.head(held.program, held.point, held.subledger)
    come_back(visit, "points.released", held, ledger.release(there, held.parts), at, cause)


def come_back(visit: Visit, kind: str, of: Redemption, given: GivenBack, at: Instant, cause: Cause | None = None) -> None:
    """Say that points are active again, and let those expire whose date has passed."""
    program, sid, subledger = of.program, of.point, of.subledger
    point, version = visit.programs.point(program, sid, at), visit.programs.version(program, at)
    there = visit.head(program, sid, subledger)
    say(visit, program, kind, at, point, subledger, given.points, given.parts, cause=cause, debt_paid=given.debt_paid)
    for lot in given.used:
        visit.remember_used(lot)
    for lot, points in given.parts:
        if not 0 < lot.remaining <= points:
            continue  # debt took it all, or something had remained, and has a timer already
        if lot.expires_at is not None and lot.expires_at <= at:
            visit.remember_used(ledger.expire(there, lot))
            say(visit, program, "points.expired", at, point, subledger, lot.remaining, ((lot, lot.remaining),), cause=cause)
        elif (due := lots.next_of(lot, program, ledger_key(sid, subledger))) is not None:
            visit.bring(due)
    if version is not None:
        standing.active_changed(visit, version, sid, subledger, at, cause)
