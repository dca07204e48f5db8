"""A worker that comes to a backlog of several inputs applies it as it would have, had it been there: in the order of arrival over all of them."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition

from schemas.instants import format_instant, parse_instant
from schemas.topics import CONSUMED, DEAD_LETTERS, LEDGER_ENTRIES, PROFILES, PURCHASES, REDEMPTION_DECISIONS, REDEMPTIONS
from streams.worker.arrivals import _ORDER, Fetched
from streams.worker.reader import Reader
from streams.worker.settings import WorkerSettings
from tests.kafka.help import Process, new_topics, processes, read_all
from tests.kafka.receipts import PROGRAM, applied, program_file

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

PARTITIONS = 4
COMMAND = "import sys; from streams.cli.main import run; sys.exit(run(sys.argv[1:]))"
SPENDABLE = PROGRAM.replace('expiration: "5 days"', "expiration: never").replace("2024-01-01", "2020-01-01")
_DAY_US = 86_400_000_000


def sale(number: int, profile_id: str, at: int) -> bytes:
    lines = [{"sku": "A", "quantity": 1, "unit_price": "10.00"}]
    facts = {"receipt_id": f"R{number}", "application": "pos", "profile_id": profile_id, "currency": "EUR"}
    return json.dumps({**facts, "closed_at": format_instant(at), "lines": lines}).encode()


def redemption(number: int, profile_id: str, at: int) -> bytes:
    facts = {"redemption_id": f"D{number}", "profile_id": profile_id, "program": "club", "points": "10"}
    return json.dumps({**facts, "requested_at": format_instant(at)}).encode()


def naming(number: int, profile_id: str, at: int) -> bytes:
    facts = {"profile_id": profile_id, "fields": {"first_name": f"N{number}"}}
    return json.dumps({**facts, "updated_at": format_instant(at)}).encode()


def feed(servers: str) -> Producer:
    return Producer({"bootstrap.servers": servers, "partitioner": "murmur2", "enable.idempotence": True, "linger.ms": 5})


def send(producer: Producer, records: Iterable[tuple[str, str, bytes]]) -> int:
    """In one go, all of it there when this returns."""
    count = 0
    for topic, key, value in records:
        producer.produce(topic, value, key)
        producer.poll(0)
        count += 1
    assert producer.flush(30) == 0
    return count


def run_through(servers: str, folder: Path, count: int, *rest: str) -> None:
    arguments = ["worker", "--broker", f"kafka://{servers}", "--program", str(program_file(folder, SPENDABLE))]
    with processes() as everybody:
        everybody.append(worker := Process(["-c", COMMAND, *arguments, "--state", str(folder / "state"), *rest], folder / "log"))
        deadline = time.monotonic() + 90
        while (total := applied(servers, PARTITIONS).total()) < count:
            assert time.monotonic() < deadline, f"{total} of {count}; {worker.said()}"
            assert worker.ended() is None, worker.said()
            time.sleep(0.2)
        assert worker.end() == 0, worker.said()


def dead_letters(servers: str) -> Counter[str]:
    return Counter(json.loads(message.value())["reason"] for message in read_all(servers, DEAD_LETTERS, PARTITIONS))


def decisions(servers: str) -> Counter[str]:
    return Counter(json.loads(message.value())["type"] for message in read_all(servers, REDEMPTION_DECISIONS, PARTITIONS))


def test_in_a_backlog_who_bought_first_and_spent_then_has_the_points_to_spend(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    till, now, count = feed(kafka), int(time.time() * 1_000_000), 0
    for turn in range(20):  # what a till waits for before it lets somebody spend
        buyers = [f"p{turn}-{n}" for n in range(500)]
        count += send(till, ((PURCHASES, who, sale(turn * 500 + n, who, now)) for n, who in enumerate(buyers)))
        count += send(till, ((REDEMPTIONS, who, redemption(turn * 500 + n, who, now + 1)) for n, who in enumerate(buyers[::20])))
    run_through(kafka, tmp_path, count)
    assert decisions(kafka) == {"redemption.accepted": 20 * 25}
    assert dead_letters(kafka) == {}


def test_years_of_several_inputs_sent_one_after_another_are_taken_in_step(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    till = feed(kafka)
    first, days = parse_instant("2022-01-01T10:00:00Z"), 1_200
    who = [f"p{n % 100}" for n in range(days)]
    count = send(till, ((REDEMPTIONS, who[n], redemption(n, who[n], first + n * _DAY_US + 1_000_000)) for n in range(0, days, 3)))
    count += send(till, ((PROFILES, who[n], naming(n, who[n], first + n * _DAY_US)) for n in range(days)))
    count += send(till, ((PURCHASES, who[n], sale(n, who[n], first + n * _DAY_US)) for n in range(days)))
    run_through(kafka, tmp_path, count, "--backfill")
    assert dead_letters(kafka) == {}
    assert decisions(kafka) == {"redemption.accepted": days // 3}


class Everything:
    """Whoever has the partitions reads them from their beginnings, and keeps what comes."""

    def __init__(self, count: int) -> None:
        self.reader: Reader
        self.taken: list[tuple[int, str, int, int]] = []  # partition, topic, offset, arrival
        self.all, self.failure = Event(), list[BaseException]()
        self._count = count

    def assigned(self, assignment: int, numbers: list[int], group: Any) -> None:
        self.reader.start_at(assignment, [TopicPartition(topic, number, 0) for number in numbers for topic in CONSUMED])

    def revoked(self, *, lost: bool) -> None: ...

    def fetched(self, fetched: Fetched) -> "Future[None]":
        for topic, number, messages in fetched.runs:
            self.taken.extend((number, topic, message.offset(), message.timestamp()[1]) for message in messages)
        if len(self.taken) >= self._count:
            self.all.set()
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def failed(self, error: BaseException) -> None:
        self.failure.append(error)
        self.all.set()


class Counting(Reader):
    paused = 0

    def _hand_over(self, assignment: int) -> None:
        super()._hand_over(assignment)
        self.paused = max(self.paused, len(self._arrivals.paused))


def test_what_waits_for_another_input_is_bounded_and_all_of_it_comes_once_and_in_order(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    till, count = feed(kafka), 0
    for turn in range(10):  # the first input is all there before much of the others is
        for topic, many in ((REDEMPTIONS, 4_000), (PURCHASES, 4_000 if turn else 1), (PROFILES, 40)):
            count += send(till, ((topic, f"p{n % 500}", b"{}" * 50) for n in range(turn, turn + many)))
    listener = Everything(count)
    settings = WorkerSettings(broker=f"kafka://{kafka}", state=tmp_path, ahead_bytes=256 * 1024)
    listener.reader = reader = Counting(settings, listener)
    reader.start()
    try:
        assert listener.all.wait(90), f"{len(listener.taken)} of {count}"
    finally:
        reader.end()
        reader.join(60)
    assert listener.failure == []
    assert reader.paused > 0
    assert len(set(listener.taken)) == len(listener.taken) == count
    for number in range(PARTITIONS):
        found = [(at, _ORDER.index(topic), offset) for n, topic, offset, at in listener.taken if n == number]
        assert found == sorted(found)


def test_points_do_not_expire_while_a_redemption_waits_behind_an_open_transaction_of_a_feed(kafka: str, tmp_path: Path) -> None:
    """It arrived before their end, and cannot be read before the feed is done: the backlog comes before the timer."""
    new_topics(kafka, PARTITIONS)
    till, now = feed(kafka), int(time.time() * 1_000_000)
    till_in_transactions = Producer(
        {"bootstrap.servers": kafka, "partitioner": "murmur2", "transactional.id": "till", "transaction.timeout.ms": 60_000}
    )
    till_in_transactions.init_transactions(30)
    text = SPENDABLE.replace("expiration: never", 'expiration: "1 minute"')
    given = ["--broker", f"kafka://{kafka}", "--program", str(program_file(tmp_path, text)), "--state", str(tmp_path / "state")]
    with processes() as everybody:
        everybody.append(worker := Process(["-c", COMMAND, "worker", *given], tmp_path / "log"))
        send(till, [(PURCHASES, "p", sale(0, "p", now - 45_000_000)), (PURCHASES, "q", sale(1, "q", now - 45_000_000))])
        _until(lambda: len(entries(kafka, "points.accrued")) == 2, worker)
        till_in_transactions.begin_transaction()
        till_in_transactions.produce(REDEMPTIONS, redemption(0, "p", int(time.time() * 1_000_000)), "p")
        till_in_transactions.flush(10)
        assert not entries(kafka, "points.expired"), "they went before anything could be shown"
        _until(lambda: entries(kafka, "points.expired") != [], worker)
        time.sleep(3)
        till_in_transactions.commit_transaction(10)
        _until(lambda: decisions(kafka).total() == 1, worker)
        assert worker.end() == 0, worker.said()
    assert decisions(kafka) == {"redemption.accepted": 1}
    assert entries(kafka, "points.expired") == ["q"]


def entries(servers: str, kind: str) -> list[str]:
    """Of whom."""
    found = [json.loads(message.value()) for message in read_all(servers, LEDGER_ENTRIES, PARTITIONS)]
    return [entry["profile_id"] for entry in found if entry["type"] == kind]


def _until(came: Callable[[], bool], worker: Process) -> None:
    deadline = time.monotonic() + 60
    while not came():
        assert time.monotonic() < deadline, worker.said()
        assert worker.ended() is None, worker.said()
        time.sleep(0.2)
