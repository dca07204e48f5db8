"""A state into which a run was broken off: what it holds was told to nobody, so nothing goes on from it."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.program_file import load_catalog
from streams.errors import WrongUsage
from streams.replay.run import ReplaySettings, replay
from streams.replay.summary import Summary
from streams.replay.unfinished import NAME
from streams.state_hash import of_directory
from tables.rocks import RocksStore
from tests.unit.streams.in_memory import NobodyWatches
from tests.unit.streams.shop import line, program, read_lines, sale, write_lines
from tests.unit.streams.test_export import a_run, programs

LINES = [line(sale(f"R{n}", f"2024-01-{1 + n // 40:02}T12:00:00Z", f"p{n % 7}")) for n in range(400)]
REFUSED = "was broken off .*delete it and replay from the first file on, or go on with a copy"


class Interrupts(NobodyWatches):
    """Presses Ctrl-C when so much has been read."""

    def __init__(self, after_bytes: int) -> None:
        self._left = after_bytes

    def advanced(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise KeyboardInterrupt


def go(folder: Path, file: Path, watch: Any = None, **settings: Any) -> Summary:
    told = {"output": folder / "out", "state": folder / "state", "flush_records": 20, "chunk_bytes": 1_024, **settings}
    return replay(load_catalog([program(folder)]), ReplaySettings((str(file),), **told), watch or NobodyWatches())


def by_ctrl_c(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(folder, write_lines(folder / "in.jsonl", *LINES), Interrupts(40_000))


def by_a_file_that_is_cut(folder: Path) -> None:
    packed = folder / "in.jsonl.gz"
    packed.write_bytes(gzip.compress("\n".join(LINES).encode())[:-20])
    with pytest.raises(WrongUsage, match="damaged or cut off"):
        go(folder, packed)


def by_the_disk_at_the_end(folder: Path) -> None:
    (folder / "out" / "balances.jsonl").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        go(folder, write_lines(folder / "in.jsonl", *LINES))
    (folder / "out" / "balances.jsonl").rmdir()


@pytest.mark.parametrize(
    "broken_off", [by_ctrl_c, by_a_file_that_is_cut, by_the_disk_at_the_end], ids=["Ctrl-C", "a cut file", "the disk at the end"]
)
def test_a_state_into_which_a_run_was_broken_off_is_refused_for_its_records_would_count_as_told(
    tmp_path: Path, broken_off: Callable[[Path], None]
) -> None:
    broken_off(tmp_path)
    whole = write_lines(tmp_path / "in.jsonl", *LINES)
    with pytest.raises(WrongUsage, match=REFUSED):
        go(tmp_path, whole)
    with pytest.raises(WrongUsage, match=REFUSED):
        list(of_directory(tmp_path / "state"))
    summary = go(tmp_path, whole, state=tmp_path / "another")
    assert summary.outcomes == {"applied": 400}


def test_a_run_that_was_broken_off_before_anything_was_kept_may_be_started_again(tmp_path: Path) -> None:
    whole = write_lines(tmp_path / "in.jsonl", *LINES)
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, whole, Interrupts(40_000), flush_records=100_000)
    assert go(tmp_path, whole).outcomes == {"applied": 400}
    assert len(read_lines(tmp_path / "out" / "ledger-entries.jsonl")) > 400


def test_a_run_that_has_ended_leaves_no_mark(tmp_path: Path) -> None:
    go(tmp_path, write_lines(tmp_path / "in.jsonl", *LINES))
    assert not (tmp_path / "state" / NAME).exists()
    assert go(tmp_path, write_lines(tmp_path / "next.jsonl", line(sale("R900")))).outcomes == {"applied": 1}


def test_a_run_that_has_the_state_open_is_told_before_the_mark_that_it_has_set(tmp_path: Path) -> None:
    by_ctrl_c(tmp_path)
    store = RocksStore(tmp_path / "state")
    try:
        with pytest.raises(WrongUsage, match="in use by another process"):
            go(tmp_path, write_lines(tmp_path / "in.jsonl", *LINES))
    finally:
        store.close()


def test_so_is_a_state_into_which_the_replay_of_an_exported_run_was_broken_off(tmp_path: Path) -> None:
    content = a_run(300, 1).exported()
    file = tmp_path / "run.jsonl"

    def again(cut: int) -> Summary:
        file.write_bytes(content[:cut])
        settings = ReplaySettings((str(file),), tmp_path / "out", tmp_path / "state", flush_records=20)
        return replay(programs(), settings, NobodyWatches())

    with pytest.raises(WrongUsage):
        again(len(content) // 2)
    with pytest.raises(WrongUsage, match=REFUSED):
        again(len(content))
