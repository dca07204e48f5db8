"""Files in, files out: what a line means, when things are settled, and that the same input gives the same bytes."""

import gzip
import io
import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.instants import parse_instant
from schemas.outcomes import Refused
from schemas.program_file import load_catalog
from schemas.topics import OUTPUTS
from streams.errors import WrongUsage
from streams.replay.lines import LINE_BYTES_MAX
from streams.replay.run import ReplaySettings, replay
from streams.replay.summary import Summary
from tables.rocks import RocksStore
from tests.unit.streams.shop import line, program, read_lines, sale, write_lines


class Onlooker:
    """A watch that remembers."""

    def __init__(self) -> None:
        self.bytes = 0
        self.lines: list[tuple[str, int, str]] = []

    def advanced(self, count: int) -> None:
        self.bytes += count

    def broken(self, file: str, line: int, refused: Refused) -> None:
        self.lines.append((Path(file).name, line, refused.reason))

    def closing(self) -> None:
        pass


def go(folder: Path, *lines: str, output: str = "out", watch: Onlooker | None = None, **settings: Any) -> Summary:
    inputs = (str(write_lines(folder / "in.jsonl", *lines)),)
    catalog = load_catalog([program(folder)])
    return replay(catalog, ReplaySettings(**{"inputs": inputs, "output": folder / output, **settings}), watch or Onlooker())


def entries(folder: Path, output: str = "out") -> list[tuple[str, str]]:
    return [(entry["type"], entry["occurred_at"]) for entry in read_lines(folder / output / "ledger-entries.jsonl")]


