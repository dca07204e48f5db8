"""What of a traced ledger is shown: all of it, one lot, or one entry. Pure; the proofs are always about the whole."""

from dataclasses import dataclass
from typing import NamedTuple

from streams.provenance.entries import Entry
from streams.provenance.trace import Ledger, Lot, Program


class NothingThereError(Exception):
    """What was asked for is not among the profile's entries; the message is a sentence."""


class Wanted(NamedTuple):
    """None: whatever it is. `lot` may be the beginning of an id, where no other lot begins like it."""

    programs: tuple[str, ...] | None = None
    lot: str | None = None
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A ledger and the part of it that is shown, each in its order."""

    program: Program
    ledger: Ledger
    entries: list[Entry]
    lots: list[Lot]


def select(programs: dict[str, Program], wanted: Wanted) -> list[Shown]:
    """The ledgers with something to show, by program and in order of their first entry. Raises `NothingThereError`."""
    chosen = [program for name, program in sorted(programs.items()) if wanted.programs is None or name in wanted.programs]
    if not chosen:
        raise NothingThereError(f"no entry of program {', '.join(wanted.programs or ())}, but of {', '.join(sorted(programs))}")
    lot_id = None if wanted.lot is None else _whole(chosen, wanted.lot)
    shown = [_shown(program, ledger, lot_id, wanted.entry) for program in chosen for ledger in program.ledgers.values()]
    narrowed = [part for part in shown if part.entries] if lot_id is not None or wanted.entry is not None else shown
    if narrowed or wanted.entry is None:
        return narrowed
    last = max(program.last for program in chosen)
    raise NothingThereError(f"no entry {wanted.entry} that moves points; its entries are 1 to {last}")


def _shown(program: Program, ledger: Ledger, lot_id: str | None, number: int | None) -> Shown:
    lot = None if lot_id is None else ledger.lots.get(lot_id)
    moved_by = set() if lot is None else {move.entry.entry for move in lot.moves}  # some of them without naming it
    entries = [
        entry
        for entry in ledger.entries
        if (number is None or entry.entry == number)
        and (lot_id is None or entry.entry in moved_by or any(part.lot_id == lot_id for part in entry.lots))
    ]
    if lot_id is None and number is None:
        return Shown(program, ledger, entries, [*ledger.lots.values()])
    touched = {part.lot_id for entry in entries for part in entry.lots}
    ids = touched if lot_id is None else {lot_id}
    return Shown(program, ledger, entries, [lot for lot in ledger.lots.values() if lot.lot_id in ids])


def _whole(programs: list[Program], beginning: str) -> str:
    found = [
        lot_id
        for program in programs
        for ledger in program.ledgers.values()
        for lot_id in ledger.lots
        if lot_id.startswith(beginning)
    ]
    if beginning in found:
        return beginning
    if len(found) > 1:
        raise NothingThereError(
            f"{len(found)} lots that begin with {beginning}: {', '.join(found[:3])}{', …' * (len(found) > 3)}"
        )
    if not found:
        raise NothingThereError(f"no lot {beginning}")
    return found[0]
