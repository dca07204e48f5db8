"""The core: one record, or one tick, against a table. The worker, `replay`, `check` and the demo all run this and nothing else.

Pure and synchronous: it knows neither Faust nor Kafka nor RocksDB nor the time of day. The outcome depends on the records, their
order and the ticks, and on nothing else: not on batches, cycles, workers or restarts.

A record that cannot be used is a dead letter, and the stream goes on. An exception inside a rule concerns one record: its
changes are dropped, it is a dead letter `internal-error`, and its profile is stopped until it is released; the worker never is.

One file, for its ways in lead to each other in a circle: a record or a tick asks another key, an answer lets parked records go on, and these
are records as any other.
"""

from collections.abc import Iterable
from typing import Final

from agents import admission, answers, campaigns, claims, counts, parking, referrals, replanning, stopped, turns
from agents.causes import cause_of
from agents.dead_letters import dead_letter, dead_timer
from agents.incoming import Incoming
from agents.outbox import Outbox
from agents.programs import MissingProgramError, Programs
from agents.reactions import REACTIONS
from agents.routes import Routes
from agents.settle import OneByOneError, reckon, settle, settle_unless_asked, settle_unless_released, settled_by
from agents.visit import Settle, Visit
from schemas import records
from schemas.events import Cause
from schemas.instants import DAY_US, EARLIEST, LATEST, Instant, format_instant
from schemas.messages import Grant, Granted, Order, Reply, Request
from schemas.outcomes import ANONYMOUS, APPLIED, DEAD_LETTER, DUPLICATE, NOT_A_MEMBER, Refused
from schemas.program import Catalog
from schemas.records import Cancel, Message, ProfileRecord, Record, Return, Sale
from schemas.topics import REPLIES
from tables.drafts import draft_of
from tables.pages import HEAD_MAX, NAMED_MAX
from tables.state import Profile
from tables.store import DamagedError
from tables.stored import StateFormatError
from tables.table import Table

_SWEEP_EVERY: Final = 256  # records of an input
_SWEEP_KEYS: Final = 1_024  # that are looked at then, at least
_BEHIND_US: Final = 15 * DAY_US
"""One input may lag behind another by as long as inputs are kept: what it asks for must not be gone."""

_MESSAGES: Final = (Request, Reply, Grant, Granted, Order)

FATAL: Final = (OSError, MemoryError, StateFormatError, MissingProgramError)
"""What no record is to blame for: the caller drops the cycle and ends, and nothing of it is committed."""


