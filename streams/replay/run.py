"""The replay itself: lines in, records through the pure core, output files out, state in RocksDB.

It never asks what time it is for anything but its own speed. Arrival is the line's `timestamp`, else the greatest event time so
far, so what comes out depends on the lines, their order and their ticks alone. Memory is bounded: lines come in blocks, effects
leave every block, and the table is flushed every so many records, whatever the number of receipts and profiles.
"""

import gc
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec

from agents.balances import balance_rows
from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from schemas.events import encode
from schemas.instants import Instant, parse_instant
from schemas.outcomes import DEAD_LETTER, Refused
from schemas.program import Catalog
from schemas.topics import INPUTS, REQUESTS
from streams.errors import WrongUsage
from streams.export.lines import is_export
from streams.replay.envelope import Envelope, dead_line, decode, explain, neither
from streams.replay.lines import CHUNK_BYTES, Block, check_readable, read_blocks
from streams.replay.output import Output
from streams.replay.position import META, check_programs, stored_position
from streams.replay.recorded import RecordedRun
from streams.replay.summary import Summary
from streams.replay.unfinished import Mark
from tables.rocks import RocksShared, RocksStore, StoreLockedError
from tables.stored import StateFormatError
from tables.table import Table

FLUSH_RECORDS: Final = 10_000
TICK_PIECE: Final = 1_000
DEFAULT_MEMORY_BYTES: Final = 512 * 1024 * 1024
_CHANGES_SHARE: Final = 40  # changes waiting to be flushed may take so much of the memory as stored, eight times that as objects
_FLUSH_LEAST: Final = 500
_INPUTS: Final = frozenset(
    (*INPUTS, REQUESTS)
)  # a release is a record among the others; what is asked by the core never leaves it


class ReplaySettings(NamedTuple):
    """`state` None: a temporary directory, removed at the end. `until`: the last tick is there, if that is later.

    What comes out depends on none of the sizes.
    """

    inputs: tuple[str, ...]
    output: Path
    state: Path | None = None
    until: Instant | None = None
    memory_bytes: int = DEFAULT_MEMORY_BYTES
    flush_records: int = FLUSH_RECORDS
    chunk_bytes: int = CHUNK_BYTES


class Watch(Protocol):
    """Who looks on: how far the input has been read, and lines that are no record."""

    def advanced(self, count: int) -> None: ...

    def broken(self, file: str, line: int, refused: Refused) -> None: ...

    def closing(self) -> None: ...


def replay(catalog: Catalog, settings: ReplaySettings, watch: Watch) -> Summary:
    """Run the records of all inputs, in order, and write what comes out. Raises `WrongUsage` or `OSError`."""
    started = time.monotonic()
    check_readable(settings.inputs)
    with _state_folder(settings.state) as folder, Output(settings.output) as output, _lazy_garbage_collection():
        output.keep(settings.inputs)
        blocks = read_blocks(settings.inputs, watch.advanced, settings.chunk_bytes)
        first = list(islice(blocks, 1))
        exported = bool(first) and is_export(first[0].lines[0])
        _check_kind(folder, settings, exported=exported)
        mark = Mark(settings.state)
        if not exported and not catalog.programs:
            raise WrongUsage("--program: name the program files, or folders of them; only an exported run brings its own")
        apply = _recorded if exported else _records
        try:
            summary = apply(catalog, settings, folder, mark, output, watch, chain(first, blocks))
        except StateFormatError as error:
            raise WrongUsage(f"--state {folder}: {error}") from None
        output.finish()
        mark.clear()
    summary.seconds = time.monotonic() - started
    return summary


