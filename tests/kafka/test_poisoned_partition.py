"""Partitions that cannot be continued are left alone, damaged ones are rebuilt, and the others go on all the while."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.partitioner import partition_of
from schemas.topics import CHANGELOG, CYCLES, PURCHASES
from streams.worker.position import POSITION_KEY, folder_of
from tests.kafka.help import Process, free_ports, new_topics, processes, read_all
from tests.kafka.receipts import expected, program_file, published, records, send
from tests.kafka.test_upgrade import until
from tests.kafka.test_watched import metric
from tests.kafka.test_watched import until as until_metric
from tests.kafka.test_worker import COMMAND, PARTITIONS, assert_books, wait_until, worker
from tests.unit.metrics.test_ports import get

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
UNREADABLE, DAMAGED, TRUNCATED = 0, 1, 2

# What RocksDB says to every write when a compaction has come to a block that cannot be read, and that nobody else had read for long.
_COMPACTED = f"""
import streams.worker.logic as logic
from tables.store import DamagedError

class Compacted(logic.RocksStore):
    left = 7

    def __init__(self, path, *rest, **more):
        super().__init__(path, *rest, **more)
        self.meets_it = "partition-{DAMAGED:04}" in path.name and Compacted.left > 0

    def write(self, *what):
        Compacted.left -= self.meets_it
        if self.meets_it and Compacted.left <= 0:
            raise DamagedError("the state is damaged: Corruption: block checksum mismatch")
        super().write(*what)

logic.RocksStore = Compacted
"""


def _here(key: str) -> int:
    return partition_of(key.encode(), PARTITIONS)


def _write_no_position(servers: str, number: int) -> None:
    producer = Producer({"bootstrap.servers": servers})
    producer.produce(CHANGELOG, b"no position", POSITION_KEY, number)
    assert producer.flush(10) == 0


def _delete_all_records(servers: str, number: int) -> None:
    admin: Any = AdminClient({"bootstrap.servers": servers})
    for done in admin.delete_records([TopicPartition(PURCHASES, number, -1)]).values():
        done.result()


def _by_partition(servers: str) -> Counter[int]:
    """Records that have come to an outcome."""
    found: Counter[int] = Counter()
    for message in read_all(servers, CYCLES, PARTITIONS):
        found[message.partition()] += sum(msgspec.json.decode(message.value())["outcomes"].values())
    return found


def _watched(servers: str, folder: Path, *rest: str) -> tuple[Process, int]:
    port = free_ports()[0]
    return worker(servers, folder, "one", "--metrics-port", str(port), *rest), port


def test_poisoned_partitions_stop_nobody_else_and_a_damaged_one_is_rebuilt(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(6_000, seed=91)
    with processes() as everybody:
        everybody.append(one := worker(kafka, tmp_path))
        send(kafka, sent[:3_000])
        wait_until(kafka, 3_000, one)
        assert one.end() == 0, one.said()
        before = _by_partition(kafka)
        send(kafka, sent[3_000:])
        _write_no_position(kafka, UNREADABLE)
        (folder_of(tmp_path / "one", DAMAGED, PARTITIONS) / "CURRENT").write_bytes(b"garbage")
        _delete_all_records(kafka, TRUNCATED)

        again, port = _watched(kafka, tmp_path)
        everybody.append(again)
        wanted = Counter(_here(key) for key, _ in sent)
        for number in (UNREADABLE, TRUNCATED):
            wanted[number] = before[number]
        until(lambda: _by_partition(kafka) == wanted, again)
        until_metric(port, "pointstream_ready", 1, again)
        assert metric(port, "pointstream_poisoned_partitions") == 2
        assert metric(port, "pointstream_partitions") == PARTITIONS - 2
        status, body = get(port, "/readyz")
        assert status == 200
        assert f"left alone: partition {UNREADABLE}: the newest position" in body
        assert f"partition {UNREADABLE} is left alone, and the others go on: the newest position in its changelog" in again.said()
        assert f"partition {TRUNCATED} is left alone, and the others go on: purchases is to go on at offset" in again.said()
        assert "what lies here is deleted and rebuilt from the changelog" in again.said()

        healthy = [(key, value) for key, value in sent if _here(key) not in (UNREADABLE, TRUNCATED)]
        _, balances, entries = expected(tmp_path / "club.yaml", healthy)

        def books_are_right() -> bool:
            found = published(kafka, PARTITIONS)
            return [{name: said[name] for name in wanted} for said, wanted in zip(found, (balances, entries), strict=True)] == [
                balances,
                entries,
            ]

        until(books_are_right, again, seconds=20)
        assert again.end() == 0, again.said()


def test_a_state_that_is_damaged_under_a_running_worker_is_rebuilt_while_it_runs(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(6_000, seed=92)
    with processes() as everybody:
        everybody.append(one := worker(kafka, tmp_path))
        send(kafka, sent[:3_000])
        wait_until(kafka, 3_000, one)
        assert one.end() == 0, one.said()
        again, port = _watched(kafka, tmp_path)
        everybody.append(again)
        until_metric(port, "pointstream_ready", 1, again)
        tables = [*folder_of(tmp_path / "one", DAMAGED, PARTITIONS).glob("*.sst")]
        assert tables, "its log was written into tables when it was opened"
        for table in tables:
            content = table.read_bytes()
            with table.open("r+b") as file:
                file.write(bytes(byte ^ 0x5A for byte in content[: len(content) // 2]))
        send(kafka, sent[3_000:])
        wait_until(kafka, len(sent), again)
        assert_books(kafka, tmp_path, sent)
        assert f"partition {DAMAGED}: the state is damaged: Corruption" in again.said()
        assert again.end() == 0, again.said()


def test_damage_that_a_compaction_finds_is_rebuilt_while_the_worker_runs(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(4_000, seed=94)
    send(kafka, sent)
    arguments = f"worker --broker kafka://{kafka} --backfill --cycle-records 300 --program {program_file(tmp_path)}".split()
    with processes() as everybody:
        everybody.append(
            one := Process(["-c", _COMPACTED + COMMAND, *arguments, "--state", str(tmp_path / "one")], tmp_path / "one.log")
        )
        wait_until(kafka, len(sent), one)
        assert_books(kafka, tmp_path, sent)
        assert f"partition {DAMAGED}: the state is damaged: Corruption" in one.said()
        assert one.end() == 0, one.said()


def test_records_that_are_deleted_unread_under_a_running_worker_stop_their_own_partition_alone(
    kafka: str, tmp_path: Path
) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(3_000, seed=93)
    with processes() as everybody:
        one, port = _watched(kafka, tmp_path, "--session-timeout-ms", "20000")
        everybody.append(one)
        send(kafka, sent[:1_500])
        wait_until(kafka, 1_500, one)
        wanted = _by_partition(kafka)
        one.freeze()
        time.sleep(0.3)  # what it had asked for has been answered
        send(kafka, sent[1_500:])
        _delete_all_records(kafka, TRUNCATED)
        one.thaw()
        wanted += Counter(_here(key) for key, _ in sent[1_500:] if _here(key) != TRUNCATED)
        until(lambda: _by_partition(kafka) == wanted, one)
        until_metric(port, "pointstream_poisoned_partitions", 1, one)
        assert f"partition {TRUNCATED} is left alone, and the others go on: purchases is to go on at offset" in one.said()
        assert one.end() == 0, one.said()
