"""The real receipts: 11,571 sales of a shop, replayed with one rule, against an independent sum.

The records and the expected points are made by two scripts that share no code with the product; they run as programs. All of
this skips where the data is not beside the project.
"""

import csv
import json
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared"
TOOLS = SHARED / "tools"
DATA = SHARED / "data" / "online_retail" / "online_retail_2010-12_2011-07.csv.gz"
PROGRAM = HERE / "shop.yaml"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (DATA.exists() and TOOLS.exists()),
        reason="the Online Retail receipts are not beside the project (../shared/data, ../shared/tools)",
    ),
]


class Expected(NamedTuple):
    receipts: int
    points: int


def program(*arguments: object) -> str:
    return subprocess.run([*map(str, arguments)], check=True, capture_output=True, text=True, encoding="utf-8").stdout


def replay(inputs: Path, output: Path, *more: object) -> dict[str, bytes]:
    """Run `pointstream replay`; the files that it wrote, by name."""
    command = Path(sys.executable).with_name("pointstream")
    program(command, "replay", "--program", PROGRAM, "--input", inputs, "--output", output, *more)
    return {path.name: path.read_bytes() for path in output.iterdir()}


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("online-retail")


@pytest.fixture(scope="module")
def records(folder: Path) -> list[str]:
    return program(sys.executable, TOOLS / "online_retail.py", DATA).splitlines(keepends=True)


@pytest.fixture(scope="module")
def expected(folder: Path, records: list[str]) -> dict[str, Expected]:
    text = program(sys.executable, TOOLS / "expected_points.py", write(folder / "for-expected.jsonl", records))
    return {row["profile_id"]: Expected(int(row["receipts"]), int(row["points"])) for row in csv.DictReader(text.splitlines())}


@pytest.fixture(scope="module")
def run(folder: Path, records: list[str]) -> dict[str, bytes]:
    return replay(write(folder / "records.jsonl", records), folder / "first")


def rows(written: dict[str, bytes], name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in written[f"{name}.jsonl"].splitlines()]


def test_the_file_is_the_one_that_the_figures_are_about(records: list[str], expected: dict[str, Expected]) -> None:
    assert len(records) == 11_571
    assert len(expected) == 3_148
    assert sum(customer.receipts for customer in expected.values()) == 10_134
    assert sum(customer.points for customer in expected.values()) == 4_589_150


def test_every_customer_has_exactly_the_points_of_the_independent_sum(
    run: dict[str, bytes], expected: dict[str, Expected]
) -> None:
    balances = {row["profile_id"]: row for row in rows(run, "balances")}
    assert {profile: row["active"] for profile, row in balances.items()} == {
        profile: str(customer.points) for profile, customer in expected.items()
    }
    assert all(row["lifetime"] == row["active"] for row in balances.values())
    assert not run["dead-letters.jsonl"]


def test_the_entries_say_the_same(run: dict[str, bytes], expected: dict[str, Expected]) -> None:
    accrued: dict[str, int] = defaultdict(int)
    joined = set()
    for entry in rows(run, "ledger-entries"):
        if entry["type"] == "points.accrued":
            accrued[entry["profile_id"]] += int(entry["points"])
        else:
            assert entry["type"] == "membership.joined"
            joined.add(entry["profile_id"])
    assert accrued == {profile: customer.points for profile, customer in expected.items()}
    assert joined == set(expected)


def test_a_second_run_gives_the_same_bytes(run: dict[str, bytes], folder: Path) -> None:
    assert replay(folder / "records.jsonl", folder / "second") == run


def test_every_record_delivered_twice_gives_the_same_bytes(run: dict[str, bytes], folder: Path, records: list[str]) -> None:
    twice = write(folder / "twice.jsonl", [line for record in records for line in (record, record)])
    assert replay(twice, folder / "twice") == run


def test_the_whole_file_delivered_twice_gives_the_same_bytes(run: dict[str, bytes], folder: Path, records: list[str]) -> None:
    assert replay(write(folder / "again.jsonl", records + records), folder / "again") == run


@pytest.mark.parametrize("seed", [1, 2])
def test_shuffled_within_each_day_it_gives_the_same_balances(
    run: dict[str, bytes], folder: Path, records: list[str], seed: int
) -> None:
    days: dict[str, list[str]] = defaultdict(list)
    for record in records:
        days[json.loads(record)["value"]["closed_at"][:10]].append(record)
    chance = random.Random(seed)
    for day in days.values():
        chance.shuffle(day)
    shuffled = [record for day in sorted(days) for record in days[day]]
    assert shuffled != records
    written = replay(write(folder / f"shuffled-{seed}.jsonl", shuffled), folder / f"shuffled-{seed}")
    assert written["balances.jsonl"] == run["balances.jsonl"]


def test_stopped_in_the_middle_and_gone_on_with_its_state_it_gives_the_same(
    run: dict[str, bytes], folder: Path, records: list[str]
) -> None:
    middle = len(records) // 2
    state = folder / "state"
    one = replay(write(folder / "half-1.jsonl", records[:middle]), folder / "half-1", "--state", state)
    two = replay(write(folder / "half-2.jsonl", records[middle:]), folder / "half-2", "--state", state)
    assert two["balances.jsonl"] == run["balances.jsonl"]
    assert one["ledger-entries.jsonl"] + two["ledger-entries.jsonl"] == run["ledger-entries.jsonl"]
