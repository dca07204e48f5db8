"""The position of a partition, and what a commit cycle says of itself: what stands beside the states, wherever these stand.

`Position` is the one thing that says where to go on. It is in the changelog (key `__position__`), in RocksDB beside the states, and in
`balances`; always in the same transaction or WriteBatch as the states that it belongs to.
"""

from pathlib import Path
from typing import Final

import msgspec

from schemas.instants import Instant
from schemas.topics import POSITION
from streams.errors import WrongUsage
from tables.stored import FORMAT as STATES

FORMAT: Final = 1
POSITION_KEY: Final = POSITION.encode()
META_POSITION: Final = b"position"
META_CHANGELOG: Final = b"changelog"
META_IN_STEP: Final = b"in-step"
META_LOG: Final = b"log"  # which changelog it was made of: a topic that is made anew has another id
META_INPUTS: Final = b"inputs"  # likewise of the inputs, by name
META_FROM: Final = b"from"  # where that changelog began when this state did
META_PARTITION: Final = b"partition"  # which partition's: a directory may have been moved to another's place


class Position(msgspec.Struct):
    """`inputs`: topic to the next offset to apply. `cycle` counts this partition's cycles.

    `greatest`: the greatest event time applied, kept where ticks follow it. `tick`: the newest tick applied. `forgotten`: of what is
    remembered, what is older than this may have been swept. `programs`: how far the topic `programs` has been taken. `states`: no
    state behind this position is of a newer format, so whoever opens them knows at once, and not by the first that it cannot read.
    `partitions`: of the inputs, when the ledgers behind this position were made; 0 where that was not noted. `group`: whose worker was here
    last; empty where that was not noted. `began`: the changelog's first offset when this was noted, of which all that is remembered lies behind.
    `texts`: the digests of the programs in force here, which is more than an offset says to a worker that passes some over; empty where not noted.
    """

    format: int = FORMAT
    cycle: int = 0
    inputs: dict[str, int] = msgspec.field(default_factory=dict)
    greatest: Instant | None = None
    tick: Instant | None = None
    forgotten: Instant | None = None
    programs: int = 0
    states: int = STATES
    partitions: int = 0
    group: str = ""
    began: int | None = None
    texts: list[str] = []


class Records(msgspec.Struct, tag="records"):
    """So many records of an input were applied here: offsets from `start` to before `end`."""

    topic: str
    start: int
    end: int


class Tick(msgspec.Struct, tag="tick"):
    """A tick, or a piece of one: at most so many due (instant, profile) pairs up to `at`."""

    at: Instant
    at_most: int


class Programs(msgspec.Struct, tag="programs"):
    """From here on these programs are in force: the keys of their versions in the topic `programs`, as it stood at `offset`."""

    offset: int
    versions: list[str]


Step = Records | Tick | Programs


class CycleRecord(msgspec.Struct):
    """A record of `cycles`: what was applied, in which order. Read back by `export`, and by a restart without transactions.

    `outcomes`: of the records that came; `parked`: what became of records that had waited.
    """

    cycle: int
    steps: list[Step]
    outcomes: dict[str, int]
    position: Position
    backfill: bool = False
    tick: str | None = None
    parked: dict[str, int] = {}


_position_decoder: Final = msgspec.json.Decoder(Position)
_cycle_decoder: Final = msgspec.json.Decoder(CycleRecord)


def folder_of(state: Path, number: int, partitions: int) -> Path:
    """Where a partition's table lies in a state directory."""
    return state / f"partition-{number:04d}-of-{partitions:04d}"


def decode_position(stored: bytes) -> Position:
    """Where to go on; what is written from here on is of this version's formats. Raises `WrongUsage` where a newer version has written it, and
    `msgspec.MsgspecError` for what is no position.
    """
    try:
        position = _position_decoder.decode(stored)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from None
    if position.format > FORMAT or position.states > STATES:
        raise WrongUsage(
            f"the state was written by a newer version of pointstream (format {position.states}, position {position.format}), and this one reads "
            f"formats up to {STATES}, {FORMAT}: there is no way back, so run that version again, or a newer one"
        )
    position.states = STATES
    return position


def decode_cycle(stored: bytes) -> CycleRecord:
    return _cycle_decoder.decode(stored)


class NoCycleError(Exception):
    """A record of the topic `cycles` that is no worker's: others may write there, too."""


class _AnyCycle(msgspec.Struct):
    """What every version's record has."""

    cycle: int


_any_cycle_decoder: Final = msgspec.json.Decoder(_AnyCycle)


def read_cycle(stored: bytes, where: str, doing: str) -> CycleRecord:
    """A record of the topic as somebody finds it. Raises `NoCycleError` for what is none, and `WrongUsage` for what another version has
    written: not to know that would be to take it for nothing. `where` it lies, and what one is `doing` that reads it, for the sentence.
    """
    try:
        return decode_cycle(stored)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        try:
            _any_cycle_decoder.decode(stored)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise NoCycleError(str(error)) from None
        raise WrongUsage(
            f"{where} cannot be read ({error}): another version of pointstream wrote it; {doing} with that one"
        ) from None
