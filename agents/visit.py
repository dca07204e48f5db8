"""One record, or one timer, at one profile: the draft that is changed, and what is to be remembered and sent.

A visit works on a draft of the profile and keeps what it emits to itself until `commit`; whoever drops a visit half-way has
changed nothing. It gives ids to what it emits and keeps it in order: a tier change follows the entry that brought it. It decides nothing
about points; how a change is said is in `agents/entries.py`.
"""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from agents.due import Due
from agents.entry_views import cause_text
from agents.hearing import Hearing
from agents.outbox import Effect, Outbox
from agents.programs import Programs
from schemas.effect_ids import effect_id
from schemas.events import Cause, LedgerEntry, TierChange
from schemas.instants import Instant, format_instant
from schemas.messages import Grant, Request
from schemas.outcomes import Refused
from schemas.topics import REQUESTS
from tables import pages
from tables.engagement import Engagement
from tables.keys import lot_key, page_key
from tables.ledger_keys import ledger_key
from tables.state import Ledger, Lot, LotPage, Membership, PageRef, Profile, Remembered, UsedLot
from tables.table import Kept, Table

Settle = Callable[["Visit", Instant], bool]
LEDGERS_MAX: Final = 1_000
"""Of one profile and program. With all the lots of each that `balances` shows they fit into a record of it."""


