"""Places and budgets over real partitions: ten thousand come for a thousand places, and workers are killed while they do.

Four workers share the partitions; the questions and answers cross them inside of the cycles' transactions. At moments that the seed chooses
a worker is killed (`kill -9`) and started again, at once or after a while. Who gets a place nobody can say before; that a thousand do, each
once, and that the budget is given out to its last unit, everybody can count. Fewer entrants: `ENTRANTS=2000`; the same moments: `SEED=n`.
"""

import json
import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from schemas.topics import CYCLES, DEAD_LETTERS, LEDGER_ENTRIES, PIXELS, REPLIES, REQUESTS
from tests.kafka.help import Process, new_topics, processes, read_all
from tests.kafka.receipts import applied
from tests.kafka.test_worker import PARTITIONS, wait_until, worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

BATCHES = 20
ENTRANTS = int(os.environ.get("ENTRANTS") or 10_000) // BATCHES * BATCHES
PLACES = ENTRANTS // 10
BUDGET = PLACES * 7 + 3
WORKERS = 4
KILLS = 5
ASKED = 2  # by each entrant: for a place, and for some of the budget

PROGRAM = f"""\
program: club
timezone: UTC
environment: sandbox
effective_from: 2024-01-01T00:00:00Z
applications: [app]
currency: EUR
points: [{{sid: pts}}]
promotions:
  - {{promotion: prize, action: accrue, points: "100"}}
  - {{promotion: purse, action: accrue, points: "7", budget: {{points: "{BUDGET}", on_cap: truncate}}}}
scenarios:
  - {{scenario: race, trigger: {{pixel: enter}}, steps: [{{limit: {PLACES}}}, {{award: {{promotion: prize}}}}]}}
  - {{scenario: purse, trigger: {{pixel: enter}}, steps: [{{award: {{promotion: purse}}}}]}}
"""


class Team:
    """Workers by name, each with its state; one that is killed comes back under its name."""

    def __init__(self, servers: str, folder: Path, everybody: list[Process]) -> None:
        self._servers, self._folder, self._everybody = servers, folder, everybody
        self._back: dict[str, float] = {}
        self.running: dict[str, Process] = {}
        for number in range(WORKERS):
            self._start(f"worker-{number}")

    def _start(self, name: str) -> None:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        self.running[name] = worker(self._servers, folder, "state", "--cycle-records", "500", text=PROGRAM)
        self._everybody.append(self.running[name])

    def kill(self, name: str, back_after: float) -> None:
        self.running.pop(name).kill()
        self._back[name] = time.monotonic() + back_after

    def look(self, *, everyone: bool = False) -> None:
        """Whoever was killed long enough ago is started again."""
        for name, at in sorted(self._back.items()):
            if everyone or at <= time.monotonic():
                del self._back[name]
                self._start(name)
        for process in self.running.values():
            assert process.ended() is None, process.said()

    def end(self) -> None:
        for process in self.running.values():
            process.hear("worker: ")  # one that came back a moment ago may still be loading its modules
            assert process.end() == 0, process.said()


def _enter(servers: str, entrants: range) -> None:
    producer = Producer({"bootstrap.servers": servers, "partitioner": "murmur2", "enable.idempotence": True, "linger.ms": 5})
    for number in entrants:
        profile_id = f"p{number}"
        pixel = {
            "event_id": f"E{number}",
            "profile_id": profile_id,
            "application": "app",
            "type": "enter",
            "occurred_at": "2024-03-01T08:00:00Z",
        }
        producer.produce(PIXELS, json.dumps(pixel).encode(), profile_id)
        producer.poll(0)
    assert producer.flush(30) == 0


def _unread(servers: str) -> int:
    """Records of pixels, questions and answers that no kept cycle has applied yet; what will still be asked counts as well."""
    reached: dict[tuple[str, int], int] = {}
    for message in read_all(servers, CYCLES, PARTITIONS):
        for step in json.loads(message.value())["steps"]:
            if "topic" in step:
                place = (step["topic"], message.partition())
                reached[place] = max(reached.get(place, 0), step["end"])
    unread = 0
    for topic, wanted in ((PIXELS, ENTRANTS), (REQUESTS, ASKED * ENTRANTS), (REPLIES, ASKED * ENTRANTS)):
        there = read_all(servers, topic, PARTITIONS)
        read = sum(message.offset() < reached.get((topic, message.partition()), 0) for message in there)
        unread += wanted - read
    return unread


def _awards(servers: str) -> dict[str, list[dict[str, Any]]]:
    """By promotion, what was accrued."""
    found: dict[str, list[dict[str, Any]]] = {"prize": [], "purse": []}
    for message in read_all(servers, LEDGER_ENTRIES, PARTITIONS):
        entry = json.loads(message.value())
        if entry["type"] == "points.accrued":
            found[entry["promotion"]].append(entry)
    return found


def test_as_many_get_a_place_as_there_are_places_whoever_is_killed(kafka: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))
    print(f"seed {seed} (SEED={seed} repeats it)")
    chance = random.Random(seed)
    kills = Counter(chance.randrange(1, BATCHES) for _ in range(KILLS))
    new_topics(kafka, PARTITIONS)
    size = ENTRANTS // BATCHES
    with processes() as everybody:
        team = Team(kafka, tmp_path, everybody)
        _enter(kafka, range(size))
        wait_until(kafka, size, *team.running.values(), seconds=90)
        for batch in range(1, BATCHES):
            _enter(kafka, range(batch * size, (batch + 1) * size))
            time.sleep(chance.uniform(0.1, 0.8))
            for _ in range(kills[batch]):
                if len(team.running) > 1:
                    team.kill(chance.choice(sorted(team.running)), chance.choice((0.0, 1.0, 4.0)))
                    time.sleep(chance.uniform(0.0, 0.5))
            team.look()
        team.look(everyone=True)
        print(f"{_unread(kafka):,} records were to be applied when the last worker came back")
        deadline = time.monotonic() + 200
        while left := ENTRANTS - applied(kafka, PARTITIONS).total() or _unread(kafka):  # the second is dear to ask
            assert time.monotonic() < deadline, f"{left} are left; " + "; ".join(each.said() for each in everybody[-WORKERS:])
            team.look()
            time.sleep(0.3)
        team.end()
    awards = _awards(kafka)
    winners = Counter(entry["profile_id"] for entry in awards["prize"])
    assert winners.total() == PLACES
    assert set(winners.values()) == {1}
    given = Counter(entry["profile_id"] for entry in awards["purse"])
    assert sum(int(entry["points"]) for entry in awards["purse"]) == BUDGET
    assert (given.total(), set(given.values())) == (PLACES + 1, {1})
    assert len({entry["id"] for entry in awards["prize"] + awards["purse"]}) == 2 * PLACES + 1
    assert not read_all(kafka, DEAD_LETTERS, PARTITIONS)
    assert applied(kafka, PARTITIONS) == {"applied": ENTRANTS}
