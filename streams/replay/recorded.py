"""Replay of an exported run: each partition's records and ticks, in the order in which the worker applied them, against a table of its own.

The worker's own `Partition` applies them, so partitions stay apart as they were there: what was misrouted is misrouted again, what one
key asked of another is an input, and what it would ask now is dropped, for the answer is in the file. Each cycle is compared with what
the worker wrote of it: where steps or outcomes differ, other programs or another version are running than did, and that is said.
"""

import heapq
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from agents.balances import balance_rows
from agents.core import Core
from schemas.events import encode
from schemas.instants import parse_instant
from schemas.program import Catalog
from schemas.program_faults import ProgramFileError
from schemas.program_file import Source, catalog_of
from schemas.topics import CONSUMED, MESSAGES
from streams.errors import WrongUsage
from streams.export import lines
from streams.replay.lines import Block
from streams.replay.output import Output
from streams.replay.position import check_programs
from streams.replay.summary import Replayed, Summary
from streams.replay.unfinished import Mark
from streams.worker.logic import LedgerReactions
from streams.worker.partition import Partition
from streams.worker.position import (
    META_CHANGELOG,
    META_POSITION,
    CycleRecord,
    Position,
    Programs,
    decode_cycle,
    decode_position,
    folder_of,
)
from tables.fingerprint import fingerprint
from tables.rocks import RocksShared, RocksStore, StoreLockedError
from tables.state import Profile
from tables.table import Table

_BATCH_RECORDS: Final = 1_000
_TOPICS: Final = frozenset(CONSUMED)


class _InForce(NamedTuple):
    catalog: Catalog
    core: Core


class _Running:
    """One partition of the run: what of it is open, and how it compares so far."""

    def __init__(self, partition: Partition, reactions: LedgerReactions, table: Table, store: RocksStore) -> None:
        self.partition, self.reactions, self.table, self.store = partition, reactions, table, store
        self.told: CycleRecord | None = None  # the cycle that is being applied
        self.unflushed = 0