def everything(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_every_output_topic_has_its_file_also_when_it_is_empty(tmp_path: Path) -> None:
    go(tmp_path)
    assert sorted(everything(tmp_path / "out")) == sorted(f"{topic}.jsonl" for topic in OUTPUTS)
    assert set(everything(tmp_path / "out").values()) == {b""}


def test_a_receipt_gives_its_entries_and_its_balance(tmp_path: Path) -> None:
    summary = go(tmp_path, line(sale("R1")))
    assert entries(tmp_path) == [("membership.joined", "2024-01-01T12:00:00Z"), ("points.accrued", "2024-01-01T12:00:00Z")]
    (row,) = read_lines(tmp_path / "out" / "balances.jsonl")
    assert (row["profile_id"], row["program"], row["point"], row["active"], row["tier"]) == ("p1", "shop", "pts", "10", None)
    assert [lot["remaining"] for lot in row["lots"]] == ["10"]
    assert (summary.records, summary.outcomes, summary.profiles) == (1, {"applied": 1}, 1)


def test_the_same_input_gives_the_same_bytes_whatever_blocks_and_flushes(tmp_path: Path) -> None:
    dice = random.Random(7)
    lines = [line(sale(f"R{n}", f"2024-01-{1 + n // 20:02}T12:00:00Z", f"p{dice.randrange(9)}", f"{n}.50")) for n in range(400)]
    lines[100:100] = ["not json", line(sale("R1", currency="USD")), json.dumps({"topic": "pixels", "value": {}})]
    go(tmp_path, *lines)
    go(tmp_path, *lines, output="again")
    go(tmp_path, *lines, output="in pieces", memory_bytes=16 * 2**20, flush_records=7, chunk_bytes=100)
    assert everything(tmp_path / "out") == everything(tmp_path / "again") == everything(tmp_path / "in pieces")


def test_records_delivered_twice_change_nothing(tmp_path: Path) -> None:
    lines = [line(sale(f"R{n}", f"2024-01-0{1 + n}T12:00:00Z")) for n in range(6)]
    go(tmp_path, *lines)
    summary = go(tmp_path, *[text for text in lines for _ in range(2)], output="twice")
    assert everything(tmp_path / "out") == everything(tmp_path / "twice")
    assert summary.outcomes == {"applied": 6, "duplicate": 6}


def test_a_second_run_replaces_the_output_of_the_first(tmp_path: Path) -> None:
    go(tmp_path, line(sale("R1")), line(sale("R2", currency="USD")))
    go(tmp_path, line(sale("R1")))
    assert (tmp_path / "out" / "dead-letters.jsonl").read_bytes() == b""
    assert len(entries(tmp_path)) == 2


def test_a_file_without_ticks_is_settled_at_its_greatest_event_time(tmp_path: Path) -> None:
    go(tmp_path, line(sale("R1", "2024-01-01T12:00:00Z", "p1")), line(sale("R2", "2024-01-06T12:00:00Z", "p2")))
    assert entries(tmp_path)[-1] == ("points.expired", "2024-01-06T12:00:00Z")
    (expired,) = [entry for entry in read_lines(tmp_path / "out" / "ledger-entries.jsonl") if entry["type"] == "points.expired"]
    assert expired["profile_id"] == "p1"


def test_until_settles_later_than_the_records_and_never_earlier(tmp_path: Path) -> None:
    lines = [line(sale("R1", "2024-01-01T12:00:00Z", "p1")), line(sale("R2", "2024-01-06T12:00:00Z", "p2"))]
    go(tmp_path, *lines, until=parse_instant("2024-02-01T00:00:00Z"))
    assert [kind for kind, _ in entries(tmp_path)].count("points.expired") == 2
    go(tmp_path, *lines, until=parse_instant("2024-01-02T00:00:00Z"))
    assert [kind for kind, _ in entries(tmp_path)].count("points.expired") == 1


def test_a_file_with_ticks_is_settled_where_they_stand_and_by_nothing_else(tmp_path: Path) -> None:
    first, tick = line(sale("R1", "2024-01-01T12:00:00Z", "p1")), json.dumps({"tick": "2024-01-05T00:00:00Z"})
    summary = go(tmp_path, first, tick, line(sale("R2", "2024-01-09T12:00:00Z", "p2")))
    assert [kind for kind, _ in entries(tmp_path)].count("points.expired") == 0
    assert summary.ticks == 1
    go(tmp_path, first, json.dumps({"tick": "2024-01-06T12:00:00Z"}), line(sale("R2", "2024-01-09T12:00:00Z", "p2")))
    assert [kind for kind, _ in entries(tmp_path)][2] == "points.expired"
    go(tmp_path, first, tick, until=parse_instant("2024-02-01T00:00:00Z"))
    assert [kind for kind, _ in entries(tmp_path)].count("points.expired") == 1


def test_arrival_is_the_line_s_timestamp_else_the_greatest_event_time_so_far(tmp_path: Path) -> None:
    go(
        tmp_path,
        line(sale("R1", "2024-01-03T12:00:00Z")),
        line(sale("R2", "2024-01-02T12:00:00Z")),
        line(sale("R3", "2024-01-02T12:00:00Z"), timestamp="2024-01-02T14:00:00+02:00"),
        line(sale("R4", "2024-01-02T12:00:00Z"), timestamp="2024-01-01T00:00:00Z"),
    )
    told = {entry["cause"]["receipt_id"]: entry["recorded_at"] for entry in read_lines(tmp_path / "out" / "ledger-entries.jsonl")}
    assert told == {"R1": "2024-01-03T12:00:00Z", "R2": "2024-01-03T12:00:00Z", "R3": "2024-01-02T12:00:00Z"}
    (letter,) = read_lines(tmp_path / "out" / "dead-letters.jsonl")
    assert (letter["reason"], letter["offset"]) == ("future-event-time", 3)


BROKEN = {
    "not JSON": ("{nope", "not-json", None),
    "an array": ("[1]", "not-json", None),
    "a word": ('"sale"', "not-json", None),
    "no topic": ('{"value": {}}', "missing-field", "topic"),
    "nothing": ("{}", "missing-field", "topic"),
    "no value": ('{"topic": "purchases"}', "missing-field", "value"),
    "an unknown topic": ('{"topic": "receipts", "value": {}}', "invalid-field", "topic"),
    "an output topic": ('{"topic": "ledger-entries", "value": {}}', "invalid-field", "topic"),
    "a topic that is no text": ('{"topic": 1, "value": {}}', "invalid-field", "topic"),
    "a tick that is no time": ('{"tick": "noon"}', "invalid-field", "tick"),
    "a tick without an offset": ('{"tick": "2024-01-01T00:00:00"}', "invalid-field", "tick"),
    "a tick that is no text": ('{"tick": 5}', "invalid-field", "tick"),
    "a timestamp that is no time": ('{"topic": "purchases", "value": {}, "timestamp": "now"}', "invalid-field", "timestamp"),
}


@pytest.mark.parametrize(("text", "reason", "field"), BROKEN.values(), ids=BROKEN.keys())
def test_a_line_that_is_no_record_is_a_dead_letter_of_no_topic_and_the_run_goes_on(
    tmp_path: Path, text: str, reason: str, field: str | None
) -> None:
    watch = Onlooker()
    summary = go(tmp_path, line(sale("R1")), text, line(sale("R2")), watch=watch)
    (letter,) = read_lines(tmp_path / "out" / "dead-letters.jsonl")
    assert (letter["topic"], letter["offset"], letter["value"], letter["reason"], letter.get("field")) == (
        None,
        1,
        text,
        reason,
        field,
    )
    assert watch.lines == [("in.jsonl", 2, reason)]
    assert (summary.broken, summary.outcomes) == (1, {"applied": 2})


def test_a_value_that_cannot_be_used_is_a_dead_letter_as_it_came(tmp_path: Path) -> None:
    value = '{"receipt_id":"R1", "quantity" : 1.50,"closed_at":null}'
    summary = go(tmp_path, '{"topic":"purchases","value":' + value + "}", '{"topic":"purchases","value":null,"key":"k"}')
    letters = read_lines(tmp_path / "out" / "dead-letters.jsonl")
    assert [(letter["topic"], letter["value"], letter["key"]) for letter in letters] == [
        ("purchases", value, None),
        ("purchases", None, "k"),
    ]
    assert (summary.broken, summary.outcomes) == (0, {"dead-letter": 2})


def test_a_line_that_is_not_utf_8_is_kept_in_base64(tmp_path: Path) -> None:
    catalog = load_catalog([program(tmp_path)])
    (tmp_path / "in.jsonl").write_bytes(b'{"topic": "\xff"}\n')
    replay(catalog, ReplaySettings((str(tmp_path / "in.jsonl"),), tmp_path / "out"), Onlooker())
    (letter,) = read_lines(tmp_path / "out" / "dead-letters.jsonl")
    assert (letter["base64"], letter["reason"]) == (["value"], "not-json")


def test_a_line_that_came_cut_is_told_to_be_too_long(tmp_path: Path) -> None:
    watch = Onlooker()
    go(tmp_path, json.dumps({"topic": "purchases", "value": "x" * 2 * LINE_BYTES_MAX}), line(sale("R1")), watch=watch)
    assert watch.lines == [("in.jsonl", 1, "too-large")]
    (letter,) = read_lines(tmp_path / "out" / "dead-letters.jsonl")
    assert (letter["message"], letter["truncated"]) == ("the line is too long: more than 16 MiB are no record", True)


def test_blank_lines_line_ends_and_a_byte_order_mark_are_nothing(tmp_path: Path) -> None:
    catalog = load_catalog([program(tmp_path)])
    text = "\ufeff" + line(sale("R1")) + "\r\n\r\n   \n" + line(sale("R2"))
    (tmp_path / "in.jsonl").write_bytes(text.encode())
    summary = replay(catalog, ReplaySettings((str(tmp_path / "in.jsonl"),), tmp_path / "out"), Onlooker())
    assert (summary.outcomes, summary.broken) == ({"applied": 2}, 0)


def test_gzip_and_several_files_and_standard_input_are_read_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line(sale(f"R{n}", f"2024-01-0{1 + n}T12:00:00Z")) for n in range(4)]
    go(tmp_path, *lines)
    packed = tmp_path / "first.jsonl.gz"
    packed.write_bytes(gzip.compress("\n".join(lines[:2]).encode()))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress("\n".join(lines[2:]).encode()))))
    watch = Onlooker()
    catalog = load_catalog([program(tmp_path)])
    replay(catalog, ReplaySettings((str(packed), "-"), tmp_path / "packed"), watch)
    assert everything(tmp_path / "out") == everything(tmp_path / "packed")
    assert watch.bytes >= packed.stat().st_size


