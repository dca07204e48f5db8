"""How long points live in the naive model: when they become active, when they expire, and what that has happened since moves either.

Everything that ever activated or renewed is kept with its event time. Of a lot that comes late, the time since it was earned is gone
through again.
"""

from collections.abc import Sequence
from datetime import datetime

from tests.properties.naive.books import Lot, Member
from tests.properties.naive.calendar import falls_on
from tests.properties.naive.people import Happening, Person, Scene
from tests.properties.naive.program import Json, Program

Dates = tuple[datetime | None, datetime | None]


def dates(person: Person, program: Program, sid: str, how: Json, at: datetime, receipt: str | None) -> Dates:
    """When points of an instant become active, and when they expire. `how`: a rule or record that may say so itself."""
    point = program.points[sid]
    activates = falls_on(how.get("activation") or point["activation"], at, program.zone, program.leap_day, through=False)
    events = activations(person, program, sid, at, receipt) if activates is None else []
    if point["expires_from"] == "activation":
        activates = next(iter(events), activates)
        return activates, None if activates is None else expires(program, sid, how, max(activates, at))
    until = expires(program, sid, how, at)
    return next((event for event in events if until is None or event < until), activates), until


def expires(program: Program, sid: str, how: Json, at: datetime) -> datetime | None:
    lasts = how.get("expiration") or program.points[sid]["expiration"]
    return falls_on(lasts, at, program.zone, program.leap_day, through=True)


def is_active_at_once(person: Person, program: Program, sid: str, how: Json, at: datetime, receipt: str | None) -> bool:
    activates, until = dates(person, program, sid, how, at, receipt)
    return activates is not None and activates <= at and not is_born_expired(activates, until, at)


def is_born_expired(activates: datetime | None, until: datetime | None, at: datetime) -> bool:
    """What waits for an event is cancelled when its time is over, and is never born expired."""
    return until is not None and activates is not None and until <= max(activates, at)


# what activates


def activations(person: Person, program: Program, sid: str, at: datetime, receipt: str | None) -> list[datetime]:
    """When points earned at an instant were activated by what is known; an event of a receipt may be told too early."""
    named = program.points[sid]["activate_on"] is not None and "receipt" in program.points[sid]["activate_on"]
    told = [
        happened.at
        for happened in person.happened
        if happened.activates
        and (happened.program, happened.sid, happened.receipt) == (program.name, sid, receipt if named else None)
    ]
    if named:
        return sorted(max(event, at) for event in told) if receipt is not None else []
    return sorted(event for event in told if event >= at)


def note_activation(person: Person, program: Program, sid: str, receipt: str | None, at: datetime) -> None:
    person.happened.append(Happening(at, program.name, sid, activates=True, receipt=receipt))


# what renews


def renew(
    scene: Scene,
    person: Person,
    member: Member,
    by: str,
    sid: str,
    subledgers: Sequence[str | None],
    at: datetime,
    *,
    everywhere: bool,
) -> None:
    """Every open lot lasts from now on, never shorter; what is past its date is not revived."""
    program = member.program
    if by not in program.points[sid]["renew_on"]:
        return
    for subledger in [None] if everywhere else subledgers:
        person.happened.append(Happening(at, program.name, sid, subledger=subledger, everywhere=everywhere))
    until = expires(program, sid, {}, at)
    assert person.settled is not None
    for subledger in subledgers:
        ledger = member.ledger(sid, subledger)
        pieces = []
        for lot, points in ledger.open():
            if until is not None and lot.expires is not None and person.settled < lot.expires < until:
                pieces.append((lot, points))
        for lot, _ in pieces:
            lot.expires = until
        if pieces:
            scene.post(person, member, "points.extended", at, sid, subledger, pieces)


def live_through(
    scene: Scene, person: Person, member: Member, sid: str, subledger: str | None, lot: Lot, since: datetime
) -> None:
    """What has happened to others since an instant would have happened to this lot as well: renewals, and by them an activation."""
    program = member.program
    open_points = dict(member.ledger(sid, subledger).open()).get(lot, 0)
    if not open_points or lot.expires is None:
        return
    until, last = lot.expires, None
    for renewed in sorted(
        happened.at
        for happened in person.happened
        if not happened.activates
        and (happened.program, happened.sid) == (program.name, sid)
        and (happened.everywhere or happened.subledger == subledger)
    ):
        if since < renewed < until:
            last, until = renewed, max(until, expires(program, sid, {}, renewed) or until)
    if last is None or until == lot.expires:
        return
    lot.expires = until
    scene.post(person, member, "points.extended", last, sid, subledger, [(lot, open_points)])
    if lot.activates is None:
        lot.activates = next(
            (event for event in activations(person, program, sid, lot.earned, lot.receipt) if event < until), None
        )
