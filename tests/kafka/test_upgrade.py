"""A rolling upgrade to a release that reads one more topic and writes a newer format of states; and what an older one does with what it left.

While the versions are mixed the group spreads the new topic over the newer workers alone, so by the group's word a partition of it and the
same partition of the others have two owners. That must not be: `purchases` decides (docs/decisions/0012-one-topic-decides.md).
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.instants import format_instant, parse_instant
from schemas.topics import ADJUSTMENTS, BY_NAME, DEAD_LETTERS, LEDGER_ENTRIES, PURCHASES
from streams.errors import WRONG_USAGE
from streams.topics import wanted_config
from tests.conftest import ROOT
from tests.kafka.help import Process, new_topics, processes
from tests.kafka.newer import SURVEYS
from tests.kafka.receipts import PROFILES, applied, program_file, records
from tests.kafka.test_whole_ledger import values
from tests.kafka.test_worker import COMMAND, PARTITIONS, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
PER_SECOND = 200
WARM = ("--standby-replicas", "1")  # an older worker can keep no copy of what a newer one writes, and must not mind


def worker(servers: str, folder: Path, name: str, *rest: str, newer: bool) -> Process:
    places = ["--broker", f"kafka://{servers}", "--program", str(program_file(folder)), "--state", str(folder / name)]
    settings = ["--instance-id", name, "--backfill", "--session-timeout-ms", "6000", "--transaction-timeout-ms", "6000"]
    code = ["-m", "tests.kafka.newer"] if newer else ["-c", COMMAND]
    return Process([*code, "worker", *places, *settings, *rest], folder / f"{name}-{'newer' if newer else 'older'}.log")


@pytest.fixture
def topics(kafka: str) -> Iterator[str]:
    """The newer release's topics, as its `pointstream topics` makes them before any of its workers starts."""
    new_topics(kafka, PARTITIONS)
    admin = AdminClient({"bootstrap.servers": kafka})
    config = wanted_config(BY_NAME[ADJUSTMENTS], 1)
    deadline = time.monotonic() + 30
    while True:
        try:
            _delete(admin)
            new = NewTopic(SURVEYS, num_partitions=PARTITIONS, replication_factor=1, config=config)
            admin.create_topics([new], operation_timeout=30)[SURVEYS].result()
            break
        except KafkaException:  # the broker goes on deleting after it has answered
            assert time.monotonic() < deadline
            time.sleep(0.5)
    yield kafka
    with suppress(KafkaException):
        _delete(admin)


def _delete(admin: AdminClient) -> None:
    if SURVEYS in admin.list_topics(timeout=10).topics:
        admin.delete_topics([SURVEYS], operation_timeout=30)[SURVEYS].result()


