"""The records that pointstream sends: output topics as types, and the one place where they become JSON.

Pure. Amounts are text in the point type's scale, times are RFC 3339 in UTC: whoever builds a record formats them
(`schemas.amounts.format_points`, `schemas.instants.format_instant`). A field that does not apply is left out.
`id` is a function of what happened (`effect_ids.effect_id`), never of an offset, a clock or `sequence`: told again, it is the same.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

Cause = dict[str, str | int]
"""`{topic, kind, application, receipt_id | return_id | ..., revision}` or `{timer, due_at}`."""


class BalanceView(Struct, gc=False, frozen=True):
    """All terms of the ledger's invariant: lifetime = the seven terms from active to debt_paid; debt stands beside it."""

    active: str
    pending: str
    reserved: str
    redeemed: str
    expired: str
    reversed: str
    written_off: str
    debt_paid: str
    debt: str
    lifetime: str


class LotView(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """The part of a lot that an entry speaks of."""

    lot_id: str
    points: str
    state: str  # pending | active
    activates_at: str | None = None
    expires_at: str | None = None
    receipt_id: str | None = None
    line_id: str | None = None


class RuleView(Struct, gc=False, frozen=True, omit_defaults=True):
    """What a rule gave. `lot_id` where the entry makes several lots; `lines`: those that it counted, where that is not all."""

    rule: str
    points: str
    lot_id: str | None = None
    lines: tuple[str, ...] = ()


class Extended(Struct, gc=False, frozen=True):
    """Which lots an entry has moved that names none of them: every open lot of its ledger that would have expired after
    `expires_after` and before `expires_at` expires at `expires_at`; so many are not named.
    """

    lots_omitted: int
    expires_after: str
    expires_at: str


class LedgerEntry(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    type: str
    program: str
    profile_id: str
    occurred_at: str
    recorded_at: str
    sequence: int
    entry: int
    cause: Cause
    point: str | None = None
    subledger: str | None = None
    points: str | None = None
    direction: str | None = None
    lots: tuple[LotView, ...] = ()
    extended: Extended | None = None
    rules: tuple[RuleView, ...] = ()
    promotion: str | None = None
    scenario: str | None = None
    legal_entity: str | None = None
    description: str | None = None
    reason: str | None = None
    actor: str | None = None
    withheld: str | None = None
    debt_added: str | None = None
    debt_paid: str | None = None
    balance: BalanceView | None = None


class TierChange(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True, rename={"from_tier": "from", "to_tier": "to"}):
    id: str
    type: str
    program: str
    profile_id: str
    occurred_at: str
    recorded_at: str
    sequence: int
    cause: Cause
    from_tier: str | None
    to_tier: str | None
    reason: str
    qualifying_points: str
    subledger: str | None = None
    next_review_at: str | None = None
    points_to_next: str | None = None
    points_to_keep: str | None = None


class SegmentChange(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """A profile is in a segment from now on, or no longer: `segment.entered`, `segment.left`. Not numbered."""

    id: str
    type: str
    program: str
    profile_id: str
    occurred_at: str
    recorded_at: str
    cause: Cause
    segment: str


class Notification(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    type: str
    program: str
    profile_id: str
    occurred_at: str
    recorded_at: str
    sequence: int
    cause: Cause
    channel: str
    template: str
    text: str
    variables: dict[str, str]
    depends_on: int | None
    not_before: str | None = None


class RedemptionDecision(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """What a redemption request got: `redemption.accepted` or `redemption.declined`. Asked again, it is told again as it was.

    `points` are those taken, held, let go or given back, 0 where it was declined; `money` is their worth, rounded down to the
    currency's minor unit. `hold_ends_at`: when the hold of a `reserve` runs out.
    """

    id: str
    type: str
    program: str
    profile_id: str
    occurred_at: str
    recorded_at: str
    cause: Cause
    redemption_id: str
    kind: str
    point: str
    points: str
    part: str | None = None
    subledger: str | None = None
    money: str | None = None
    reason: str | None = None
    hold_ends_at: str | None = None


class DeadLetter(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """A record that could not be used, as it came. `base64` names the fields that are base64 because they are not UTF-8.

    Of a record over the size limit key and value are cut to their first 64 KiB (`truncated`); the whole stays at its topic, partition and offset.
    `topic` None: a line of a file that is no record at all (`offset` is its place in the input), or something that was due at the
    profile of this key (there is no value).
    """

    topic: str | None
    partition: int
    offset: int
    reason: str
    message: str
    key: str | None
    value: str | None
    field: str | None = None
    base64: tuple[str, ...] = ()
    truncated: bool = False


class LotBalance(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """An open lot: something remaining or reserved."""

    lot_id: str
    remaining: str
    state: str
    activates_at: str | None
    expires_at: str | None
    earned_at: str
    reserved: str | None = None
    receipt_id: str | None = None
    legal_entity: str | None = None
    description: str | None = None


class BalanceRow(Struct, gc=False, frozen=True, kw_only=True, omit_defaults=True):
    """One ledger of one profile, as `replay` writes it to balances.jsonl.

    In the topic `balances` a ledger shows up to 20 lots: the next to be spent, and of very many, where few of these are at hand, the newest;
    `lots_omitted` counts the rest. The figures of the tier stand in the rows of the point type that the tiers measure.
    """

    profile_id: str
    program: str
    point: str
    subledger: str | None
    active: str
    pending: str
    reserved: str
    redeemed: str
    expired: str
    reversed: str
    written_off: str
    debt_paid: str
    debt: str
    lifetime: str
    tier: str | None
    qualifying_points: str | None = None
    next_review_at: str | None = None
    points_to_next: str | None = None
    points_to_keep: str | None = None
    lots: tuple[LotBalance, ...]
    lots_omitted: int = 0


class ProgramBalances(Struct, gc=False, frozen=True, kw_only=True):
    program: str
    sequence: int
    joined_at: str | None
    balances: tuple[BalanceRow, ...]


class ProfileBalances(Struct, gc=False, frozen=True, kw_only=True):
    """A record of the topic `balances`: everything of one profile."""

    profile_id: str
    programs: tuple[ProgramBalances, ...]


class BalancesPosition(Struct, gc=False, frozen=True, kw_only=True):
    """The record of a partition of `balances` under the key `__position__`: of each input, the next offset that is not in the others.

    What else it holds is the workers' own (`streams.worker.position`).
    """

    inputs: dict[str, int]


_ENCODER: Final = msgspec.json.Encoder(order=None)


def encode(record: Struct) -> bytes:
    """An output record as UTF-8 JSON, fields in the order of its type."""
    return _ENCODER.encode(record)


def encode_list(parts: Sequence[Struct]) -> bytes:
    """Parts of an output record likewise, as an array."""
    return _ENCODER.encode(parts)
