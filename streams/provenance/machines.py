"""A profile's ledger as one JSON object: the same that people are shown, with ids in full. Pure.

`lots` of a ledger say where each lot came from (`from`) and where it went (`moves`), `now` where its points are. Every part of an
entry names what its lot came from, so that for a redeemed or expired point nothing else has to be looked up.
"""

from decimal import Decimal
from typing import Any

from msgspec import structs

from streams.provenance.entries import Entry, LotPart, RulePart
from streams.provenance.select import Shown
from streams.provenance.trace import TERMS, Ledger, Lot, Move, Program, word


def as_json(profile_id: str, shown: list[Shown], programs: dict[str, Program]) -> dict[str, Any]:
    """Programs with their ledgers, entries and lots; `faults` are all of the profile's, shown or not."""
    by_program: dict[str, list[Shown]] = {}
    for part in shown:
        by_program.setdefault(part.program.program, []).append(part)
    return {
        "profile_id": profile_id,
        "programs": [
            {"program": name, "joined_at": _joined(parts[0].program), "ledgers": [_ledger(part) for part in parts]}
            for name, parts in by_program.items()
        ],
        "faults": faults(programs),
    }


def faults(programs: dict[str, Program]) -> list[str]:
    """Everything that does not add up, as sentences."""
    found: list[str] = []
    for name, program in sorted(programs.items()):
        found += [f"{name}: {fault}" for fault in program.faults]
        for ledger in program.ledgers.values():
            found += [f"{name} {ledger.name}: {fault}" for fault in ledger.faults]
    return found


def _joined(program: Program) -> str | None:
    return None if program.joined is None else program.joined.occurred_at


def _ledger(part: Shown) -> dict[str, Any]:
    ledger = part.ledger
    return {
        "point": ledger.point,
        "subledger": ledger.subledger,
        "sums": _amounts(ledger.sums()),
        "entries": [_entry(ledger, entry) for entry in part.entries],
        "lots": [_lot(lot) for lot in part.lots],
    }


def _entry(ledger: Ledger, entry: Entry) -> dict[str, Any]:
    balance = entry.balance
    told = {
        "entry": entry.entry,
        "id": entry.id,
        "sequence": entry.sequence,
        "occurred_at": entry.occurred_at,
        "type": entry.type,
        "what": word(entry),
        "points": _text(entry.points),
        "cause": entry.cause,
        "reason": entry.reason,
        "withheld": _text(entry.withheld) if entry.withheld else None,
        "debt_added": _text(entry.debt_added) if entry.debt_added else None,
        "debt_paid": _text(entry.debt_paid) if entry.debt_paid else None,
        "lots": [_part(ledger, entry, part) for part in entry.lots],
        "extended": None if entry.extended is None else structs.asdict(entry.extended),
        "balance": None if balance is None else {term: _text(getattr(balance, term)) for term in (*TERMS, "debt", "lifetime")},
    }
    return _present(told)


def _part(ledger: Ledger, entry: Entry, part: LotPart) -> dict[str, Any]:
    lot = ledger.lots.get(part.lot_id)
    told = {"lot_id": part.lot_id, "points": _text(part.points)}
    return told if lot is None or lot.born is entry else told | {"from": _origin(lot)}


def _lot(lot: Lot) -> dict[str, Any]:
    return {
        "lot_id": lot.lot_id,
        "issued": _text(lot.issued),
        "activates_at": lot.activates_at,
        "expires_at": lot.expires_at,
        "from": _origin(lot),
        "moves": [_move(move) for move in lot.moves],
        "now": _amounts(lot.held),
    }


def _origin(lot: Lot) -> dict[str, Any]:
    """Receipt, line, rules, promotion, …: what of these there is."""
    entry = lot.born
    origin = {
        "entry": entry.entry,
        "type": entry.type,
        "occurred_at": entry.occurred_at,
        "cause": entry.cause,
        "receipt_id": lot.part.receipt_id,
        "line_id": lot.part.line_id,
        "rules": [_rule(lot, rule) for rule in lot.rules] or None,
        "promotion": entry.promotion,
        "scenario": entry.scenario,
        "reason": entry.reason,
        "legal_entity": entry.legal_entity,
        "description": entry.description,
    }
    return _present(origin)


def _rule(lot: Lot, rule: RulePart) -> dict[str, Any]:
    told: dict[str, Any] = {"rule": rule.rule, "points": _text(rule.points)}
    if rule.lines:
        return told | {"lines": [*rule.lines]}
    if lot.of_receipt:
        return told | ({"lines": [lot.part.line_id]} if lot.part.line_id else {"every_line": True})
    return told


def _move(move: Move) -> dict[str, Any]:
    told = {
        "entry": move.entry.entry,
        "occurred_at": move.entry.occurred_at,
        "what": move.what,
        "points": _text(move.points),
        "cause": move.entry.cause,
        "reason": move.entry.reason,
        "expires_at": move.expires_at,
        "times": move.times if move.times > 1 else None,
    }
    return _present(told)


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _amounts(points: dict[str, Decimal]) -> dict[str, str]:
    return {term: _text(value) for term, value in points.items()}


def _text(points: Decimal) -> str:
    return f"{points:f}"
