"""All five inputs on a real Kafka, with kills: the replay of the exported run gives every byte that was sent, and the same states.

Which input is a moment ahead is up to the broker, so nobody can say beforehand what must come out. But order and ticks are data: the
worker says in `cycles` which records it applied in which order, and that decides everything. A record lost, doubled or applied in
two ways would show in the first byte that differs.
"""

import json
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from agents.balances import profile_balances
from agents.core import Core
from schemas.events import encode
from schemas.program_file import load_catalog
from schemas.topics import BALANCES, DEAD_LETTERS, LEDGER_ENTRIES, REDEMPTION_DECISIONS, SEGMENT_CHANGES, TIER_CHANGES
from streams.worker.position import POSITION_KEY, folder_of
from tables.rocks import RocksStore
from tables.table import Table
from tests.conftest import ROOT
from tests.kafka import everything
from tests.kafka.help import Process, new_topics, processes, read_all
from tests.kafka.test_worker import COMMAND, PARTITIONS, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
STOPPED = ("p30", "p49")  # by an order in the middle, until the end; what comes for them meanwhile waits
SEGMENT = "fond"
SAID = (LEDGER_ENTRIES, TIER_CHANGES, REDEMPTION_DECISIONS, SEGMENT_CHANGES, DEAD_LETTERS)
_ALL_KINDS = [
    "membership.joined",
    "points.accrued",
    "points.activated",
    "points.reversed",
    "points.expired",
    "points.redeemed",
    "points.adjusted",
    "points.reserved",
    "points.released",
    "points.extended",
    "points.reinstated",
    "tier.joined",
    "tier.upgraded",
    "tier.retained",
    "tier.downgraded",
    "redemption.accepted",
    "redemption.declined",
    "segment.entered",
    "segment.left",
]


def _programs(folder: Path) -> Path:
    """With a segment, so that there is something to preview."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name, text in (everything.PROGRAMS | {"club": everything.PROGRAMS["club"] + everything.FOND}).items():
        (programs / f"{name}.yaml").write_text(text)
    return programs


def _worker(servers: str, folder: Path) -> Process:
    settings = ["--backfill", "--cycle-records", "300", "--session-timeout-ms", "6000", "--transaction-timeout-ms", "10000"]
    places = ["--broker", f"kafka://{servers}", "--program", str(_programs(folder)), "--state", str(folder / "state")]
    return Process(["-c", COMMAND, "worker", *places, *settings], folder / "worker.log")


def pointstream(*arguments: object) -> Any:
    """What a command says on standard output, as JSON."""
    return json.loads(_said(*arguments))


def _said(*arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, arguments), "--json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _members(servers: str, programs: Path) -> dict[str, str]:
    """Who is in the segment, and since when, by `pointstream segment`, which judges each profile by what the changelog says."""
    found = map(json.loads, _said("segment", SEGMENT, "--program", programs, "--broker", f"kafka://{servers}").splitlines())
    return {member["profile_id"]: member["since"] for member in found}


def _entered(servers: str) -> dict[str, str]:
    """Likewise by `segment-changes`: who has entered and not left."""
    inside: dict[str, str] = {}
    for change in map(json.loads, values(servers, SEGMENT_CHANGES)):
        if change["type"] == "segment.entered":
            inside[change["profile_id"]] = change["occurred_at"]
        else:
            del inside[change["profile_id"]]
    return inside


def values(servers: str, topic: str) -> list[bytes]:
    """What was sent, partition after partition."""
    found: dict[int, list[bytes]] = defaultdict(list)
    for message in read_all(servers, topic, PARTITIONS):
        found[message.partition()].append(message.value())
    return [value for _, values in sorted(found.items()) for value in values]


def _balances(state: Path, programs: Path) -> dict[bytes, bytes]:
    """The record of `balances` of each profile that the state holds."""
    core = Core(load_catalog([programs]), PARTITIONS)
    found = {}
    for number in range(PARTITIONS):
        table = Table(RocksStore(folder_of(state, number, PARTITIONS)))
        for profile_id, profile in table.profiles():
            found[profile_id.encode()] = encode(profile_balances(core.programs, profile_id, profile))
        table.close()
    return found


def _hashes(told: dict[str, Any]) -> list[tuple[int, int, str]]:
    return [(row["partition"], row["cycle"], row["state_hash"]) for row in told["partitions"]]


def test_the_replay_of_the_export_gives_every_byte_that_was_sent_whatever_was_killed(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    broker = f"kafka://{kafka}"
    sent = everything.records(9_000, seed=11)
    with processes() as everybody:
        everybody.append(first := _worker(kafka, tmp_path))
        everything.send(kafka, sent[: len(sent) // 2])
        wait_until(kafka, 1_500, first)
        first.kill()
        everybody.append(second := _worker(kafka, tmp_path))
        for name in STOPPED:
            assert pointstream("profile", "stop", name, "--broker", broker, "--wait", "40")["applied"]
        everything.send(kafka, sent[len(sent) // 2 :])
        wait_until(kafka, 5_500, second)
        second.kill()
        everybody.append(last := _worker(kafka, tmp_path))
        wait_until(kafka, len(sent), last)
        for name in STOPPED:
            assert pointstream("profile", "release", name, "--broker", broker, "--wait", "40")["applied"]
        deadline = time.monotonic() + 30
        while (members := _members(kafka, _programs(tmp_path))) != (entered := _entered(kafka)):  # a tick is due a moment later
            assert time.monotonic() < deadline, sorted(members.items() ^ entered.items())
        assert members
        assert last.end() == 0, last.said()
    run, out, again = tmp_path / "run.jsonl.gz", tmp_path / "out", tmp_path / "again"
    exported = pointstream("export", "--broker", broker, "--output", run)
    assert sum(partition["records"] for partition in exported["partitions"]) == len(sent)
    summary = pointstream("replay", "--program", _programs(tmp_path), "--input", run, "--output", out, "--state", again)
    assert [partition["different"] for partition in summary["partitions"]] == [[]] * PARTITIONS
    for topic in SAID:
        assert (out / f"{topic}.jsonl").read_bytes().splitlines() == values(kafka, topic), topic
    assert sum(summary["parked"].values()) > 100
    audited = pointstream("audit", "--broker", broker)
    assert (audited["entries"], audited["repeated"], audited["violations"]) == (len(values(kafka, LEDGER_ENTRIES)), 0, 0)
    kinds = {json.loads(line)["type"] for topic in SAID[:-1] for line in (out / f"{topic}.jsonl").read_text().splitlines()}
    assert kinds >= set(_ALL_KINDS), "a run that says less proves less"
    told = {message.key(): message.value() for message in read_all(kafka, BALANCES, PARTITIONS)}
    assert {key: value for key, value in told.items() if key != POSITION_KEY} == _balances(again, _programs(tmp_path))
    states = pointstream("state-hash", "--state", tmp_path / "state", "--state", again, "--broker", broker)
    worker, replayed, changelog = [_hashes(told) for told in states]
    assert worker == replayed == changelog
    assert [row[0] for row in worker] == list(range(PARTITIONS))
    assert [(row["partition"], row["state_hash"]) for row in summary["partitions"]] == [(row[0], row[2]) for row in worker]
