"""A worker is a named member of its group: what others notice when it is asked to end, killed and back, or killed for good."""

import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from schemas.topics import CYCLES
from tests.kafka.help import Process, new_topics, processes
from tests.kafka.receipts import applied, expected, records, send
from tests.kafka.test_worker import PARTITIONS, wait_until, worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
SESSION_SECONDS = 6.0


class Cycles:
    """Reads `cycles` as it grows: when a partition was applied last, and by how many records."""

    def __init__(self, servers: str) -> None:
        self.at: dict[int, float] = {}
        self._consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "looks-on",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
            }
        )
        self._consumer.assign([TopicPartition(CYCLES, number, 0) for number in range(PARTITIONS)])

    def look(self) -> None:
        for message in self._consumer.consume(500, 0.05):
            if message.error() is None:
                self.at[message.partition() or 0] = time.monotonic()

    def until_all_moved_since(self, then: float, within: float, everybody: list[Process]) -> float:
        """Seconds from then until every partition has moved."""
        while len(self.at) < PARTITIONS or min(self.at.values()) < then:
            self.look()
            told = f"{sorted(self.at.items())} since {then}: " + "; ".join(process.said() for process in everybody)
            assert time.monotonic() < then + within, told
        return time.monotonic() - then

    def close(self) -> None:
        self._consumer.close()


def _both(servers: str, folder: Path, everybody: list[Process], sent: list[tuple[str, bytes]]) -> None:
    """Two workers that share the partitions, and a first part of the records."""
    for name in ("one", "two"):
        everybody.append(worker(servers, folder, name, "--cycle-ms", "100"))
    deadline = time.monotonic() + 60
    while not all(any((folder / name).glob("partition-*")) for name in ("one", "two")):
        assert time.monotonic() < deadline, [process.said() for process in everybody]
        time.sleep(0.2)
    send(servers, sent)
    wait_until(servers, len(sent), *everybody)


@pytest.mark.parametrize("asked", [True, False], ids=["asked to end", "killed, and back"])
def test_partitions_of_a_worker_that_goes_are_read_on_well_before_its_session_ends(
    kafka: str, tmp_path: Path, asked: bool
) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(6_000, seed=31)
    cycles = Cycles(kafka)
    with processes() as everybody:
        _both(kafka, tmp_path, everybody, sent[:3_000])
        one, two = everybody
        if asked:
            assert one.end() == 0, one.said()
        else:
            one.kill()
            everybody.append(worker(kafka, tmp_path, "one", "--cycle-ms", "100"))
        gone_at = time.monotonic()
        send(kafka, sent[3_000:])
        seconds = cycles.until_all_moved_since(gone_at, 60, everybody)
        print(f"every partition moved again after {seconds:.1f} s")
        if asked:
            assert seconds < SESSION_SECONDS, "the others waited for its session"
        wait_until(kafka, len(sent), two)
        assert applied(kafka, PARTITIONS) == expected(tmp_path / "club.yaml", sent)[0]
        assert two.end() == 0, two.said()
        if asked:
            assert "REBALANCE" not in two.said()
    cycles.close()


def test_a_worker_that_is_killed_and_comes_back_in_time_is_not_noticed_by_the_others(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(4_000, seed=32)
    with processes() as everybody:
        _both(kafka, tmp_path, everybody, sent[:2_000])
        one, two = everybody
        before = two.said().count("recovered")
        one.kill()
        everybody.append(back := worker(kafka, tmp_path, "one"))
        send(kafka, sent[2_000:])
        wait_until(kafka, len(sent), two, back)
        assert applied(kafka, PARTITIONS) == expected(tmp_path / "club.yaml", sent)[0]
        assert two.said().count("recovered") == before, f"it was rebalanced:\n{two.said()}"
        for process in (two, back):
            assert process.end() == 0, process.said()


def test_two_workers_of_one_name_are_told_apart_by_the_group_and_the_older_one_ends(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    with processes() as everybody:
        everybody.append(older := worker(kafka, tmp_path, "one", "--instance-id", "till-7"))
        send(kafka, records(500, seed=33))
        wait_until(kafka, 500, older)
        everybody.append(newer := worker(kafka, tmp_path, "two", "--instance-id", "till-7"))
        assert older.wait(40) != 0
        assert "another worker has this worker's name" in older.said()
        assert newer.ended() is None, newer.said()
        assert newer.end() == 0, newer.said()
