"""A worker as whoever runs it sees it: probes, metrics and logs of a real run, in which nobody is named."""

import json
import socket
import time
import urllib.request
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.kafka.help import Process, new_topics, processes
from tests.kafka.receipts import program_file, send
from tests.unit.metrics.test_ports import get

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]
MARK = "c4n4ry"


def sale(number: int, receipt_id: str) -> tuple[str, bytes]:
    lines = [{"sku": "A", "quantity": 1, "unit_price": "10.00"}]
    who = f"{MARK}-{number % 7}"
    record = {"receipt_id": receipt_id, "application": "pos", "currency": "EUR", "lines": lines, "profile_id": who}
    return who, json.dumps(record | {"closed_at": f"2024-03-01T08:00:{number:02}Z"}).encode()


def metric(port: int, name: str) -> float:
    """The sum over the series of a metric."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.partition(" ")[0].partition("{")[0] == name)


def until(port: int, name: str, wanted: float, process: Process) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            found = metric(port, name)
        except OSError:
            found = -1.0
        if found >= wanted:
            return
        assert time.monotonic() < deadline, f"{name} is {found}: {process.said()}"
        assert process.ended() is None, process.said()
        time.sleep(0.3)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_what_waits_behind_a_transaction_that_a_feed_has_left_open_is_lag(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, 1)
    port = free_port()
    arguments = ["-m", "tests.kafka.poisoned", "--broker", f"kafka://{kafka}", "--program", str(program_file(tmp_path))]
    arguments += ["--state", str(tmp_path / "state"), "--metrics-port", str(port)]
    feed = Producer({"bootstrap.servers": kafka, "transactional.id": "feed", "transaction.timeout.ms": 60_000})
    feed.init_transactions(30)
    with processes() as everybody:
        everybody.append(worker := Process(arguments, tmp_path / "worker.log"))
        until(port, "pointstream_ready", 1, worker)
        feed.begin_transaction()
        key, value = sale(0, "R0")
        feed.produce("purchases", value, key, 0)
        assert feed.flush(10) == 0
        send(kafka, [sale(number, f"R{number}") for number in range(1, 4)])
        until(port, "pointstream_lag_records", 4, worker)
        until(port, "pointstream_lag_seconds", 2, worker)
        assert metric(port, "pointstream_records_total") == 0
        assert get(port, "/livez")[0] == 200
        feed.commit_transaction(10)
        until(port, "pointstream_records_total", 4, worker)
        deadline = time.monotonic() + 10
        while metric(port, "pointstream_lag_records"):
            assert time.monotonic() < deadline, "the transaction's end is no record that waits"
            time.sleep(0.3)
        assert worker.end() == 0, worker.said()


def test_a_run_is_seen_and_nobody_is_named(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, 4)
    port = free_port()
    arguments = ["-m", "tests.kafka.poisoned", "--broker", f"kafka://{kafka}", "--program", str(program_file(tmp_path))]
    arguments += [
        "--state",
        str(tmp_path / "state"),
        "--poison",
        f"{MARK}-bad",
        "--metrics-port",
        str(port),
        "--log-format",
        "json",
    ]
    sent = [sale(number, f"R{number}") for number in range(50)] + [sale(50, f"{MARK}-bad"), (MARK, MARK.encode())]
    with processes() as everybody:
        everybody.append(worker := Process(arguments, tmp_path / "worker.log"))
        until(port, "pointstream_ready", 1, worker)
        send(kafka, sent)
        until(port, "pointstream_records_total", len(sent), worker)
        for path in ("/livez", "/readyz", "/startupz"):
            status, body = get(port, path)
            assert status == 200, body
        assert metric(port, "pointstream_partitions") == 4
        assert metric(port, "pointstream_profiles_stopped_total") == 1
        assert metric(port, "pointstream_dead_letters_total") == 2
        assert metric(port, "pointstream_commit_delay_seconds_count") == len(sent)
        until(port, "pointstream_swept_partitions", 4, worker)
        exposed = get(port, "/metrics")[1]
        assert worker.end() == 0, worker.said()
    said = [json.loads(line) for line in (tmp_path / "worker.log").read_text().splitlines()]
    assert [line["error"].partition(" at ")[0] for line in said if "error" in line] == ["ValueError"]
    assert MARK not in exposed
    assert MARK not in json.dumps(said)
