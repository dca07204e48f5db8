"""The worker on the embedded broker, without transactions: `kill -9` in the middle, and the same books come out.

A cycle that was under way is done again exactly as planned. What it had announced already it announces again, with the same ids and
the same content; so whoever reads keeps the first of each entry.
"""

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from streams.embedded import PARTITIONS, embedded_broker
from tests.kafka.help import Process, processes
from tests.kafka.receipts import applied, expected, program_file, published, records, send

COMMAND = "import sys; from streams.cli.main import run; sys.exit(run(sys.argv[1:]))"


def worker(url: str, folder: Path, *rest: str) -> Process:
    arguments = f"worker --broker {url} --backfill --cycle-records 300".split()
    paths = ["--program", str(program_file(folder)), "--state", str(folder / "state")]
    return Process(["-c", COMMAND, *arguments, *paths, *rest], folder / "worker.log")


def wait_until(servers: str, count: int, process: Process, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while (total := applied(servers, PARTITIONS).total()) < count:
        assert time.monotonic() < deadline, f"{total} of {count}; {process.said()}"
        assert process.ended() is None, process.said()
        time.sleep(0.1)


def first_of_each(entries: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """A repeat must be equal; then it is left out."""
    kept: dict[str, list[dict[str, Any]]] = {}
    for profile_id, said in entries.items():
        numbered: dict[int, dict[str, Any]] = {}
        for entry in said:
            assert numbered.setdefault(entry["entry"], entry) == entry, "announced again with other content"
        kept[profile_id] = list(numbered.values())
    return kept


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_kill_9_on_the_embedded_broker_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    sent = records(6_000, seed=7)
    with embedded_broker(announce=lambda line: print(line, file=sys.stderr)) as broker, processes() as everybody:
        everybody.append(first := worker(broker.url, tmp_path))
        send(broker.address, sent[:4_000])
        wait_until(broker.address, 500, first)
        first.kill()
        everybody.append(again := worker(broker.url, tmp_path))
        send(broker.address, sent[4_000:])
        wait_until(broker.address, len(sent), again, seconds=90)
        outcomes, balances, entries = expected(tmp_path / "club.yaml", sent)
        deadline = time.monotonic() + 30
        found = published(broker.address, PARTITIONS)
        while (found[0], first_of_each(found[1])) != (balances, entries) and time.monotonic() < deadline:
            time.sleep(1)
            found = published(broker.address, PARTITIONS)
        assert applied(broker.address, PARTITIONS) == outcomes
        assert first_of_each(found[1]) == entries
        assert found[0] == balances
        assert again.end() == 0, again.said()
