"""Profile records: the fields of a person on their time lines, and erasure.

Pure. An upsert merges: each field that it names holds from its `updated_at` on, null removes it, and what is said for later stands,
however late the record comes. An erasure leaves nothing of the person: no field, nothing that was remembered or waits, no lot. What stays
are totals, sequence numbers and a marker, by which older records that come later are refused.
"""

from typing import Any, Final

from agents import consent, counts, holds, referrals, segments
from agents.entries import say
from agents.incoming import Incoming
from agents.visit import Visit
from schemas.instants import Instant, parse_date, zone
from schemas.outcomes import APPLIED, DUPLICATE, Refused
from schemas.program import PointType
from schemas.records import ProfileRecord, fingerprint
from tables import ledger
from tables.keys import identity_key, redemption_key
from tables.ledger_keys import split_ledger_key
from tables.lots import age
from tables.state import Lot, Membership, Redemption, Seen
from tables.timelines import BYTES_MAX, size_of, with_value

FIELDS_MAX: Final = 200
NAME_MAX: Final = 128
"""A profile's state is written with every change of it; so is a value bounded (`timelines.BYTES_MAX`)."""

_INT_END: Final = 1 << 63
_TEXTS: Final = frozenset({"first_name", "email", "phone", "locale"})
_LOTS_AN_ENTRY: Final = 1_000
_ERASED: Final = "erased"


def on_profile(visit: Visit, record: ProfileRecord, incoming: Incoming) -> str:
    """Settle the profile up to the record, then merge or erase.

    Returns the outcome. Raises `Refused` with `invalid-field` or `not-supported-yet`.
    """
    if record.kind in ("merge", "alias"):
        raise Refused("not-supported-yet", f"profiles of kind {record.kind} are understood, but not applied yet")
    if record.kind == "erase":
        return _erase(visit, record)
    content = fingerprint(record)
    identity = f"{record.updated_at}:{content.hex()}"
    key = identity_key(visit.profile_id, "profile", record.application or "", identity)
    if visit.find(Seen, key) is not None:
        return DUPLICATE
    fields = _understood(visit, record)
    visit.settle_to(record.updated_at)
    for name, value in fields.items():
        consent.say(visit, name, record.updated_at, value)
    if record.registered_at is not None:
        before = visit.arrived_at - visit.programs.remember_us
        visit.profile.registered_at = with_value(visit.profile.registered_at, record.updated_at, record.registered_at, before)
    visit.remember(key, Seen(content, record.updated_at))
    return APPLIED


# fields


def _understood(visit: Visit, record: ProfileRecord) -> dict[str, Any]:
    """The fields as they are kept. Raises `Refused` with `invalid-field`."""
    fields = record.fields
    if len(visit.profile.fields.keys() | fields.keys()) > FIELDS_MAX:
        raise Refused("invalid-field", f"a profile has at most {FIELDS_MAX} fields", "fields")
    for name, value in fields.items():
        if not 0 < len(name) <= NAME_MAX or not name.isprintable():
            raise Refused("invalid-field", f"the name of a field has 1 to {NAME_MAX} printable characters", "fields")
        wrong = None if value is None else _wrong(name, value)
        if wrong is not None:
            raise Refused("invalid-field", f"{name} {wrong}", f"fields.{name}")
    return {name: _kept(value) for name, value in fields.items()}


def _wrong(name: str, value: object) -> str | None:
    """What is wrong with the value of a field, as the end of a sentence."""
    if size_of(_kept(value)) > BYTES_MAX:
        return f"has more than {BYTES_MAX:,} bytes"
    if name in _TEXTS:
        return None if isinstance(value, str) else "must be text"
    if name not in ("date_of_birth", "timezone"):
        return None
    if not isinstance(value, str):
        return "must be text"
    try:
        if name == "timezone":
            zone(value)
        else:
            parse_date(value)
    except ValueError as error:
        return str(error)
    return None


def _kept(value: Any) -> Any:
    """A number too large for what is stored is kept as the text that spells it; conditions compare it alike."""
    if isinstance(value, dict):
        return {key: _kept(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_kept(inner) for inner in value]
    too_large = isinstance(value, int) and not -_INT_END <= value < _INT_END
    return str(value) if too_large else value


# erasure


def _erase(visit: Visit, record: ProfileRecord) -> str:
    """Leave nothing of the person. It takes effect on all that is there, so later by its time what has been applied since goes too."""
    profile = visit.profile
    if profile.erased_at is not None and record.updated_at <= profile.erased_at:
        return DUPLICATE
    visit.settle_to(record.updated_at)
    at = profile.settled_at
    for program, membership in sorted(profile.programs.items()):
        _let_go(visit, program, membership, at)
        for key in list(membership.ledgers):
            _close(visit, program, key, at)
        membership.joined_at = None
        membership.tiers.clear()
        membership.usage.clear()
    referrals.forget(visit)
    for program, engagement in sorted(profile.engagements.items()):
        segments.leave_all(visit, program, at)
        counts.let_go(visit, program, engagement)
        for run in engagement.runs:
            visit.count(("scenario", program, run.scenario, _ERASED))
    profile.engagements = {}
    visit.forget_all()
    profile.fields = {}
    profile.registered_at = ()
    profile.parked = ()
    profile.erased_at = at
    visit.touch()
    visit.due_by(at)  # nothing is due any more: reckoned anew
    return APPLIED


def _let_go(visit: Visit, program: str, membership: Membership, at: Instant) -> None:
    """Reserved points are released first."""
    for redemption_id in sorted(membership.holds):
        held = visit.recall(Redemption, redemption_key(visit.profile_id, redemption_id))
        holds.end(visit, program, redemption_id)
        if held is not None:
            holds.let_go(visit, held, at)


def _close(visit: Visit, program: str, key: str, at: Instant) -> None:
    """Debt is forgiven, by a credit that pays it; what is left of the lots is written off."""
    sid, subledger = split_ledger_key(key)
    point = visit.programs.point(program, sid, at)
    there = visit.ledger(program, sid, subledger)
    if there.debt:
        _forgive(visit, program, point, subledger, at)
    there.renewed = ()
    there.lots.sort(key=age)
    while there.lots:
        written_off = ledger.write_off_lots(there, there.lots[:_LOTS_AN_ENTRY])
        points = sum([part for _, part in written_off.parts])
        say(visit, program, "points.adjusted", at, point, subledger, points, written_off.parts, reason=_ERASED, direction="debit")


def _forgive(visit: Visit, program: str, point: PointType, subledger: str, at: Instant) -> None:
    there = visit.head(program, point.sid, subledger)
    entry_id = visit.effect_id(program, "points.adjusted", f"{point.sid}:{subledger}:{_ERASED}")
    lot = Lot(f"{entry_id[:16]}.0", there.debt, there.debt, True, at, at, None)
    accrued = ledger.accrue(there, [lot])
    say(
        visit,
        program,
        "points.adjusted",
        at,
        point,
        subledger,
        accrued.issued,
        ((lot, accrued.issued),),
        entry_id=entry_id,
        reason=_ERASED,
        direction="credit",
        debt_paid=accrued.debt_paid,
    )
