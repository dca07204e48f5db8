"""`pointstream segment` as a user runs it over the state of a replay: members, counts, previews of what is still being written."""

import json
from pathlib import Path
from typing import Any

import pytest

from streams.cli.main import run
from tests.unit.streams.shop import line, sale, write_lines

PROGRAM: dict[str, Any] = {
    "program": "shop",
    "timezone": "UTC",
    "environment": "live",
    "effective_from": "2020-01-01T00:00:00Z",
    "applications": ["pos"],
    "currency": "EUR",
    "points": [{"sid": "pts"}],
    "segments": [
        {"segment": "buyers", "where": {"purchases.count": {"within": "30 days", "at_least": "1"}}},
        {"segment": "regulars", "where": {"purchases.count": {"within": "30 days", "at_least": "2"}}},
        {"segment": "nobody", "where": {"profile.city": "Atlantis"}},
    ],
}


def written(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps(PROGRAM | changes))
    return path


@pytest.fixture
def state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """p1 has bought twice, p2 once."""
    records = [line(sale("R1")), line(sale("R2", profile_id="p2")), line(sale("R3", at="2024-01-04T09:30:15Z"))]
    program = written(tmp_path / "shop.json")
    inputs = write_lines(tmp_path / "in.jsonl", *records)
    told = ["--program", program, "--input", inputs, "--output", tmp_path / "out", "--state", tmp_path / "state"]
    assert run([str(argument) for argument in ("replay", *told)]) == 0
    capsys.readouterr()
    return tmp_path / "state"


def say(capsys: pytest.CaptureFixture[str], state: Path, *arguments: object) -> tuple[int, list[str], str]:
    program = () if "--program" in arguments else ("--program", state.parent / "shop.json")
    code = run(["segment", *(str(argument) for argument in (*arguments, *program, "--state", state))])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err


def test_the_members_of_a_segment_with_the_time_since_when(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = say(capsys, state, "regulars")
    assert (code, err) == (0, "")
    assert [row.split() for row in out] == [["p1", "2024-01-04T09:30:15Z"]]


def test_the_members_for_a_machine(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = say(capsys, state, "buyers", "--json")
    assert [json.loads(row)["profile_id"] for row in out] == ["p1", "p2"]


def test_without_a_name_all_segments_with_their_numbers(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = say(capsys, state)
    assert code == 0
    assert [row.split() for row in out] == [["shop", "buyers", "2"], ["shop", "regulars", "1"], ["shop", "nobody", "0"]]


def test_only_the_number(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = say(capsys, state, "buyers", "--count", "--json")
    assert [json.loads(row) for row in out] == [{"program": "shop", "segment": "buyers", "members": 2}]


def test_as_of_another_time(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = say(capsys, state, "--at", "2024-02-02T00:00:00Z")
    assert [row.split() for row in out] == [["shop", "buyers", "1"], ["shop", "regulars", "0"], ["shop", "nobody", "0"]]


def test_a_segment_that_no_worker_knows_yet_is_previewed(state: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    single = {"segment": "once", "where": {"purchases.count": {"within": "30 days", "at_most": "1"}}}
    draft = written(tmp_path / "draft.json", segments=[single], effective_from="2030-01-01T00:00:00Z")
    code, out, _ = say(capsys, state, "once", "--program", draft)
    assert (code, [row.split() for row in out]) == (0, [["p2", "-"]])


def test_a_name_that_there_is_not_is_a_wrong_usage(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = say(capsys, state, "regular")
    assert (code, "did you mean regulars?" in err) == (2, True)


def test_a_segment_with_nobody_in_it_is_no_error(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert say(capsys, state, "nobody") == (0, [], "")


def test_it_asks_for_a_state_or_a_broker(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["segment", "--program", str(state.parent / "shop.json")])
    assert (code, "--state" in capsys.readouterr().err) == (2, True)


def test_a_flag_counts_before_the_environment(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = say(capsys, state, "regulars")
    monkeypatch.setenv("POINTSTREAM_BROKER", "kafka://127.0.0.1:1")
    assert say(capsys, state, "regulars") == said
