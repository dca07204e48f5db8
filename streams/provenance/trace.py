"""Entries of one profile, folded into what became of every lot.

Pure, and independent of `tables.ledger`: it knows what the types of entries mean and nothing of how they came about. Every part of
every entry is booked to its lot, out of the term where those points were and into the one where they are then; so for each lot,
and for the ledger that they make up, what was issued is the sum of where it is now. Where that is not so, or is not what the
entries themselves state, `faults` says it: a ledger that proves itself can also be found wrong.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from streams.provenance.entries import Entry, Extended, LotPart, RulePart

TERMS: Final = ("active", "pending", "reserved", "redeemed", "expired", "reversed", "written_off", "debt_paid")
GAINS: Final = ("accrued", "credited")
_MOVES: Final[dict[str, tuple[str | None, str]]] = {  # where the points were (None: as the lot's state says), where they are then
    "activated": ("pending", "active"),
    "redeemed": ("active", "redeemed"),
    "committed": ("reserved", "redeemed"),
    "reserved": ("active", "reserved"),
    "released": ("reserved", "active"),
    "reinstated": ("redeemed", "active"),
    "expired": (None, "expired"),
    "taken back": (None, "reversed"),
    "debited": (None, "written_off"),
    "cancelled": (None, "written_off"),
    "paid debt": ("active", "debt_paid"),
}
_WORDS: Final = {
    "points.accrued": "accrued",
    "points.activated": "activated",
    "points.redeemed": "redeemed",
    "points.expired": "expired",
    "points.reversed": "taken back",
    "points.reinstated": "reinstated",
    "points.reserved": "reserved",
    "points.released": "released",
    "points.extended": "extended",
    "points.cancelled": "cancelled",
    "membership.joined": "joined",
}


def word(entry: Entry) -> str:
    """What an entry tells, in one word for people: `accrued`, `taken back`, `committed`, …; an unknown type as it is."""
    if entry.type == "points.adjusted":
        return "credited" if entry.direction == "credit" else "debited"
    if entry.type == "points.redeemed" and entry.cause.get("kind") == "commit":
        return "committed"
    return _WORDS.get(entry.type, entry.type)


@dataclass(slots=True)
class Move:
    """So many points of a lot went somewhere: what happened (see `word`), and the entry that says so.

    `expires_at`: after it was extended. `times`: of extensions by a rule that follow one another only the last is kept.
    """

    what: str
    points: Decimal
    entry: Entry
    expires_at: str | None = None
    times: int = 1


@dataclass(slots=True)
class Lot:
    """`born`: the entry that issued it; `held`: where its points are now, by term; the dates are those of now."""

    lot_id: str
    issued: Decimal
    born: Entry
    part: LotPart
    activates_at: str | None
    expires_at: str | None
    held: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(TERMS, Decimal(0)))
    moves: list[Move] = field(default_factory=list)

    @property
    def of_receipt(self) -> bool:
        """Whether rules over a receipt's lines gave it: one that names no lines counted every line."""
        return self.part.receipt_id is not None and bool(self.rules)

    @property
    def open(self) -> Decimal:
        """What of it may still be used, or is held."""
        return self.held["active"] + self.held["pending"] + self.held["reserved"]

    @property
    def rules(self) -> list[RulePart]:
        """The rules that gave its points; all of the entry's, where these do not say which lot got what they gave."""
        return [rule for rule in self.born.rules if rule.lot_id in {None, self.lot_id}]


@dataclass(slots=True)
class Ledger:
    """One point type and subledger: its entries in order, its lots in order of birth."""

    program: str
    point: str
    subledger: str | None
    entries: list[Entry] = field(default_factory=list)
    lots: dict[str, Lot] = field(default_factory=dict)
    held: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(TERMS, Decimal(0)))
    debt: Decimal = Decimal(0)
    issued: Decimal = Decimal(0)
    differs: bool = False  # from what an entry states; what comes after it differs, too, and one sentence is enough
    faults: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.point}/{self.subledger}" if self.subledger else self.point

    def sums(self) -> dict[str, Decimal]:
        """Every term over all lots, what is owed, and what was issued (`lifetime`)."""
        return self.held | {"debt": self.debt, "lifetime": self.issued}


@dataclass(slots=True)
class Program:
    """One program that the profile has entries in. `joined`: the entry that says so; None where it is no member yet."""

    program: str
    joined: Entry | None = None
    last: int = 0
    ledgers: dict[tuple[str, str | None], Ledger] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def trace(entries: Iterable[Entry]) -> dict[str, Program]:
    """Fold the entries of one profile, in their order, into programs, ledgers and lots."""
    programs: dict[str, Program] = {}
    for entry in entries:
        program = programs.setdefault(entry.program, Program(entry.program))
        if entry.entry != program.last + 1:
            program.faults.append(_gap(program.last, entry.entry))
        program.last = entry.entry
        if entry.type == "membership.joined":
            program.joined = entry
        if entry.point is not None:
            place = entry.point, entry.subledger
            ledger = program.ledgers.setdefault(place, Ledger(entry.program, *place))
            _book(ledger, entry)
    for program in programs.values():
        for ledger in program.ledgers.values():
            ledger.faults += _unequal_lots(ledger)
    return programs