class Core:
    """`partitions`: how many each input topic has, to refuse what is misrouted; None where records come from files.

    `head_lots`: so many open lots lie in a ledger's own record, the others in pages; nothing that comes out depends on it.
    `named_lots`: of a renewal that moves more than so many lots the entry says which by a rule.
    """

    def __init__(
        self, catalog: Catalog, partitions: int | None = None, head_lots: int = HEAD_MAX, named_lots: int = NAMED_MAX
    ) -> None:
        self.programs = Programs(catalog, head_lots, named_lots)
        self._forget_after_us = self.programs.remember_us + self.programs.park_us + _BEHIND_US
        self._routes = Routes(partitions)
        self._in_files = partitions is None
        self._settle_whole: Settle | None = None  # where one visit may not do for all that is due
        if self.programs.parks or (self._in_files and self.programs.counted):
            self._settle_whole = settle_unless_asked if self._in_files else settle_unless_released
        self._decoded: tuple[str, bytes | None, Record | Message] | None = None  # what `event_time` read last

    def apply(self, table: Table, incoming: Incoming, outbox: Outbox) -> str:
        """Apply one record. Returns its outcome (`schemas.outcomes.OUTCOMES`); effects and counts go to the outbox.

        Raises `FATAL`, and nothing else.
        """
        if incoming.offset % _SWEEP_EVERY == 0:
            overdue = table.next_due(incoming.arrived_at - _BEHIND_US)  # long ago, in a backfill: it asks for what is as old
            table.sweep((incoming.arrived_at if overdue is None else overdue[0]) - self._forget_after_us, _SWEEP_KEYS)
        outcome = self._apply(table, incoming, outbox)
        if outbox.messages:
            self._carry_messages(table, incoming.arrived_at, outbox)
        return outcome

    def _carry_messages(self, table: Table, arrived_at: Instant, outbox: Outbox) -> None:
        """In files there is one table and no broker: what is asked is answered before whatever comes next, in the order of asking."""
        while self._in_files and outbox.messages:
            message = outbox.messages.pop(0)
            try:
                self._on_message(table, message.record, arrived_at, outbox)
            except FATAL:
                raise
            except Exception as error:
                outbox.errors.append(error)
                why = f"a message between keys could not be followed ({type(error).__name__})"
                outbox.effects.append(dead_timer(message.key, Refused("internal-error", why)))

    def _on_message(self, table: Table, message: object, arrived_at: Instant, outbox: Outbox) -> None:
        """An answer that cannot be followed, for a mistake of ours, waits at its profile, which is stopped."""
        try:
            self._follow(table, message, arrived_at, outbox)
        except FATAL:
            raise
        except Exception as error:
            if not isinstance(message, (Reply, Granted)):
                raise
            outbox.errors.append(error)
            why = f"an answer could not be followed ({type(error).__name__}); its profile is stopped until it is released"
            outbox.effects.append(dead_timer(message.profile_id, Refused("internal-error", why)))
            self._stop(table, message.profile_id, message.at, outbox)
            answers.keep(table, message, arrived_at)

    def _follow(self, table: Table, message: object, arrived_at: Instant, outbox: Outbox) -> None:
        """A request at the key that it asks, a reply at the profile that asked, or an order to a profile."""
        if isinstance(message, Order):
            self._on_order(table, message, arrived_at, outbox)
        elif isinstance(message, Request):
            claims.on_request(table, message, arrived_at, self.programs.remember_us, outbox)
        elif isinstance(message, Grant):
            if message.kind in ("grant", "give-back"):
                counts.on_grant(table, message, arrived_at, self.programs.remember_us, outbox)
            else:
                referrals.on_request(table, message, outbox)
        elif isinstance(message, (Reply, Granted)):
            if isinstance(message, Granted) and message.kind == "referred":
                for begins in replanning.unknown_to(self.programs, table.profile(message.profile_id), message.at):
                    self._make_known(table, message.profile_id, begins, arrived_at, outbox)
                if self._settle_whole is not None:
                    cause: Cause = {"topic": REPLIES, "kind": message.kind}
                    self._settle_first(table, message.profile_id, message.at, cause, arrived_at, outbox)
            released, come = answers.follow(self.programs, table, message, arrived_at, outbox)
            for incoming in released:  # it may have come behind what waited for the one before it
                self._apply_parked(table, message.profile_id, incoming.arrived_at, arrived_at, outbox)
                self._go_on(table, message.profile_id, [incoming], arrived_at, outbox)
            self._apply_parked(table, message.profile_id, come, arrived_at, outbox)
            self._apply_parked(table, message.profile_id, LATEST, arrived_at, outbox)

    def _apply(self, table: Table, incoming: Incoming, outbox: Outbox, owner: str | None = None) -> str:
        """`owner`: whose record it is, where it does not say so itself."""
        record: Record | Message | None = None
        profile_id: str | None = None
        try:
            records.check_key(incoming.key)
            known = self._decoded
            if known is not None and known[1] is incoming.value and known[0] == incoming.topic:
                record = known[2]
            else:
                record = records.decode(incoming.topic, incoming.value)
            if type(record) is not Sale and isinstance(record, _MESSAGES):  # a sale, as most are, is soon told apart
                if isinstance(record, Order):
                    self._routes.check(incoming, record.profile_id)
                self._on_message(table, record, incoming.arrived_at, outbox)
                return APPLIED
            profile_id = record.profile_id or owner
            if profile_id is None:
                return self._without_profile(record, incoming, outbox)
            if owner is None:
                self._routes.check(incoming, profile_id)
            try:
                return self._react(table, incoming, record, profile_id, outbox)
            except OneByOneError:
                at, cause = records.event_time(record), cause_of(incoming.topic, record)
                self._settle_first(table, profile_id, at, cause, incoming.arrived_at, outbox)
                return self._react(table, incoming, record, profile_id, outbox)
        except Refused as refused:
            if record is not None and profile_id is not None and not isinstance(record, _MESSAGES):
                refused = admission.of_erased(table.profile(profile_id), record) or refused
            outbox.effects.append(dead_letter(incoming, refused))
            return DEAD_LETTER
        except FATAL:
            raise
        except Exception as error:
            outbox.errors.append(error)
            message = f"applying the record failed ({type(error).__name__}); its profile is stopped until it is released"
            outbox.effects.append(dead_letter(incoming, Refused("internal-error", message)))
            if record is not None and profile_id is not None and not isinstance(record, _MESSAGES):
                self._stop(table, profile_id, records.event_time(record), outbox)
            return DEAD_LETTER

    def _without_profile(self, record: Record, incoming: Incoming, outbox: Outbox) -> str:
        """A sale is anonymous then; what gives a receipt back goes to the receipt's owner, where receipts are claimed."""
        if not isinstance(record, (Return, Cancel)):
            return ANONYMOUS
        versions = admission.of_application(self.programs, record, record.closed_at, incoming.arrived_at)
        if not claims.claimed(versions):
            raise Refused("profile-required", "without a profile_id it is not known whose receipt it is", "profile_id")
        return claims.forward(record, incoming, outbox)

    def tick(self, table: Table, at: Instant, outbox: Outbox, at_most: int | None = None) -> bool:
        """Everything due up to and including `at` happens, by (due instant, profile id).

        Settles at most so many (instant, profile) pairs; True: nothing that is due is left.
        """
        done = self._tick(table, at, outbox, at_most)
        table.sweep_on()
        return done

    def _tick(self, table: Table, at: Instant, outbox: Outbox, at_most: int | None) -> bool:
        settled = 0
        unknown = replanning.pending(table, self.programs, at) if self.programs.planning else None
        while True:
            found = table.next_due(at)
            if at_most is not None and settled >= at_most:
                return found is None and unknown is None
            if unknown is not None and (found is None or found[0] > unknown.begins):
                looked_at = replanning.next_profiles(table, unknown, None if at_most is None else at_most - settled)
                for profile_id in replanning.unaware(table, self.programs, unknown, looked_at):
                    self._make_known(table, profile_id, unknown.begins, at, outbox)
                settled += len(looked_at)
                unknown = replanning.pending(table, self.programs, at)
                continue
            if found is None:
                return True
            settled += 1
            due_at, profile_id = found
            profile = table.profile(profile_id)
            if profile is None:
                raise DamagedError(
                    f"the due index names a profile at {format_instant(due_at)} that is not there: rebuild the state"
                )
            cause: Cause = {"timer": "tick", "due_at": format_instant(at)}
            visit = Visit(self.programs, table, profile_id, draft_of(profile), cause, at, at, settle)
            until = at if unknown is None else unknown.begins  # which comes before what is later
            self._settle(table, visit, due_at, until, outbox)

    def is_due(self, table: Table, at: Instant) -> bool:
        """Whether a tick would do anything."""
        return table.next_due(at) is not None or replanning.pending(table, self.programs, at) is not None

    def _settle(self, table: Table, visit: Visit, due_at: Instant, until: Instant | None, outbox: Outbox) -> None:
        """What is due at a profile at one instant, and what comes of it. `until`: it is settled by that then, if nothing more is due.

        `due_at` is only a bound: what it was set for may be due later by now, a review after a rise. Then the profile stays as it is, for a
        tick moves the settled time of those that have something due, and of nobody else.
        """
        profile = visit.profile
        try:
            anything = settle(visit, due_at)
            goes_on = bool(visit.arrived) or (self._in_files and bool(visit.messages))  # at that instant, not at `until`
            if until is not None and anything and not goes_on and (profile.due_at is None or profile.due_at > until):
                profile.settled_at = max(profile.settled_at, until)
            visit.commit(outbox)
        except FATAL:
            raise
        except Exception as error:
            self._failed(table, visit.profile_id, due_at, error, outbox)
            return
        if goes_on:
            self._apply_parked(table, visit.profile_id, visit.arrived, visit.arrived_at, outbox)
            self._carry_messages(table, visit.arrived_at, outbox)
            if until is not None:
                settled_by(table, visit.profile_id, until)

    def _settle_first(
        self, table: Table, profile_id: str, at: Instant, cause: Cause, arrived_at: Instant, outbox: Outbox
    ) -> None:
        """What is due at a profile up to an instant, one after the other, each with what comes of it, before what happens then."""
        profile = table.profile(profile_id)
        begun = [] if profile is None or not self.programs.changing else campaigns.begun(self.programs, profile, at)
        while profile is not None and profile.stopped is None:
            visit = Visit(self.programs, table, profile_id, draft_of(profile), dict(cause), at, arrived_at, settle)
            due_at = profile.due_at
            if begun and (due_at is None or begun[0] < due_at):
                self._begin(table, visit, begun.pop(0), outbox)
            elif due_at is not None and due_at <= at:
                self._settle(table, visit, due_at, None, outbox)
            else:
                return
            profile = table.profile(profile_id)

    def _make_known(self, table: Table, profile_id: str, begins: Instant, at: Instant, outbox: Outbox) -> None:
        profile = table.profile(profile_id)
        if profile is not None:
            cause: Cause = {"timer": "version", "due_at": format_instant(begins)}
            visit = Visit(self.programs, table, profile_id, draft_of(profile), cause, begins, at, settle)
            self._begin(table, visit, begins, outbox)

    def _make_up(self, table: Table, profile_id: str, before: Profile | None, arrived_at: Instant, outbox: Outbox) -> None:
        """Versions that were made known to everybody else while this profile was a stranger, or stopped, are made known to it."""
        for begins in replanning.missed(table, self.programs, profile_id, before):
            self._carry_messages(table, arrived_at, outbox)
            cause: Cause = {"timer": "version", "due_at": format_instant(begins)}
            self._settle_first(table, profile_id, begins, cause, arrived_at, outbox)
            self._make_known(table, profile_id, begins, arrived_at, outbox)

    def _begin(self, table: Table, visit: Visit, begins: Instant, outbox: Outbox) -> None:
        """A version has begun that a profile may not know of yet."""
        try:
            campaigns.begins(visit, begins)
            if visit.changed:
                visit.settle_to(visit.profile.settled_at)
                visit.commit(outbox)
                self._apply_parked(table, visit.profile_id, visit.arrived, visit.arrived_at, outbox)
        except FATAL:
            raise
        except Exception as error:
            self._failed(table, visit.profile_id, begins, error, outbox)
        self._carry_messages(table, visit.arrived_at, outbox)

    def _failed(self, table: Table, profile_id: str, due_at: Instant, error: Exception, outbox: Outbox) -> None:
        """An exception while something of a timer happened concerns its profile alone."""
        outbox.errors.append(error)
        message = f"what was due at {format_instant(due_at)} failed ({type(error).__name__}); its profile is stopped until it is released"
        outbox.effects.append(dead_timer(profile_id, Refused("internal-error", message)))
        self._stop(table, profile_id, due_at, outbox)

    def event_time(self, incoming: Incoming) -> Instant | None:
        """When the record says that it happened; None where it cannot be read. What it reads, `apply` need not read again."""
        try:
            record = records.decode(incoming.topic, incoming.value)
        except Refused:
            self._decoded = None
            return None
        self._decoded = (incoming.topic, incoming.value, record)
        return None if isinstance(record, Order) else records.event_time(record)

    def _react(self, table: Table, incoming: Incoming, record: Record, profile_id: str, outbox: Outbox) -> str:
        """One record at its profile: the reaction of its kind, and then what had waited for it."""
        at = record.closed_at if type(record) is Sale else records.event_time(record)
        versions = admission.versions_of(self.programs, record, at, incoming.arrived_at)
        if not versions and type(record) is not ProfileRecord and not admission.is_of_ended(self.programs, record):
            return NOT_A_MEMBER  # only drafts, or programs that have ended, would count it
        known = table.profile(profile_id)
        for begins in replanning.unknown_to(self.programs, known, at):
            self._make_known(table, profile_id, begins, incoming.arrived_at, outbox)
            known = table.profile(profile_id)
        if known is not None and known.erased_at is not None and at <= known.erased_at:
            if isinstance(record, ProfileRecord) and record.kind == "erase":
                return DUPLICATE
            raise Refused("erased", "")  # said in full where it becomes a dead letter
        profile = Profile(EARLIEST) if known is None else draft_of(known)  # no record has settled it yet, nor does one that waits
        settling = self._settle_whole
        if settling is None or profile.due_at is None or profile.due_at > at:
            settling = settle
        visit = Visit(
            self.programs, table, profile_id, profile, cause_of(incoming.topic, record), at, incoming.arrived_at, settling
        )
        if profile.stopped is not None:
            outcome = stopped.wait(visit, record, incoming)
            if visit.changed:
                visit.commit(outbox)
            return outcome
        if incoming.known_from is not None:
            admission.check_known(record, at, incoming.known_from)
            visit.known_from = max(visit.known_from, incoming.known_from)
        if self.programs.changing and known is not None:
            campaigns.catch_up(visit, at)
        outcome = REACTIONS[type(record)](visit, record, incoming, versions)
        if visit.heard is not None:
            outcome = campaigns.after_record(visit, record, versions, outcome)
            if visit.programs.referring:
                referrals.after_record(visit, record, versions, outcome)
        if visit.changed:
            visit.settle_to(profile.settled_at)  # what would have happened by now to the lots of a late receipt
            visit.commit(outbox)
            self._apply_parked(table, profile_id, visit.arrived, visit.arrived_at, outbox)
            self._make_up(table, profile_id, known, incoming.arrived_at, outbox)
        return outcome

    def _apply_parked(
        self, table: Table, profile_id: str, come: list[bytes] | Instant, arrived_at: Instant, outbox: Outbox
    ) -> None:
        """What has come lets the records that waited for it go on, in order of their arrival, each as a record of its own. An instant: those
        whose turn it is, of what had arrived by then.
        """
        profile = None if come == [] else table.profile(profile_id)
        if profile is None or not profile.parked:
            return
        draft = draft_of(profile)
        waiting = turns.take(draft, come) if isinstance(come, int) else parking.take(draft, *come)
        if waiting:
            reckon(draft)  # their deadlines have gone with them
            table.put_profile(profile_id, draft)
        self._go_on(table, profile_id, map(parking.incoming_of, waiting), arrived_at, outbox)

    def _go_on(self, table: Table, profile_id: str, released: Iterable[Incoming], arrived_at: Instant, outbox: Outbox) -> None:
        """Records that have waited, or travelled; what was asked before each of them is answered before it."""
        for incoming in released:
            self._carry_messages(table, arrived_at, outbox)
            outbox.counts["parked", self._apply(table, incoming, outbox, profile_id)] += 1

    def _stop(self, table: Table, profile_id: str, at: Instant, outbox: Outbox, why: str = stopped.FAILED) -> None:
        table.put_profile(profile_id, stopped.stop(table.profile(profile_id), at, why))
        outbox.counts[("profile-stopped",)] += 1

    def _on_order(self, table: Table, order: Order, arrived_at: Instant, outbox: Outbox) -> None:
        """Stop a profile, or let a stopped one go on: then what came for it meanwhile is applied. Twice is once."""
        profile = table.profile(order.profile_id)
        if profile is None or (profile.stopped is not None) == (order.kind == "stop"):
            return
        if order.kind == "stop":
            self._stop(table, order.profile_id, profile.settled_at, outbox, stopped.ORDERED)
            return
        draft = draft_of(profile)
        waiting = list(map(parking.incoming_of, stopped.release(draft)))
        for incoming in waiting:  # a stop has no end, and what is remembered has
            incoming.known_from = arrived_at - self._forget_after_us + _BEHIND_US
        table.put_profile(order.profile_id, draft)
        outbox.counts[("profile-released",)] += 1
        self._go_on(table, order.profile_id, waiting, arrived_at, outbox)
        self._make_up(table, order.profile_id, profile, arrived_at, outbox)
