"""The auditor of the real receipts is audited itself: it passes the golden records and finds every way in which they could be wrong."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.online_retail.auditor import audit

GOLDEN = sorted((ROOT / "tests" / "golden").glob("*/expected/ledger-entries.jsonl"))
SPENT = ROOT / "tests" / "golden" / "spent-held-and-given-back" / "expected" / "ledger-entries.jsonl"
Entries = list[dict[str, Any]]


def lines(entries: Entries) -> list[bytes]:
    return [json.dumps(entry).encode() for entry in entries]


def first(entries: Entries, kind: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["type"] == kind)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.parts[-3])
def test_the_golden_records_add_up(path: Path) -> None:
    books, faults = audit(path.read_bytes().splitlines())
    assert faults == []
    assert books


def dropped(entries: Entries) -> None:
    entries.remove(first(entries, "points.redeemed"))


def told_twice(entries: Entries) -> None:
    entries.insert(4, entries[3])


def more_redeemed_than_there_was(entries: Entries) -> None:
    lot = first(entries, "points.redeemed")["lots"][0]
    lot["points"] = "1000.00"


def a_lot_of_nowhere(entries: Entries) -> None:
    first(entries, "points.reserved")["lots"][0]["lot_id"] = "nowhere.0"


def debt_forgotten(entries: Entries) -> None:
    next(entry for entry in entries if "debt_added" in entry).pop("debt_added")


def debt_never_paid(entries: Entries) -> None:
    next(entry for entry in entries if "debt_paid" in entry).pop("debt_paid")


def a_cent_lost(entries: Entries) -> None:
    balance = first(entries, "points.expired")["balance"]
    balance["expired"] = str(Decimal(balance["expired"]) - Decimal("0.01"))


def a_move_unheard_of(entries: Entries) -> None:
    first(entries, "points.reserved")["type"] = "points.gilded"


WRONG: dict[str, tuple[Callable[[Entries], None], str]] = {
    "an entry is missing": (dropped, "the numbers have a gap"),
    "an entry is told twice": (told_twice, "the numbers have a gap"),
    "more is redeemed than there was": (more_redeemed_than_there_was, "a term is below zero"),
    "a lot comes from nowhere": (a_lot_of_nowhere, "the lot nowhere.0 was never issued"),
    "debt is forgotten": (debt_forgotten, "and the entries sum to"),
    "debt is never paid": (debt_never_paid, " beside "),
    "a cent is lost": (a_cent_lost, "and the entries sum to"),
    "a move is unheard of": (a_move_unheard_of, "points.gilded is no move that the auditor knows"),
}


@pytest.mark.parametrize(("spoil", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_found(spoil: Callable[[Entries], None], sentence: str) -> None:
    entries = [json.loads(line) for line in SPENT.read_bytes().splitlines()]
    spoil(entries)
    _, faults = audit(lines(entries))
    assert any(sentence in fault for fault in faults), faults
