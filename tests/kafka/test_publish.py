"""Programs in a fleet, on a real Kafka: a version is published while receipts flow, and each receipt is judged at its own event time.

By whom, when each of them learned of it, and who was killed meanwhile makes no difference; the exported run brings its programs along.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from schemas.instants import format_instant, parse_instant
from schemas.topics import CYCLES, DEAD_LETTERS, LEDGER_ENTRIES, PROGRAMS, PURCHASES
from tests.conftest import ROOT
from tests.kafka.help import Process, new_topics, processes, read_all
from tests.kafka.receipts import PROGRAM, applied, expected, published, records, send
from tests.kafka.test_whole_ledger import pointstream, values
from tests.kafka.test_worker import COMMAND, PARTITIONS, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


def _file(folder: Path, name: str, effective_from: str, points: str) -> Path:
    """The club's program, as it is from an instant on."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    text = PROGRAM.replace("2024-01-01T00:00:00Z", effective_from).replace('points: "1"', f'points: "{points}"')
    path.write_text(text)
    return path


def _publish(servers: str, *arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "publish", "--broker", f"kafka://{servers}", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def _worker(servers: str, folder: Path, name: str, *rest: str) -> Process:
    places = ["--broker", f"kafka://{servers}", "--state", str(folder / name)]
    return Process(
        ["-c", COMMAND, "worker", *places, "--session-timeout-ms", "6000", "--transaction-timeout-ms", "10000", *rest],
        folder / f"{name}.log",
    )


def _taken(servers: str) -> dict[int, int]:
    """How many times each partition has taken programs."""
    found: dict[int, int] = dict.fromkeys(range(PARTITIONS), 0)
    for message in read_all(servers, CYCLES, PARTITIONS):
        steps = json.loads(message.value())["steps"]
        found[message.partition()] += sum(step["type"] == "programs" for step in steps)
    return found


def _wait_until_taken(servers: str, times: int, *team: Process) -> None:
    deadline = time.monotonic() + 40
    while min(_taken(servers).values()) < times:
        assert time.monotonic() < deadline, [process.said() for process in team]
        time.sleep(0.2)


def _closed_at(sent: list[tuple[str, bytes]], number: int) -> str:
    """When the receipt of that number was closed: a third of the records are broken, and some are there twice."""
    for _, value in sent:
        if f'"R{number}"'.encode() in value:
            return str(value.split(b'"closed_at": "')[1].split(b'"')[0].decode())
    raise AssertionError(number)


def test_each_receipt_is_judged_at_its_own_time_whoever_was_killed_while_a_version_came(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    programs, sent = tmp_path / "programs", records(12_000, seed=21)
    first_half = len(sent) // 2
    code, said = _publish(kafka, _file(programs, "first.yaml", "2024-01-01T00:00:00Z", "1"))
    assert (code, said) == (0, "published club from 2024-01-01T00:00:00Z (first.yaml)\n"), said
    with processes() as everybody:
        everybody += [_worker(kafka, tmp_path, name, "--backfill", "--cycle-records", "400") for name in ("one", "two")]
        send(kafka, sent[:first_half])
        wait_until(kafka, 1_000, *everybody)
        second = _file(programs, "second.yaml", _closed_at(sent, 8_000), "2")
        code, said = _publish(kafka, second)
        assert code == 0, said
        everybody[0].kill()
        everybody.append(_worker(kafka, tmp_path, "one", "--backfill"))
        send(kafka, sent[first_half:])
        wait_until(kafka, first_half + 500, *everybody[1:])
        everybody[1].kill()
        everybody.append(_worker(kafka, tmp_path, "two", "--backfill"))
        wait_until(kafka, len(sent), *everybody[2:], seconds=90)
        assert everybody[2].end() == 0, everybody[2].said()  # the last tick is the greatest event time of all partitions
        outcomes, balances, entries = expected(programs, sent)
        assert applied(kafka, PARTITIONS) == outcomes
        deadline = time.monotonic() + 20
        while (found := published(kafka, PARTITIONS)) != (balances, entries) and time.monotonic() < deadline:
            time.sleep(0.2)  # the last tick comes a moment after the last record
        assert found[1] == entries
        assert found[0] == balances
        assert everybody[3].end() == 0, everybody[3].said()
    assert set(_taken(kafka).values()) == {2}
    _assert_replayed(kafka, tmp_path)


def _assert_replayed(servers: str, folder: Path) -> None:
    """The exported run brings its programs, and says every byte again."""
    run, out = folder / "run.jsonl.gz", folder / "out"
    pointstream("export", "--broker", f"kafka://{servers}", "--output", run)
    summary = pointstream("replay", "--input", run, "--output", out)
    assert [partition["different"] for partition in summary["partitions"]] == [[]] * PARTITIONS
    for topic in (LEDGER_ENTRIES, DEAD_LETTERS):
        assert (out / f"{topic}.jsonl").read_bytes().splitlines() == values(servers, topic), topic


def _sale(name: str, at: int) -> tuple[str, bytes]:
    line = {"sku": "A", "quantity": 1, "unit_price": "10.00"}
    receipt = {"receipt_id": f"R-{name}", "application": "pos", "profile_id": name, "currency": "EUR", "lines": [line]}
    return name, json.dumps({**receipt, "closed_at": format_instant(at)}).encode()


def _points(servers: str) -> dict[str, str]:
    """What each profile has got, in all."""
    found: dict[str, Any] = {}
    for message in read_all(servers, LEDGER_ENTRIES, PARTITIONS):
        entry = json.loads(message.value())
        if "balance" in entry:
            found[entry["profile_id"]] = entry["balance"]["lifetime"]
    return found


def test_by_the_clock_a_version_comes_late_only_where_that_is_meant(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    programs, now = tmp_path / "programs", time.time_ns() // 1000
    first = _file(programs, "first.yaml", "2024-01-01T00:00:00Z", "1")
    soon, minute = now + 40_000_000, 60_000_000
    with processes() as everybody:
        nobody = _worker(kafka, tmp_path, "zero")
        everybody.append(nobody)
        assert nobody.wait(60) == 2
        assert "nothing is published" in nobody.said()
        everybody += [_worker(kafka, tmp_path, name, "--program", str(programs)) for name in ("one", "two")]
        send(kafka, [_sale("before", now)])
        wait_until(kafka, 1, *everybody[1:])
        _wait_until_taken(kafka, 1, *everybody[1:])
        _, said = _publish(kafka, _file(programs, "soon.yaml", format_instant(soon), "7"))
        assert said.startswith(f"published club from {format_instant(soon)}"), said
        _, said = _publish(kafka, first, _file(programs, "soon.yaml", format_instant(soon), "2"))
        assert ", in place of an earlier text" in said
        assert "there already: club from 2024-01-01T00:00:00Z (first.yaml)" in said
        _wait_until_taken(kafka, 2, *everybody[1:])
        time.sleep(1)  # both may have been taken at once, or one after the other
        late = _file(programs, "late.yaml", format_instant(now - 20 * minute), "5")
        code, said = _publish(kafka, late)
        assert (code, "must be later than" in said, "--late" in said) == (2, True, True)
        assert late.name not in _publish(kafka, "--list")[1]
        before = _taken(kafka)
        send(kafka, [_sale("soon", soon + minute), _sale("in-time", now - 5 * minute)])
        wait_until(kafka, 3, *everybody[1:])
        assert _publish(kafka, late, "--late")[0] == 0
        deadline = time.monotonic() + 40
        while any(count <= before[number] for number, count in _taken(kafka).items()):
            assert time.monotonic() < deadline, [process.said() for process in everybody]
            time.sleep(0.2)
        send(kafka, [_sale("late", now - 10 * minute), _sale("earlier", now - 30 * minute)])
        wait_until(kafka, 5, *everybody[1:])
        for worker in everybody[1:]:
            assert worker.ended() is None, worker.said()
            assert worker.end() == 0, worker.said()
    assert _points(kafka) == {"before": "10", "soon": "20", "in-time": "10", "late": "50", "earlier": "10"}
    assert len(values(kafka, PURCHASES)) == 5
    listed = json.loads(_publish(kafka, "--list", "--json")[1])["programs"]
    assert [(row["file"], row["late"]) for row in listed] == [("first.yaml", False), ("late.yaml", True), ("soon.yaml", False)]
    _assert_replayed(kafka, tmp_path)


def test_a_version_that_the_workers_must_not_take_is_refused_at_the_door(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    programs = tmp_path / "programs"
    _file(programs, "first.yaml", "2024-01-01T00:00:00Z", "1")
    later = format_instant(parse_instant("2024-06-01T00:00:00Z"))
    with processes() as everybody:
        everybody.append(worker := _worker(kafka, tmp_path, "one", "--program", str(programs), "--backfill"))
        send(kafka, records(200, seed=3))
        wait_until(kafka, 200, worker)
        second = _file(tmp_path, "second.yaml", later, "1")
        text = second.read_text()
        for change, sentence in {
            text.replace(
                "applications: [pos]", "applications: [pos]\ntiers: {definitions: [{name: A, threshold: '5'}]}"
            ): "tiers",
            text.replace("sid: pts", "sid: stars"): "must keep the point type pts",
            text.replace("timezone: UTC", "timezone: Europe/Paris"): "timezone",
            text + "scenarios: [{scenario: a, trigger: registration, steps: [{award: {promotion: b}}]}]\n": "promotion",
        }.items():
            second.write_text(change)
            code, said = _publish(kafka, second)
            assert (code, sentence in said) == (2, True), said
        assert len(read_all(kafka, PROGRAMS, 1)) == 1
        assert worker.end() == 0, worker.said()
        (programs / "first.yaml").write_text(PROGRAM.replace('points: "1"', 'points: "3"'))
        everybody.append(again := _worker(kafka, tmp_path, "one", "--program", str(programs), "--backfill"))
        assert again.wait(60) == 2
        assert "published with another text" in again.said()
