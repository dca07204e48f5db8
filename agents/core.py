"""The core: one record, or one tick, against a table. The worker, `replay`, `check` and the demo all run this and nothing else.

Pure and synchronous: it knows neither Faust nor Kafka nor RocksDB nor the time of day. The outcome depends on the records, their
order and the ticks, and on nothing else: not on batches, cycles, workers or restarts.

A record that cannot be used is a dead letter, and the stream goes on. An exception inside a rule concerns one record: its
changes are dropped, it is a dead letter `internal-error`, and its profile is stopped; the worker never is.
"""

from base64 import b64encode
from functools import lru_cache
from typing import Final, NamedTuple

from agents.outbox import Effect, Outbox
from agents.programs import MissingProgramError, Programs, Version
from agents.purchases import on_cancel, on_sale
from agents.settle import settle
from agents.visit import Visit
from schemas import records
from schemas.events import Cause, DeadLetter
from schemas.instants import Instant, format_instant
from schemas.outcomes import ANONYMOUS, DEAD_LETTER, Refused
from schemas.partitioner import partition_of
from schemas.program import Catalog
from schemas.records import Adjustment, Cancel, Record, Redemption, Return, Sale
from schemas.topics import DEAD_LETTERS
from tables.state import Profile, StateFormatError
from tables.table import Table, receipt_key

_TRUNCATED_BYTES: Final = 64 * 1024
_ROUTES: Final = 65_536

FATAL: Final = (OSError, MemoryError, StateFormatError, MissingProgramError)
"""What no record is to blame for: the caller drops the cycle and ends, and nothing of it is committed."""


