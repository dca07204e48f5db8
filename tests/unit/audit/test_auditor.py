"""The auditor is audited: it passes the golden records, and finds every way in which they could be wrong."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import LEDGER_ENTRIES
from streams.audit.accounts import Accounts, Kept
from streams.audit.auditor import RECENT, Auditor
from streams.audit.run import TOPIC
from tests.conftest import ROOT
from tests.unit.audit.made import Entries, accrual, balance, faults, lines

GOLDEN = sorted((ROOT / "tests" / "golden").glob("*/expected/ledger-entries.jsonl"))
SPENT = ROOT / "tests" / "golden" / "spent-held-and-given-back" / "expected" / "ledger-entries.jsonl"


def spent() -> Entries:
    return [json.loads(line) for line in SPENT.read_bytes().splitlines()]


def first(entries: Entries, kind: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["type"] == kind)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.parts[-3])
def test_the_golden_records_add_up(path: Path) -> None:
    assert faults(path.read_bytes().splitlines()) == []


def test_it_reads_the_topic_of_the_contract() -> None:
    assert TOPIC == LEDGER_ENTRIES


# ways to be wrong


def dropped(entries: Entries) -> None:
    entries.remove(first(entries, "points.redeemed"))


def told_again_under_the_next_number(entries: Entries) -> None:
    again = dict(entries[-1])
    entries.append(again | {"entry": again["entry"] + 1, "sequence": again["sequence"] + 1})


def told_again_otherwise(entries: Entries) -> None:
    entries.append(entries[-1] | {"description": "another"})


def a_number_under_another_id(entries: Entries) -> None:
    entries.append(entries[-1] | {"id": "0" * 32})


def an_id_that_is_none(entries: Entries) -> None:
    entries[0]["id"] = "somebody"


def the_first_is_missing(entries: Entries) -> None:
    del entries[0]


def the_sequence_falls(entries: Entries) -> None:
    entries[3]["sequence"] = entries[2]["sequence"]


def more_redeemed_than_there_was(entries: Entries) -> None:
    entry = first(entries, "points.redeemed")
    entry["lots"][0]["points"] = entry["points"] = "1000.00"


def parts_that_do_not_sum(entries: Entries) -> None:
    first(entries, "points.redeemed")["lots"][0]["points"] = "0.01"


def a_part_below_nothing(entries: Entries) -> None:
    first(entries, "points.redeemed")["lots"][0]["points"] = "-5.00"


def a_lot_of_nowhere(entries: Entries) -> None:
    first(entries, "points.reserved")["lots"][0]["lot_id"] = "nowhere.0"


def a_lot_issued_again(entries: Entries) -> None:
    accrued = [entry for entry in entries if entry["type"] == "points.accrued"]
    accrued[1]["lots"][0]["lot_id"] = accrued[0]["lots"][0]["lot_id"]


def a_lot_that_expires_in_part(entries: Entries) -> None:
    entry = first(entries, "points.expired")
    part = Decimal(entry["points"]) - Decimal("0.01")
    balance = entry["balance"]
    entry["points"] = entry["lots"][0]["points"] = str(part)
    balance["expired"] = str(Decimal(balance["expired"]) - Decimal("0.01"))
    balance["active"] = str(Decimal(balance["active"]) + Decimal("0.01"))


def debt_forgotten(entries: Entries) -> None:
    next(entry for entry in entries if "debt_added" in entry).pop("debt_added")


def debt_never_paid(entries: Entries) -> None:
    next(entry for entry in entries if "debt_paid" in entry).pop("debt_paid")


def a_cent_lost(entries: Entries) -> None:
    balance = first(entries, "points.expired")["balance"]
    balance["expired"] = str(Decimal(balance["expired"]) - Decimal("0.01"))


def a_cent_shifted(entries: Entries) -> None:
    balance = first(entries, "points.accrued")["balance"]
    balance["active"], balance["expired"] = str(Decimal(balance["active"]) - Decimal("0.01")), "0.01"


def a_cent_made(entries: Entries) -> None:
    """Every balance proves itself, and one has a cent that nobody gave."""
    for entry in entries[4:]:
        for term in ("active", "lifetime"):
            entry["balance"][term] = str(Decimal(entry["balance"][term]) + Decimal("0.01"))


def a_term_below_nothing(entries: Entries) -> None:
    balance = first(entries, "points.accrued")["balance"]
    balance["active"], balance["expired"] = str(Decimal(balance["lifetime"]) + 1), "-1.00"


def debt_beside_points(entries: Entries) -> None:
    first(entries, "points.accrued")["balance"]["debt"] = "5.00"


def another_scale(entries: Entries) -> None:
    first(entries, "points.expired")["points"] += "0"


def no_amount(entries: Entries) -> None:
    first(entries, "points.expired")["points"] = "ten.00"


def a_move_unheard_of(entries: Entries) -> None:
    first(entries, "points.reserved")["type"] = "points.gilded"


def no_balance(entries: Entries) -> None:
    first(entries, "points.reserved").pop("balance")


def a_rule_that_gave_more(entries: Entries) -> None:
    first(entries, "points.accrued")["rules"][0]["points"] = "999.00"


def no_entry(entries: Entries) -> None:
    entries[2].pop("type")


WRONG: dict[str, tuple[Callable[[Entries], None], str]] = {
    "an entry is missing": (dropped, "what is between is missing"),
    "the first entry is missing": (the_first_is_missing, "is the first of its numbers"),
    "an entry is told again under the next number": (told_again_under_the_next_number, "has the id of entry"),
    "an entry is told again with other content": (told_again_otherwise, "was here before with other content"),
    "another entry has its number": (a_number_under_another_id, "was here before under another id"),
    "an id is no hash": (an_id_that_is_none, "has an id that is not 32 hex digits"),
    "the sequence does not rise": (the_sequence_falls, "has sequence"),
    "more is redeemed than there was": (more_redeemed_than_there_was, "takes 1000.00 active of the lot"),
    "an entry's parts do not sum to it": (parts_that_do_not_sum, "is about 123.50 points, and its lots sum to 3.26"),
    "a part is below nothing": (a_part_below_nothing, "moves -5.00 of the lot"),
    "a lot comes from nowhere": (a_lot_of_nowhere, "takes points of the lot nowhere.0, which no entry before it has made"),
    "a lot is issued twice": (a_lot_issued_again, "again"),
    "a lot expires, and something is left of it": (a_lot_that_expires_in_part, "active of the lot"),
    "debt is forgotten": (debt_forgotten, "states debt"),
    "debt is never paid": (debt_never_paid, "pays 0.00 of a debt of"),
    "a cent is lost": (a_cent_lost, "its terms sum to"),
    "a cent is shifted": (a_cent_shifted, "states active"),
    "a cent is made": (a_cent_made, "states active"),
    "a term is below nothing": (a_term_below_nothing, "states expired -1.00"),
    "somebody owes points and has some": (debt_beside_points, "states debt 5.00 beside active"),
    "an amount has another scale": (another_scale, "has not the 2 decimals of its ledger"),
    "an amount is none": (no_amount, "is no amount of scale 2"),
    "a type is unheard of": (a_move_unheard_of, "of a type that the auditor does not know (points.gilded)"),
    "a balance is missing": (no_balance, "states no balance"),
    "the rules gave more than there is": (a_rule_that_gave_more, "has rules that gave 999.00"),
    "a record is no entry": (no_entry, "is no entry that anybody could read"),
}


@pytest.mark.parametrize(("spoil", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_found(spoil: Callable[[Entries], None], sentence: str) -> None:
    entries = spent()
    spoil(entries)
    found = faults(lines(entries))
    assert found, "nothing was found"
    assert sentence in found[0], found[0]


def test_one_mistake_is_told_once_and_the_next_one_too() -> None:
    entries = spent()
    first(entries, "points.reserved")["lots"][0]["lot_id"] = "nowhere.0"
    entries[-1]["balance"]["expired"] = str(Decimal(entries[-1]["balance"]["expired"]) + 1)
    found = faults(lines(entries))
    assert [text.partition(" ")[0] for text in found] == ["entry", "entry"]
    assert "nowhere.0" in found[0]
    assert "its terms sum to" in found[1]


def test_the_same_entries_told_again_are_counted_and_change_nothing() -> None:
    told = SPENT.read_bytes().splitlines()
    auditor = Auditor(Accounts())
    assert [auditor.check(line) for line in [*told, *told[-5:]]] == [None] * (len(told) + 5)
    assert (auditor.entries, auditor.repeated, auditor.violations) == (len(told) + 5, 5, 0)


def test_a_record_under_another_key_is_found() -> None:
    line = SPENT.read_bytes().splitlines()[0]
    owner = json.loads(line)["profile_id"].encode()
    assert Auditor(Accounts()).check(line, owner) is None
    found = Auditor(Accounts()).check(line, b"somebody")
    assert found is not None
    assert "lies under a key that is not its profile" in str(found)


def test_no_sentence_names_the_person() -> None:
    entries = spent()
    for entry in entries:
        entry["profile_id"] = "Mary Smith"
    dropped(entries)
    assert not any("Mary" in fault for fault in faults(lines(entries)))


# what it keeps


@pytest.mark.parametrize("memory_bytes", [1, 256 * 1024 * 1024], ids=["on disk", "in memory"])
def test_it_goes_on_where_it_has_kept(tmp_path: Path, memory_bytes: int) -> None:
    told = [line for path in GOLDEN for line in path.read_bytes().splitlines()]
    for number in range(0, len(told), 9):
        accounts = Accounts(tmp_path / "state", memory_bytes)
        assert accounts.kept().entries == number
        assert faults(told[number : number + 9], accounts) == []
        accounts.keep(Kept(entries=number + 9))
        accounts.close()


def test_what_comes_again_too_late_to_be_known_is_said_to() -> None:
    entries = [accrual(number) for number in range(1, RECENT + 2)]
    assert faults(lines([*entries, entries[1]])) == []
    found = faults(lines([*entries, entries[0]]))
    assert len(found) == 1
    assert "too late to know whether it is the same" in found[0]


def test_lots_that_an_entry_extends_by_a_rule_are_those_that_the_rule_is_about() -> None:
    dates = ["2024-03-01T00:00:00Z", "2024-03-05T00:00:00Z", "2024-03-09T00:00:00.5Z", None]
    entries = [accrual(number) for number in range(1, 5)]
    for entry, date in zip(entries, dates, strict=True):
        entry["lots"][0] |= {} if date is None else {"expires_at": date}

    def extended(number: int, after: str, until: str, lots: int) -> dict[str, Any]:
        rule = {"lots_omitted": lots, "expires_after": after, "expires_at": until}
        return accrual(number) | {
            "type": "points.extended",
            "points": str(lots),
            "lots": [],
            "extended": rule,
            "balance": balance(active=4, lifetime=4),
        }

    entries.append(extended(5, "2024-03-01T00:00:00Z", "2024-03-09T00:00:00Z", 1))
    entries.append(extended(6, "2024-03-01T00:00:00Z", "2024-04-01T00:00:00Z", 2))
    assert faults(lines(entries)) == []
    found = faults(lines([*entries, extended(7, "2024-03-01T00:00:00Z", "2024-05-01T00:00:00Z", 3)]))
    assert len(found) == 1
    assert "extends 3 lots, and by its rule these are 2" in found[0]
