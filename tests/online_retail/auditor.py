"""The books added up again from `ledger-entries` alone, entry by entry and lot by lot.

Independent on purpose: it imports nothing of the product and trusts no `balance` that an entry states. It keeps every term itself
from what the entries say happened, and then asks whether each stated balance is that, whether the terms sum to what was issued,
whether no term is below zero, and whether every lot holds exactly what came into it less what went out.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

TERMS = ("active", "pending", "reserved", "redeemed", "expired", "reversed", "written_off", "debt_paid")
Entry = dict[str, Any]
ZERO = Decimal(0)

CREDITS = {"points.accrued", "points.adjusted:credit"}
MOVES = {  # from (None: the state that the lot says), to
    "points.activated": ("pending", "active"),
    "points.redeemed": ("active", "redeemed"),
    "points.redeemed:commit": ("reserved", "redeemed"),
    "points.reserved": ("active", "reserved"),
    "points.released": ("reserved", "active"),
    "points.reinstated": ("redeemed", "active"),
    "points.expired": (None, "expired"),
    "points.reversed": (None, "reversed"),
    "points.adjusted:debit": (None, "written_off"),
    "points.cancelled": ("pending", "written_off"),
}


class Books:
    """One ledger: its terms, its debt, what was issued, and where the points of each lot are."""

    def __init__(self) -> None:
        self.terms: dict[str, Decimal] = dict.fromkeys(TERMS, ZERO)
        self.debt = self.issued = ZERO
        self.lots: dict[str, dict[str, Decimal]] = {}
        self.lots_issued: dict[str, Decimal] = {}
        self.expires: dict[str, str] = {}

    def apply(self, entry: Entry) -> Iterator[str]:
        """What the entry says happened; yields what cannot be."""
        kind = _kind(entry)
        lots = entry.get("lots", [])
        if kind != "points.extended" and sum((Decimal(lot["points"]) for lot in lots), ZERO) != Decimal(entry["points"]):
            yield "the lots do not sum to the entry's points"
        for lot in lots:
            yield from self._lot(kind, lot)
            self.expires[lot["lot_id"]] = lot.get("expires_at", "")
        if "extended" in entry:
            yield from self._extended(entry["extended"], Decimal(entry["points"]))
        self.debt += Decimal(entry.get("debt_added", "0"))
        yield from self._debt_paid(Decimal(entry.get("debt_paid", "0")), lots)

    def _lot(self, kind: str, lot: Entry) -> Iterator[str]:
        lot_id, points = lot["lot_id"], Decimal(lot["points"])
        if kind in CREDITS:
            if lot_id in self.lots:
                yield f"the lot {lot_id} is issued twice"
            self.lots[lot_id] = dict.fromkeys(TERMS, ZERO)
            self.lots_issued[lot_id] = points
            self.issued += points
            self._move(lot_id, None, lot["state"], points)
        elif lot_id not in self.lots:
            yield f"the lot {lot_id} was never issued"
        elif kind in MOVES:
            source, target = MOVES[kind]
            self._move(lot_id, source or lot["state"], target, points)
        elif kind != "points.extended":
            yield f"{kind} is no move that the auditor knows"

    def _extended(self, rule: Entry, points: Decimal) -> Iterator[str]:
        """Open lots that no entry names, but all that would have expired in a time."""
        held = {
            lot_id: sum((terms[term] for term in ("active", "pending", "reserved")), ZERO) for lot_id, terms in self.lots.items()
        }
        after, until = rule["expires_after"].rstrip("Z"), rule["expires_at"].rstrip("Z")
        moved = [lot_id for lot_id in held if held[lot_id] and after < self.expires[lot_id].rstrip("Z") < until]
        for lot_id in moved:
            self.expires[lot_id] = rule["expires_at"]
        if (len(moved), sum(held[lot_id] for lot_id in moved)) != (rule["lots_omitted"], points):
            yield f"it extends {points} in {rule['lots_omitted']} lots, and the entries before say {moved}"

    def _move(self, lot_id: str, source: str | None, target: str, points: Decimal) -> None:
        for terms in (self.terms, self.lots[lot_id]):
            terms[target] += points
            if source is not None:
                terms[source] -= points

    def _debt_paid(self, paid: Decimal, lots: list[Entry]) -> Iterator[str]:
        """Points that become active pay debt first, the first lot of the entry first."""
        self.debt -= paid
        for lot in (lot for lot in lots if lot["lot_id"] in self.lots):
            part = min(paid, self.lots[lot["lot_id"]]["active"])
            self._move(lot["lot_id"], "active", "debt_paid", part)
            paid -= part
        if paid:
            yield "more debt is paid than the entry's lots hold"

    def faults(self, touched: Iterable[str]) -> Iterator[str]:
        """What does not hold: of the whole ledger, and of these lots."""
        if self.issued != sum(self.terms.values()):
            yield f"issued {self.issued} is not the sum of {self.terms}"
        if min(self.terms.values()) < 0 or self.debt < 0:
            yield f"a term is below zero: {self.terms}, debt {self.debt}"
        if self.debt and self.terms["active"]:
            yield f"debt {self.debt} beside {self.terms['active']} active"
        for lot_id in touched:
            held = self.lots[lot_id]
            if self.lots_issued[lot_id] != sum(held.values()) or min(held.values()) < 0:
                yield f"the lot {lot_id} issued {self.lots_issued[lot_id]} and holds {held}"


def _kind(entry: Entry) -> str:
    if entry["type"] == "points.adjusted":
        return f"points.adjusted:{entry['direction']}"
    if entry["type"] == "points.redeemed" and entry["cause"].get("kind") == "commit":
        return "points.redeemed:commit"
    return str(entry["type"])


def audit(lines: Iterable[bytes]) -> tuple[dict[tuple[str, str, str, str], Books], list[str]]:
    """The books of every (profile, program, point, subledger), and every fault as a sentence."""
    books: dict[tuple[str, str, str, str], Books] = defaultdict(Books)
    numbers: dict[tuple[str, str], int] = defaultdict(int)
    faults: list[str] = []
    for line in lines:
        entry = json.loads(line)
        place = f"{entry['profile_id']} {entry['program']} entry {entry['entry']} {entry['type']}: "
        numbers[entry["profile_id"], entry["program"]] += 1
        if numbers[entry["profile_id"], entry["program"]] != entry["entry"]:
            faults.append(place + "the numbers have a gap")
        if "point" not in entry:
            continue
        ledger = books[entry["profile_id"], entry["program"], entry["point"], entry.get("subledger") or ""]
        touched = [lot["lot_id"] for lot in entry.get("lots", []) if lot["lot_id"] in ledger.lots or _kind(entry) in CREDITS]
        faults += [place + fault for fault in ledger.apply(entry)]
        faults += [place + fault for fault in ledger.faults(touched)]
        stated = {term: Decimal(value) for term, value in entry["balance"].items()}
        if stated != {**ledger.terms, "debt": ledger.debt, "lifetime": ledger.issued}:
            faults.append(place + f"states {stated}, and the entries sum to {ledger.terms}, debt {ledger.debt}")
    return books, faults
