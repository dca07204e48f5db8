"""Where points came from and went: claims over hand-written entries."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.errors import WrongUsage
from streams.provenance.entries import FILE, Entry, entries_of
from streams.provenance.machines import as_json
from streams.provenance.select import NothingThereError, Wanted, select
from streams.provenance.trace import Ledger, Program, told, trace
from streams.provenance.words import origin, when, why
from tests.unit.streams.shop import write_lines

TERMS = ("active", "pending", "reserved", "redeemed", "expired", "reversed", "written_off", "debt_paid", "debt", "lifetime")
SALE = {"topic": "purchases", "kind": "sale", "application": "pos", "receipt_id": "R1", "revision": 1}
RETURN = {"topic": "purchases", "kind": "return", "application": "pos", "receipt_id": "R1", "return_id": "T1"}
EXPIRY = {"timer": "expiry", "due_at": "2024-01-09T00:00:00Z"}


def redemption(kind: str = "redeem") -> dict[str, Any]:
    return {"topic": "redemptions", "kind": kind, "redemption_id": "D1"}


def part(lot_id: str, points: int, state: str = "active", **more: Any) -> dict[str, Any]:
    return {"lot_id": lot_id, "points": str(points), "state": state, **more}


def balance(**terms: int) -> dict[str, str]:
    return {term: str(terms.get(term, 0)) for term in TERMS}


class Told:
    """Entries of p1, numbered as they are told."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def __call__(self, kind: str, cause: dict[str, Any], lots: list[dict[str, Any]], after: dict[str, str], **more: Any) -> None:
        number = len(self.entries) + 1
        points = str(sum(int(lot["points"]) for lot in lots))
        told = {"type": f"points.{kind}", "cause": cause, "lots": lots, "balance": after, "points": points, "point": "pts"}
        self.entries.append({**envelope(number), **told, **more})

    def traced(self) -> dict[str, Program]:
        return trace(entries(self.entries))


def envelope(number: int, profile_id: str = "p1") -> dict[str, Any]:
    at = f"2024-01-{number:02}T12:00:00Z"
    names = {"id": f"e{number}", "program": "shop", "profile_id": profile_id, "occurred_at": at, "recorded_at": at}
    return {**names, "sequence": number, "entry": number}


def entries(records: list[dict[str, Any]]) -> Iterator[Entry]:
    import msgspec

    return iter(msgspec.json.decode(json.dumps(records), type=list[Entry]))


@pytest.fixture
def history() -> Told:
    """Thirty points of a receipt and ten by hand, and everything that can happen to them."""
    tell = Told()
    rules = [{"rule": "base", "points": "20"}, {"rule": "gift", "points": "10"}]
    tell(
        "accrued",
        SALE,
        [part("L1", 20, receipt_id="R1"), part("L2", 10, "pending", receipt_id="R1", line_id="2")],
        balance(active=20, pending=10, lifetime=30),
        rules=rules,
    )
    tell("redeemed", redemption(), [part("L1", 15)], balance(active=5, pending=10, redeemed=15, lifetime=30))
    tell(
        "reversed",
        RETURN,
        [part("L2", 10, "pending"), part("L1", 5)],
        balance(redeemed=15, reversed=15, debt=8, lifetime=30),
        debt_added="8",
    )
    adjustment = {"topic": "adjustments", "kind": "adjustment", "adjustment_id": "A1"}
    tell(
        "adjusted",
        adjustment,
        [part("L3", 10)],
        balance(active=2, redeemed=15, reversed=15, debt_paid=8, lifetime=40),
        direction="credit",
        reason="goodwill",
        debt_paid="8",
    )
    tell(
        "reserved",
        redemption("reserve"),
        [part("L3", 2)],
        balance(reserved=2, redeemed=15, reversed=15, debt_paid=8, lifetime=40),
    )
    tell(
        "redeemed", redemption("commit"), [part("L3", 1)], balance(reserved=1, redeemed=16, reversed=15, debt_paid=8, lifetime=40)
    )
    tell(
        "released", redemption("release"), [part("L3", 1)], balance(active=1, redeemed=16, reversed=15, debt_paid=8, lifetime=40)
    )
    tell(
        "reinstated",
        redemption("rollback"),
        [part("L1", 3)],
        balance(active=4, redeemed=13, reversed=15, debt_paid=8, lifetime=40),
    )
    tell("expired", EXPIRY, [part("L1", 3)], balance(active=1, redeemed=13, expired=3, reversed=15, debt_paid=8, lifetime=40))
    tell(
        "extended",
        SALE,
        [part("L3", 1, expires_at="2025-01-01T00:00:00Z")],
        balance(active=1, redeemed=13, expired=3, reversed=15, debt_paid=8, lifetime=40),
    )
    tell(
        "adjusted",
        adjustment,
        [part("L3", 1)],
        balance(redeemed=13, expired=3, reversed=15, written_off=1, debt_paid=8, lifetime=40),
        direction="debit",
    )
    return tell


def only(programs: dict[str, Program]) -> Ledger:
    (ledger,) = programs["shop"].ledgers.values()
    return ledger


