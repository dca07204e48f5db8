"""A worker that is asked to end says so with its last line: a log that stops without it is of one that was killed."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.embedded import embedded_broker
from tests.conftest import ROOT
from tests.unit.streams.shop import program

COMMAND = [sys.executable, "-c", "from streams.cli.entry import main; main()", "worker"]
AWAY = "kafka://127.0.0.1:1"


def last_line(folder: Path, broker: str, until: str, number: int, *flags: str) -> str:
    """Of a worker that is sent the signal when it has said so much; it ends with 0."""
    log = folder / "log"
    arguments = ["--broker", broker, "--state", str(folder / "state"), *flags]
    with log.open("w") as output, subprocess.Popen([*COMMAND, *arguments], cwd=ROOT, stderr=output) as worker:
        try:
            deadline = time.monotonic() + 40
            while until not in log.read_text():
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.1)
            time.sleep(1)
            worker.send_signal(number)
            assert worker.wait(30) == 0, log.read_text()
        finally:
            worker.kill()
    return log.read_text().splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_one_that_waits_for_its_broker(tmp_path: Path, number: int) -> None:
    assert last_line(tmp_path, AWAY, "does not answer", number) == "worker: it was asked to end before it had begun"


def test_one_that_works_in_json(tmp_path: Path) -> None:
    with embedded_broker(announce=lambda _: None) as broker:
        flags = ("--program", str(program(tmp_path)), "--log-format", "json")
        said = json.loads(last_line(tmp_path, broker.url, '"started"', signal.SIGTERM, *flags))
    assert (said["event"], said["level"], said["message"]) == ("ended", "info", "it was asked to end, and has left its group")
