"""`pointstream ledger` as a user runs it over a replay: where the points of a profile came from and went."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.cli.main import run
from streams.provenance.entries import FILE
from tests.unit.streams.shop import line, program, sale, write_lines


@pytest.fixture
def replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Two receipts of p1, the first of which expires after five days, and one of somebody else."""
    records = [line(sale("R1")), line(sale("R9", profile_id="p[2]")), line(sale("R2", at="2024-01-04T09:30:15Z", price="7.00"))]
    inputs = write_lines(tmp_path / "in.jsonl", *records)
    arguments = [
        "--program",
        program(tmp_path),
        "--input",
        inputs,
        "--output",
        tmp_path / "out",
        "--until",
        "2024-01-07T00:00:00Z",
    ]
    assert run([str(argument) for argument in ("replay", *arguments)]) == 0
    capsys.readouterr()
    return tmp_path / "out"


def say(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = run(["ledger", *(str(argument) for argument in arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_ledger_for_people(replayed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = say(capsys, "p1", "--output", replayed)
    assert (code, err) == (0, "")
    rows = [" ".join(text.split()) for text in out.splitlines()]
    assert rows[0] == "p1 in shop, a member since 2024-01-01 12:00; times are UTC"
    assert "2 2024-01-01 12:00 accrued +10 10 receipt R1" in rows
    assert "3 2024-01-04 09:30:15 accrued +7 17 receipt R2" in rows
    assert "4 2024-01-06 12:00 expired −10 7 its time was over; of receipt R1, line 1" in rows
    assert "│ ├── from receipt R1, line 1; base 10; 2024-01-01 12:00, entry 2" in rows
    assert "│ └── 10 expired 2024-01-06 12:00, its time was over, entry 4" in rows
    assert "├── from receipt R2, line 1; base 7; 2024-01-04 09:30:15, entry 3" in rows
    assert rows[-1] == "2 lots: 17 issued = 7 active + 10 expired ✓ nothing is missing: so states entry 4, too"


def test_a_name_with_brackets_is_shown_as_it_is(replayed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert say(capsys, "p[2]", "--output", replayed)[1].startswith("p[2] in shop")


def test_the_ledger_for_a_machine(replayed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, "p1", "--output", replayed, "--json")
    shown = json.loads(out)
    ((ledger,),) = [found["ledgers"] for found in shown["programs"]]
    assert (code, shown["faults"], ledger["sums"]["lifetime"]) == (0, [], "17")
    assert [(entry["what"], entry["points"], entry["balance"]["active"]) for entry in ledger["entries"]] == [
        ("accrued", "10", "10"),
        ("accrued", "7", "17"),
        ("expired", "10", "7"),
    ]
    (expired,) = ledger["entries"][-1]["lots"]
    assert (expired["from"]["receipt_id"], expired["from"]["line_id"]) == ("R1", "1")
    assert expired["from"]["rules"] == [{"rule": "base", "points": "10", "lines": ["1"]}]
    first, second = ledger["lots"]
    assert [move["what"] for move in first["moves"]] == ["expired"]
    assert (second["moves"], second["now"]["active"]) == ([], "7")


def test_a_program_is_named_by_its_name_or_its_file(replayed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everything = say(capsys, "p1", "--output", replayed)
    assert say(capsys, "p1", "--output", replayed, "--program", "shop") == everything
    assert say(capsys, "p1", "--output", replayed, "--program", replayed.parent / "shop.yaml") == everything


def test_books_that_do_not_add_up_end_with_1(replayed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = [text for text in (replayed / FILE).read_text(encoding="utf-8").splitlines() if '"R2"' not in text]
    write_lines(replayed / FILE, *kept)
    code, out, err = say(capsys, "p1", "--output", replayed)
    assert code == 1
    assert "wrong: " in out
    assert err.splitlines()[0] == "pointstream: ledger: shop: entry 4 follows entry 2: something is missing or doubled"


@pytest.mark.parametrize("as_kept", [lambda said: b"\xef\xbb\xbf" + said, gzip.compress], ids=["a byte order mark", "gzip"])
def test_the_file_is_read_as_replay_and_audit_read_theirs(
    replayed: Path, capsys: pytest.CaptureFixture[str], as_kept: Callable[[bytes], bytes]
) -> None:
    before = say(capsys, "p1", "--output", replayed)
    file = replayed / FILE
    file.write_bytes(as_kept(file.read_bytes()))
    assert say(capsys, "p1", "--output", replayed) == before
    assert run(["audit", "--input", str(file)]) == 0


def test_a_run_that_went_on_from_anothers_state_is_read_behind_it(
    replayed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (replayed / FILE).read_text(encoding="utf-8").splitlines()
    parts = tmp_path / "1", tmp_path / "2"
    for folder, lines in zip(parts, (whole[:3], whole[3:]), strict=True):
        folder.mkdir()
        write_lines(folder / FILE, *lines)
    assert say(capsys, "p1", "--output", parts[0], "--output", parts[1]) == say(capsys, "p1", "--output", replayed)
    code, _, err = say(capsys, "p1", "--output", parts[1])
    assert code == 1
    assert "shop: its entries begin with 3; those before are in the output of an earlier run" in err


def test_what_is_not_there_is_one_sentence(replayed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    refusals = [
        (1, ("nobody", "--output", replayed), f"{replayed} has no entry of a profile nobody"),
        (2, ("p1", "--output", tmp_path / "nowhere"), f"there is no folder {tmp_path / 'nowhere'}"),
        (2, ("p1", "--output", empty), f"there is no {FILE} in {empty}"),
        (1, ("p1", "--output", replayed, "--lot", "x"), "p1 has no lot x"),
        (1, ("p1", "--output", replayed, "--entry", "9"), "p1 has no entry 9 that moves points; its entries are 1 to 4"),
        (1, ("p1", "--output", replayed, "--program", "club"), "p1 has no entry of program club, but of shop"),
    ]
    for code, arguments, sentence in refusals:
        found, out, err = say(capsys, *arguments)
        assert (found, out, err.count("\n")) == (code, "", 1), arguments
        assert sentence in err


SEVERAL = """
program: shop
timezone: UTC
environment: sandbox
effective_from: 2000-01-01T00:00:00Z
applications: [pos]
currency: EUR
points: [{sid: pts}]
earning:
  - {rule: base, rate: {points: "1", per: "1.00"}}
  - {rule: coffee, multiplier: "3", lines: {category: coffee}, expiration: 30 days}
  - {rule: gift, fixed: {points: "5", per: line}, lines: {category: toys}}
"""


def test_where_a_receipt_makes_several_lots_each_tells_its_own_rules_and_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bought = [
        {"sku": "A", "quantity": 1, "unit_price": "10.00"},
        {"sku": "B", "quantity": 2, "unit_price": "3.00", "category": "coffee", "line_id": "x7"},
        {"sku": "C", "quantity": 1, "unit_price": "4.00", "category": "toys"},
    ]
    inputs = write_lines(tmp_path / "in.jsonl", line(sale("R1", lines=bought)))
    arguments = ["--program", program(tmp_path, SEVERAL), "--input", inputs, "--output", tmp_path / "out"]
    assert run([str(argument) for argument in ("replay", *arguments)]) == 0
    capsys.readouterr()
    out = say(capsys, "p1", "--output", tmp_path / "out")[1]
    assert "from receipt R1; base 20 for every line, gift 5 for line 3; " in out
    assert "from receipt R1, line x7; coffee 12; " in out


def test_a_redeemed_point_is_traced_to_its_lot_receipt_lines_and_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [{"sku": "A", "quantity": 1, "unit_price": "4.00"}, {"sku": "B", "quantity": 1, "unit_price": "6.00"}]
    redeem = {
        "redemption_id": "D1",
        "profile_id": "p1",
        "program": "shop",
        "points": "12",
        "requested_at": "2024-01-03T12:00:00Z",
    }
    records = [line(sale("R1")), line(sale("R2", at="2024-01-02T12:00:00Z", lines=lines))]
    inputs = write_lines(tmp_path / "in.jsonl", *records, json.dumps({"topic": "redemptions", "value": redeem}))
    arguments = ["--program", program(tmp_path), "--input", inputs, "--output", tmp_path / "out"]
    assert run([str(argument) for argument in ("replay", *arguments)]) == 0
    capsys.readouterr()
    rows = [" ".join(text.split()) for text in say(capsys, "p1", "--output", tmp_path / "out", "--entry", "4")[1].splitlines()]
    assert "4 2024-01-03 12:00 redeemed −12 8 redemption D1; 10 of receipt R1, line 1, 2 of receipt R2" in rows
    assert any("from receipt R1, line 1; base 10; " in row for row in rows)
    assert any("from receipt R2, every line; base 10; " in row for row in rows)
    told = json.loads(say(capsys, "p1", "--output", tmp_path / "out", "--entry", "4", "--json")[1])
    (entry,) = told["programs"][0]["ledgers"][0]["entries"]
    found = [
        (lot["points"], lot["from"]["receipt_id"], lot["from"].get("line_id"), lot["from"]["rules"]) for lot in entry["lots"]
    ]
    assert found == [
        ("10", "R1", "1", [{"rule": "base", "points": "10", "lines": ["1"]}]),
        ("2", "R2", None, [{"rule": "base", "points": "10", "every_line": True}]),
    ]


def test_no_receipt_gives_orders_to_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = write_lines(tmp_path / "in.jsonl", line(sale("R\x1b[2J\u202e1")))
    assert run(["replay", "--program", str(program(tmp_path)), "--input", str(inputs), "--output", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    code, out, _ = say(capsys, "p1", "--output", tmp_path / "out")
    assert code == 0
    assert "receipt R\N{REPLACEMENT CHARACTER}[2J" in out
    assert "\x1b" not in out
