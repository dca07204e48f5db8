"""One record, or one timer, at one profile: the draft that is changed, and the entries that say so.

A visit works on a draft of the profile and keeps what it emits to itself until `commit`; whoever drops a visit half-way has
changed nothing. It numbers the output (`sequence`, `entry`), gives it ids, and keeps the promise that a tier change follows the
entry that brought it. It decides nothing about points.
"""

from agents.outbox import Effect, Outbox
from agents.programs import Programs, Version
from schemas.amounts import format_points
from schemas.events import BalanceView, Cause, LedgerEntry, LotView, RuleView, TierChange, effect_id
from schemas.instants import Instant, format_instant
from schemas.program import PointType
from schemas.topics import LEDGER_ENTRIES, TIER_CHANGES
from tables import tiers
from tables.state import Ledger, Lot, Membership, Profile, Receipt, TierState, ledger_key
from tables.table import Table, lot_key


class Visit:
    """`cause` and `recorded_at` stand in every record that the visit emits; a timer says its own cause."""

    __slots__ = (
        "cause",
        "effects",
        "profile",
        "profile_id",
        "programs",
        "recorded_at",
        "_ordinals",
        "_receipts",
        "_table",
        "_used",
        "_withheld",
    )

    def __init__(
        self, programs: Programs, table: Table, profile_id: str, profile: Profile, cause: Cause, recorded_at: Instant
    ) -> None:
        self.programs = programs
        self.profile_id = profile_id
        self.profile = profile
        self.cause = cause
        self.recorded_at = format_instant(recorded_at)
        self.effects: list[Effect] = []
        self._table = table
        self._ordinals: dict[str, int] = {}
        self._receipts: dict[bytes, Receipt] = {}
        self._used: dict[bytes, Lot] = {}
        self._withheld: list[tuple[str, str, int]] = []

    def membership(self, program: str) -> Membership:
        programs = self.profile.programs
        if program not in programs:
            programs[program] = Membership()
        return programs[program]

    def ledger(self, program: str, point: str, subledger: str) -> Ledger:
        ledgers = self.membership(program).ledgers
        key = ledger_key(point, subledger)
        found = ledgers.get(key)
        if found is None:
            found = ledgers[key] = Ledger()
        return found

    def put_receipt(self, key: bytes, receipt: Receipt) -> None:
        self._receipts[key] = receipt

    def put_used_lot(self, lot: Lot) -> None:
        """Remember a lot that has left the open lots, for what may still ask after it."""
        self._used[lot_key(self.profile_id, lot.lot_id)] = lot

    def used_lot(self, lot_id: str) -> Lot | None:
        key = lot_key(self.profile_id, lot_id)
        return self._used.get(key) or self._table.used_lot(key)

    @property
    def changed(self) -> bool:
        """Whether there is anything to commit; a duplicate leaves everything as it was."""
        return bool(self._receipts or self.effects)

    def withheld(self, program: str, point: str, points: int) -> None:
        """Points that a limit kept back: where nothing is left of an award there is no entry, only this figure."""
        self._withheld.append((program, point, points))

    def commit(self, outbox: Outbox) -> None:
        """Make it so: the profile as drafted, what goes with it, and the effects."""
        self._table.put_profile(self.profile_id, self.profile)
        for key, receipt in self._receipts.items():
            self._table.put_receipt(key, receipt)
        if self._used:
            for key, lot in self._used.items():
                self._table.put_used_lot(key, lot)
        if self._withheld:
            for program, point, points in self._withheld:
                outbox.counts["withheld", program, point] += points
        outbox.effects.extend(self.effects)

    # what is said

    def effect_id(self, program: str, kind: str, about: str, cause: Cause | None = None) -> str:
        """A new id; the second effect of one cause that is otherwise alike gets another ordinal."""
        stem = "\x1f".join((program, self.profile_id, *map(str, (cause or self.cause).values()), kind, about))
        ordinal = self._ordinals.get(stem, 0)
        self._ordinals[stem] = ordinal + 1
        return effect_id(stem, ordinal)

    def say_joined(self, version: Version, at: Instant, cause: Cause | None) -> None:
        program = version.program.program
        membership = self.membership(program)
        membership.sequence += 1
        membership.entry += 1
        entry = LedgerEntry(
            id=self.effect_id(program, "membership.joined", "", cause),
            type="membership.joined",
            program=program,
            profile_id=self.profile_id,
            occurred_at=format_instant(at),
            recorded_at=self.recorded_at,
            sequence=membership.sequence,
            entry=membership.entry,
            cause=cause or self.cause,
        )
        self.effects.append(Effect(LEDGER_ENTRIES, self.profile_id, entry))

    def say(
        self,
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
        legal_entity: str | None = None,
        description: str | None = None,
        reason: str | None = None,
        withheld: int = 0,
        debt_added: int = 0,
        debt_paid: int = 0,
    ) -> None:
        """A ledger entry about so many points out of or into these parts of lots, with the balance after it."""
        membership = self.membership(program)
        membership.sequence += 1
        membership.entry += 1
        scale = point.scale
        if entry_id is None:
            entry_id = self.effect_id(program, kind, parts[0][0].lot_id if parts else "", cause)
        entry = LedgerEntry(
            id=entry_id,
            type=kind,
            program=program,
            profile_id=self.profile_id,
            occurred_at=format_instant(at),
            recorded_at=self.recorded_at,
            sequence=membership.sequence,
            entry=membership.entry,
            cause=cause or self.cause,
            point=point.sid,
            subledger=subledger or None,
            points=format_points(points, scale),
            lots=tuple([_lot_view(lot, part, scale) for lot, part in parts]),
            rules=tuple([RuleView(rule, format_points(part, scale)) for rule, part in rules]),
            legal_entity=legal_entity,
            description=description,
            reason=reason,
            withheld=format_points(withheld, scale) if withheld else None,
            debt_added=format_points(debt_added, scale) if debt_added else None,
            debt_paid=format_points(debt_paid, scale) if debt_paid else None,
            balance=balance_view(membership.ledgers[ledger_key(point.sid, subledger)], scale),
        )
        self.effects.append(Effect(LEDGER_ENTRIES, self.profile_id, entry))

    def qualify(self, version: Version, subledger: str, points: int, cause: Cause | None) -> None:
        """Qualifying points of the tiers' point type change; a rise happens now, falling only at a review."""
        membership = self.membership(version.program.program)
        state = membership.tiers.get(subledger) or TierState()
        membership.tiers[subledger] = TierState(state.tier, state.qualifying + points, state.history)
        if membership.joined_at is not None:
            self.rise(version, subledger, cause)

    def rise(self, version: Version, subledger: str, cause: Cause | None) -> None:
        """Enter or rise to the tier that the qualifying points reach, where that is higher."""
        program = version.program
        membership = self.membership(program.program)
        before = membership.tiers.get(subledger) or TierState()
        now = self.profile.settled_at
        after = tiers.risen(program.tiers, before, now)
        if after is None:
            return
        membership.tiers[subledger] = after
        membership.sequence += 1
        scale = version.points[program.tiers.point].scale
        kind = "tier.joined" if before.tier is None else "tier.upgraded"
        missing, keep = tiers.points_to_next(program.tiers, after), tiers.points_to_keep(program.tiers, after)
        change = TierChange(
            id=self.effect_id(program.program, kind, f"{subledger}:{after.tier}", cause),
            type=kind,
            program=program.program,
            profile_id=self.profile_id,
            occurred_at=format_instant(now),
            recorded_at=self.recorded_at,
            sequence=membership.sequence,
            cause=cause or self.cause,
            from_tier=before.tier,
            to_tier=after.tier,
            reason="threshold-reached",
            qualifying_points=format_points(after.qualifying, scale),
            subledger=subledger or None,
            points_to_next=None if missing is None else format_points(missing, scale),
            points_to_keep=None if keep is None else format_points(keep, scale),
        )
        self.effects.append(Effect(TIER_CHANGES, self.profile_id, change))


def _lot_view(lot: Lot, points: int, scale: int) -> LotView:
    return LotView(
        lot_id=lot.lot_id,
        points=format_points(points, scale),
        state="active" if lot.active else "pending",
        activates_at=None if lot.activates_at is None else format_instant(lot.activates_at),
        expires_at=None if lot.expires_at is None else format_instant(lot.expires_at),
        receipt_id=lot.receipt_id,
    )


def balance_view(ledger: Ledger, scale: int) -> BalanceView:
    terms = (
        ledger.active,
        ledger.pending,
        ledger.reserved,
        ledger.redeemed,
        ledger.expired,
        ledger.reversed,
        ledger.written_off,
        ledger.debt_paid,
        ledger.debt,
        ledger.issued,
    )
    return BalanceView(*(map(str, terms) if scale == 0 else [format_points(term, scale) for term in terms]))
