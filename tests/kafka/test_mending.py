"""What an operator does after a mistake of ours: the failed record stops its profile, later ones wait; mended, all of it counts, once.

On the embedded broker, and on a real Kafka with its transactions. The commands are those of `docs/dead-letters.md`, in its order.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.topics import BALANCES, CYCLES
from streams.cli.main import run
from streams.embedded import PARTITIONS, embedded_broker
from tests.kafka.help import Process, new_topics, processes, read_all
from tests.kafka.receipts import applied, program_file, send

SALES = [("p1", "R1"), ("p1", "BAD"), ("p1", "R3"), ("p2", "R4")]


def sale(number: int, profile_id: str, receipt_id: str) -> tuple[str, bytes]:
    lines = [{"sku": "A", "quantity": 1, "unit_price": f"{10**number}.00"}]
    record = {"receipt_id": receipt_id, "application": "pos", "currency": "EUR", "lines": lines, "profile_id": profile_id}
    return profile_id, json.dumps(record | {"closed_at": f"2024-03-01T08:00:0{number}Z"}).encode()


def worker(url: str, folder: Path, poison: str) -> Process:
    paths = ["--program", str(program_file(folder)), "--state", str(folder / "state")]
    return Process(["-m", "tests.kafka.poisoned", "--broker", url, *paths, "--poison", poison], folder / "worker.log")


def until(count: Callable[[], int], wanted: int, process: Process) -> None:
    deadline = time.monotonic() + 60
    while (found := count()) < wanted:
        assert time.monotonic() < deadline, f"{found} of {wanted}: {process.said()}"
        assert process.ended() is None, process.said()
        time.sleep(0.2)


def lifetime(servers: str, profile_id: str) -> str:
    newest = {message.key(): message.value() for message in read_all(servers, BALANCES, PARTITIONS)}
    told: dict[str, Any] = msgspec.json.decode(newest[profile_id.encode()])
    return str(told["programs"][0]["balances"][0]["lifetime"])


def waited(servers: str) -> Counter[str]:
    """What became of records that had waited."""
    outcomes: Counter[str] = Counter()
    for message in read_all(servers, CYCLES, PARTITIONS):
        outcomes.update(msgspec.json.decode(message.value()).get("parked", {}))
    return outcomes


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = run([*arguments, "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out.splitlines()[-1] if arguments[0] in {"audit", "profile"} else said.out)


def mended(url: str, servers: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with processes() as everybody:
        everybody.append(broken := worker(url, folder, "BAD"))
        send(servers, [sale(number, *who) for number, who in enumerate(SALES)])
        until(lambda: applied(servers, PARTITIONS).total(), 4, broken)
        assert applied(servers, PARTITIONS) == {"applied": 2, "dead-letter": 1, "parked": 1}
        assert (lifetime(servers, "p1"), lifetime(servers, "p2")) == ("1", "1000")
        code, told = command(capsys, "dead-letters", "list", "--broker", url)
        assert (code, told["reasons"]) == (0, {"internal-error": 1})
        assert broken.end() == 0, broken.said()

        everybody.append(good := worker(url, folder, ""))
        code, told = command(capsys, "profile", "release", "p1", "--broker", url, "--wait", "40")
        assert (code, told["applied"]) == (0, True)
        until(lambda: waited(servers).total(), 1, good)
        assert waited(servers) == {"applied": 1}
        assert lifetime(servers, "p1") == "101"
        for _ in range(2):  # the second time it is a duplicate
            code, told = command(capsys, "dead-letters", "replay", "--broker", url, "--reason", "internal-error")
            assert (code, told["put_back"]) == (0, 1)
        until(lambda: applied(servers, PARTITIONS).total(), 6, good)
        assert applied(servers, PARTITIONS) == {"applied": 3, "dead-letter": 1, "parked": 1, "duplicate": 1}
        assert lifetime(servers, "p1") == "111"
        code, told = command(capsys, "audit", "--broker", url)
        assert (code, told["entries"], told["violations"]) == (0, 6, 0)  # two members joined
        assert good.end() == 0, good.said()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_mistake_is_mended_on_the_embedded_broker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with embedded_broker(announce=lambda _: None) as broker:
        mended(broker.url, broker.address, tmp_path, capsys)


@pytest.mark.kafka
@pytest.mark.timeout(240)
def test_a_mistake_is_mended_on_kafka(kafka: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_topics(kafka, PARTITIONS)
    mended(f"kafka://{kafka}", kafka, tmp_path, capsys)
