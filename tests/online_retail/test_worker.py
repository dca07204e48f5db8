"""The same real receipts through the worker: what is in its tables afterwards is what `replay` says, to the last lot.

Once on the embedded broker, fed no faster than its small retention allows, and once on a real Kafka with the worker killed on the
way. The tables are read after the worker has ended, for the embedded broker forgets the early balances long before.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from agents.balances import balance_rows
from agents.programs import Programs
from schemas.events import encode
from schemas.program_file import load_catalog
from schemas.topics import PURCHASES
from streams.embedded import PARTITIONS, embedded_broker
from tables.rocks import RocksStore
from tables.table import Table
from tests.kafka.help import Process, new_topics, processes
from tests.kafka.receipts import applied
from tests.online_retail.test_replay import (  # noqa: F401  # the fixtures that this suite shares with replay's
    PROGRAM,
    expected,
    folder,
    pytestmark,
    records,
    rows,
    run,
)

COMMAND = "import sys; from streams.cli.main import run; sys.exit(run(sys.argv[1:]))"
AT_ONCE = 1_000  # records that may wait unread: about half a MiB a partition of the embedded broker's five
KAFKA_PARTITIONS = 8


def worker(url: str, state: Path, log: Path) -> Process:
    arguments = ["worker", "--broker", url, "--backfill", "--program", str(PROGRAM), "--state", str(state)]
    return Process(["-c", COMMAND, *arguments], log)


def send(servers: str, lines: Sequence[str]) -> None:
    producer = Producer({"bootstrap.servers": servers, "partitioner": "murmur2_random", "compression.type": "lz4"})
    for line in lines:
        value = json.loads(line)["value"]
        producer.produce(PURCHASES, json.dumps(value).encode(), value.get("profile_id"))
    assert producer.flush(30) == 0


def wait_until(servers: str, partitions: int, count: int, process: Process, seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while (total := applied(servers, partitions).total()) < count:
        assert time.monotonic() < deadline, f"{total} of {count}; {process.said()}"
        assert process.ended() is None, process.said()
        time.sleep(0.1)


def balances_in(state: Path) -> list[dict[str, Any]]:
    """Every row of the worker's tables, sorted as `replay` sorts them."""
    programs = Programs(load_catalog([PROGRAM]))
    found: list[tuple[bytes, dict[str, Any]]] = []
    for path in sorted(state.glob("partition-*")):
        table = Table(RocksStore(path))
        for profile_id, profile in table.profiles():
            found += [
                (profile_id.encode(), json.loads(encode(row))) for row in balance_rows(programs, profile_id, profile, table)
            ]
        table.close()
    return [row for _, row in sorted(found, key=lambda item: item[0])]


@pytest.mark.timeout(240)
def test_the_worker_on_the_embedded_broker_leaves_the_balances_of_replay(
    records: list[str],  # noqa: F811
    run: dict[str, bytes],  # noqa: F811
    tmp_path: Path,
) -> None:
    with embedded_broker(announce=lambda _: None) as broker, processes() as everybody:
        everybody.append(process := worker(broker.url, tmp_path / "state", tmp_path / "worker.log"))
        for start in range(0, len(records), AT_ONCE):
            send(broker.address, records[start : start + AT_ONCE])
            wait_until(broker.address, PARTITIONS, start, process)  # all but what was sent just now
        wait_until(broker.address, PARTITIONS, len(records), process)
        assert process.end() == 0, process.said()
    assert balances_in(tmp_path / "state") == rows(run, "balances")


@pytest.mark.kafka
@pytest.mark.timeout(240)
def test_the_worker_on_a_real_kafka_leaves_the_balances_of_replay_though_it_is_killed(
    kafka: str,
    records: list[str],  # noqa: F811
    run: dict[str, bytes],  # noqa: F811
    tmp_path: Path,
) -> None:
    new_topics(kafka, KAFKA_PARTITIONS)
    send(kafka, records)
    with processes() as everybody:
        everybody.append(first := worker(f"kafka://{kafka}", tmp_path / "state", tmp_path / "worker.log"))
        wait_until(kafka, KAFKA_PARTITIONS, len(records) // 4, first)
        first.kill()
        everybody.append(again := worker(f"kafka://{kafka}", tmp_path / "state", tmp_path / "worker.log"))
        wait_until(kafka, KAFKA_PARTITIONS, len(records), again)
        assert applied(kafka, KAFKA_PARTITIONS).total() == len(records)
        assert again.end() == 0, again.said()
    assert balances_in(tmp_path / "state") == rows(run, "balances")
