"""What the topic `programs` comes to: its records in, one catalog out, as every worker sees it.

A record is a program file as it was written. Its key names the version and a digest of the text, so compaction only ever drops equal
texts: whatever a worker has run stays in the topic, also where another text has replaced it since. Of one version the newest text counts.
Records that are read together count together, where that is a right catalog; else one by one, and one that is not right beside those
before it is passed over, with a sentence: it can take nothing out of force.

Knows no broker. Whether something may be published is decided before it is written (`rules`); here it only counts or does not.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from schemas.instants import Instant, format_instant, parse_instant
from schemas.program import Catalog, Program
from schemas.program_faults import ProgramFileError
from schemas.program_file import Source, catalog_of
from streams.programs import not_in_force

_DIGEST: Final = 12  # hex digits: texts of one version are told apart, not sealed


class Published(msgspec.Struct, frozen=True):
    """The value of a record. `late`: the version may lie before what the workers have settled; `without`: run it without these parts."""

    file: str
    text: str
    late: bool = False
    without: tuple[str, ...] = ()


class Found(NamedTuple):
    """A record of the topic."""

    offset: int
    key: bytes | None
    value: bytes | None


class Identity(NamedTuple):
    """Which version of which program. Two texts of one identity are never in force together."""

    program: str
    effective_from: Instant


_decode: Final = msgspec.json.Decoder(Published).decode


def identity_of(program: Program) -> Identity:
    return Identity(program.program, program.effective_from)


def key_of(identity: Identity, text: str) -> str:
    """`PROGRAM/EFFECTIVE_FROM/DIGEST`."""
    return f"{identity.program}/{format_instant(identity.effective_from)}/{sha256(text.encode()).hexdigest()[:_DIGEST]}"


def identity_of_key(key: str) -> Identity:
    """Raises `ValueError`."""
    program, effective_from, _ = key.split("/")
    return Identity(program, parse_instant(effective_from))


class Versions:
    """`catalog` is of the newest text of each version in `current` (identity to key), as the topic stood at `offset`.

    `end`: how far it has been read. `texts`: every text that was ever read, by its key.
    """

    def __init__(self) -> None:
        self.texts: dict[str, Published] = {}
        self.current: dict[Identity, str] = {}
        self.catalog = Catalog([])
        self.offset = self.end = 0
        self._read: list[tuple[int, str]] = []

    def take(self, records: Iterable[Found]) -> list[str]:
        """Records that come next in the topic. What is wrong with those that do not count, in sentences."""
        wrong: list[str] = []
        came: list[tuple[int, str]] = []
        for offset, key, value in records:
            self.end = max(self.end, offset + 1)
            try:
                name = (key or b"").decode()
                identity_of_key(name)
                self.texts[name] = _decode(value or b"")
                came.append((offset, name))
            except (ValueError, msgspec.MsgspecError) as error:
                wrong.append(f"the record at offset {offset} of `programs` is no program file ({error}), and is passed over")
        if came and (why := self._count(came)) is not None:
            wrong += [why] if len(came) == 1 else [why for one in came if (why := self._count([one])) is not None]
        return wrong

    def _count(self, came: Sequence[tuple[int, str]]) -> str | None:
        """Have all of these count, or none: why not."""
        current, changed_at = dict(self.current), -1
        for at, key in came:
            identity = identity_of_key(key)
            if current.get(identity) != key:  # the same text again, of two that published at once, is no change
                current[identity], changed_at = key, at
        if changed_at >= 0:
            try:
                catalog = catalog_of(self.sources(current.values()))
            except ProgramFileError as error:
                names = ", ".join(sorted({key for _, key in came}))
                return f"what was published ({names}) is not right beside what is in force, and is passed over: {error.faults[0]}"
            self.current, self.catalog, self.offset = current, catalog, changed_at + 1
        self._read += came
        return None

    @property
    def keys(self) -> list[str]:
        return sorted(self.current.values())

    def sources(self, keys: Iterable[str]) -> list[Source]:
        """The texts of these keys. KeyError where one was never read."""
        return [Source(self.texts[key].file, self.texts[key].text) for key in sorted(keys)]

    def keys_at(self, offset: int) -> list[str]:
        """What was in force when the topic had been taken up to an offset."""
        return sorted({identity_of_key(key): key for at, key in self._read if at < offset}.values())

    def missing(self, without: Iterable[str]) -> list[str]:
        """What the programs ask for and this version of pointstream does not do, less what `without` or who published them waived."""
        waived = tuple(without)
        return sorted(
            {
                path
                for identity, key in self.current.items()
                if (program := self.catalog.in_force(*identity)) is not None
                for path in not_in_force(Catalog([program]), (*waived, *self.texts[key].without))
            }
        )
