"""Who is in a segment, by what states say: of the program's own segments, and of one that is only being written (R060).

Each profile is judged by its state and the condition of the file, at one instant: by default as far as its partition has been settled. Nothing is
changed, and nothing that is due meanwhile happens first.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NamedTuple

from agents.calendar import concerned
from agents.programs import Programs, Version
from agents.segments import Standing
from agents.settle import settle
from agents.visit import Visit
from schemas.instants import Instant, format_instant
from schemas.program import Catalog
from streams.brokers import Broker
from streams.errors import WrongUsage
from streams.replay.position import stored_position
from streams.states import from_changelog, in_directory, opened, position_of, readable
from streams.worker.position import Position
from tables.drafts import draft_of
from tables.rocks import RocksStore
from tables.table import Table

_CACHE_BYTES: Final = 1024 * 1024  # profiles are read past it
_ADVANCED_EVERY: Final = 1_000
Told = Callable[[int, int], None]
"""How many have been looked at since the last call, and about how many there are."""


class Member(NamedTuple):
    """`since`: when the profile entered, where its state says so; a segment that no worker has judged yet has nobody's."""

    profile_id: str
    since: str | None


class Wanted(NamedTuple):
    """The segments to look at, of one program; `at` None: as far as each partition has been settled."""

    programs: Programs
    program: str
    segments: tuple[str, ...]
    at: Instant | None

    def version(self, at: Instant) -> Version:
        return self.programs.version(self.program, at) or self.programs.first(self.program)


def wanted(catalog: Catalog, name: str | None, at: Instant | None) -> list[Wanted]:
    """What these programs have of this name, or all their segments. Raises `WrongUsage` where there is none, or more than one of a name."""
    programs = Programs(catalog)
    names = {
        program: tuple(dict.fromkeys(segment for version in versions for segment in version.campaigns.segments))
        for program, versions in catalog.programs.items()
    }
    if name is None:
        if not any(names.values()):
            raise WrongUsage("the programs have no segments")
        return [Wanted(programs, program, segments, at) for program, segments in names.items() if segments]
    having = [program for program, segments in names.items() if name in segments]
    if len(having) > 1:
        raise WrongUsage(f"{', '.join(having)} have a segment {name}; name one of these programs with --program")
    if not having:
        every = sorted({segment for segments in names.values() for segment in segments})
        near = get_close_matches(name, every, 1)
        raise WrongUsage(f"there is no segment {name}" + (f"; did you mean {near[0]}?" if near else ""))
    return [Wanted(programs, having[0], (name,), at)]


def settled_at(store: RocksStore, position: Position | None = None) -> Instant | None:
    """How far a store has been settled: its newest tick, else its greatest event time."""
    found = position or position_of(store)
    return found.tick or found.greatest or stored_position(store).event_time


def members(store: RocksStore, one: Wanted, position: Position | None, told: Told) -> Iterator[tuple[str, Member]]:
    """(segment, member) of one store, by profile in the order of their ids."""
    table = Table(store, _CACHE_BYTES)
    reached = settled_at(store, position)
    total = store.size()[1]
    looked = 0
    for profile_id, profile in table.profiles():
        looked += 1
        if looked % _ADVANCED_EVERY == 0:
            told(_ADVANCED_EVERY, total)
        if profile.erased_at is not None and not profile.engagements:
            continue
        at = one.at if one.at is not None else max(profile.settled_at, reached or profile.settled_at)
        visit = Visit(one.programs, table, profile_id, draft_of(profile), {}, at, at, settle)
        if one.program not in concerned(visit):
            continue
        standing = Standing(visit, one.version(at), at)
        engagement = profile.engagements.get(one.program)
        for segment in one.segments:
            if standing.holds(segment):
                line = () if engagement is None else engagement.segments.get(segment, ())
                since = format_instant(line[-1][0]) if line and line[-1][1] is True else None
                yield segment, Member(profile_id, since)
    told(looked % _ADVANCED_EVERY, total)


def of_directories(folders: Sequence[Path], one: Wanted, told: Told) -> Iterator[tuple[str, Member]]:
    """Over the stores of stopped workers, or of replays. Raises `WrongUsage`."""
    for folder in folders:
        for _, path in in_directory(folder):
            with opened(path) as store:
                yield from members(store, one, None, told)


def of_broker(broker: Broker, one: Wanted, told: Told) -> Iterator[tuple[str, Member]]:
    """Over what the changelog says. Raises `WrongUsage`."""
    for number, position, store in from_changelog(broker, None, told):
        with readable(f"the changelog of {broker}, partition {number}"):
            yield from members(store, one, position, lambda _looked, _total: None)


def counted(found: Iterable[tuple[str, Member]], segments: Sequence[str]) -> dict[str, int]:
    counts = Counter(segment for segment, _ in found)
    return {segment: counts[segment] for segment in segments}
