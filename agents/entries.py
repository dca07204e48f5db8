"""Entries and tier changes: what a visit says of a change, as records of `ledger-entries` and `tier-changes`.

A change is made by whoever knows the rule, and said here right after it: numbered, with the balance as it is then, and with an id that is the
same however often it is said. Nothing is decided here.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from agents.entry_views import balance_view, lot_view
from agents.programs import Version
from agents.visit import Visit
from schemas.amounts import format_points
from schemas.events import Cause, Extended, LedgerEntry, RuleView, TierChange, encode
from schemas.instants import Instant, format_instant
from schemas.outcomes import Refused
from schemas.program import PointType
from schemas.topics import LARGE, LEDGER_ENTRIES, TIER_CHANGES
from tables.ledger_keys import ledger_key
from tables.state import Lot

_ENTRY_BYTES: Final = LARGE - 512 * 1024
"""A record of the topic may be no larger, with its key and its headers."""
_LOTS_SURELY: Final = 2_000  # as long as ids may be and escaped, an entry of them is smaller
_BESIDE_LOTS_BYTES: Final = 64 * 1024


def say_joined(visit: Visit, version: Version, at: Instant, cause: Cause | None) -> None:
    program = version.program.program
    membership = visit.membership(program)
    membership.sequence += 1
    membership.entry += 1
    entry = LedgerEntry(
        id=visit.effect_id(program, "membership.joined", "", cause),
        type="membership.joined",
        program=program,
        profile_id=visit.profile_id,
        occurred_at=format_instant(at),
        recorded_at=visit.recorded_at,
        sequence=membership.sequence,
        entry=membership.entry,
        cause=cause or visit.cause,
    )
    visit.tell(LEDGER_ENTRIES, entry)


def say(
    visit: Visit,
    program: str,
    kind: str,
    at: Instant,
    point: PointType,
    subledger: str,
    points: int,
    parts: tuple[tuple[Lot, int], ...],
    *,
    entry_id: str | None = None,
    cause: Cause | None = None,
    rules: tuple[tuple[str, int], ...] = (),
    rules_of: Mapping[str, tuple[str | None, tuple[str, ...]]] | None = None,
    legal_entity: str | None = None,
    description: str | None = None,
    reason: str | None = None,
    actor: str | None = None,
    withheld: int = 0,
    debt_added: int = 0,
    debt_paid: int = 0,
    direction: str | None = None,
    extended: Extended | None = None,
    promotion: str | None = None,
    scenario: str | None = None,
) -> None:
    """A ledger entry about so many points out of or into these parts of lots, with the balance after it.

    `rules_of`: for rules that need it, which of the entry's lots got their points, and which lines of the receipt they counted.
    """
    membership = visit.membership(program)
    sequence = membership.sequence = membership.sequence + 1
    number = membership.entry = membership.entry + 1
    scale, sid = point.scale, point.sid
    if entry_id is None:
        entry_id = visit.effect_id(program, kind, parts[0][0].lot_id if parts else "", cause)
    entry = LedgerEntry(
        id=entry_id,
        type=kind,
        program=program,
        profile_id=visit.profile_id,
        occurred_at=format_instant(at),
        recorded_at=visit.recorded_at,
        sequence=sequence,
        entry=number,
        cause=cause or visit.cause,
        point=sid,
        subledger=subledger or None,
        points=format_points(points, scale),
        direction=direction,
        lots=(lot_view(parts[0][0], parts[0][1], scale),)
        if len(parts) == 1
        else tuple([lot_view(lot, part, scale) for lot, part in parts]),
        extended=extended,
        rules=tuple([RuleView(rule, format_points(part, scale)) for rule, part in rules])
        if not rules_of
        else tuple([RuleView(rule, format_points(part, scale), *rules_of.get(rule, (None, ()))) for rule, part in rules]),
        promotion=promotion,
        scenario=scenario,
        legal_entity=legal_entity,
        description=description,
        reason=reason,
        actor=actor,
        withheld=format_points(withheld, scale) if withheld else None,
        debt_added=format_points(debt_added, scale) if debt_added else None,
        debt_paid=format_points(debt_paid, scale) if debt_paid else None,
        balance=balance_view(membership.ledgers[ledger_key(sid, subledger)], scale),
    )
    if len(parts) > _LOTS_SURELY and len(encode(entry)) > _ENTRY_BYTES:
        raise Refused("too-large", f"an entry of {len(parts):,} lots would be larger than a record may be; ask for less at once")
    visit.tell(LEDGER_ENTRIES, entry)


def can_tell(lots: Sequence[Lot], scale: int) -> bool:
    """Whether one entry has room for all of these lots: who may decline asks before anything has changed."""
    if len(lots) <= _LOTS_SURELY:
        return True
    return sum(len(encode(lot_view(lot, lot.issued, scale))) + 1 for lot in lots) <= _ENTRY_BYTES - _BESIDE_LOTS_BYTES


def say_tier(
    visit: Visit,
    program: str,
    kind: str,
    at: Instant,
    subledger: str,
    *,
    from_tier: str | None,
    to_tier: str | None,
    reason: str,
    qualifying_points: str,
    next_review_at: str | None,
    points_to_next: str | None,
    points_to_keep: str | None,
    cause: Cause | None = None,
) -> None:
    """A tier change; it comes right after the entry that brought it."""
    about = f"{subledger}:{to_tier}"
    if cause is not None and cause.get("due_at") != format_instant(at):
        about += f":{at}"  # by a late lot: others that were due at the same instant may have brought the same tier before
    membership = visit.membership(program)
    membership.sequence += 1
    change = TierChange(
        id=visit.effect_id(program, kind, about, cause),
        type=kind,
        program=program,
        profile_id=visit.profile_id,
        occurred_at=format_instant(at),
        recorded_at=visit.recorded_at,
        sequence=membership.sequence,
        cause=cause or visit.cause,
        from_tier=from_tier,
        to_tier=to_tier,
        reason=reason,
        qualifying_points=qualifying_points,
        subledger=subledger or None,
        next_review_at=next_review_at,
        points_to_next=points_to_next,
        points_to_keep=points_to_keep,
    )
    visit.tell(TIER_CHANGES, change)