def test_every_point_of_every_lot_is_somewhere(history: Told) -> None:
    ledger = only(history.traced())
    assert ledger.faults == []
    assert {name: told(lot.held) for name, lot in ledger.lots.items()} == {
        "L1": "12 redeemed + 3 expired + 5 reversed",
        "L2": "10 reversed",
        "L3": "1 redeemed + 1 written off + 8 debt paid",
    }


def test_a_lot_tells_where_it_went_in_order(history: Told) -> None:
    lots = only(history.traced()).lots
    assert [(move.what, int(move.points), move.entry.entry) for move in lots["L1"].moves] == [
        ("redeemed", 15, 2),
        ("taken back", 5, 3),
        ("reinstated", 3, 8),
        ("expired", 3, 9),
    ]
    assert [(move.what, int(move.points), move.entry.entry) for move in lots["L3"].moves] == [
        ("paid debt", 8, 4),
        ("reserved", 2, 5),
        ("committed", 1, 6),
        ("released", 1, 7),
        ("extended", 1, 10),
        ("debited", 1, 11),
    ]
    assert lots["L3"].expires_at is None  # as the debit, the last entry, tells it


def test_a_lot_tells_where_it_came_from(history: Told) -> None:
    lots = only(history.traced()).lots
    assert origin(lots["L2"]) == "receipt R1, line 2; base 20, gift 10 (among 2 lots)"
    assert origin(lots["L3"]) == "adjustment A1 (goodwill)"


def test_a_rule_that_says_which_lot_and_which_lines_is_told_with_them(history: Told) -> None:
    base, gift = history.entries[0]["rules"]
    history.entries[0]["rules"] = [base | {"lot_id": "L1"}, gift | {"lot_id": "L2", "lines": ["2", "x7"]}]
    lots = only(history.traced()).lots
    assert origin(lots["L1"]) == "receipt R1, every line; base 20"
    assert origin(lots["L2"]) == "receipt R1, line 2; gift 10 for lines 2 x7"
    history.entries[0]["rules"] = [base | {"lot_id": "L1", "lines": ["3"]}, gift | {"lot_id": "L1"}]
    assert origin(only(history.traced()).lots["L1"]) == "receipt R1; base 20 for line 3, gift 10 for every line"


def extended_by_rule(**more: Any) -> Told:
    """Three lots, of which all that would have expired between the 9th and the 20th are extended twice, and not named."""
    tell = Told()
    for number, expires_at in ((1, "2024-01-10T00:00:00Z"), (2, "2024-01-20T00:00:00Z"), (3, "2024-01-10T00:00:00.5Z")):
        tell("accrued", SALE, [part(f"L{number}", 10, expires_at=expires_at)], balance(active=10 * number, lifetime=10 * number))
    for after, until in (("2024-01-09T00:00:00Z", "2024-01-20T00:00:00Z"), ("2024-01-10T00:00:00Z", "2024-01-20T00:00:00.25Z")):
        rule = {"lots_omitted": 2 if until.endswith("00Z") else 3, "expires_after": after, "expires_at": until}
        points = {"points": "20" if until.endswith("00Z") else "30"}
        tell("extended", SALE, [], balance(active=30, lifetime=30), **points, extended=rule | more)
    return tell


def test_lots_that_a_rule_has_extended_are_found_by_it() -> None:
    ledger = only(extended_by_rule().traced())
    assert ledger.faults == []
    assert {lot.expires_at for lot in ledger.lots.values()} == {"2024-01-20T00:00:00.25Z"}
    moves = {lot_id: [(move.what, move.entry.entry, move.times) for move in lot.moves] for lot_id, lot in ledger.lots.items()}
    assert moves == {"L1": [("extended", 5, 2)], "L2": [("extended", 5, 1)], "L3": [("extended", 5, 2)]}
    (shown,) = select(extended_by_rule().traced(), Wanted(lot="L2"))
    assert [entry.entry for entry in shown.entries] == [2, 5]
    told = as_json("p1", [shown], {})["programs"][0]["ledgers"][0]
    assert told["entries"][1]["extended"]["lots_omitted"] == 3
    assert [move["expires_at"] for move in told["lots"][0]["moves"]] == ["2024-01-20T00:00:00.25Z"]


def test_a_rule_that_other_lots_go_by_is_said() -> None:
    faults = only(extended_by_rule(lots_omitted=4).traced()).faults
    assert faults == [
        "entry 4: it extends 20 in 4 lots, and by its rule these are 20 in 2",
        "entry 5: it extends 30 in 4 lots, and by its rule these are 30 in 3",
    ]


CAUSES = [
    (SALE, "receipt R1"),
    (SALE | {"revision": 2}, "receipt R1, revision 2"),
    (SALE | {"kind": "cancel"}, "cancel of receipt R1"),
    (RETURN, "return T1 of receipt R1"),
    (redemption(), "redemption D1"),
    (redemption("rollback") | {"part": "x"}, "rollback of redemption D1, part x"),
    (EXPIRY, "its time was over"),
    ({"timer": "activation", "due_at": "x"}, "its time had come"),
    ({"topic": "pixels", "kind": "delivered", "event_id": "E1"}, "pixel delivered E1"),
    ({"topic": "profiles", "kind": "erase", "updated_at": "x"}, "erasure"),
    ({"a": "thing", "of": "tomorrow"}, "a thing, of tomorrow"),
]


