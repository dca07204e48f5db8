"""States of partitions, to look at: of a state directory that nobody has open, and of the changelog on a broker.

What a changelog gives is what a rebuild from it would hold: the newest value of each key, up to the last position. It is put down in a
temporary directory, so memory stays bounded whatever the log holds.
"""

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from schemas.topics import CHANGELOG
from streams.brokers import Broker, partitions
from streams.errors import WrongUsage
from streams.export.log import Log
from streams.replay.unfinished import Mark
from streams.worker.position import META_POSITION, POSITION_KEY, Position, decode_position
from tables.rocks import RocksShared, RocksStore, StoreLockedError
from tables.stored import StateFormatError

_FOLDER: Final = re.compile(r"partition-(\d{4,})-of-(\d{4,})")
_WRITE_RECORDS: Final = 20_000
_MIB: Final = 1024 * 1024


def in_directory(folder: Path) -> list[tuple[int | None, Path]]:
    """The stores of a stopped worker's state directory, by partition, or (None) that of a replay of records.

    Of several processes' each has its own; of a partition that has moved from one to another the newest counts. Raises `WrongUsage`,
    also where a replay has not finished: the state is a part of something then, and its output is gone.
    """
    found: dict[int, tuple[int, Path]] = {}
    for path in sorted([*folder.glob("partition-*"), *folder.glob("process-*/partition-*")]):
        name = _FOLDER.fullmatch(path.name)
        if name is not None:
            newest = (_cycle(path), path)
            found[int(name[1])] = max(newest, found.get(int(name[1]), newest))
    Mark(folder).refuse()
    if found:
        return [(number, path) for number, (_, path) in sorted(found.items())]
    if (folder / "CURRENT").exists():
        return [(None, folder)]
    raise WrongUsage(f"--state {folder}: holds no state; name the directory that a worker or a replay was given with --state")


@contextmanager
def opened(path: Path) -> Iterator[RocksStore]:
    """Raises `WrongUsage` where somebody else has it open, and as `readable`."""
    try:
        store = RocksStore(path)
    except StoreLockedError as error:
        raise WrongUsage(str(error)) from None
    try:
        with readable(path):
            yield store
    finally:
        store.close()


@contextmanager
def readable(source: object) -> Iterator[None]:
    """Raises `WrongUsage` where a value is met that another version has stored, or that is broken."""
    try:
        yield
    except StateFormatError as error:
        raise WrongUsage(f"{source}: {error}") from None


def position_of(store: RocksStore) -> Position:
    stored = store.meta(META_POSITION)
    return Position() if stored is None else decode_position(stored)


def from_changelog(
    broker: Broker, wanted: Sequence[int] | None, advanced: Callable[[int, int], None]
) -> Iterator[tuple[int, Position, RocksStore]]:
    """Each partition's store is gone when the next one is asked for.

    `advanced` is told how many offsets have been read since the last call, and how many there are. Raises `WrongUsage`.
    """
    there = partitions(broker)
    if CHANGELOG not in there:
        raise WrongUsage(f"{broker} has no topic {CHANGELOG}: no worker has run there")
    numbers = sorted(set(range(there[CHANGELOG]) if wanted is None else wanted))
    if wrong := [number for number in numbers if number >= there[CHANGELOG]]:
        raise WrongUsage(f"--partitions {wrong[0]}: the topics have partitions 0 to {there[CHANGELOG] - 1}")
    log = Log(broker, CHANGELOG)
    try:
        bounds = {number: log.bounds(number) for number in numbers}
        total = sum([high - low for low, high in bounds.values()])
        for number in numbers:
            with tempfile.TemporaryDirectory(prefix="pointstream-states-") as folder:
                store = RocksStore(Path(folder), RocksShared(64 * _MIB, 64 * _MIB), logged=False)
                try:
                    yield number, _fill(store, log, number, *bounds[number], lambda count: advanced(count, total)), store
                finally:
                    store.close()
    finally:
        log.close()


def _fill(store: RocksStore, log: Log, number: int, low: int, high: int, advanced: Callable[[int], None]) -> Position:
    """The newest value of each key, up to the last position. Raises `WrongUsage` where that cannot be read."""
    position: tuple[int, bytes] | None = None
    seen = low
    waiting: list[tuple[bytes, bytes | None]] = []
    whole = 0  # so many of those that wait stand before a position
    if low < high:
        log.begin(number, low)
        for message in log.upto(high, whole=False):
            if message.key() != POSITION_KEY:
                waiting.append((message.key(), message.value()))
                continue
            position, whole = (message.offset(), message.value() or b""), len(waiting)
            if whole >= _WRITE_RECORDS:
                store.write(waiting, [], {})
                waiting, whole = [], 0
                advanced(message.offset() + 1 - seen)
                seen = message.offset() + 1
    store.write(waiting[:whole], [], {})
    advanced(high - seen)
    return Position() if position is None else _decoded(number, *position)


def _decoded(number: int, offset: int, stored: bytes) -> Position:
    try:
        return decode_position(stored)
    except msgspec.MsgspecError as error:
        raise WrongUsage(
            f"{CHANGELOG} partition {number}: the newest position, at offset {offset}, cannot be read ({error}): no worker wrote it, and none goes on there"
        ) from None


def _cycle(path: Path) -> int:
    with opened(path) as store:
        return position_of(store).cycle
