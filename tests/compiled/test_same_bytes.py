"""The compiled core writes the bytes that the sources write, over everything that a shop may send."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from random import Random

import pytest

import agents.core
from benchmarks.measure import PROGRAM
from benchmarks.receipts import as_lines, receipts
from schemas.instants import format_instant, parse_instant
from tests.conftest import ROOT
from tests.kafka import everything

COMMAND = "from streams.cli.main import main; main()"
BENCHMARK_RECEIPTS = 4_000
RECORDS = 6_000
DAY_US = 24 * 3600 * 1_000_000
MARCH = parse_instant("2024-03-01T00:00:00Z")

Write = Callable[[Path], list[Path]]
"""Writes the input `input.jsonl` into a folder; gives the program files."""


def pointstream(home: Path, *arguments: str | Path) -> str:
    """What the command says, run from a tree of sources or from the compiled one."""
    environment = {**os.environ, "PYTHONPATH": str(home), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr  # 1: some of the records were dead letters
    return done.stdout


def three_lines_each(folder: Path) -> list[Path]:
    with (folder / "input.jsonl").open("wb") as file:
        file.writelines(as_lines(receipts(BENCHMARK_RECEIPTS, profiles=300)))
    return [PROGRAM]


def everything_at_once(seed: int) -> Write:
    """Sales, revisions, returns, redemptions, holds, adjustments, pixels, profile records; erasures and ticks among them."""

    def write(folder: Path) -> list[Path]:
        random = Random(seed)
        lines: list[bytes] = []
        for number, (topic, key, value) in enumerate(everything.records(RECORDS, seed)):
            at = format_instant(MARCH + number * (60 * DAY_US // RECORDS))
            lines.append(_line({"topic": topic, "key": key, "timestamp": at}, value))
            if number % 400 == 399:
                erase = {"kind": "erase", "profile_id": f"p{random.randrange(everything.PROFILES)}", "updated_at": at}
                lines.append(_line({"topic": "profiles", "timestamp": at}, json.dumps(erase).encode()))
            if number % 150 == 149:
                lines.append(json.dumps({"tick": at}).encode())
        (folder / "input.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        return _programs(folder, everything.PROGRAMS.items())

    return write


def _line(frame: dict[str, str], value: bytes) -> bytes:
    """A line of an input file; where the value is no JSON, it is told as a text, which is no record either."""
    try:
        return json.dumps({**frame, "value": json.loads(value)}).encode()
    except ValueError:
        return json.dumps({**frame, "value": value.decode()}).encode()


def _programs(folder: Path, texts: Iterable[tuple[str, str]]) -> list[Path]:
    paths = []
    for name, text in texts:
        path = folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths


CASES: dict[str, Write] = {
    "three-line receipts": three_lines_each,
    "everything at once": everything_at_once(1),
    "everything at once, otherwise": everything_at_once(2),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_replay_writes_the_same_bytes(tree: Path, case: str, tmp_path: Path) -> None:
    programs = CASES[case](tmp_path)
    arguments: list[str | Path] = [
        "replay",
        "--program",
        *programs,
        "--input",
        tmp_path / "input.jsonl",
        "--until",
        "2024-06-30T00:00:00Z",
    ]
    written: list[dict[str, bytes]] = []
    states: list[str] = []
    for name, home in (("sources", ROOT), ("compiled", tree)):
        state, output = tmp_path / name / "state", tmp_path / name / "output"
        pointstream(home, *arguments, "--state", state, "--output", output)
        written.append({path.name: path.read_bytes() for path in sorted(output.iterdir()) if path.suffix == ".jsonl"})
        states.append(pointstream(home, "state-hash", "--state", state).replace(str(tmp_path / name), ""))
    assert written[0].keys() == written[1].keys()
    assert [name for name in written[0] if written[0][name] != written[1][name]] == []
    assert states[0] == states[1]
    assert written[0]["ledger-entries.jsonl"].count(b"\n") > BENCHMARK_RECEIPTS / 2
    assert b"internal-error" not in written[0]["dead-letters.jsonl"]


@pytest.mark.slow
def test_the_version_tells_which_of_the_two_runs(tree: Path) -> None:
    assert f"compiled ({tree})" in pointstream(tree, "--version")
    assert f"pure Python ({ROOT})" in pointstream(ROOT, "--version")


@pytest.mark.slow
def test_the_command_of_the_tree_runs_the_tree(tree: Path) -> None:
    done = subprocess.run([tree / "pointstream", "--version"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"compiled ({tree})" in done.stdout


@pytest.mark.slow
def test_where_the_tree_comes_first_the_tests_beside_this_one_run_it(tree: Path) -> None:
    first = os.environ.get("PYTHONPATH", "").split(os.pathsep)[0]
    if first != str(tree):
        pytest.skip("these tests run the sources; `make compiled-test` runs them with the tree first on the path")
    assert Path(agents.core.__file__).parent == tree / "agents"
    assert agents.core.__file__.endswith(tuple(EXTENSION_SUFFIXES))
