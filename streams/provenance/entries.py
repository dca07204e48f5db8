"""The entries of one profile, out of the `ledger-entries.jsonl` of a replay.

The file may hold millions of entries; it is read line by line, and only lines that name the profile are decoded and kept. Nothing
else of the output folder is looked at, and nothing of the product's state: what an entry does not say is not known here.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from schemas.topics import LEDGER_ENTRIES
from streams.errors import WrongUsage
from streams.replay.lines import read_blocks

FILE: Final = f"{LEDGER_ENTRIES}.jsonl"


class LotPart(Struct, frozen=True, kw_only=True):
    """The part of a lot that an entry speaks of."""

    lot_id: str
    points: Decimal
    state: str
    activates_at: str | None = None
    expires_at: str | None = None
    receipt_id: str | None = None
    line_id: str | None = None


class RulePart(Struct, frozen=True):
    """What a rule gave; `lot_id` where the entry makes several lots, `lines` where the rule did not count every line of the receipt."""

    rule: str
    points: Decimal
    lot_id: str | None = None
    lines: tuple[str, ...] = ()


class Extended(Struct, frozen=True):
    """Of an entry that moves more lots than it names: all open lots that would have expired between these, and they expire at the
    second of them.
    """

    lots_omitted: int
    expires_after: str
    expires_at: str


class Balance(Struct, frozen=True):
    """What an entry states, after it."""

    active: Decimal
    pending: Decimal
    reserved: Decimal
    redeemed: Decimal
    expired: Decimal
    reversed: Decimal
    written_off: Decimal
    debt_paid: Decimal
    debt: Decimal
    lifetime: Decimal


class Entry(Struct, frozen=True, kw_only=True):
    """What is needed of a ledger entry; an unknown field of a newer version is no fault. `membership.joined` has no point."""

    type: str
    id: str
    program: str
    profile_id: str
    occurred_at: str
    sequence: int
    entry: int
    cause: dict[str, str | int]
    point: str | None = None
    subledger: str | None = None
    points: Decimal = Decimal(0)
    direction: str | None = None
    lots: tuple[LotPart, ...] = ()
    extended: Extended | None = None
    rules: tuple[RulePart, ...] = ()
    promotion: str | None = None
    scenario: str | None = None
    legal_entity: str | None = None
    description: str | None = None
    reason: str | None = None
    withheld: Decimal = Decimal(0)
    debt_added: Decimal = Decimal(0)
    debt_paid: Decimal = Decimal(0)
    balance: Balance | None = None


_DECODER: Final = msgspec.json.Decoder(Entry)


def entries_of(folder: Path, profile_id: str) -> Iterator[Entry]:
    """The profile's entries, as they come in the file. Raises `WrongUsage` where there is no such file, or a line is no entry."""
    path = folder / FILE
    if not folder.is_dir():
        raise WrongUsage(f"there is no folder {folder}; --output names what `pointstream replay --output` wrote")
    if not path.is_file():
        raise WrongUsage(f"there is no {FILE} in {folder}; --output names what `pointstream replay --output` wrote")
    named = msgspec.json.encode(profile_id)
    for block in read_blocks((str(path),), lambda _: None):
        for number, line in enumerate(block.lines, block.first):
            if named not in line and b"\\u" not in line:  # a JSON text may be spelled with escapes
                continue
            try:
                entry = _DECODER.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise WrongUsage(f"{path}:{number} is no ledger entry: {error}") from None
            if entry.profile_id == profile_id:
                yield entry
