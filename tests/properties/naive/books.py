"""The books of the naive model: a ledger is the list of every move that was ever made; what stands is added up when asked for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.properties.naive.program import Json, Program

BUCKETS = ("active", "pending", "reserved", "redeemed", "expired", "reversed", "written_off", "debt_paid")
FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)
Pieces = list[tuple["Lot", int]]


@dataclass(eq=False)
class Lot:
    name: str
    points: int
    earned: datetime
    activates: datetime | None
    expires: datetime | None
    receipt: str | None = None
    born_expired: bool = False
    how: Json = field(default_factory=dict)  # the rule or record that may have dates of its own
    line: str | None = None  # of its receipt, where all of it is of one
    counted: int = 0  # of what has expired, by returns


@dataclass
class Move:
    """`source` None: the points are new."""

    lot: Lot
    source: str | None
    target: str
    points: int


@dataclass
class Ledger:
    """One point type, one subledger, one profile."""

    lots: list[Lot] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    debts: list[int] = field(default_factory=list)

    def held(self) -> Counter[tuple[Lot, str]]:
        """How much of which lot is in which bucket."""
        found: Counter[tuple[Lot, str]] = Counter()
        for move in self.moves:
            if move.source is not None:
                found[move.lot, move.source] -= move.points
            found[move.lot, move.target] += move.points
        assert all(points >= 0 for points in found.values())
        return found

    def within(self, bucket: str, lots: Sequence[Lot] | None = None) -> Pieces:
        held = self.held()
        return [(lot, held[lot, bucket]) for lot in (self.lots if lots is None else lots) if held[lot, bucket]]

    def open(self) -> Pieces:
        """Whatever may still be used, reserved or not."""
        held = self.held()
        found = [(lot, sum(held[lot, bucket] for bucket in ("active", "pending", "reserved"))) for lot in self.lots]
        return [(lot, points) for lot, points in found if points]

    def cancelled(self, lots: Sequence[Lot]) -> int:
        """What of these lots has waited for an event that came too late."""
        return sum(
            move.points for move in self.moves if move.lot in lots and (move.source, move.target) == ("pending", "written_off")
        )

    def total(self, bucket: str) -> int:
        return sum(points for _, points in self.within(bucket))

    def debt(self) -> int:
        return sum(self.debts)

    def move(self, pieces: Pieces, source: str | None, target: str) -> None:
        self.moves += [Move(lot, source, target, points) for lot, points in pieces if points]

    def activate(self, pieces: Pieces, source: str | None) -> int:
        """What becomes active pays debt first; how much it paid."""
        paid = 0
        for lot, points in pieces:
            due = min(points, self.debt())
            self.move([(lot, due)], source, "debt_paid")
            self.move([(lot, points - due)], source, "active")
            self.debts.append(-due)
            paid += due
        return paid

    def spendable(self, order: str, lots: Sequence[Lot] | None = None, bucket: str = "active") -> Pieces:
        return sorted(self.within(bucket, lots), key=lambda piece: spending(piece[0], order))

    def waiting(self, order: str) -> Pieces:
        """Pending lots as they are shown: by activation, then as they would be spent."""
        return sorted(self.within("pending"), key=lambda piece: (piece[0].activates or FOR_EVER, spending(piece[0], order)))

    def balance(self) -> dict[str, int]:
        terms = dict.fromkeys(BUCKETS, 0)
        for (_, bucket), points in self.held().items():
            terms[bucket] += points
        return {**terms, "debt": self.debt(), "lifetime": sum(terms.values())}


def spending(lot: Lot, order: str) -> tuple[Any, ...]:
    expires = lot.expires or FOR_EVER
    return (lot.earned, expires, lot.name) if order == "earliest-earned" else (expires, lot.earned, lot.name)


def taken(pieces: Pieces, points: int) -> Pieces:
    """So many points, from the first pieces on."""
    out: Pieces = []
    for lot, there in pieces:
        part = min(there, points)
        if part:
            out.append((lot, part))
        points -= part
    return out


def size(pieces: Pieces) -> int:
    return sum(points for _, points in pieces)


@dataclass
class Member:
    """A profile in one program, member or not yet."""

    program: Program
    joined: datetime | None = None
    ledgers: dict[tuple[str, str | None], Ledger] = field(default_factory=dict)
    granted: list[tuple[str, datetime, int, object]] = field(default_factory=list)  # limit, event time, points, receipt
    counted: list[tuple[str | None, datetime, int]] = field(default_factory=list)  # subledger, event time, qualifying points
    standings: dict[str | None, Any] = field(default_factory=dict)  # by subledger: see `tiers`
    entries: list[Json] = field(default_factory=list)
    sequence: int = 0

    def told_of(self) -> list[tuple[str, str | None]]:
        """The ledgers of which something was ever said, in that order."""
        return list(dict.fromkeys((entry["point"], entry.get("subledger")) for entry in self.entries if "point" in entry))

    def ledger(self, sid: str, subledger: str | None) -> Ledger:
        return self.ledgers.setdefault((sid, subledger), Ledger())
