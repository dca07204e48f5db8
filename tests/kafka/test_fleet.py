"""Several processes under one command: they share the partitions, and end together, whichever of them is killed."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.kafka.help import Process, new_topics, processes
from tests.kafka.receipts import PROGRAM, records, send
from tests.kafka.test_worker import PARTITIONS, assert_books, wait_until, worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

HALF = 4_000
LASTING = PROGRAM.replace('expiration: "5 days", ', "")
"""Under --backfill each process ticks by the greatest event time that it has applied itself; here nothing waits for the last tick."""


def members(process: Process) -> list[int]:
    """The processes that it has started."""
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def wait_until_shared(folder: Path, fleet: Process) -> None:
    deadline = time.monotonic() + 60
    while not all(any((folder / "one" / f"process-{number}").glob("partition-*")) for number in (0, 1)):
        assert time.monotonic() < deadline, fleet.said()
        time.sleep(0.2)


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline, f"{pids} go on"
        time.sleep(0.1)


@pytest.mark.parametrize("killed", ["a process of it", "the command itself"])
def test_whatever_is_killed_all_end_and_nothing_is_lost_or_doubled(kafka: str, tmp_path: Path, killed: str) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(2 * HALF, seed=5)
    with processes() as everybody:
        everybody.append(fleet := worker(kafka, tmp_path, "one", "--processes", "2", "--cycle-records", "500", text=LASTING))
        wait_until_shared(tmp_path, fleet)
        send(kafka, sent[:HALF])
        wait_until(kafka, 500, fleet)
        started = members(fleet)
        assert len(started) == 2
        if killed == "the command itself":
            fleet.kill()
        else:
            os.kill(started[0], signal.SIGKILL)
            assert fleet.wait(60) == 128 + signal.SIGKILL
            assert "the others are asked to end, too" in fleet.said()
        wait_until_gone(started)
        everybody.append(again := worker(kafka, tmp_path, "one", "--processes", "2", text=LASTING))
        send(kafka, sent[HALF:])
        wait_until(kafka, len(sent), again)
        assert_books(kafka, tmp_path, sent)
        assert again.end() == 0, again.said()
