"""A standby keeps a warm copy: who takes over from a killed owner has little left to read, and the books come out the same."""

import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from schemas.topics import CHANGELOG
from streams.worker.position import META_CHANGELOG, folder_of
from tables.rocks import RocksStore
from tests.kafka.help import free_ports, new_topics, processes
from tests.kafka.receipts import records, send
from tests.kafka.test_watched import until
from tests.kafka.test_worker import PARTITIONS, assert_books, wait_until, worker
from tests.unit.metrics.test_ports import get

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


def ends(servers: str) -> dict[int, int]:
    """Where each partition of the changelog ends."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "looking", "isolation.level": "read_committed"})
    try:
        return {number: consumer.get_watermark_offsets(TopicPartition(CHANGELOG, number), 10)[1] for number in range(PARTITIONS)}
    finally:
        consumer.close()


def copied(state: Path) -> dict[int, int]:
    """How far the copies in a stopped worker's directory have come."""
    found: dict[int, int] = {}
    for number in range(PARTITIONS):
        path = folder_of(state, number, PARTITIONS)
        if path.exists():
            store = RocksStore(path)
            found[number] = int(store.meta(META_CHANGELOG) or 0)
            store.close()
    return found


def lags(port: int) -> list[float]:
    """What the metrics say of each copy."""
    lines = get(port, "/metrics")[1].splitlines()
    return [float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("pointstream_standby_lag_records{")]


def test_a_standby_follows_the_changelog_and_takes_over(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sent = records(9_000, seed=7)
    with processes() as everybody:
        everybody.append(one := worker(kafka, tmp_path, "one", "--standby-replicas", "1"))
        port = free_ports()[0]
        everybody.append(two := worker(kafka, tmp_path, "two", "--standby-replicas", "1", "--metrics-port", str(port)))
        send(kafka, sent[:6_000])
        wait_until(kafka, 6_000, one, two)
        until(port, "pointstream_standby_partitions", PARTITIONS / 2, two)
        deadline = time.monotonic() + 60
        while (told := lags(port)) != [0] * (PARTITIONS // 2):
            assert time.monotonic() < deadline, f"{told} behind: {two.said()}"
            time.sleep(0.2)
        log = ends(kafka)
        assert two.end() == 0, two.said()
        behind = {number: log[number] - offset for number, offset in copied(tmp_path / "two").items()}
        assert set(behind) == set(range(PARTITIONS))
        assert max(behind.values()) <= 10, f"{behind} records behind, of {log}"

        everybody.append(again := worker(kafka, tmp_path, "two", "--standby-replicas", "1"))
        send(kafka, sent[6_000:7_500])
        wait_until(kafka, 7_500, one, again)
        one.kill()
        send(kafka, sent[7_500:])
        wait_until(kafka, len(sent), again)
        assert_books(kafka, tmp_path, sent)
        assert again.end() == 0, again.said()
