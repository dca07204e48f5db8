"""A disk that takes no more: the worker says so and ends, and what it could not write locally it finds in the changelog."""

from pathlib import Path

import pytest

from streams.worker.pulse import TRY_AGAIN
from tests.kafka.help import Process, new_topics, processes
from tests.kafka.receipts import program_file, records, send
from tests.kafka.test_worker import COMMAND, PARTITIONS, assert_books, wait_until, worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

# No file can grow beyond that; nor may half a module be left where the next process looks for a compiled one.
_SMALL_DISK = (
    "import resource, sys; sys.dont_write_bytecode = True; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)); "
)


def test_a_full_disk_ends_the_worker_with_a_sentence_and_loses_nothing(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(8_000, seed=41)
    arguments = f"worker --broker kafka://{kafka} --backfill --session-timeout-ms 6000 --program {program_file(tmp_path)}".split()
    send(kafka, sent)  # all of it is there when the worker begins: nothing can come behind a tick
    arguments += ["--memory", "16MiB"]  # the less there is, the sooner what was applied goes to the disk
    with processes() as everybody:
        everybody.append(
            full := Process(["-c", _SMALL_DISK + COMMAND, *arguments, "--state", str(tmp_path / "one")], tmp_path / "full.log")
        )
        assert full.wait(60) == TRY_AGAIN, full.said()
        assert "the state cannot be read or written" in full.said()
        assert "look at the disk's space" in full.said()
        assert "Traceback" not in full.said()
        everybody.append(again := worker(kafka, tmp_path))
        wait_until(kafka, len(sent), again)
        assert_books(kafka, tmp_path, sent)
        assert again.end() == 0, again.said()
