"""Three brokers of the local Kafka: copies follow by themselves, and one that dies for good stops nobody and loses nothing."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from schemas.topics import PURCHASES
from streams.export.log import Log
from streams.topics import ensure
from streams.worker.pulse import TRY_AGAIN
from tests.kafka.help import COMMAND, Process, processes, real_kafka
from tests.kafka.receipts import applied, records
from tests.kafka.test_worker import PARTITIONS, assert_books, wait_until, worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


def _send(servers: str, sent: list[tuple[str, bytes]]) -> None:
    producer = Producer({"bootstrap.servers": servers, "partitioner": "murmur2", "enable.idempotence": True})
    for key, value in sent:
        producer.produce("purchases", value, key)
        producer.poll(0)
    assert producer.flush(60) == 0


def _worker(servers: str, folder: Path) -> Process:
    return worker(servers, folder, "one", "--session-timeout-ms", "10000", "--stuck-ms", "15000")


def test_one_of_three_brokers_may_die_for_good(tmp_path: Path) -> None:
    sent = records(3_000, seed=21)
    data = tmp_path / "kafka"
    with real_kafka(data, brokers=3) as servers:
        states = ensure(f"kafka://{servers}", PARTITIONS, None, verify_only=False)
        assert {(state.replication, state.partitions, *state.faults) for state in states} == {(3, PARTITIONS)}
        with processes() as everybody:
            everybody.append(_worker(servers, tmp_path))
            _send(servers, sent[:1_500])
            wait_until(servers, 500, everybody[-1])
            os.kill(int((data / "broker-2" / "kafka.pid").read_text()), signal.SIGKILL)
            left = ",".join(address for n, address in enumerate(servers.split(",")) if n != 1)
            _send(left, sent[1_500:])
            deadline = time.monotonic() + 120
            while applied(left, PARTITIONS).total() < len(sent):
                assert time.monotonic() < deadline, everybody[-1].said()
                if everybody[-1].ended() is not None:  # as whoever runs it in production would
                    assert everybody[-1].ended() == TRY_AGAIN, everybody[-1].said()
                    everybody.append(_worker(servers, tmp_path))
                time.sleep(0.5)
            print(f"the worker was started {len(everybody)} times")
            assert_books(left, tmp_path, sent)
            assert everybody[-1].end() == 0, everybody[-1].said()
        for arguments, code in ((["status"], 1), (["start", "--broker", "2", "--heap", "320m"], 0), (["status"], 0)):
            assert subprocess.run([COMMAND, *arguments, "--data", str(data)], check=False).returncode == code, arguments


def test_one_that_stands_still_is_read_around(tmp_path: Path) -> None:
    sent = records(600, seed=22)
    data = tmp_path / "kafka"
    with real_kafka(data, brokers=3) as servers:
        ensure(f"kafka://{servers}", 1, None, verify_only=False)
        _send(servers, sent)
        log = Log(f"kafka://{servers}", PURCHASES)
        try:
            log.begin(0, 0)
            leader = (
                AdminClient({"bootstrap.servers": servers})
                .list_topics(PURCHASES, timeout=10)
                .topics[PURCHASES]
                .partitions[0]
                .leader
            )
            pid = int((data / f"broker-{leader}" / "kafka.pid").read_text())
            os.kill(pid, signal.SIGSTOP)
            try:
                states = ensure(f"kafka://{servers}", None, None, verify_only=True)
                read = list(log.upto(len(sent), whole=True))
                assert log.bounds(0) == (0, len(sent))
            finally:
                os.kill(pid, signal.SIGCONT)
        finally:
            log.close()
    assert [state.faults for state in states] == [[]] * len(states)
    assert [message.value() for message in read] == [value for _, value in sent]
