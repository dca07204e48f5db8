"""The core: one record, or one tick, against a table. The worker, `replay`, `check` and the demo all run this and nothing else.

Pure and synchronous: it knows neither Faust nor Kafka nor RocksDB nor the time of day. The outcome depends on the records, their
order and the ticks, and on nothing else: not on batches, cycles, workers or restarts.

A record that cannot be used is a dead letter, and the stream goes on. An exception inside a rule concerns one record: its
changes are dropped, it is a dead letter `internal-error`, and its profile is stopped until it is released; the worker never is.
"""

from collections.abc import Callable
from typing import Any, Final

from agents import admission, answers, campaigns, claims, codes, counts, parking, referrals, replanning, stopped
from agents.adjustments import on_adjustment
from agents.causes import cause_of
from agents.dead_letters import dead_letter, dead_timer
from agents.incoming import Incoming
from agents.outbox import Outbox
from agents.pixels import on_pixel
from agents.profiles import on_profile
from agents.programs import MissingProgramError, Programs, Version
from agents.purchases import on_sale
from agents.redemptions import on_redemption
from agents.returns import on_cancel, on_return
from agents.settle import reckon, settle
from agents.visit import Visit
from schemas import records
from schemas.events import Cause
from schemas.instants import DAY_US, EARLIEST, Instant, format_instant
from schemas.messages import Grant, Granted, Order, Reply, Request
from schemas.outcomes import ANONYMOUS, APPLIED, DEAD_LETTER, DUPLICATE, NOT_A_MEMBER, Refused
from schemas.partitioner import partition_of
from schemas.program import Catalog
from schemas.records import Adjustment, Cancel, Message, Pixel, ProfileRecord, Record, Redemption, Return, Sale
from tables.drafts import draft_of
from tables.pages import HEAD_MAX, NAMED_MAX
from tables.state import Profile
from tables.store import DamagedError
from tables.stored import StateFormatError
from tables.table import Table