class Visit:
    """`cause` and `recorded_at` stand in every record that the visit emits; a timer says its own cause.

    `happened_at` is the event time of the record, or the instant of the tick. `settle` is the queue of timers (`agents.settle`), handed down so that no reaction needs to know what else may be due.
    """

    __slots__ = (
        "arrived",
        "arrived_at",
        "brought",
        "cause",
        "effects",
        "grown",
        "happened_at",
        "heard",
        "hearing",
        "known_from",
        "messages",
        "profile",
        "profile_id",
        "programs",
        "recorded_at",
        "_because",
        "_counts",
        "_ordinals",
        "_remembered",
        "_settle",
        "_then",
        "_table",
        "_touched",
    )

    def __init__(
        self,
        programs: Programs,
        table: Table,
        profile_id: str,
        profile: Profile,
        cause: Cause,
        happened_at: Instant,
        recorded_at: Instant,
        settle: Settle,
    ) -> None:
        self.programs = programs
        self.profile_id = profile_id
        self.profile = profile
        self.cause = cause
        self.happened_at = happened_at
        self.arrived_at = recorded_at
        self.known_from = recorded_at - programs.remember_us  # what is older is known no more
        self.recorded_at = format_instant(recorded_at)
        self.effects: list[Effect] = []
        self.arrived: list[bytes] = []  # what parked records may have waited for, and now need not any more
        self.brought: list[Due] = []  # timers that were set while others fired; the queue takes them
        self.messages: list[Effect] = []
        self.hearing = Hearing(profile, table, profile_id) if programs.campaigning else None  # for `agents.campaigns`
        self.heard = None if self.hearing is None else self.hearing.heard
        self.grown = False  # a ledger may hold more open lots than its own record should
        self._table = table
        self._settle = settle
        self._ordinals: dict[str, int] = {}
        self._remembered: dict[bytes, Remembered | None] = {}
        self._counts: list[tuple[tuple[str, ...], int]] = []
        self._touched = False
        self._because = self._then = ""  # what every id of the visit has within it

    def membership(self, program: str) -> Membership:
        programs = self.profile.programs
        if (found := programs.get(program)) is None:
            found = programs[program] = Membership()
        return found

    def engagement(self, program: str) -> Engagement:
        """What is remembered for the program's scenarios, segments and reminders; changed by putting new values into it."""
        engagements = self.profile.engagements
        found = engagements.get(program)
        if found is None:
            found = Engagement()
            self.profile.engagements = engagements | {program: found}
        return found

    def head(self, program: str, point: str, subledger: str) -> Ledger:
        """A ledger as it lies in its profile: what is asked for next, and not what lies in pages.

        Raises `Refused` for one subledger too many: all of a profile's are in one record of `balances`.
        """
        ledgers = self.membership(program).ledgers
        key = ledger_key(point, subledger)
        found = ledgers.get(key)
        if found is None:
            if subledger and len(ledgers) >= LEDGERS_MAX:
                raise Refused("invalid-field", f"a profile has at most {LEDGERS_MAX:,} ledgers in a program", "subledger")
            found = ledgers[key] = Ledger()
        return found

    def ledger(self, program: str, point: str, subledger: str) -> Ledger:
        """A ledger with all of its open lots. Of thousands, ask for fewer: `head` and `pages` together."""
        found = self.head(program, point, subledger)
        if found.pages:
            pages.open_all(found, self.fetch(program, ledger_key(point, subledger)))
        return found

    def fetch(self, program: str, key: str) -> pages.Fetch:
        """How a page of a ledger is opened."""

        def take(page: PageRef) -> tuple[Lot, ...]:
            stored_at = page_key(self.profile_id, program, key, page.number)
            found = self.find(LotPage, stored_at)
            if found is None:
                raise pages.missing(program, key, page)
            self.forget(stored_at)
            self.grown = True
            return found.lots

        return take

    def _seal(self) -> None:
        """Put what is asked for last of ledgers that have grown too large into pages."""
        head_lots = self.programs.head_lots
        for program, membership in self.profile.programs.items():
            for key, ledger in membership.ledgers.items():
                if ledger.lots_count > head_lots:
                    for ref, page in pages.seal(ledger, self.fetch(program, key), head_lots):
                        self.remember(page_key(self.profile_id, program, key, ref.number), page)

    def settle_to(self, at: Instant) -> None:
        """What is due up to and including an instant comes before what happens at it; a late record moves nothing back."""
        profile = self.profile
        due_at = profile.due_at
        if due_at is not None and due_at <= at:
            self._settle(self, at)
        profile.settled_at = max(profile.settled_at, at)

    def due_by(self, at: Instant | None) -> None:
        """Something of the profile is due then: no later than that it is looked at again."""
        profile = self.profile
        due_at = profile.due_at
        if at is not None and (due_at is None or at < due_at):
            profile.due_at = at

    def bring(self, due: Due) -> None:
        """A new timer, for the queue that is being worked off as well."""
        self.brought.append(due)
        self.due_by(due.at)

    def find(self, kind: type[Kept], key: bytes) -> Kept | None:
        """What is remembered under a key, as this visit has left it.

        A record is known while its event time + `remember` is not before the arrival of the one that asks: so what is known
        depends on records alone, and never on when a sweep came by.
        """
        state = self.recall(kind, key) if self._remembered else self._table.find(kind, key)
        if state is None or state.last_at >= self.known_from:
            return state
        return None

    def recall(self, kind: type[Kept], key: bytes) -> Kept | None:
        """What is remembered under a key, however old: for a timer, which speaks of what it was set for."""
        state = self._remembered[key] if key in self._remembered else self._table.find(kind, key)
        if state is not None and not isinstance(state, kind):
            raise TypeError(f"{key!r} is no key of a {kind.__name__}")
        return state

    def remember(self, key: bytes, state: Remembered) -> None:
        self._remembered[key] = state

    def forget(self, key: bytes) -> None:
        self._remembered[key] = None

    def forget_all(self) -> None:
        """Forget all that is remembered of this profile beside itself, and what this visit would have remembered."""
        for key in [*self._remembered, *self._table.keys_of(self.profile_id)]:
            self._remembered[key] = None

    def remember_used(self, lot: Lot) -> None:
        """Remember a lot that has left the open lots, for what may still ask after it."""
        self._remembered[lot_key(self.profile_id, lot.lot_id)] = UsedLot(lot, self.profile.settled_at)

    def used_lot(self, lot_id: str) -> Lot | None:
        found = self.find(UsedLot, lot_key(self.profile_id, lot_id))
        return None if found is None else found.lot

    @property
    def changed(self) -> bool:
        """Whether there is anything to commit; a duplicate leaves everything as it was."""
        return bool(self._touched or self._remembered or self.effects)

    def touch(self) -> None:
        """The profile itself has changed, with nothing to say or to remember beside it."""
        self._touched = True

    def count(self, name: tuple[str, ...], by: int = 1) -> None:
        """A figure for metrics, told only if the visit is committed."""
        self._counts.append((name, by))

    def send(self, topic: str, record: Struct) -> None:
        """An output record that is no entry and no tier change."""
        self.effects.append(Effect(topic, self.profile_id, record))

    def tell(self, topic: str, record: LedgerEntry | TierChange) -> None:
        """An entry or a tier change (`agents.entries`); whoever listens hears of it."""
        self.effects.append(Effect(topic, self.profile_id, record))
        if self.heard is not None:
            self.heard.append(record)

    def ask(self, request: Request | Grant) -> None:
        """A question to the key that it is about; the answer comes as a record of its own."""
        self.messages.append(Effect(REQUESTS, request.key, request))

    def commit(self, outbox: Outbox) -> None:
        """Make it so: the profile as drafted, what goes with it, and the effects."""
        if self.grown:
            self._seal()
        self._table.put_profile(self.profile_id, self.profile)
        for key, state in self._remembered.items():
            self._table.put(key, state)
        if self._counts:
            for name, by in self._counts:
                outbox.counts[name] += by
        outbox.effects.extend(self.effects)
        if self.messages:
            outbox.messages.extend(self.messages)

    def effect_id(self, program: str, kind: str, about: str, cause: Cause | None = None) -> str:
        """A new id; the second effect of one cause that is otherwise alike gets another ordinal.

        The record's own time is part of it: a receipt's number that comes again when the first is remembered no longer is another
        receipt. So it is with what comes after an erasure.
        """
        if cause is None:
            if not self._because:
                self._because = f"\x1f{self.profile_id}\x1f{cause_text(self.cause)}\x1f"
                self._then = f"\x1f{self.happened_at}"
            stem = f"{program}{self._because}{kind}\x1f{about}{self._then}"
        else:
            stem = f"{program}\x1f{self.profile_id}\x1f{cause_text(cause)}\x1f{kind}\x1f{about}"
        if self.profile.erased_at is not None:
            stem += f"\x1f{self.profile.erased_at}"
        ordinal = self._ordinals.get(stem, 0)
        self._ordinals[stem] = ordinal + 1
        return effect_id(stem, ordinal)