@pytest.mark.parametrize(("cause", "words"), CAUSES, ids=[words for _, words in CAUSES])
def test_a_cause_in_words(cause: dict[str, Any], words: str) -> None:
    (entry,) = entries([{**envelope(1), "type": "points.accrued", "cause": cause}])
    assert why(entry) == words


def test_an_instant_keeps_its_seconds_only_where_there_are_some() -> None:
    assert when("2024-01-02T03:04:00Z") == "2024-01-02 03:04"
    assert when("2024-01-02T03:04:05.5Z") == "2024-01-02 03:04:05.5"
    assert when(None) == ""


def test_an_entry_that_is_missing_is_found(history: Told) -> None:
    del history.entries[1]
    programs = history.traced()
    assert programs["shop"].faults == ["entry 3 follows entry 1: something is missing or doubled"]
    assert only(programs).faults[0] == "entry 3: it states active 0, and the entries up to it sum to 15"


WRONG: dict[str, tuple[int, dict[str, Any], str]] = {
    "a lot that nobody made": (1, {"lots": [part("L9", 15)]}, "entry 2: no entry before it has made the lot L9"),
    "a lot made twice": (3, {"lots": [part("L1", 10)]}, "entry 4: the lot L1 was there before"),
    "parts that do not sum": (1, {"points": "16"}, "entry 2: its lots do not sum to its points"),
    "debt paid out of nothing": (3, {"debt_paid": "11"}, "entry 4: it pays 1 more of the debt than its lots hold"),
    "a type of tomorrow": (4, {"type": "points.gilded"}, "entry 5: points.gilded is of a newer version of pointstream"),
    "a balance that differs": (10, {"balance": balance(active=1)}, "entry 11: it states active 1, and the entries up to it sum to 0"),
    "more spent than a lot had": (
        1,
        {"lots": [part("L1", 25)], "points": "25"},
        "the lot L1 issued 20 and is now -10 active + 22 redeemed + 3 expired + 5 reversed",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("place", "fault", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_what_does_not_add_up_is_said(history: Told, place: int, fault: dict[str, Any], sentence: str) -> None:
    history.entries[place].update(fault)
    assert sentence in only(history.traced()).faults


# what is shown


def test_a_lot_is_found_by_the_beginning_of_its_id(history: Told) -> None:
    (shown,) = select(history.traced(), Wanted(lot="L2"))
    assert [entry.entry for entry in shown.entries] == [1, 3]
    assert [lot.lot_id for lot in shown.lots] == ["L2"]
    with pytest.raises(NothingThereError, match="3 lots that begin with L: L1, L2, L3"):
        select(history.traced(), Wanted(lot="L"))
    with pytest.raises(NothingThereError, match="no lot X"):
        select(history.traced(), Wanted(lot="X"))


def test_an_entry_is_shown_with_the_lots_that_it_speaks_of(history: Told) -> None:
    (shown,) = select(history.traced(), Wanted(entry=3))
    assert [entry.entry for entry in shown.entries] == [3]
    assert [lot.lot_id for lot in shown.lots] == ["L1", "L2"]
    with pytest.raises(NothingThereError, match="no entry 12 that moves points; its entries are 1 to 11"):
        select(history.traced(), Wanted(entry=12))


def test_a_program_that_it_has_no_entries_in(history: Told) -> None:
    with pytest.raises(NothingThereError, match="no entry of program club, but of shop"):
        select(history.traced(), Wanted(programs=("club",)))


# the file


def test_only_the_profiles_own_entries_are_decoded(tmp_path: Path) -> None:
    others = ["not even JSON", json.dumps({**envelope(1, "p2"), "description": '"p1"'})]
    mine = [{**envelope(n), "type": "membership.joined", "cause": SALE} for n in (1, 2)]
    write_lines(tmp_path / FILE, others[0], json.dumps(mine[0]), json.dumps(mine[1]))
    assert [entry.entry for entry in entries_of(tmp_path, "p1")] == [1, 2]
    write_lines(tmp_path / FILE, json.dumps(mine[0]), '{"profile_id": "p1"}')
    with pytest.raises(WrongUsage, match=f"{FILE}:2 is no ledger entry"):
        [*entries_of(tmp_path, "p1")]


@pytest.mark.parametrize("name", ["Zoë", 'a "quoted" one', "tab\\t", "日本"])
def test_a_profile_is_found_however_its_name_is_spelled(tmp_path: Path, name: str) -> None:
    record = {**envelope(1, name), "type": "membership.joined", "cause": SALE}
    for ascii_only in (True, False):
        write_lines(tmp_path / FILE, json.dumps(record, ensure_ascii=ascii_only))
        assert len([*entries_of(tmp_path, name)]) == 1
