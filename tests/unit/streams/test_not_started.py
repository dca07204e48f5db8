"""A worker that ends before it has begun is counted like one that ends later: the next one of its state directory tells it."""

import fcntl
import socket
import threading
from pathlib import Path

import pytest

from streams.errors import WRONG_USAGE
from streams.health.ends import ends
from streams.worker.alone import alone_in
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


def test_one_in_the_directory_of_a_worker_that_runs_is_refused_before_it_takes_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The broker throws the older of two members of one name out: it would be the one that is at work."""
    with alone_in(tmp_path):
        assert run_worker(WorkerSettings(broker="kafka://127.0.0.1:1", state=tmp_path, metrics_port=1)) == WRONG_USAGE
    assert f"{tmp_path} is in use by another worker" in capsys.readouterr().err
    assert not (tmp_path / "worker-id").exists()
    assert ends(tmp_path) == {}, "an end of the worker at work"


def test_a_directory_whose_worker_is_gone_is_free_again(tmp_path: Path) -> None:
    with alone_in(tmp_path):
        pass
    assert started(tmp_path, watched=True) == WRONG_USAGE
    assert ends(tmp_path) == {"refused": 1}


def test_one_that_is_just_ending_there_is_waited_for(tmp_path: Path) -> None:
    held = (tmp_path / "worker.lock").open("ab")
    fcntl.flock(held, fcntl.LOCK_EX)
    threading.Timer(0.5, held.close).start()
    with alone_in(tmp_path):
        assert held.closed


def test_where_no_lock_can_be_had_the_worker_is_not_kept_from_its_work(tmp_path: Path) -> None:
    (tmp_path / "worker.lock").mkdir()
    with alone_in(tmp_path):
        assert started(tmp_path, watched=True) == WRONG_USAGE
    assert ends(tmp_path) == {"refused": 1}


def test_a_directory_that_it_makes_is_its_users_alone_and_one_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    made, there = tmp_path / "made" / "state", tmp_path / "there"
    there.mkdir(0o755)
    for state in (made, there):
        assert started(state, watched=False) == WRONG_USAGE
    assert [oct(state.stat().st_mode & 0o777) for state in (made, there)] == ["0o700", "0o755"]