class RecordedRun:
    """Feed it blocks, then `close`. Raises `WrongUsage` for a file that is no whole run, `OSError` for a state that cannot be kept."""

    def __init__(
        self, catalog: Catalog, state: Path, mark: Mark, output: Output, memory_bytes: int, flush_records: int, *, kept: bool
    ) -> None:
        self.summary = Summary()
        self._catalog = catalog
        self._in_force: dict[int, _InForce] = {}  # by partition
        self._known: dict[tuple[str, ...], _InForce] = {}
        self._state = state
        self._mark = mark
        self._output = output
        self._kept = kept
        self._shared = RocksShared(memory_bytes // 8, memory_bytes // 8)
        self._cache_bytes = memory_bytes * 3 // 8
        self._flush_records = flush_records
        self._partitions = 0
        self._unended: str | None = None  # the file that has begun and not ended
        self._running: _Running | None = None
        self._replayed: dict[int, Replayed] = {}
        self._topic = ""
        self._batch: list[lines.Recorded] = []

    def read(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            for number, line in enumerate(block.lines, block.first):
                self.summary.lines += 1
                try:
                    found = lines.decode(line)
                    if found.topic is not None:
                        self._record(found.topic, found.partition, lines.recorded(found))
                    else:
                        self._other(block.file, found)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, lines.LineError) as error:
                    raise WrongUsage(f"{block.file}:{number}: {error}; the file is damaged: export the run again") from None

    def close(self) -> None:
        """All is read: keep the rest, and tell the balances and the fingerprints of the states."""
        if self._unended is not None:
            raise WrongUsage(f"{self._unended}: the file is cut off; export the run again")
        self._turn_from()
        opened = [self._open(number) for number in sorted(self._replayed)]
        try:
            self._output.write_balances(self._balances(opened))
            for running in opened:
                replayed = self._replayed[running.partition.number]
                replayed.state = fingerprint(running.store, running.partition.position.forgotten)
        finally:
            for running in opened:
                running.table.close()
        self.summary.partitions = [self._replayed[number] for number in sorted(self._replayed)]

    def abandon(self) -> None:
        """Whatever went wrong: let go of what is open."""
        if self._running is not None:
            self._running.table.close()
            self._running = None

    # lines

    def _record(self, topic: str, number: int, record: lines.Recorded) -> None:
        if (
            topic != self._topic
            or len(self._batch) >= _BATCH_RECORDS
            or self._running is None
            or self._running.partition.number != number
        ):
            self._apply()
            if topic not in _TOPICS:
                raise lines.LineError(f"{topic[:80]!r} is no topic that is applied")
            running = self._in_cycle(number)
            if not self._programs_of(number).catalog.programs:
                raise WrongUsage(
                    "the run tells no programs: it was made with a folder of them, which --program must name"
                    if running.partition.position.programs == 0
                    else "the state goes on from programs that this file does not hold: begin with the first file of the run, and a new state"
                )
            self._topic = topic
        if self._batch and record.offset() <= self._batch[-1].offset():
            raise lines.LineError(
                f"offset {record.offset()} of {topic} comes after {self._batch[-1].offset()}: the lines were put in another order"
            )
        self._batch.append(record)

    def _other(self, file: str, found: lines.Line) -> None:
        self._apply()
        self._topic = ""
        if found.tick is not None:
            try:
                at = parse_instant(found.tick)
            except ValueError as error:
                raise lines.LineError(f"tick {error}") from None
            running = self._in_cycle(found.partition)
            running.partition.tick(at, found.at_most)
            running.unflushed += found.at_most  # what falls due changes profiles as records do, and must not gather either
            self.summary.ticks += 1
        elif found.export is not None:
            self._begin(file, found)
        elif found.programs is not None:
            self._take(self._in_cycle(found.partition), found.programs)
        elif found.end is not None:
            self._end_cycle()
            self._unended = None
        elif cycle := bytes(found.cycle):
            self._begin_cycle(found.partition, decode_cycle(cycle))
        else:
            raise lines.LineError("is no line of an exported run")

    def _begin(self, file: str, found: lines.Line) -> None:
        if found.export is None or not 1 <= found.export <= lines.FORMAT:
            raise WrongUsage(f"{file}: the export has format {found.export}, and this version reads {lines.FORMAT}: upgrade")
        if self._unended is not None:
            raise WrongUsage(f"{self._unended}: the file is cut off; export the run again")
        if found.partitions < 1 or self._partitions not in {0, found.partitions}:
            raise lines.LineError(f"a run of {found.partitions} partitions cannot go on one of {self._partitions}")
        self._partitions = found.partitions
        self._unended = file

    # cycles

    def _begin_cycle(self, number: int, told: CycleRecord) -> None:
        if not 0 <= number < self._partitions:
            raise lines.LineError(f"partition {number} is none of the run's {self._partitions}")
        self._end_cycle()
        if self._running is None or self._running.partition.number != number:
            self._turn_from()
            self._running = self._open(number)
            self._replayed.setdefault(number, Replayed(number))
        partition = self._running.partition
        if told.cycle != partition.position.cycle + 1:
            raise WrongUsage(
                f"partition {number}: the file goes on with cycle {told.cycle}, and the state stands at cycle {partition.position.cycle}; "
                "begin with the first file of the run, and a new state"
            )
        partition.backfill = told.backfill
        self._running.told = told

    def _take(self, running: _Running, told: lines.InForce) -> None:
        """From here on the partition goes by the programs that the line holds, unless others were named instead."""
        keys = [version.key for version in told.versions]
        if self._catalog.programs:
            running.partition.take(Programs(told.offset, keys))
            return
        found = self._known.get(tuple(keys))
        if found is None:
            try:
                catalog = catalog_of([Source(version.file, version.text) for version in told.versions])
            except ProgramFileError as error:
                raise WrongUsage(
                    f"the run went by a program that is not right here: {error.faults[0]}; replay it with its own version"
                ) from None
            found = self._known[tuple(keys)] = _InForce(catalog, Core(catalog, self._partitions))
        partition = running.partition
        self._flush(running)  # a cycle begins with its programs, so nothing is half done
        check_programs(running.table, found.catalog)
        running.reactions.core = found.core
        self._in_force[partition.number] = found
        partition.take(Programs(told.offset, keys))

    def _programs_of(self, number: int) -> _InForce:
        """By what a partition goes: the files that were named, or what its lines said."""
        if number not in self._in_force:
            named = self._known.get(())
            if named is None:
                named = self._known[()] = _InForce(self._catalog, Core(self._catalog, self._partitions))
            self._in_force[number] = named
        return self._in_force[number]

    def _in_cycle(self, number: int) -> _Running:
        running = self._running
        if running is None or running.told is None or running.partition.number != number:
            raise lines.LineError(f"the line is of partition {number}, and stands in no cycle of it")
        return running

    def _apply(self) -> None:
        if self._batch and self._running is not None:
            self._running.partition.apply(self._topic, self._batch)
            self._running.unflushed += len(self._batch)
            self.summary.messages += len(self._batch) if self._topic in MESSAGES else 0
            self._batch = []

    def _end_cycle(self) -> None:
        """Compare the cycle with what the worker wrote of it, and carry out what it says."""
        running = self._running
        if running is None or running.told is None:
            return
        partition, told, replayed = running.partition, running.told, self._replayed[running.partition.number]
        outbox, position = partition.reactions.outbox, partition.position
        same = (
            partition.work.steps == told.steps
            and dict(partition.work.outcomes) == told.outcomes
            and outbox.parked() == told.parked
            and position.greatest == told.position.greatest
        )
        replayed.cycles += 1
        if not same:
            replayed.different.append(told.cycle)
        for topic in position.inputs.keys() | told.position.inputs.keys():
            position.inputs[topic] = told.position.inputs.get(topic, 0)
        position.cycle, position.tick = told.cycle, told.position.tick  # a tick that found nothing due leaves no step
        self.summary.outcomes.update(partition.work.outcomes)
        self.summary.take(outbox)
        self._output.write(outbox.effects)
        partition.begin_cycle()
        running.told = None
        if running.unflushed >= self._flush_records:
            self._flush(running)

    def _flush(self, running: _Running) -> None:
        self._mark.set()
        running.table.flush({META_POSITION: msgspec.json.encode(running.partition.position)})
        running.unflushed = 0

    def _turn_from(self) -> None:
        """Leave a partition: what it has is kept, and its cache is the next one's."""
        if self._running is not None:
            self._flush(self._running)
            self._running.table.close()
            self._running = None

    # state

    def _open(self, number: int) -> _Running:
        in_force = self._programs_of(number)
        path = folder_of(self._state, number, self._partitions)
        try:
            store = RocksStore(path, self._shared, logged=self._kept)
        except StoreLockedError as error:
            raise WrongUsage(str(error)) from None
        table = Table(store, self._cache_bytes)
        try:
            if table.meta(META_CHANGELOG) is not None:
                raise WrongUsage(f"--state {self._state}: is a worker's; name a directory of the replay's own")
            check_programs(table, in_force.catalog)
            stored = table.meta(META_POSITION)
            position = Position() if stored is None else decode_position(stored)
        except BaseException:
            table.close()
            raise
        reactions = LedgerReactions(in_force.core, table)
        return _Running(Partition(number, reactions, position, backfill=False), reactions, table, store)

    def _balances(self, opened: list[_Running]) -> Iterator[bytes]:
        merged = heapq.merge(*[_profiles(running) for running in opened], key=lambda found: found[0])
        for name, profile, running in merged:
            self.summary.profiles += 1
            for row in balance_rows(running.reactions.core.programs, name.decode(), profile, running.table):
                yield encode(row)


def _profiles(running: _Running) -> Iterator[tuple[bytes, Profile, _Running]]:
    """All profiles of a partition, sorted by the bytes of their ids, each with whose it is: its lots may lie in pages there."""
    for name, profile in running.table.profiles():
        yield name.encode(), profile, running
