"""A topic that refuses writes: the worker waits, says so once, and goes on by itself when it is written to again."""

import time
from pathlib import Path
from subprocess import run

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from schemas.topics import LEDGER_ENTRIES
from streams.topics import ensure
from tests.kafka.help import COMMAND, processes, real_kafka
from tests.kafka.receipts import applied, records, send
from tests.kafka.test_worker import PARTITIONS, assert_books, wait_until, worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
TRANSACTION_MS = "4000"  # so long a cycle tries before it is given up
LONGER_SECONDS = 4.0
SAID = "does not do what it is asked"


def in_sync(servers: str, topic: str, wanted: int) -> None:
    """So many copies must have a record before it counts. More than a topic has are never asked for (Kafka 4), so it takes several brokers."""
    entry = ConfigEntry("min.insync.replicas", str(wanted), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": servers})
    for done in admin.incremental_alter_configs([resource]).values():
        done.result()


def test_a_topic_that_refuses_writes_is_waited_for(tmp_path: Path) -> None:
    sent = records(4_000, seed=61)
    data = tmp_path / "kafka"
    with real_kafka(data, brokers=3) as servers, processes() as everybody:
        ensure(f"kafka://{servers}", PARTITIONS, None, verify_only=False)
        run([COMMAND, "stop", "--data", data, "--broker", "3"], check=True, capture_output=True)  # two copies of three are left
        left = servers.rpartition(",")[0]
        everybody.append(one := worker(left, tmp_path, "one", "--transaction-timeout-ms", TRANSACTION_MS))
        send(left, sent[:2_000])
        wait_until(left, 2_000, one)
        in_sync(left, LEDGER_ENTRIES, 3)
        before = applied(left, PARTITIONS)
        send(left, sent[2_000:])
        deadline = time.monotonic() + 40
        while SAID not in one.said():
            assert time.monotonic() < deadline, one.said()
            time.sleep(0.2)
        time.sleep(LONGER_SECONDS)
        assert one.ended() is None, one.said()
        assert one.said().count(SAID) == 1, one.said()
        assert applied(left, PARTITIONS) == before
        in_sync(left, LEDGER_ENTRIES, 2)
        wait_until(left, len(sent), one)
        assert_books(left, tmp_path, sent)
        assert "does what it is asked again" in one.said()
        assert one.end() == 0, one.said()
