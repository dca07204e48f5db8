"""A fleet that waits for its broker: whoever hangs or is left alone there is noticed, though no member has anything to do yet."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.health.asking import Asked, lives
from streams.health.ends import ends
from streams.worker.pulse import TRY_AGAIN
from tests.conftest import ROOT

COMMAND = "import sys; from streams.cli.main import run; sys.exit(run(sys.argv[1:]))"
AWAY = "kafka://127.0.0.1:1"
"""Where nothing listens."""


class Fleet:
    """Two processes, and what they said. `at_once`: they are there, and nothing more."""

    def __init__(self, folder: Path, *flags: str, at_once: bool = False) -> None:
        self.log = folder / "log"
        arguments = ["worker", "--broker", AWAY, "--state", str(folder / "state"), "--processes", "2", *flags]
        with self.log.open("w") as log:
            self.process = subprocess.Popen([sys.executable, "-c", COMMAND, *arguments], cwd=ROOT, stdout=log, stderr=log)
        if not at_once:
            self.wait_until(lambda: self.log.read_text().count("does not answer") == (1 if "1" in flags else 2))
        else:
            self.wait_until(lambda: len(self._children()) == 2)
        self.members = self._children()

    def _children(self) -> list[int]:
        told = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in told.split()]

    def wait_until(self, condition: Callable[[], bool], seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)


@contextmanager
def fleet(folder: Path, *flags: str, at_once: bool = False) -> Iterator[Fleet]:
    made = Fleet(folder, *flags, at_once=at_once)
    try:
        yield made
    finally:
        for pid in (made.process.pid, *made.members):
            if is_there(pid):
                os.kill(pid, signal.SIGKILL)
        made.process.wait()


def is_there(pid: int) -> bool:
    """Not gone, and no zombie that nobody has asked after."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def two_ports() -> int:
    """The first of two free ports in a row."""
    for first in range(22_000, 30_000, 2):
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", first))
                other.bind(("127.0.0.1", first + 1))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports")


def test_members_whose_parent_is_killed_while_they_start_end_by_themselves(tmp_path: Path) -> None:
    with fleet(tmp_path) as started:
        started.process.kill()
        started.wait_until(lambda: not any(is_there(pid) for pid in started.members), 15)


def test_one_that_is_asked_to_end_while_it_starts_ends_with_all_its_members(tmp_path: Path) -> None:
    with fleet(tmp_path) as started:
        started.process.terminate()
        assert started.process.wait(20) == 0
        assert not any(is_there(pid) for pid in started.members)


def test_one_that_is_asked_to_end_before_its_members_can_be_asked_ends_well(tmp_path: Path) -> None:
    with fleet(tmp_path, at_once=True) as started:
        started.process.terminate()
        assert started.process.wait(20) == 0


@pytest.mark.parametrize("processes", ["1", "2"])
def test_one_that_is_asked_to_end_again_and_again_ends_as_well_as_if_it_had_been_asked_once(
    tmp_path: Path, processes: str
) -> None:
    with fleet(tmp_path, "--processes", processes) as started:
        while started.process.poll() is None:
            started.process.terminate()
            time.sleep(0.005)
    assert started.process.returncode == 0


def test_a_member_that_hangs_is_killed_and_all_end(tmp_path: Path) -> None:
    port = two_ports()
    with fleet(tmp_path, "--metrics-port", str(port), "--metrics-address", "127.0.0.1", "--stuck-ms", "2000") as started:
        assert lives("127.0.0.1", port + 1)
        time.sleep(5)  # so that the parent has seen it alive, too
        os.kill(started.members[1], signal.SIGSTOP)
        assert started.process.wait(40) == TRY_AGAIN
        said = started.log.read_text()
        assert f"one of 2 processes (pid {started.members[1]}) no longer says that it lives, and is killed" in said
        assert not any(is_there(pid) for pid in started.members)
    assert [ends(tmp_path / "state" / f"process-{number}") for number in (0, 1)] == [{}, {"stuck": 1}]


@pytest.mark.parametrize(
    ("answers", "hangs"),
    [
        ("", False),
        (".........", False),
        ("+++++++++", False),
        ("+.....", False),
        ("+......", True),
        ("+.....+.....", False),
        (".....+......", True),
        ("+......+", False),
    ],
)
def test_one_hangs_that_has_lived_and_then_fails_to_say_so_for_longer_than_the_patience(answers: str, hangs: bool) -> None:
    asked = Asked(10.0)
    for answer in answers:
        asked.note(alive=answer == "+")
    assert asked.hangs == hangs


def test_where_nobody_listens_or_nobody_answers_nobody_lives() -> None:
    assert not lives("127.0.0.1", 1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert not lives("0.0.0.0", mute.getsockname()[1])