class Incoming(NamedTuple):
    """One record of an input topic. `arrived_at`: its Kafka timestamp; in a file, the line's, else the greatest event time so far."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    arrived_at: Instant


class Core:
    """`partitions`: how many each input topic has, to refuse what is misrouted; None where records come from files."""

    def __init__(self, catalog: Catalog, partitions: int | None = None) -> None:
        self.programs = Programs(catalog)
        self._partitions = partitions
        self._route = lru_cache(maxsize=_ROUTES)(self._route_of)
        self._decoded: tuple[str, bytes | None, Record] | None = None  # what `event_time` read last

    def apply(self, table: Table, incoming: Incoming, outbox: Outbox) -> str:
        """Apply one record. Returns its outcome (`schemas.outcomes.OUTCOMES`); effects and counts go to the outbox.

        Raises `FATAL`, and nothing else.
        """
        record: Record | None = None
        profile_id: str | None = None
        try:
            known = self._decoded
            if known is not None and known[1] is incoming.value and known[0] == incoming.topic:
                record = known[2]
            else:
                record = records.decode(incoming.topic, incoming.value)
            profile_id = record.profile_id
            if profile_id is None:
                return ANONYMOUS
            self._check_route(incoming, profile_id)
            return self._react(table, incoming, record, profile_id, outbox)
        except Refused as refused:
            outbox.effects.append(_dead_letter(incoming, refused))
            return DEAD_LETTER
        except FATAL:
            raise
        except Exception as error:
            outbox.errors.append(error)
            message = f"applying the record failed ({type(error).__name__}); its profile is stopped until it is released"
            outbox.effects.append(_dead_letter(incoming, Refused("internal-error", message)))
            if record is not None and profile_id is not None:
                self._stop(table, profile_id, records.event_time(record), outbox)
            return DEAD_LETTER

    def tick(self, table: Table, at: Instant, outbox: Outbox, at_most: int | None = None) -> bool:
        """Everything due up to and including `at` happens, by (due instant, profile id).

        Settles at most so many (instant, profile) pairs; True: nothing that is due is left.
        """
        settled = 0
        while (found := table.next_due(at)) is not None:
            if at_most is not None and settled >= at_most:
                return False
            settled += 1
            due_at, profile_id = found
            profile = table.profile(profile_id)
            if profile is None:
                raise OSError(f"the due index names a profile at {format_instant(due_at)} that is not there: rebuild the state")
            visit = Visit(self.programs, table, profile_id, profile.draft(), {"timer": "tick", "due_at": format_instant(at)}, at)
            try:
                settle(visit, due_at)
                if visit.profile.due_at is None or visit.profile.due_at > at:
                    visit.profile.settled_at = max(visit.profile.settled_at, at)
                visit.commit(outbox)
            except FATAL:
                raise
            except Exception as error:
                outbox.errors.append(error)
                self._stop(table, profile_id, due_at, outbox)
        return True

    def event_time(self, incoming: Incoming) -> Instant | None:
        """When the record says that it happened; None where it cannot be read. What it reads, `apply` need not read again."""
        try:
            record = records.decode(incoming.topic, incoming.value)
        except Refused:
            self._decoded = None
            return None
        self._decoded = (incoming.topic, incoming.value, record)
        return records.event_time(record)

    def _check_route(self, incoming: Incoming, profile_id: str) -> None:
        wrong, partition = self._route(profile_id)
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
        wrong = records.check_profile_id(profile_id)
        if wrong is not None or self._partitions is None:
            return wrong, 0
        return None, partition_of(profile_id.encode(), self._partitions)

    def _react(self, table: Table, incoming: Incoming, record: Record, profile_id: str, outbox: Outbox) -> str:
        if not isinstance(record, (Sale, Cancel)):
            self._check_program_named(record)
            kind = record.kind if isinstance(record, Return) else incoming.topic
            raise Refused("not-supported-yet", f"{kind}: records of this kind are understood, but not applied yet")
        versions = self._versions(record, incoming.arrived_at)
        known_profile = table.profile(profile_id)
        if known_profile is not None and known_profile.stopped is not None:
            raise Refused("profile-stopped", "the profile is stopped after an error; release it, then replay this record")
        if isinstance(record, Sale) and record.subledger and not any(version.program.subledgers_enabled for version in versions):
            raise Refused("invalid-field", "the program has no subledgers", "subledger")
        key = receipt_key(profile_id, record.application, record.receipt_id)
        profile = Profile(record.closed_at) if known_profile is None else known_profile.draft()
        visit = Visit(self.programs, table, profile_id, profile, _cause(incoming.topic, record), incoming.arrived_at)
        known = table.receipt(key)
        if isinstance(record, Sale):
            outcome, consistent = on_sale(visit, record, versions, key, known)
            if not consistent:
                outbox.counts[("inconsistent-total",)] += 1
        else:
            outcome = on_cancel(visit, record, versions, key, known)
        if visit.changed:
            visit.commit(outbox)
        return outcome

    def _versions(self, record: Sale | Cancel, arrived_at: Instant) -> list[Version]:
        """The program versions in force at the record's time, of the programs that it counts for."""
        names = self.programs.of_application(record.application)
        if not names:
            raise Refused("unknown-application", f"no program counts records of {record.application}", "application")
        if isinstance(record, Sale) and record.program is not None:
            if record.program not in self.programs:
                raise Refused("unknown-program", f"there is no program {record.program}", "program")
            if record.program not in names:
                raise Refused("unknown-application", f"{record.program} does not count {record.application}", "application")
            names = [record.program]
        found: list[Version] = []
        refusal: Refused | None = None
        for name in names:
            try:
                found.append(self._version(name, record, arrived_at))
            except Refused as refused:
                refusal = refusal or refused
        if not found and refusal is not None:
            raise refusal
        return found

    def _version(self, name: str, record: Sale | Cancel, arrived_at: Instant) -> Version:
        at = record.closed_at
        version = self.programs.version(name, at)
        bounds = (version or self.programs.first(name)).program
        if at > arrived_at + bounds.ahead_us:
            raise Refused("future-event-time", f"closed_at {format_instant(at)} is ahead of its arrival", "closed_at")
        if at < arrived_at - bounds.remember_us:
            raise Refused("too-late", f"closed_at {format_instant(at)} is longer ago than the program remembers", "closed_at")
        if bounds.late_us is not None and at < arrived_at - bounds.late_us:
            raise Refused("too-late", f"closed_at {format_instant(at)} is later than the program accepts", "closed_at")
        if version is None:
            raise Refused("before-program", f"closed_at {format_instant(at)} is before the first version of {name}", "closed_at")
        if record.application not in version.program.applications:
            message = f"{record.application} is no application of {name} at {format_instant(at)}"
            raise Refused("unknown-application", message, "application")
        return version

    def _check_program_named(self, record: Record) -> None:
        if isinstance(record, (Redemption, Adjustment)) and record.program not in self.programs:
            raise Refused("unknown-program", f"there is no program {record.program}", "program")

    def _stop(self, table: Table, profile_id: str, at: Instant, outbox: Outbox) -> None:
        profile = table.profile(profile_id)
        stopped = Profile(at) if profile is None else profile.draft()
        stopped.stopped = "internal-error"
        table.put_profile(profile_id, stopped)
        outbox.counts[("profile-stopped",)] += 1


def _cause(topic: str, record: Sale | Cancel) -> Cause:
    cause: Cause = {"topic": topic, "kind": record.kind, "application": record.application, "receipt_id": record.receipt_id}
    if record.revision is not None:
        cause["revision"] = record.revision
    return cause


def _dead_letter(incoming: Incoming, refused: Refused) -> Effect:
    value, encoded = incoming.value, []
    truncated = refused.reason == "too-large"
    if value is not None and truncated:
        value = value[:_TRUNCATED_BYTES]
    texts: dict[str, str | None] = {}
    for name, content in (("key", incoming.key), ("value", value)):
        try:
            texts[name] = None if content is None else content.decode()
        except UnicodeDecodeError:
            texts[name] = b64encode(content or b"").decode()
            encoded.append(name)
    letter = DeadLetter(
        topic=incoming.topic,
        partition=incoming.partition,
        offset=incoming.offset,
        reason=refused.reason,
        message=refused.message,
        key=texts["key"],
        value=texts["value"],
        field=refused.field,
        base64=tuple(encoded),
        truncated=truncated,
    )
    key = texts["key"] if texts["key"] is not None and "key" not in encoded else ""
    return Effect(DEAD_LETTERS, key, letter)
