"""A run by the clock, of several workers that come, go and die, with questions between partitions: exported, it is done again byte for byte.

Lots activate while it runs, by ticks that every worker takes from its own clock, and receipts are claimed by two profiles each; what each
worker saw first is nobody's to say. The states of all workers, the one of the changelog and the one of the replay are the same.
"""

import json
import shutil
import time
from pathlib import Path
from random import Random

import pytest

from schemas.instants import format_instant
from schemas.topics import DEAD_LETTERS, LEDGER_ENTRIES
from tests.kafka.help import Process, new_topics, processes
from tests.kafka.receipts import program_file, send
from tests.kafka.test_whole_ledger import pointstream, values
from tests.kafka.test_worker import COMMAND, PARTITIONS, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
PROGRAM = """\
program: club
timezone: UTC
environment: sandbox
effective_from: 2024-01-01T00:00:00Z
applications: [pos]
currency: EUR
receipts: claimed
points:
  - {sid: pts, activation: "10 minutes", expiration: "15 minutes"}
earning:
  - {rule: base, rate: {points: "1", per: "1.00"}}
"""


def _sales(first: int, count: int) -> list[tuple[str, bytes]]:
    """Closed nearly ten or nearly fifteen minutes ago: in the next seconds their lots become active, or expire."""
    random = Random(first)
    now = time.time_ns() // 1000
    sent = []
    for n in range(first, first + count):
        ago = random.choice((600, 900)) * 1_000_000 - random.randrange(12_000_000)
        lines = [{"sku": "A", "quantity": 1, "unit_price": f"{n % 70}.50"}]
        receipt = {"receipt_id": f"R{n}", "application": "pos", "closed_at": format_instant(now - ago), "currency": "EUR"}
        for name in (f"a{n % 97}", f"b{n % 89}"):
            sent.append((name, json.dumps({**receipt, "profile_id": name, "lines": lines}).encode()))
    return sent


def _worker(servers: str, folder: Path, name: str) -> Process:
    places = ["--broker", f"kafka://{servers}", "--program", str(program_file(folder, PROGRAM)), "--state", str(folder / name)]
    return Process(["-c", COMMAND, "worker", *places, "--session-timeout-ms", "6000"], folder / f"{name}.log")


def test_a_run_by_the_clock_of_several_workers_is_done_again_byte_for_byte(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    broker, sent = f"kafka://{kafka}", 0
    with processes() as everybody:
        everybody += [_worker(kafka, tmp_path, "one"), _worker(kafka, tmp_path, "two")]
        for act in range(3):
            send(kafka, _sales(1_000 * act, 500))
            sent += 1_000
            wait_until(kafka, sent - 500, seconds=90)
            if act == 0:
                everybody[0].kill()
                everybody.append(_worker(kafka, tmp_path, "three"))
            elif act == 1:
                assert everybody[1].end() == 0, everybody[1].said()
                shutil.rmtree(tmp_path / "two")
                everybody.append(_worker(kafka, tmp_path, "two"))
        wait_until(kafka, sent, seconds=90)
        time.sleep(4)  # some of the last lots fall due, and some have not when the workers end
        for worker in everybody[2:]:
            assert worker.end() == 0, worker.said()
    run, out, again = tmp_path / "run.jsonl.gz", tmp_path / "out", tmp_path / "again"
    exported = pointstream("export", "--broker", broker, "--output", run)["partitions"]
    assert sum(partition["records"] for partition in exported) == sent
    assert sum(partition["messages"] for partition in exported) >= 2 * sent
    assert sum(partition["ticks"] for partition in exported) > 10
    summary = pointstream("replay", "--program", tmp_path / "club.yaml", "--input", run, "--output", out, "--state", again)
    for topic in (LEDGER_ENTRIES, DEAD_LETTERS):
        assert (out / f"{topic}.jsonl").read_bytes().splitlines() == values(kafka, topic), topic
    kinds = {entry["type"]: entry["entries"] for entry in summary["entries"]}
    assert kinds["points.activated"] > 100
    assert kinds["points.expired"] > 100
    *workers, changelog = pointstream(
        "state-hash", "--state", tmp_path / "two", "--state", tmp_path / "three", "--state", again, "--broker", broker
    )
    held = {(row["partition"], row["cycle"]): row["state_hash"] for told in workers[:2] for row in told["partitions"]}
    for row in changelog["partitions"]:
        assert held[row["partition"], row["cycle"]] == row["state_hash"]
    assert workers[2]["partitions"] == changelog["partitions"]
