"""A partition while this worker owns it: its table, how far its inputs have been applied, and what the running cycle has done."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from agents.incoming import Incoming
from agents.outbox import Outbox
from schemas.instants import Instant
from schemas.topics import MESSAGES
from streams.published.versions import digest_of_key
from streams.worker.arrivals import Run
from streams.worker.logic import PartitionTable, Reactions
from streams.worker.position import Position, Programs, Records, Step, Tick
from streams.worker.tracing import Traces, parent_of

_SMALL_BYTES: Final = 2048
_PROFILE_WEIGHT: Final = 2


class Slice(NamedTuple):
    """So many records of an input that were applied at once, and when the first and the last of them had arrived (ms since 1970)."""

    topic: str
    records: int
    first_ms: int
    last_ms: int


class Work:
    """What one cycle has done: its steps in their order, outcomes by topic, and how many records and due things that was."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.handled: dict[str, Counter[str]] = {}
        self.slices: list[Slice] = []
        self.traces = Traces()
        self.noted = False  # a position is to be kept, whatever else is
        self.applied = 0
        self.weight = 0  # of its records, in small ones

    @property
    def outcomes(self) -> Counter[str]:
        """Of the records that came: what was asked and answered among ourselves is no input record."""
        found: Counter[str] = Counter()
        for topic, outcomes in self.handled.items():
            if topic not in MESSAGES:
                found.update(outcomes)
        return found


class Partition:
    def __init__(self, number: int, reactions: Reactions, position: Position, *, backfill: bool) -> None:
        self.number = number
        self.reactions = reactions
        self.position = position
        self.backfill = backfill
        self.reached = dict(position.inputs)
        """As `position.inputs`, and past what is no record (transactions' markers, what was never committed) at the end of a log."""
        self.work = Work()

    @property
    def table(self) -> PartitionTable:
        return self.reactions.table

    @property
    def dirty(self) -> bool:
        return bool(self.work.steps) or self.work.noted

    @property
    def weight(self) -> int:
        """What the cycle takes until it is committed, in small records. A profile weighs once, however often it comes."""
        return self.work.weight + self.table.changed * _PROFILE_WEIGHT

    def weigh(self, messages: Sequence[Any]) -> None:
        """These have been applied, and are kept in one form or another until they are committed: a large one several times over."""
        self.work.weight += sum([1 + len(message) // _SMALL_BYTES for message in messages])

    def note(self) -> None:
        """Have the position kept, whatever else is."""
        self.work.noted = True

    def note_end(self) -> None:
        """Have the position kept if a log was read past its last record. Retention may leave it empty, beginning behind a marker that the
        position stood before: then it would look as if records were gone.
        """
        if any(end > self.position.inputs.get(topic, 0) for topic, end in self.reached.items()):
            self.note()

    def move_on(self) -> Position:
        """The position of the cycle that ends here."""
        position = self.position
        position.cycle += 1
        for topic, end in self.reached.items():
            position.inputs[topic] = max(end, position.inputs.get(topic, 0))
        return position

    def take_in(self, runs: Sequence[Run]) -> int:
        """Apply these in their order, and weigh them. Returns how many records that was."""
        for run in runs:
            self.apply(run.topic, run.messages)
            self.weigh(run.messages)
        return sum([len(run.messages) for run in runs])

    def apply(self, topic: str, messages: Sequence[Any]) -> None:
        """Apply consecutive records of one input. Messages are `confluent_kafka.Message`."""
        number, reactions, work = self.number, self.reactions, self.work
        outcomes = work.handled.get(topic)
        if outcomes is None:
            outcomes = work.handled[topic] = Counter()
        apply = self._apply_at_event_time if self.backfill else reactions.apply
        start, end = messages[0].offset(), messages[-1].offset() + 1
        if start < self.position.inputs.get(topic, 0):
            raise AssertionError(f"{topic} partition {number}: offset {start} came again and would be applied twice")
        said = reactions.outbox
        for message in messages:
            incoming = Incoming(topic, number, message.offset(), message.key(), message.value(), message.timestamp()[1] * 1000)
            parent = parent_of(message)
            before = len(said.effects), len(said.messages)
            outcomes[apply(incoming)] += 1
            if parent is not None:
                work.traces.note(parent, said, *before)
        work.slices.append(Slice(topic, len(messages), messages[0].timestamp()[1], messages[-1].timestamp()[1]))
        last = work.steps[-1] if work.steps else None
        if isinstance(last, Records) and last.topic == topic:
            last.end = end
        else:
            work.steps.append(Records(topic, start, end))
        forgotten = self.table.forgotten
        if forgotten is not None and (self.position.forgotten is None or forgotten > self.position.forgotten):
            self.position.forgotten = forgotten
        self.position.inputs[topic] = end
        self.reached[topic] = end
        work.applied += len(messages)

    def _apply_at_event_time(self, incoming: Incoming) -> str:
        """Under backfill a record arrives at the greatest event time so far, its own included."""
        at = self.reactions.event_time(incoming)
        position = self.position
        if at is not None and (position.greatest is None or at > position.greatest):
            position.greatest = at
        incoming.arrived_at = position.greatest or 0
        return self.reactions.apply(incoming)

    def tick(self, at: Instant, at_most: int) -> bool:
        """Apply a piece of a tick; True when nothing that is due is left. Where nothing is due at all, nothing is recorded."""
        if not self.reactions.is_due(at):
            self.position.tick = at
            return True
        last = self.work.steps[-1] if self.work.steps else None
        if isinstance(last, Tick) and last.at == at:
            last.at_most += at_most  # one piece of so many
        else:
            self.work.steps.append(Tick(at, at_most))
        done = self.reactions.tick(at, at_most)
        self.work.applied += at_most
        self.work.weight += at_most
        if done:
            self.position.tick = at
        return done

    def take(self, programs: Programs) -> None:
        """From here on the reactions go by other programs; whoever says so has given them these."""
        self.work.steps.append(programs)
        self.position.programs = programs.offset
        self.position.texts = [digest_of_key(key) for key in programs.versions]

    def begin_cycle(self) -> tuple[Work, Outbox]:
        """What was done and said so far is a cycle, and whoever asks has it to keep: from here on it is the next one."""
        found = self.work, self.reactions.outbox
        self.work, self.reactions.outbox = Work(), Outbox()
        return found
