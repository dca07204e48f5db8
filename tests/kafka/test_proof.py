"""The proof: nothing is lost and nothing counted twice while two workers are killed, frozen and rebalanced, with real transactions.

Two workers, six partitions, batches handed to Faust agents, a counter for logic, records flowing all the time. In an order that
the seed decides: five times `kill -9`, twice SIGSTOP for longer than the session timeout, eight orderly restarts; more than twenty
rebalances in all (a killed worker that is back in time, under its name, makes none). Then the outputs of every key must be 1, 2, 3 ... to as many as were sent, and so must the changelog say.
"""

import os
import random
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer, Producer

from schemas.topics import INPUTS, LEDGER_ENTRIES, PURCHASES
from streams.worker.position import POSITION_KEY
from streams.worker.pulse import TRY_AGAIN
from tests.kafka.help import Process, new_topics, newest, processes, read_all

pytestmark = pytest.mark.kafka

PARTITIONS = 6
KEYS = 600
SESSION_MS = 6_000
APP = "proof"
WORKER = os.environ.get("PROOF_WORKER", "tests.kafka.counting")  # or benchmarks.spikes.way_a, which does not pass
KILLS, FREEZES, RESTARTS = 5, 2, 8
RATE = 1_500  # records a second, so that every moment finds some in flight


class Feed(threading.Thread):
    """Sends records at an even pace until told to end, and knows how many each key got."""

    def __init__(self, servers: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.sent: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._ending = threading.Event()
        self._failed: list[str] = []
        self._producer = Producer(
            {"bootstrap.servers": servers, "partitioner": "murmur2", "enable.idempotence": True, "linger.ms": 5}
        )

    def run(self) -> None:
        while not self._ending.wait(0.02):
            for _ in range(RATE // 50):
                key = f"p{self._random.randrange(KEYS)}"
                self._producer.produce(PURCHASES, b"{}", key, on_delivery=self._delivered)
                self.sent[key] += 1
            self._producer.poll(0)

    def _delivered(self, error: object, _message: object) -> None:
        if error is not None:
            self._failed.append(str(error))

    def end(self) -> None:
        self._ending.set()
        self.join()
        assert self._producer.flush(30) == 0
        assert self._failed == []


def group_generation(servers: str) -> int:
    """How many rebalances the group has been through: its generation, from whoever joins it last."""
    seen: list[bytes] = []
    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": APP, "session.timeout.ms": SESSION_MS, "enable.auto.commit": False}
    )
    consumer.subscribe(list(INPUTS), on_assign=lambda member, _places: seen.append(bytes(member.consumer_group_metadata())))
    deadline = time.monotonic() + 30
    while not seen and time.monotonic() < deadline:
        consumer.poll(0.1)
    consumer.close()
    return int.from_bytes(seen[0].removeprefix(b"CGMDv2:")[:4], "little")


@pytest.mark.timeout(300)
def test_counts_are_exact_after_kills_freezes_and_rebalances(kafka: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))
    print(f"seed {seed} (SEED={seed} repeats it)")
    dice = random.Random(seed)
    new_topics(kafka, PARTITIONS)
    feed = Feed(kafka, seed)

    def worker(name: str) -> Process:
        started = Process(
            [
                *f"-m {WORKER} --broker kafka://{kafka} --app-id {APP} --session-ms {SESSION_MS} --state".split(),
                str(tmp_path / name),
            ],
            tmp_path / f"{name}.log",
        )
        everybody.append(started)
        return started

    actions = ["kill"] * KILLS + ["freeze"] * FREEZES + ["restart"] * RESTARTS
    dice.shuffle(actions)
    with processes() as everybody:
        team = {name: worker(name) for name in ("one", "two")}
        feed.start()
        time.sleep(5)
        for action in actions:
            name = dice.choice(sorted(team))
            print(f"{time.strftime('%H:%M:%S')} {action} {name}")
            if action == "kill":
                team[name].kill()
            elif action == "restart":
                assert team[name].end() == 0, team[name].said()
            else:
                team[name].freeze()
                time.sleep(SESSION_MS / 1000 + 2)
                team[name].thaw()
                assert team[name].wait(20) == TRY_AGAIN, team[name].said()
            time.sleep(dice.uniform(0.0, 1.5))
            team[name] = worker(name)
            time.sleep(dice.uniform(2.0, 8.0) if action != "restart" else dice.uniform(2.0, 4.0))
            for who, process in team.items():
                assert process.ended() is None, f"{who} ended:\n{process.said()}"
        feed.end()
        wait_until_counted(kafka, feed.sent)
        for process in team.values():
            assert process.end() == 0, process.said()

    assert group_generation(kafka) >= 20
    assert_exact(kafka, feed.sent)


def counted(servers: str) -> dict[bytes, int]:
    return {key: int(value) for key, value in newest(servers, PARTITIONS).items() if key != POSITION_KEY}


def wait_until_counted(servers: str, sent: Counter[str], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while (total := sum(counted(servers).values())) < sent.total():
        assert time.monotonic() < deadline, f"{total:,} of {sent.total():,} records were counted within {seconds:g} s"
        time.sleep(1)


def assert_exact(servers: str, sent: Counter[str]) -> None:
    told: dict[str, list[int]] = defaultdict(list)
    for message in read_all(servers, LEDGER_ENTRIES, PARTITIONS):
        told[message.key().decode()].append(msgspec.json.decode(message.value())["count"])
    wrong = {key: told[key][-3:] for key, count in sent.items() if told[key] != list(range(1, count + 1))}
    assert wrong == {}, f"{len(wrong)} of {len(sent)} keys have a gap or a repeat"
    assert counted(servers) == {key.encode(): count for key, count in sent.items()}
    print(f"{sent.total():,} records, {len(sent)} keys: exact")
