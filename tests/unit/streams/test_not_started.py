"""A worker that ends before it has begun is counted like one that ends later: the next one of its state directory tells it."""

import fcntl
import os
import socket
from pathlib import Path

import pytest

from streams.errors import WRONG_USAGE
from streams.health.ends import ends
from streams.worker.run import run_worker
from streams.worker.settings import WorkerSettings


def started(state: Path, *, watched: bool) -> int:
    """Started with a metrics port that another has: refused before anything is asked of a broker."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1] if watched else None
        broker = "kafka://127.0.0.1:1" if watched else "kafka://no port"
        settings = WorkerSettings(broker=broker, state=state, metrics_port=port, metrics_address="127.0.0.1")
        return run_worker(settings)


def test_one_that_is_refused_at_its_start_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert started(tmp_path, watched=True) == WRONG_USAGE
    assert "--metrics-port" in capsys.readouterr().err
    assert started(tmp_path, watched=True) == WRONG_USAGE
    assert ends(tmp_path) == {"refused": 2}


def test_where_nobody_looks_nothing_is_counted(tmp_path: Path) -> None:
    assert started(tmp_path, watched=False) == WRONG_USAGE
    assert ends(tmp_path) == {}


def test_one_whose_directory_cannot_be_made_is_not_kept_from_saying_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        run_worker(WorkerSettings(broker="kafka://127.0.0.1:1", state=tmp_path / "file" / "state", metrics_port=1))


def test_the_directory_of_a_worker_that_runs_is_refused_before_the_broker_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the group it would have the running one's name, and end it."""
    running = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(running, fcntl.LOCK_EX)
        assert started(tmp_path, watched=False) == WRONG_USAGE
    finally:
        os.close(running)
    assert f"the state directory {tmp_path} is in use by another worker" in capsys.readouterr().err
    assert not (tmp_path / "worker-id").exists()


def test_a_worker_that_has_ended_lets_its_directory_go(tmp_path: Path) -> None:
    started(tmp_path, watched=False)
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(folder)
