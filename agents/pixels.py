"""Pixels: what a site, an app or a courier tells of a person. It may say that the person consents, activate points, or renew them.

Pure. A pixel is judged at its own time, however late it comes; nothing that has expired or was cancelled meanwhile is revived by
it. What it says of consent is stored before anything asks for consent. It earns nothing by itself: that is for scenarios.
"""

from agents import consent, lifetimes, lots, standing
from agents.hearing import WHO_JOINS
from agents.incoming import Incoming
from agents.programs import Version
from agents.visit import Visit
from schemas.instants import Instant
from schemas.outcomes import APPLIED, DUPLICATE, NOT_A_MEMBER, PARKED, Refused
from schemas.program import PointType
from schemas.records import Pixel, fingerprint
from tables import ledger, pages
from tables.facts import within
from tables.keys import identity_key
from tables.ledger_keys import split_ledger_key
from tables.lots import by_age
from tables.state import Seen


def on_pixel(visit: Visit, record: Pixel, incoming: Incoming, versions: list[Version]) -> str:
    """Settle the profile up to the pixel, store the consent in it, then let it act for each program that it counts for.

    Returns the outcome. Raises `Refused` with `conflicting-duplicate`.
    """
    key = _identity(visit, record)
    content = fingerprint(record)
    known = visit.find(Seen, key)
    if known is not None:
        if known.content != content:
            raise Refused("conflicting-duplicate", f"event {record.event_id} came before with other content")
        return _count_later(visit, record, incoming, versions)
    visit.settle_to(record.occurred_at)
    _store_consent(visit, record, versions)
    visit.remember(key, Seen(content, record.occurred_at))
    counted, waiting = False, False
    for version in versions:
        if consent.counts(visit.profile, version.program, record.occurred_at):
            counted = True
            _act(visit, record, version)
        elif consent.wait(visit, version, incoming, key, content):
            waiting = True
            visit.remember(
                _waiting_key(visit, record, version), Seen(consent.waiting_until(visit, version, incoming), record.occurred_at)
            )
    if counted:
        return APPLIED
    return PARKED if waiting else NOT_A_MEMBER


def _count_later(visit: Visit, record: Pixel, incoming: Incoming, versions: list[Version]) -> str:
    """A pixel that waited for its profile to join, or to consent; one that has not waited is a duplicate. It may have to wait on."""
    counted, hearing, already = False, visit.hearing, len(visit.profile.parked)
    if hearing is not None:
        hearing.sets_off = {}
    for version in versions:
        key = _waiting_key(visit, record, version)
        waits = visit.find(Seen, key)
        if waits is None or not consent.still_waits(waits.content, incoming, visit.profile.settled_at):
            continue
        if consent.counts(visit.profile, version.program, record.occurred_at):
            visit.settle_to(record.occurred_at)
            visit.forget(key)
            _act(visit, record, version)
            counted = True
            if hearing is not None and hearing.sets_off is not None:
                hearing.sets_off[version.program.program] = consent.who_hears(waits.content)
        else:
            consent.wait(visit, version, incoming, _identity(visit, record), fingerprint(record))
            mark = consent.hears_now(visit, version, waits.content)
            if mark is not None and hearing is not None and hearing.sets_off is not None:
                hearing.sets_off[version.program.program] = WHO_JOINS
                visit.remember(key, Seen(mark, record.occurred_at))
    if counted:
        return APPLIED
    return PARKED if len(visit.profile.parked) > already else DUPLICATE  # the feed's own repetition is there already


def _identity(visit: Visit, record: Pixel) -> bytes:
    return identity_key(visit.profile_id, "pixel", record.application or "", record.event_id)


def _waiting_key(visit: Visit, record: Pixel, version: Version) -> bytes:
    """That a pixel waits for a program."""
    kind = f"pixel-waits:{version.program.program}"
    return identity_key(visit.profile_id, kind, record.application or "", record.event_id)


def _store_consent(visit: Visit, record: Pixel, versions: list[Version]) -> None:
    """A Boolean attribute that a program calls its consent is a field of the profile from then on."""
    for version in versions:
        name = version.program.membership.consent
        given = None if name is None else within(record.attributes, name)
        if name is not None and isinstance(given, bool):
            consent.say(visit, name, record.occurred_at, given)


def _act(visit: Visit, record: Pixel, version: Version) -> None:
    """Activate what waits for it, and renew what it renews."""
    for point in version.program.points:
        on = point.activate_on
        if on is not None and on["pixel"] == record.type:
            _activate(visit, record, version, point, on.get("receipt"))
        if record.type in point.renew_on:
            lifetimes.renew_all(visit, version, point, record.occurred_at)


def _activate(visit: Visit, record: Pixel, version: Version, point: PointType, field: str | None) -> None:
    """The pending lots of the receipt that the field holds, or of the whole point type where no field is named."""
    receipt_id = None
    if field is not None:
        receipt_id = _text(record, field)
        if receipt_id is None:
            return
    lifetimes.note_event(visit, version, point, receipt_id, record.occurred_at)
    program = version.program.program
    for key, there in list(visit.membership(program).ledgers.items()):
        if split_ledger_key(key)[0] != point.sid:
            continue
        pages.open_pending(there, visit.fetch(program, key))
        for lot in by_age([lot for lot in there.lots if not lot.active and lot.activates_at is None and lot.remaining]):
            if lot.receipt_id == receipt_id if receipt_id is not None else lot.earned_at <= record.occurred_at:
                _activate_lot(visit, version, point, key, lot.lot_id, record.occurred_at)


def _activate_lot(visit: Visit, version: Version, point: PointType, key: str, lot_id: str, at: Instant) -> None:
    """At the event's own time; what is born expired by that is over at once, and what has renewed the ledger since renews it as well."""
    program = version.program.program
    there = visit.membership(program).ledgers[key]
    waiting = next(lot for lot in there.lots if lot.lot_id == lot_id)
    activates_at, expires_at = lifetimes.dates_by_event(version, waiting, at)
    dated = ledger.date(there, waiting, activates_at, expires_at)
    for due in lots.activate(visit, program, key, dated, activates_at, None):
        visit.due_by(due.at)
    active = next((lot for lot in there.lots if lot.lot_id == lot_id), None)
    if active is not None and active.expires_at is not None and active.expires_at <= activates_at:
        lots.end(visit, program, key, active, activates_at, None, "born-expired")
    elif active is not None and activates_at < visit.profile.settled_at:
        subledger = split_ledger_key(key)[1]
        lifetimes.catch_up(visit, version, point, subledger, [active], None)
        standing.active_changed(visit, version, point.sid, subledger, activates_at)  # by what is not over after all


def _text(record: Pixel, field: str) -> str | None:
    """A field of the pixel, its own or among its attributes (`attributes.` may be left out), as text."""
    if field in ("event_id", "pixel", "application"):
        found: object = getattr(record, field)
    else:
        found = within(record.attributes, field)
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    return str(found)