def test_a_gzip_file_that_is_cut_off_is_a_sentence_and_leaves_no_output(tmp_path: Path) -> None:
    packed = tmp_path / "in.jsonl.gz"
    packed.write_bytes(gzip.compress("\n".join(line(sale(f"R{n}")) for n in range(500)).encode())[:-20])
    catalog = load_catalog([program(tmp_path)])
    with pytest.raises(WrongUsage, match="damaged or cut off"):
        replay(catalog, ReplaySettings((str(packed),), tmp_path / "out"), Onlooker())
    assert everything(tmp_path / "out") == {}


def test_a_state_that_is_kept_is_gone_on_from(tmp_path: Path) -> None:
    state = tmp_path / "state"
    go(tmp_path, line(sale("R1", "2024-01-03T12:00:00Z")), state=state)
    summary = go(
        tmp_path, line(sale("R1", "2024-01-03T12:00:00Z")), line(sale("R2", "2024-01-02T12:00:00Z")), state=state, output="next"
    )
    assert summary.outcomes == {"duplicate": 1, "applied": 1}
    (entry,) = read_lines(tmp_path / "next" / "ledger-entries.jsonl")
    assert (entry["sequence"], entry["recorded_at"]) == (3, "2024-01-03T12:00:00Z")
    assert read_lines(tmp_path / "next" / "balances.jsonl")[0]["active"] == "20"