class Feed:
    """Tills and surveys that do not care who is being upgraded."""

    def __init__(self, servers: str) -> None:
        self.sent = 0
        self._producer = Producer(
            {"bootstrap.servers": servers, "partitioner": "murmur2", "enable.idempotence": True, "linger.ms": 5}
        )
        self._records = records(20_000, seed=81)

    def send(self, count: int) -> None:
        """So many receipts, and a survey for every fourth."""
        for _ in range(count):
            key, value = self._records[self.sent]
            self._producer.produce(PURCHASES, value, key)
            if self.sent % 4 == 0:
                name = f"p{self.sent % PROFILES}"
                self._producer.produce(SURVEYS, _survey(self.sent, name), name)
            self.sent += 1
        assert self._producer.flush(30) == 0

    @property
    def total(self) -> int:
        return self.sent + (self.sent + 3) // 4

    @contextmanager
    def running(self) -> Iterator[None]:
        ended = threading.Event()

        def feed() -> None:
            while not ended.wait(0.1):
                self.send(PER_SECOND // 10)

        thread = threading.Thread(target=feed)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def _survey(number: int, name: str) -> bytes:
    at = format_instant(parse_instant("2024-03-01T08:00:00Z") + number * 90_000_000)
    told = {
        "adjustment_id": f"S{number}",
        "profile_id": name,
        "program": "club",
        "points": "3",
        "reason": "survey",
        "actor": "site",
    }
    return json.dumps(told | {"occurred_at": at}).encode()


def until(so: Callable[[], bool], *team: Process, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        told = "\n".join(process.said() for process in team)
        assert time.monotonic() < deadline, told
        assert all(process.ended() is None for process in team), told
        time.sleep(0.1)


def newer_says(*arguments: object) -> Any:
    """What a command of the newer release says on standard output, as JSON."""
    command = [sys.executable, "-m", "tests.kafka.newer", *map(str, arguments), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_exact(servers: str, folder: Path, feed: Feed) -> None:
    """Each record came to one outcome, and what was said is byte for byte what the replay of the run says."""
    broker, run, out = f"kafka://{servers}", folder / "run.jsonl.gz", folder / "out"
    assert applied(servers, PARTITIONS).total() == feed.total
    exported = newer_says("export", "--broker", broker, "--output", run)
    assert sum(partition["records"] for partition in exported["partitions"]) == feed.total
    summary = newer_says(
        "replay", "--program", folder / "club.yaml", "--input", run, "--output", out, "--state", folder / "again"
    )
    assert [partition["different"] for partition in summary["partitions"]] == [[]] * PARTITIONS
    for topic in (LEDGER_ENTRIES, DEAD_LETTERS):
        assert (out / f"{topic}.jsonl").read_bytes().splitlines() == values(servers, topic), topic
    kinds = [json.loads(line)["cause"].get("topic") for line in values(servers, LEDGER_ENTRIES)]
    assert kinds.count(SURVEYS) > feed.sent // 5


def test_a_rolling_upgrade_under_load_loses_nothing_and_doubles_nothing(topics: str, tmp_path: Path) -> None:
    names = ("w0", "w1", "w2")
    feed = Feed(topics)
    with processes() as everybody:
        team = {name: worker(topics, tmp_path, name, *WARM, newer=False) for name in names}
        everybody += team.values()
        with feed.running():
            until(lambda: all("assigned partitions" in process.said() for process in everybody), *everybody)
            for name in reversed(names):  # as a StatefulSet does: so no partition ever goes back to an older version
                assert team[name].end() == 0, team[name].said()
                team[name] = worker(topics, tmp_path, name, *WARM, newer=True)
                everybody.append(team[name])
                until(lambda one=team[name]: "assigned partitions [" in one.said(), *team.values())  # type: ignore[misc]
        wait_until(topics, feed.total, *team.values())
        said = [team[name].said() for name in names]
        assert "a worker of another version, or a stranger, is in it" in said[2]
        for process in team.values():
            assert process.end() == 0, process.said()
    assert_exact(topics, tmp_path, feed)


def test_what_a_newer_version_has_written_goes_to_a_newer_worker(topics: str, tmp_path: Path) -> None:
    feed = Feed(topics)
    with processes() as everybody:
        everybody.append(newer := worker(topics, tmp_path, "w0", newer=True))
        feed.send(1_000)
        wait_until(topics, feed.total, newer)
        everybody.append(
            older := worker(topics, tmp_path, "w1", newer=False)
        )  # the group gives it half of what the newer one had
        assert older.wait(40) == WRONG_USAGE, older.said()
        assert "was written by a newer version of pointstream" in older.said()
        assert "run that version again, or a newer one" in older.said()
        feed.send(500)
        wait_until(topics, feed.total, newer)
        assert newer.end() == 0, newer.said()
        everybody.append(again := worker(topics, tmp_path, "w0", newer=False))
        assert again.wait(40) == WRONG_USAGE, again.said()
        assert "Traceback" not in again.said() + older.said()
        everybody.append(newer := worker(topics, tmp_path, "w1", newer=True))
        feed.send(1_000)
        wait_until(topics, feed.total, newer)
        assert newer.end() == 0, newer.said()
    assert_exact(topics, tmp_path, feed)


def test_where_only_a_topic_is_new_one_can_go_back_and_its_records_wait(
    topics: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAME_FORMAT", "1")
    feed = Feed(topics)
    with processes() as everybody:
        for act, newer in enumerate((True, False, True)):
            everybody.append(one := worker(topics, tmp_path, "w0", newer=newer))
            before = feed.total
            feed.send(400)
            wait_until(topics, feed.total if newer else before + 400, one)
            if act == 0:
                one.kill()  # then the group gives the older one, under the same name, what the newer one had: the new topic, too
            else:
                assert one.end() == 0, one.said()
    assert_exact(topics, tmp_path, feed)
