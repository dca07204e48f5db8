"""The whole demo as a person starts it: real processes, real figures, and nothing left behind however it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow
MARK = "DEMO_TEST_MARK"
DEMO = [sys.executable, "-c", "from streams.cli.main import main; main()", "demo"]


class Demo:
    """A demo in a process of its own. Every process that it starts inherits `mark`."""

    def __init__(self, *arguments: str) -> None:
        self.mark = f"{MARK}={uuid4()}"
        name, value = self.mark.split("=")
        self.process = subprocess.Popen(
            [*DEMO, *arguments],
            cwd=ROOT,
            env=os.environ | {name: value},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self) -> tuple[int, str, str]:
        output, errors = self.process.communicate(timeout=100)
        return self.process.returncode, output, errors

    def alive(self) -> list[int]:
        """All processes of this demo, by the mark in their environment."""
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if self._is_marked(path)]

    def _is_marked(self, environment: Path) -> bool:
        try:
            return self.mark.encode() in environment.read_bytes().split(b"\0")
        except OSError:
            return False

    def wait_for(self, processes: int, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while len(self.alive()) != processes:
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        return True


@pytest.fixture
def demo() -> Iterator[type[Demo]]:
    started: list[Demo] = []

    class Started(Demo):
        def __init__(self, *arguments: str) -> None:
            super().__init__(*arguments)
            started.append(self)

    yield Started
    for one in started:
        for pid in one.alive():
            os.kill(pid, signal.SIGKILL)
        one.process.communicate()


def test_the_demo_ends_by_itself_with_figures_that_add_up(demo: type[Demo]) -> None:
    running = demo("--receipts", "3000", "--json")
    code, output, errors = running.finish()
    assert code == 0, errors
    told = json.loads(output)
    assert told["records_in"] == sum(told["outcomes"].values()) == 3_000
    assert [check["claim"] for check in told["checks"] if not check["holds"]] == []
    assert told["points"]["lifetime"] > told["points"]["expired"] > 0
    assert "for demos and smoke tests only" in errors
    assert running.alive() == []


def test_a_worker_that_is_killed_half_way_loses_nothing_and_counts_nothing_twice(demo: type[Demo]) -> None:
    code, output, errors = demo("--receipts", "6000", "--json", "--crash").finish()
    assert code == 0, output + errors
    assert json.loads(output)["worker_killed"] == 1


def test_without_a_terminal_it_prints_lines(demo: type[Demo]) -> None:
    code, output, errors = demo("--receipts", "500").finish()
    assert code == 0, errors
    assert "The figures add up." in output
    assert "\x1b" not in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_summary_and_leaves_nothing(demo: type[Demo], number: signal.Signals) -> None:
    running = demo("--forever", "--plain")
    assert running.wait_for(3, 20)
    time.sleep(6)
    os.kill(running.process.pid, number)
    code, output, errors = running.finish()
    assert code == 0, errors
    assert "The figures add up." in output
    assert running.alive() == []


def test_a_demo_that_is_killed_takes_its_broker_and_worker_along(demo: type[Demo]) -> None:
    running = demo("--plain")
    assert running.wait_for(3, 20)
    running.process.kill()
    running.process.wait()
    assert running.wait_for(0, 20), f"still there: {running.alive()}"
