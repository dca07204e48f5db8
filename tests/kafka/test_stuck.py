"""A client that polls and gets nothing although records wait is replaced, and where that does not help, as where a call of it never returns,
the process ends with a sentence.
"""

import time
from pathlib import Path

import pytest

from streams.worker.pulse import TRY_AGAIN
from tests.kafka.between import between
from tests.kafka.help import Process, new_topics, processes
from tests.kafka.receipts import applied, expected, program_file, records, send
from tests.kafka.test_worker import PARTITIONS, wait_until, worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
STUCK_SECONDS = 12
SETTINGS = ["--session-timeout-ms", "20000", "--transaction-timeout-ms", "4000"]
PATIENT, IMPATIENT = ["--stuck-ms", "28000"], ["--stuck-ms", str(STUCK_SECONDS * 1000)]


def test_a_client_that_gets_no_records_is_replaced_by_a_new_one(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(3_000, seed=71)
    with between(kafka) as proxy, processes() as everybody:
        everybody.append(one := worker(proxy.address, tmp_path, "one", *SETTINGS, *PATIENT))
        send(kafka, sent[:1_500])
        wait_until(kafka, 1_500, one)
        proxy.keep_back(from_new_ones_too=False)
        send(kafka, sent[1_500:])
        wait_until(kafka, len(sent), one)
        assert proxy.kept_back > 0
        assert "records wait and none comes: reading by a new client" in one.said()
        assert applied(kafka, PARTITIONS) == expected(tmp_path / "club.yaml", sent)[0]
        assert one.end() == 0, one.said()


def test_where_a_new_client_gets_none_either_the_process_ends_in_time(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(3_000, seed=72)
    with between(kafka) as proxy, processes() as everybody:
        everybody.append(one := worker(proxy.address, tmp_path, "one", *SETTINGS, *IMPATIENT))
        send(kafka, sent[:1_500])
        wait_until(kafka, 1_500, one)
        proxy.keep_back(from_new_ones_too=True)
        send(kafka, sent[1_500:])
        stuck_at = time.monotonic()
        deadline = time.monotonic() + STUCK_SECONDS * 3
        while one.ended() is None:
            assert time.monotonic() < deadline, one.said()
            time.sleep(0.1)
        print(f"it ended after {time.monotonic() - stuck_at:.1f} s")
        assert one.ended() == TRY_AGAIN, one.said()
        assert "although records wait" in one.said()
        everybody.append(again := worker(kafka, tmp_path))
        wait_until(kafka, len(sent), again)
        assert applied(kafka, PARTITIONS) == expected(tmp_path / "club.yaml", sent)[0]
        assert again.end() == 0, again.said()


def test_a_broker_that_did_not_answer_for_longer_than_that_is_no_client_that_is_stuck(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(3_000, seed=73)
    with between(kafka) as proxy, processes() as everybody:
        everybody.append(one := worker(proxy.address, tmp_path, "one", "--session-timeout-ms", "60000", *IMPATIENT))
        send(kafka, sent[:1_500])
        wait_until(kafka, 1_500, one)
        time.sleep(3)  # it looks once a second, and has seen that all is done
        with proxy.silent():
            proxy.keep_back(from_new_ones_too=False)  # the first answers bring no records
            send(kafka, sent[1_500:])
            time.sleep(STUCK_SECONDS + 4)
        wait_until(kafka, len(sent), one)
        assert applied(kafka, PARTITIONS) == expected(tmp_path / "club.yaml", sent)[0]
        assert one.end() == 0, one.said()


NEVER_RETURNS = """
import sys, time
from streams.cli.main import run
from streams.worker.transactional import Transactional

taken = Transactional.commit

def commit(self, parcels, group):
    if sum(parcel.work.applied for parcel in parcels):
        print("the call does not return", file=sys.stderr, flush=True)
        self._within(1.0)
        time.sleep(600)
    taken(self, parcels, group)

Transactional.commit = commit
sys.exit(run(sys.argv[1:]))
"""


def test_who_is_asked_to_end_while_a_call_does_not_return_ends_as_asked_and_is_not_taken_for_frozen(
    kafka: str, tmp_path: Path
) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(500, seed=73)
    arguments = f"worker --broker kafka://{kafka} --backfill --session-timeout-ms 6000 --transaction-timeout-ms 3000".split()
    arguments += ["--program", str(program_file(tmp_path)), "--state", str(tmp_path / "one")]
    with processes() as everybody:
        everybody.append(one := Process(["-c", NEVER_RETURNS, *arguments], tmp_path / "one.log"))
        send(kafka, sent)
        deadline = time.monotonic() + 30
        while "the call does not return" not in one.said():
            assert time.monotonic() < deadline, one.said()
            time.sleep(0.05)
        assert one.end(40) == TRY_AGAIN, one.said()
        assert "the client is stuck, ending as asked: what was not committed will be done again" in one.said()
        everybody.append(again := worker(kafka, tmp_path))
        wait_until(kafka, len(sent), again)
        assert applied(kafka, PARTITIONS) == expected(tmp_path / "club.yaml", sent)[0]
        assert again.end() == 0, again.said()
