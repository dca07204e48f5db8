"""What the topic `programs` comes to: its records in, one catalog out, as every worker sees it.

A record is a program file as it was written. Its key names the version, a digest of the text and the command that published it, so
compaction drops nothing: whatever a worker has run stays in the topic, also where another text has replaced it since, and who reads it
next year comes to the same. Of one version the newest text counts. What one command has published counts together, from its last record
on, or not at all where that is no right catalog beside what is in force: it is passed over, with a sentence, and takes nothing out of force.
So what counts follows from the records and their order, and not from which of them somebody has read at once.

Knows no broker. Whether something may be published is decided before it is written (`rules`); here it only counts or does not.
"""

from collections.abc import Iterable, Mapping
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
    """The value of a record. `late`: the version may lie before what the workers have settled; `without`: run it without these parts.

    `batch` names the command that published it, with so many records `of` it; without one a record stands alone.
    """

    file: str
    text: str
    late: bool = False
    without: tuple[str, ...] = ()
    batch: str = ""
    of: int = 1


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


def record_key(key: str, batch: str) -> str:
    """As it is in the topic: `PROGRAM/EFFECTIVE_FROM/DIGEST/BATCH`. No two records have the same."""
    return f"{key}/{batch}"


def identity_of_key(key: str) -> Identity:
    """Raises `ValueError`."""
    program, effective_from, _ = key.split("/")
    return Identity(program, parse_instant(effective_from))


def digest_of_key(key: str) -> str:
    return key.rpartition("/")[2]


class Versions:
    """`catalog` is of the newest text of each version in `current` (identity to key), as the topic stood at `offset`.

    `end`: how far it has been read. `texts`: every text that has ever counted, by its key.
    """

    def __init__(self) -> None:
        self.texts: dict[str, Published] = {}
        self.current: dict[Identity, str] = {}
        self.catalog = Catalog([])
        self.offset = self.end = 0
        self._read: list[tuple[int, str]] = []
        self._passed: dict[str, Identity] = {}  # by digest: what was passed over
        self._known: frozenset[str] = frozenset()  # digests of what has counted, or has had another text in its place since
        self._incomplete: dict[str, dict[str, Published]] = {}  # by batch: those of its records that have come, by their keys

    def take(self, records: Iterable[Found]) -> list[str]:
        """Records that come next in the topic. What is wrong with those that do not count, in sentences."""
        wrong: list[str] = []
        for offset, key, value in records:
            self.end = max(self.end, offset + 1)
            try:
                published = _decode(value or b"")
                name = (key or b"").decode().removesuffix(f"/{published.batch}")
                identity_of_key(name)
            except (ValueError, RecursionError, msgspec.MsgspecError) as error:
                wrong.append(f"the record at offset {offset} of `programs` is no program file ({error}), and is passed over")
                continue
            together = {**self._incomplete.pop(published.batch, {}), name: published} if published.batch else {name: published}
            if len(together) < published.of:
                self._incomplete[published.batch] = together
            elif (why := self._count(offset, together)) is not None:
                wrong.append(why)
        return wrong

    def _count(self, at: int, keys: Mapping[str, Published]) -> str | None:
        """Have all of these count from an offset on, or none: why not."""
        current = self.current | {identity_of_key(key): key for key in keys}
        texts = {**self.texts, **keys}
        if current != self.current:  # the same text again, of two that published at once, is no change
            try:
                catalog = catalog_of(_sources(texts, current.values()))
            except ProgramFileError as error:
                names = ", ".join(sorted(keys))
                self._passed |= {digest_of_key(key): identity_of_key(key) for key in keys}
                return f"what was published ({names}) is not right beside what is in force, and is passed over: {error.faults[0]}"
            self.current, self.catalog, self.offset = current, catalog, at + 1
        self.texts = texts
        self._read += [(at, key) for key in keys]
        instead = {identity_of_key(key) for key in keys}
        made_good = {digest for digest, identity in self._passed.items() if identity in instead}
        self._known |= {digest_of_key(key) for key in keys} | made_good
        return None

    @property
    def keys(self) -> list[str]:
        return sorted(self.current.values())

    def sources(self, keys: Iterable[str]) -> list[Source]:
        """The texts of these keys. KeyError where one was never read."""
        return _sources(self.texts, keys)

    def keys_at(self, offset: int) -> list[str]:
        """What was in force when the topic had been taken up to an offset."""
        return sorted({identity_of_key(key): key for at, key in self._read if at < offset}.values())

    def knows(self, digests: Iterable[str]) -> bool:
        """Whether all texts of these digests have counted here, or others in their place since."""
        return self._known.issuperset(digests)

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


def _sources(texts: Mapping[str, Published], keys: Iterable[str]) -> list[Source]:
    return [Source(texts[key].file, texts[key].text) for key in sorted(keys)]