_ROUTES: Final = 65_536
_SWEEP_EVERY: Final = 256  # records of an input
_SWEEP_KEYS: Final = 1_024  # that are looked at then: more than so many records can add
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
        self._partitions = partitions
        self._forget_after_us = self.programs.remember_us + self.programs.park_us + _BEHIND_US
        self._routes: dict[str, tuple[str | None, int]] = {}  # of those that came lately
        self._decoded: tuple[str, bytes | None, Record | Message] | None = None  # what `event_time` read last

    def apply(self, table: Table, incoming: Incoming, outbox: Outbox) -> str:
        """Apply one record. Returns its outcome (`schemas.outcomes.OUTCOMES`); effects and counts go to the outbox.

        Raises `FATAL`, and nothing else.
        """
        if incoming.offset % _SWEEP_EVERY == 0:
            table.sweep(incoming.arrived_at - self._forget_after_us, _SWEEP_KEYS)
        outcome = self._apply(table, incoming, outbox)
        if outbox.messages and self._partitions is None:
            self._carry_messages(table, incoming.arrived_at, outbox)
        return outcome

    def _carry_messages(self, table: Table, arrived_at: Instant, outbox: Outbox) -> None:
        """In files there is one table and no broker: what is asked is answered before the next record."""
        while outbox.messages:
            sent, outbox.messages = outbox.messages, []
            for message in sent:
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
            self._on_order(table, message, outbox)
        elif isinstance(message, Request):
            claims.on_request(table, message, arrived_at, self.programs.remember_us, outbox)
        elif isinstance(message, Grant):
            if message.kind in ("grant", "give-back"):
                counts.on_grant(table, message, arrived_at, self.programs.remember_us, outbox)
            else:
                referrals.on_request(table, message, outbox)
        elif isinstance(message, (Reply, Granted)):
            released, come = answers.follow(self.programs, table, message, arrived_at, outbox)
            for incoming in released:
                outbox.counts["parked", self._apply(table, incoming, outbox, message.profile_id)] += 1
            self._apply_parked(table, message.profile_id, come, outbox)

    def _apply(self, table: Table, incoming: Incoming, outbox: Outbox, owner: str | None = None) -> str:
        """`owner`: whose record it is, where it does not say so itself."""
        record: Record | Message | None = None
        profile_id: str | None = None
        try:
            known = self._decoded
            if known is not None and known[1] is incoming.value and known[0] == incoming.topic:
                record = known[2]
            else:
                record = records.decode(incoming.topic, incoming.value)
            if type(record) is not Sale and isinstance(record, _MESSAGES):  # a sale, as most are, is soon told apart
                if isinstance(record, Order):
                    self._check_route(incoming, record.profile_id)
                self._on_message(table, record, incoming.arrived_at, outbox)
                return APPLIED
            profile_id = record.profile_id or owner
            if profile_id is None:
                return self._without_profile(record, incoming, outbox)
            if owner is None:
                self._check_route(incoming, profile_id)
            return self._react(table, incoming, record, profile_id, outbox)
        except Refused as refused:
            if record is not None and profile_id is not None and not isinstance(record, _MESSAGES):
                refused = self._erased(table, record, profile_id) or refused
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

    def _erased(self, table: Table, record: Record, profile_id: str) -> Refused | None:
        """Why a record is refused that is no younger than the erasure of its profile; whatever else is wrong with it."""
        known = table.profile(profile_id)
        if known is None or known.erased_at is None or records.event_time(record) > known.erased_at:
            return None
        return Refused("erased", f"the profile was erased at {format_instant(known.erased_at)}, and this is older")

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
        settled = 0
        unknown = replanning.pending(table, self.programs, at) if self.programs.planning else None
        while True:
            found = table.next_due(at)
            if at_most is not None and settled >= at_most:
                return found is None and unknown is None
            if unknown is not None and (found is None or found[0] > unknown.begins):
                settled += self._replan(table, unknown, at, outbox, None if at_most is None else at_most - settled)
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
            self._settle(table, profile_id, profile, due_at, at, outbox)
            if outbox.messages and self._partitions is None:
                self._carry_messages(table, at, outbox)

    def is_due(self, table: Table, at: Instant) -> bool:
        """Whether a tick would do anything."""
        if table.next_due(at) is not None:
            return True
        return bool(self.programs.planning) and replanning.pending(table, self.programs, at) is not None

    def _settle(self, table: Table, profile_id: str, profile: Profile, due_at: Instant, at: Instant, outbox: Outbox) -> None:
        """What is due at a profile at one instant, by the tick of another."""
        cause: Cause = {"timer": "tick", "due_at": format_instant(at)}
        visit = Visit(self.programs, table, profile_id, draft_of(profile), cause, at, at, settle)
        try:
            settle(visit, due_at)
            if visit.profile.due_at is None or visit.profile.due_at > at:
                visit.profile.settled_at = max(visit.profile.settled_at, at)
            visit.commit(outbox)
            self._apply_parked(table, profile_id, visit.arrived, outbox)
        except FATAL:
            raise
        except Exception as error:
            self._failed(table, profile_id, due_at, error, outbox)

    def _replan(self, table: Table, unknown: replanning.Round, at: Instant, outbox: Outbox, at_most: int | None) -> int:
        """A version is made known to some of the profiles. Returns how many these were."""
        profile_ids = replanning.next_profiles(table, unknown, at_most)
        begins = unknown.begins
        for profile_id, seen in table.glance(profile_ids):
            profile = None if replanning.knows(self.programs, seen, unknown) else table.profile(profile_id)
            if profile is None:
                continue
            cause: Cause = {"timer": "version", "due_at": format_instant(begins)}
            visit = Visit(self.programs, table, profile_id, draft_of(profile), cause, begins, at, settle)
            try:
                campaigns.begins(visit, begins)
                if visit.changed:
                    visit.settle_to(visit.profile.settled_at)
                    visit.commit(outbox)
                    self._apply_parked(table, profile_id, visit.arrived, outbox)
            except FATAL:
                raise
            except Exception as error:
                self._failed(table, profile_id, begins, error, outbox)
            if outbox.messages and self._partitions is None:
                self._carry_messages(table, at, outbox)
        return len(profile_ids)

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
        if type(record) is Sale:
            return record.closed_at
        return None if isinstance(record, Order) else records.event_time(record)

    def _check_route(self, incoming: Incoming, profile_id: str) -> None:
        route = self._routes.get(profile_id)
        wrong, partition = self._route_of(profile_id) if route is None else route
        if wrong is not None:
            raise Refused("invalid-field", wrong, "profile_id")
        if self._partitions is None:
            return
        if incoming.key != profile_id.encode():
            raise Refused(
                "misrouted", f"the record's key is not its profile_id; it belongs in partition {partition}", "profile_id"
            )
        if incoming.partition != partition:
            raise Refused(
                "misrouted",
                f"the record lies in partition {incoming.partition}, and murmur2 of its key names partition {partition}: "
                "set partitioner=murmur2 in the feed",
                "profile_id",
            )

    def _route_of(self, profile_id: str) -> tuple[str | None, int]:
        """What is wrong with a profile's id, or None, and the partition that it belongs in."""
        wrong, partitions = records.check_profile_id(profile_id), self._partitions
        route = wrong, 0 if wrong is not None or partitions is None else partition_of(profile_id.encode(), partitions)
        if len(self._routes) >= _ROUTES:
            self._routes.clear()
        self._routes[profile_id] = route
        return route

    def _react(self, table: Table, incoming: Incoming, record: Record, profile_id: str, outbox: Outbox) -> str:
        """One record at its profile: the reaction of its kind, and then what had waited for it."""
        at = record.closed_at if type(record) is Sale else records.event_time(record)
        versions = self._admit(record, at, incoming.arrived_at)
        if not versions and type(record) is not ProfileRecord:
            return NOT_A_MEMBER  # only drafts, or programs that have ended, would count it
        known = table.profile(profile_id)
        if known is not None and known.erased_at is not None and at <= known.erased_at:
            if isinstance(record, ProfileRecord) and record.kind == "erase":
                return DUPLICATE
            raise Refused("erased", "")  # said in full where it becomes a dead letter
        profile = Profile(EARLIEST) if known is None else draft_of(known)  # no record has settled it yet, nor does one that waits
        visit = Visit(
            self.programs, table, profile_id, profile, cause_of(incoming.topic, record), at, incoming.arrived_at, settle
        )
        if profile.stopped is not None:
            outcome = stopped.wait(visit, record, incoming)
            if visit.changed:
                visit.commit(outbox)
            return outcome
        if self.programs.changing and known is not None:
            campaigns.catch_up(visit, at)
        outcome = _REACTIONS[type(record)](visit, record, incoming, versions)
        if visit.heard is not None:
            outcome = campaigns.after_record(visit, record, versions, outcome)
            if visit.programs.referring:
                referrals.after_record(visit, record, versions, outcome)
        if visit.changed:
            visit.settle_to(profile.settled_at)  # what would have happened by now to the lots of a late receipt
            visit.commit(outbox)
            self._apply_parked(table, profile_id, visit.arrived, outbox)
        return outcome

    def _admit(self, record: Record, at: Instant, arrived_at: Instant) -> list[Version]:
        """The versions that the record counts for. Raises `Refused` where it counts for none; nothing has changed then."""
        if type(record) is Sale or isinstance(record, (Sale, Cancel, Return, Pixel)):  # the first is the shorter question
            return admission.of_application(self.programs, record, at, arrived_at)
        if isinstance(record, ProfileRecord):
            admission.check_profile_record(self.programs, record, arrived_at)
            return []
        return [admission.of_program(self.programs, record, at, arrived_at)]

    def _apply_parked(self, table: Table, profile_id: str, come: list[bytes], outbox: Outbox) -> None:
        """What has come lets the records that waited for it go on, in order of their arrival, each as a record of its own."""
        profile = table.profile(profile_id) if come else None
        if profile is None or not profile.parked:
            return
        draft = draft_of(profile)
        waiting = parking.take(draft, *come)
        if waiting:
            reckon(draft)  # their deadlines have gone with them
            table.put_profile(profile_id, draft)
        for parked in waiting:
            outbox.counts["parked", self._apply(table, parking.incoming_of(parked), outbox, profile_id)] += 1

    def _stop(self, table: Table, profile_id: str, at: Instant, outbox: Outbox, why: str = stopped.FAILED) -> None:
        table.put_profile(profile_id, stopped.stop(table.profile(profile_id), at, why))
        outbox.counts[("profile-stopped",)] += 1

    def _on_order(self, table: Table, order: Order, outbox: Outbox) -> None:
        """Stop a profile, or let a stopped one go on: then what came for it meanwhile is applied. Twice is once."""
        profile = table.profile(order.profile_id)
        if profile is None or (profile.stopped is not None) == (order.kind == "stop"):
            return
        if order.kind == "stop":
            self._stop(table, order.profile_id, profile.settled_at, outbox, stopped.ORDERED)
            return
        draft = draft_of(profile)
        waiting = stopped.release(draft)
        table.put_profile(order.profile_id, draft)
        outbox.counts[("profile-released",)] += 1
        for parked in waiting:
            outbox.counts["parked", self._apply(table, parking.incoming_of(parked), outbox, order.profile_id)] += 1


def _on_sale(visit: Visit, record: Sale, incoming: Incoming, versions: list[Version]) -> str:
    if visit.programs.claims and claims.claimed(versions):
        waits = claims.wait(visit, record, incoming)
        if waits is not None:
            return waits
    if record.promo_codes and visit.programs.coded:
        waits = codes.wait(visit, record, incoming, versions)
        if waits is not None:
            return waits
    return on_sale(visit, record, incoming, versions)


_REACTIONS: Final[dict[type[Any], Callable[[Visit, Any, Incoming, list[Version]], str]]] = {
    Sale: _on_sale,
    Cancel: on_cancel,
    Return: on_return,
    Pixel: on_pixel,
    ProfileRecord: lambda visit, record, incoming, _: on_profile(visit, record, incoming),
    Redemption: lambda visit, record, _, versions: on_redemption(visit, record, versions[0]),
    Adjustment: lambda visit, record, _, versions: on_adjustment(visit, record, versions[0]),
}