def _gap(before: int, number: int) -> str:
    if before == 0:
        return f"its entries begin with {number}; those before are in the output of an earlier run: name that first (--output, twice)"
    return f"entry {number} follows entry {before}: something is missing or doubled"


def _book(ledger: Ledger, entry: Entry) -> None:
    ledger.entries.append(entry)
    what = word(entry)
    if what != "extended" and sum((part.points for part in entry.lots), Decimal(0)) != entry.points:
        ledger.faults.append(f"entry {entry.entry}: its lots do not sum to its points")
    for part in entry.lots:
        if what in GAINS:
            _issue(ledger, entry, part)
        elif part.lot_id not in ledger.lots:
            ledger.faults.append(f"entry {entry.entry}: no entry before it has made the lot {part.lot_id}")
        elif what == "extended":
            lot = ledger.lots[part.lot_id]
            lot.expires_at = part.expires_at
            lot.moves.append(Move(what, part.points, entry, part.expires_at))
        elif what in _MOVES:
            _move(ledger, ledger.lots[part.lot_id], what, part.points, entry, part.state)
            _follow_dates(ledger.lots[part.lot_id], part)
        else:
            ledger.faults.append(f"entry {entry.entry}: {entry.type} is of a newer version of pointstream")
    if entry.extended is not None:
        _extend_all(ledger, entry, entry.extended)
    ledger.debt += entry.debt_added - entry.debt_paid
    _pay_debt(ledger, entry)
    _compare(ledger, entry)


def _issue(ledger: Ledger, entry: Entry, part: LotPart) -> None:
    if part.lot_id in ledger.lots:
        ledger.faults.append(f"entry {entry.entry}: the lot {part.lot_id} was there before")
        return
    lot = ledger.lots[part.lot_id] = Lot(part.lot_id, part.points, entry, part, part.activates_at, part.expires_at)
    lot.held[part.state] += part.points
    ledger.held[part.state] += part.points
    ledger.issued += part.points


def _move(ledger: Ledger, lot: Lot, what: str, points: Decimal, entry: Entry, state: str) -> None:
    source, target = _MOVES[what]
    for held in (lot.held, ledger.held):
        held[source or state] -= points
        held[target] += points
    lot.moves.append(Move(what, points, entry))


def _extend_all(ledger: Ledger, entry: Entry, rule: Extended) -> None:
    """Lots that are not named, but told of by a rule: those that it is about are found here, and must be as many."""
    after, until = _in_order(rule.expires_after), _in_order(rule.expires_at)
    count, points = 0, Decimal(0)
    for lot in ledger.lots.values():
        if lot.expires_at is None or not after < _in_order(lot.expires_at) < until:
            continue
        held = lot.open
        if held:
            count, points = count + 1, points + held
            last = lot.moves[-1] if lot.moves else None
            again = last is not None and last.entry.extended is not None
            move = Move("extended", held, entry, rule.expires_at, last.times + 1 if last is not None and again else 1)
            lot.moves[-1 if again else len(lot.moves) :] = [move]
            lot.expires_at = rule.expires_at
    if (count, points) != (rule.lots_omitted, entry.points):
        ledger.faults.append(
            f"entry {entry.entry}: it extends {entry.points} in {rule.lots_omitted} lots, and by its rule these are {points} in {count}"
        )


def _in_order(instant: str) -> str:
    """Instants of records (UTC) as texts that sort by time: a fraction comes after the whole second."""
    return instant.removesuffix("Z")


def _follow_dates(lot: Lot, part: LotPart) -> None:
    """A lot that waited for an event gets its dates by it; one that comes back after its expiry gets a new one."""
    lot.activates_at, lot.expires_at = part.activates_at, part.expires_at


def _pay_debt(ledger: Ledger, entry: Entry) -> None:
    """What becomes active pays debt first: of an entry's lots, the first ones first."""
    left = entry.debt_paid
    for part in entry.lots:
        lot = ledger.lots.get(part.lot_id)
        paid = Decimal(0) if lot is None else min(left, part.points, max(lot.held["active"], Decimal(0)))
        if lot is not None and paid:
            _move(ledger, lot, "paid debt", paid, entry, "active")
            left -= paid
    if left:
        ledger.faults.append(f"entry {entry.entry}: it pays {left} more of the debt than its lots hold")


def _compare(ledger: Ledger, entry: Entry) -> None:
    """What the entries so far sum to is what this one states."""
    if ledger.differs:
        return
    for term, points in ledger.sums().items():
        stated = None if entry.balance is None else getattr(entry.balance, term)
        if stated != points:
            ledger.differs = True
            ledger.faults.append(f"entry {entry.entry}: it states {term} {stated}, and the entries up to it sum to {points}")
            return


def _unequal_lots(ledger: Ledger) -> Iterator[str]:
    for lot in ledger.lots.values():
        if sum(lot.held.values()) != lot.issued or min(lot.held.values()) < 0:
            yield f"the lot {lot.lot_id} issued {lot.issued} and is now {told(lot.held)}"


def told(held: dict[str, Decimal]) -> str:
    """`120 redeemed + 30 active`: where the points of a lot are."""
    return " + ".join(f"{points:,f} {term.replace('_', ' ')}" for term, points in held.items() if points) or "0"