def test_a_state_in_use_is_a_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    state = tmp_path / "state"
    store = RocksStore(state)
    try:
        with pytest.raises(WrongUsage, match="in use by another process"):
            go(tmp_path, line(sale("R1")), state=state)
    finally:
        store.close()


def test_an_input_that_is_missing_is_told_before_anything_is_written(tmp_path: Path) -> None:
    catalog = load_catalog([program(tmp_path)])
    with pytest.raises(FileNotFoundError):
        replay(catalog, ReplaySettings((str(tmp_path / "nowhere.jsonl"),), tmp_path / "out"), Onlooker())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("by", ["its name", "a link"])
def test_an_input_is_not_replaced_by_the_output(tmp_path: Path, by: str) -> None:
    go(tmp_path, line(sale("R1")) + "\nno record")
    letters = tmp_path / "out" / "dead-letters.jsonl"
    before = letters.read_bytes()
    assert before
    named = letters
    if by == "a link":
        named = tmp_path / "linked.jsonl"
        named.symlink_to(letters)
    catalog = load_catalog([program(tmp_path)])
    with pytest.raises(WrongUsage, match="would be replaced; name another folder"):
        replay(catalog, ReplaySettings((str(named),), tmp_path / "out"), Onlooker())
    assert letters.read_bytes() == before
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")] == []


def test_balances_are_sorted_by_the_bytes_of_the_profile(tmp_path: Path) -> None:
    go(tmp_path, *[line(sale(f"R{n}", profile_id=who)) for n, who in enumerate(["ä", "b", "Z", "a10", "a9"])])
    assert [row["profile_id"] for row in read_lines(tmp_path / "out" / "balances.jsonl")] == ["Z", "a10", "a9", "b", "ä"]


def test_the_figures_of_the_summary_add_up(tmp_path: Path) -> None:
    summary = go(
        tmp_path,
        line(sale("R1")),
        line(sale("R1")),
        line(sale("R2", profile_id=None)),
        line(sale("R3", currency="USD")),
        "nope",
        json.dumps({"tick": "2024-01-06T12:00:00Z"}),
    )
    shown = summary.for_machines()
    assert shown["outcomes"] == {"anonymous": 1, "applied": 1, "dead-letter": 1, "duplicate": 1}
    assert shown["lines"] == shown["records"] + shown["broken_lines"] + shown["ticks"] == 6
    assert shown["dead_letters"] == {"not-json": 1, "wrong-currency": 1}
    assert shown["entries"] == [
        {"program": "shop", "point": None, "type": "membership.joined", "entries": 1, "points": None},
        {"program": "shop", "point": "pts", "type": "points.accrued", "entries": 1, "points": "10"},
        {"program": "shop", "point": "pts", "type": "points.expired", "entries": 1, "points": "10"},
    ]
    assert shown["written"] == {"dead-letters": 2, "ledger-entries": 3}


def test_a_release_is_a_line_like_any_other_and_of_a_profile_that_is_not_stopped_it_asks_nothing(tmp_path: Path) -> None:
    release = json.dumps({"topic": "requests", "value": {"kind": "release", "profile_id": "p1"}})
    summary = go(tmp_path, line(sale("R1")), release, line(sale("R2")))
    assert summary.outcomes == {"applied": 3}
    go(tmp_path, line(sale("R1")), line(sale("R2")), output="without")
    assert everything(tmp_path / "out") == everything(tmp_path / "without")