def _records(
    catalog: Catalog, settings: ReplaySettings, folder: Path, mark: Mark, output: Output, watch: Watch, blocks: Iterator[Block]
) -> Summary:
    """Files of records: one table, and what keys ask of each other is answered at once."""
    table = _open_table(folder, settings.memory_bytes, kept=settings.state is not None)
    try:
        mark.refuse()  # now that nobody else has it open
        check_programs(table, catalog)
        run = _Run(catalog, table, mark, output, watch, settings.flush_records, settings.memory_bytes // _CHANGES_SHARE)
        run.read(blocks)
        run.last_tick(settings.until)
        run.close()
    finally:
        table.close()
    return run.summary


def _recorded(
    catalog: Catalog, settings: ReplaySettings, folder: Path, mark: Mark, output: Output, watch: Watch, blocks: Iterator[Block]
) -> Summary:
    """Files of `pointstream export`: a table a partition, and nothing that is not in the file."""
    mark.refuse()
    run = RecordedRun(
        catalog, folder, mark, output, settings.memory_bytes, settings.flush_records, kept=settings.state is not None
    )
    try:
        run.read(blocks)
        watch.closing()
        run.close()
    finally:
        run.abandon()
    return run.summary


def _check_kind(folder: Path, settings: ReplaySettings, *, exported: bool) -> None:
    """A state is of records or of an exported run, and goes on with the same."""
    if exported and settings.until is not None:
        raise WrongUsage("--until is for files of records; an exported run ends where it ended")
    of_records, of_a_run = (folder / "CURRENT").exists(), any(folder.glob("partition-*"))
    if (of_records and exported) or (of_a_run and not exported):
        raise WrongUsage(
            f"--state {folder}: is the state of {'records' if of_records else 'an exported run'}; name another for these files"
        )


class _Run:
    def __init__(
        self, catalog: Catalog, table: Table, mark: Mark, output: Output, watch: Watch, flush_records: int, changes_bytes: int
    ) -> None:
        self.summary = Summary()
        self._core = Core(catalog)
        self._table = table
        self._mark = mark
        self._output = output
        self._watch = watch
        self._flush_records = self._flush_most = flush_records
        self._changes_bytes = changes_bytes  # as stored
        self._outbox = Outbox()
        self._ticked_at: Instant | None = None
        self._unflushed = 0
        self._position = stored_position(table)
        self._lines_before = self._position.lines

    def read(self, blocks: Iterator[Block]) -> None:
        for block in blocks:
            self._block(block)
            self._carry_out()

    def last_tick(self, until: Instant | None) -> None:
        """A file without ticks is settled at its greatest event time; `until` settles later than that, or than the last tick."""
        if self._ticked_at is not None:
            if until is not None and until > self._ticked_at:
                self._tick(until)
            return
        instants = [at for at in (self._position.event_time, until) if at is not None]
        if instants:
            self._tick(max(instants))

    def close(self) -> None:
        """Everything has been applied: store it, and write the balances."""
        self._carry_out()
        self._flush()
        self.summary.lines = self._position.lines - self._lines_before
        self._watch.closing()
        self._output.write_balances(self._balances())

    def _block(self, block: Block) -> None:
        """The hot loop: every name in it is local, and a line costs two decodings and nothing else of our own."""
        core, table, outbox, outcomes = self._core, self._table, self._outbox, self.summary.outcomes
        apply, event_time, position = core.apply, core.event_time, self._position
        for number, line in enumerate(block.lines, block.first):
            position.lines += 1
            try:
                envelope = decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                if line.strip():
                    self._broken(block, number, line, explain(line, error))
                else:
                    position.lines -= 1
                continue
            topic = envelope.topic
            value: bytes | None = bytes(envelope.value)
            if topic not in _INPUTS or not value or envelope.tick is not None:
                self._other(block, number, line, envelope)
                continue
            key = None if envelope.key is None else envelope.key.encode()
            value = None if value == b"null" else value
            offset = position.lines - 1
            arrived_at: Instant | None = None
            if envelope.timestamp is not None:
                try:
                    arrived_at = parse_instant(envelope.timestamp)
                except ValueError as error:
                    self._broken(block, number, line, Refused("invalid-field", f"timestamp {error}", "timestamp"))
                    continue
            incoming = Incoming(topic, 0, offset, key, value, 0)
            at = event_time(incoming)
            greatest = position.event_time
            if at is not None and (greatest is None or at > greatest):
                position.event_time = at
            if arrived_at is None:
                arrived_at = position.event_time or 0
            incoming.arrived_at = arrived_at
            outcome = apply(table, incoming, outbox)
            if outcome == DEAD_LETTER and at is not None and at > arrived_at:
                position.event_time = greatest  # refused for its clock: no measure of time for the others
            outcomes[outcome] += 1
            self._unflushed += 1
            if self._unflushed >= self._flush_records:
                self._flush()

    def _other(self, block: Block, number: int, line: bytes, envelope: Envelope) -> None:
        """A tick, or a line that is no record."""
        if envelope.tick is None:
            self._broken(block, number, line, neither(envelope))
            return
        try:
            at = parse_instant(envelope.tick)
        except ValueError as error:
            self._broken(block, number, line, Refused("invalid-field", f"tick {error}", "tick"))
            return
        self._ticked_at = at
        self._tick(at)

    def _tick(self, at: Instant) -> None:
        self.summary.ticks += 1
        while not self._core.tick(self._table, at, self._outbox, TICK_PIECE):
            self._carry_out()
            self._unflushed += TICK_PIECE
            if self._unflushed >= self._flush_records:
                self._flush()

    def _broken(self, block: Block, number: int, line: bytes, refused: Refused) -> None:
        self.summary.broken += 1
        self._outbox.effects.append(dead_line(line, self._position.lines - 1, refused))
        self._watch.broken(block.file, number, refused)

    def _carry_out(self) -> None:
        outbox = self._outbox
        self.summary.take(outbox)
        self._output.write(outbox.effects)
        outbox.clear()

    def _flush(self) -> None:
        self._mark.set()
        position = self._position
        position.forgotten = max([at for at in (position.forgotten, self._table.forgotten) if at is not None], default=None)
        written = self._table.flush({META: msgspec.json.encode(self._position)})
        if written:  # as many records the next time as fit into what changes may take
            self._flush_records = min(self._flush_most, max(self._unflushed * self._changes_bytes // written, _FLUSH_LEAST))
        self._unflushed = 0

    def _balances(self) -> Iterator[bytes]:
        for profile_id, profile in self._table.profiles():
            self.summary.profiles += 1
            for row in balance_rows(self._core.programs, profile_id, profile, self._table):
                yield encode(row)


@contextmanager
def _state_folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="pointstream-replay-") as folder:
        yield Path(folder)


def _open_table(folder: Path, memory_bytes: int, *, kept: bool) -> Table:
    """A quarter of the memory is RocksDB's, three eighths are decoded states'; Python itself, changes and the block in work have the rest."""
    shared = RocksShared(memory_bytes // 8, memory_bytes // 8)
    try:
        store = RocksStore(folder, shared, logged=kept)
    except StoreLockedError as error:
        raise WrongUsage(str(error)) from None
    return Table(store, memory_bytes * 3 // 8)


@contextmanager
def _lazy_garbage_collection() -> Iterator[None]:
    """Nothing here makes circles in numbers, and looking for them would cost a tenth of the speed: a cycle ends before there is a look."""
    before: tuple[int, int, int] = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
