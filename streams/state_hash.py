"""Fingerprints of the states of partitions, of directories and of the changelog on a broker. What one means is in `tables.fingerprint`."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from streams.brokers import Broker
from streams.replay.position import stored_position
from streams.states import from_changelog, in_directory, opened, position_of, readable
from tables.fingerprint import Fingerprint, fingerprint


class StateHash(NamedTuple):
    """`partition` None: one table for all, as a replay of records has. `cycle`: the last cycle that is in it; None where none counts."""

    source: str
    partition: int | None
    cycle: int | None
    state: Fingerprint


def of_directory(folder: Path) -> Iterator[StateHash]:
    """Of a stopped worker's state directory, or a replay's. Raises `WrongUsage`."""
    for number, path in in_directory(folder):
        with opened(path) as store:
            if number is None:
                yield StateHash(str(folder), None, None, fingerprint(store, stored_position(store).forgotten))
                continue
            position = position_of(store)
            yield StateHash(str(folder), number, position.cycle, fingerprint(store, position.forgotten))


def of_changelog(broker: Broker, wanted: Sequence[int] | None, advanced: Callable[[int, int], None]) -> Iterator[StateHash]:
    """`advanced` is told how many offsets have been read since the last call, and how many there are. Raises `WrongUsage`."""
    for number, position, store in from_changelog(broker, wanted, advanced):
        with readable(f"the changelog of {broker}, partition {number}"):
            found = fingerprint(store, position.forgotten)
        yield StateHash(str(broker), number, position.cycle, found)


def unequal(found: Sequence[StateHash]) -> list[str]:
    """Where states of one partition and cycle differ, in sentences; those of different cycles say nothing about each other."""
    first: dict[tuple[int | None, int | None], StateHash] = {}
    said = []
    for one in found:
        other = first.setdefault((one.partition, one.cycle), one)
        if one.state != other.state:
            said.append(f"partition {one.partition}, cycle {one.cycle}: the state of {one.source} is not that of {other.source}")
    return said
