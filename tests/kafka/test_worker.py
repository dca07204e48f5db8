"""The worker with the real ledger on a real Kafka: killed, robbed of its state, joined by another. The books come out the same.

What must come out is said by the core over memory, from the same records; the worker runs with `--backfill`, so that arrival and
ticks follow event time and no test depends on how long it took.
"""

import shutil
import time
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from schemas.topics import CHANGELOG
from tests.kafka.help import Process, create_topics, new_topics, processes, read_all
from tests.kafka.receipts import PROGRAM, applied, expected, program_file, published, records, send

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

PARTITIONS = 6
COMMAND = "import sys; from streams.cli.main import run; sys.exit(run(sys.argv[1:]))"


def worker(servers: str, folder: Path, name: str = "one", *rest: str, text: str = PROGRAM) -> Process:
    arguments = f"worker --broker kafka://{servers} --backfill --session-timeout-ms 6000 --transaction-timeout-ms 10000".split()
    program = str(program_file(folder, text))
    return Process(
        ["-c", COMMAND, *arguments, "--program", program, "--state", str(folder / name), *rest], folder / f"{name}.log"
    )


def wait_until(servers: str, count: int, *team: Process, seconds: float = 60.0) -> None:
    """Until so many records have come to an outcome."""
    deadline = time.monotonic() + seconds
    while (total := applied(servers, PARTITIONS).total()) < count:
        assert time.monotonic() < deadline, f"{total} of {count}; " + "; ".join(process.said() for process in team)
        for process in team:
            assert process.ended() is None, process.said()
        time.sleep(0.2)


def assert_books(servers: str, folder: Path, sent: list[tuple[str, bytes]]) -> None:
    outcomes, balances, entries = expected(folder / "club.yaml", sent)
    assert applied(servers, PARTITIONS) == outcomes
    deadline = time.monotonic() + 20
    while (found := published(servers, PARTITIONS)) != (balances, entries) and time.monotonic() < deadline:
        time.sleep(0.2)  # the last tick comes a moment after the last record
    assert found[1] == entries
    assert found[0] == balances


def test_kill_9_in_the_middle_loses_nothing_and_doubles_nothing(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(20_000, seed=1)
    with processes() as everybody:
        everybody.append(first := worker(kafka, tmp_path, "one", "--cycle-records", "500"))
        send(kafka, sent[: len(sent) // 2])
        wait_until(kafka, 1_000, first)
        first.kill()
        assert applied(kafka, PARTITIONS).total() < len(sent) // 2, "it was killed too late to prove anything"
        everybody.append(again := worker(kafka, tmp_path))
        send(kafka, sent[len(sent) // 2 :])
        wait_until(kafka, len(sent), again)
        assert_books(kafka, tmp_path, sent)
        assert again.end() == 0, again.said()


def test_a_lost_state_directory_is_rebuilt_from_the_changelog(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(8_000, seed=2)
    with processes() as everybody:
        send(kafka, sent[:4_000])
        everybody.append(first := worker(kafka, tmp_path))
        wait_until(kafka, 4_000, first)
        assert first.end() == 0, first.said()
        shutil.rmtree(tmp_path / "one")
        send(kafka, sent[4_000:])
        everybody.append(again := worker(kafka, tmp_path))
        wait_until(kafka, len(sent), again)
        assert_books(kafka, tmp_path, sent)
        assert again.end() == 0, again.said()


def test_a_second_worker_takes_its_share_and_gives_it_back(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(12_000, seed=3)
    with processes() as everybody:
        everybody.append(one := worker(kafka, tmp_path, "one"))
        send(kafka, sent[:4_000])
        wait_until(kafka, 4_000, one)
        everybody.append(two := worker(kafka, tmp_path, "two"))
        send(kafka, sent[4_000:8_000])
        wait_until(kafka, 8_000, one, two)
        deadline = time.monotonic() + 30
        while not any((tmp_path / "two").glob("partition-*")):
            assert time.monotonic() < deadline, two.said()
            time.sleep(0.2)
        assert one.end() == 0, one.said()
        send(kafka, sent[8_000:])
        wait_until(kafka, len(sent), two)
        assert_books(kafka, tmp_path, sent)
        assert two.end() == 0, two.said()


def test_topics_that_differ_in_partitions_are_refused_with_a_sentence(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, 2)
    admin = AdminClient({"bootstrap.servers": kafka})
    for done in admin.create_partitions([NewPartitions("pixels", 3)]).values():
        done.result()
    with processes() as everybody:
        everybody.append(one := worker(kafka, tmp_path))
        assert one.wait(30) == 2
        assert "topics differ in their number of partitions" in one.said()
        assert "Traceback" not in one.said()


def test_a_changelog_that_is_gone_is_not_guessed_around(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    with processes() as everybody:
        everybody.append(one := worker(kafka, tmp_path, "one", "--app-id", "robbed"))
        send(kafka, records(2_000, seed=4))
        wait_until(kafka, 2_000, one)
        assert one.end() == 0, one.said()
        assert read_all(kafka, CHANGELOG, PARTITIONS)
        admin = AdminClient({"bootstrap.servers": kafka})
        for gone in admin.delete_topics([CHANGELOG]).values():
            gone.result()
        time.sleep(2)
        create_topics(kafka, PARTITIONS, [CHANGELOG])
        shutil.rmtree(tmp_path / "one")
        everybody.append(again := worker(kafka, tmp_path, "one", "--app-id", "robbed"))
        assert again.wait(40) == 2
        assert "the changelog has no position" in again.said()
