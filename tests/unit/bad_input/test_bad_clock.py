"""One till with a wrong clock is that till's trouble: a refused record settles nothing, and is no measure of time for the others."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.unit.bad_input.corpus import SALE
from tests.unit.bad_input.test_bad_input import PROGRAM


def replay(folder: Path, lines: list[dict[str, Any]]) -> tuple[list[str], dict[str, str]]:
    """Reasons of the dead letters, and the points of each profile, active or not."""
    (folder / "program.json").write_text(json.dumps(PROGRAM), encoding="utf-8")
    (folder / "input.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    command: list[str | Path] = [Path(sys.executable).with_name("pointstream"), "replay", "--program", folder / "program.json"]
    subprocess.run([*command, "--input", folder / "input.jsonl", "--output", folder / "out"], check=True, capture_output=True)
    letters = (folder / "out" / "dead-letters.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(row) for row in (folder / "out" / "balances.jsonl").read_text(encoding="utf-8").splitlines()]
    return [json.loads(letter)["reason"] for letter in letters], {row["profile_id"]: row["lifetime"] for row in rows}


def sold(receipt: str, closed_at: str, **more: str) -> dict[str, Any]:
    return {"topic": "purchases", "value": {**SALE, "receipt_id": receipt, "closed_at": closed_at}, **more}


def test_a_record_refused_for_its_clock_moves_no_other_records_arrival(tmp_path: Path) -> None:
    lines = [
        sold("R1", "2024-07-01T12:00:00Z", timestamp="2024-07-01T12:00:01Z"),
        sold("R2", "2034-07-01T12:00:00Z", timestamp="2024-07-01T12:00:02Z"),
        sold("R3", "2024-07-01T12:00:03Z"),
        sold("R4", "2024-07-01T12:00:04Z", timestamp="2024-07-01T12:00:05Z"),
    ]
    assert replay(tmp_path, lines) == (["future-event-time"], {"foobar": "30"})


def test_a_record_refused_for_its_clock_does_not_move_the_last_tick(tmp_path: Path) -> None:
    """A file without ticks ends with one at its greatest event time: that of a record which was used."""
    lines = [
        sold("R1", "2024-07-01T12:00:00Z", timestamp="2024-07-01T12:00:01Z"),
        sold("R2", "2034-07-01T12:00:00Z", timestamp="2024-07-01T12:00:02Z"),
    ]
    assert replay(tmp_path, lines)[0] == ["future-event-time"]
    entries = (tmp_path / "out" / "ledger-entries.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(entry)["type"] for entry in entries] == ["membership.joined", "points.accrued"]
