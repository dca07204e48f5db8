"""A worker's side of the topic, on the embedded broker: what it takes, what it refuses and goes on, and what it cannot go on without."""

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.incoming import Incoming
from schemas.program import Catalog
from schemas.program_file import Source
from schemas.topics import PURCHASES
from streams.brokers import Cluster
from streams.embedded import embedded_broker
from streams.errors import WrongUsage
from streams.published.rules import Offer, plan
from streams.published.run import read
from streams.published.topic import send
from streams.published.versions import Found, Published, identity_of_key
from streams.worker.broker import Broker
from streams.worker.changelog import CancelledError, StuckError
from streams.worker.logic import LedgerLogic, LedgerReactions
from streams.worker.partition import Partition
from streams.worker.position import Position, Programs, Step
from streams.worker.programs import FollowedPrograms
from streams.worker.settings import WorkerSettings
from streams.worker.watch import Unwatched
from tests.unit.published.fleet import day, raw, text

PARTITIONS = 4
TIERS = "{definitions: [{name: A, threshold: '5'}]}"
SALE = (
    b'{"receipt_id":"R1","application":"pos","profile_id":"p1","closed_at":"2024-02-01T00:00:00Z","currency":"EUR",'
    b'"lines":[{"sku":"A","quantity":1,"unit_price":"10.00"}]}'
)


class Counted(Unwatched):
    def __init__(self) -> None:
        self.told: list[int] = []
        self.refusals = 0

    def refused(self) -> None:
        self.refusals += 1

    def passed_over(self, records: int) -> None:
        self.told.append(records)


class Following:
    """One worker's programs, and partition 0."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self._folder = url, folder
        self.logic = LedgerLogic(Catalog([]), 1 << 26)
        settings, self.watch = WorkerSettings(broker=url, state=folder), Counted()
        self.programs = FollowedPrograms(
            Cluster(url), (), self.logic, Broker(settings), PARTITIONS, self.watch, patience_seconds=1.0
        )

    def publish(self, content: str) -> None:
        """With nobody at the door."""
        send(self.url, plan(read(self.url), [Source("a.yaml", content)], None).new)

    def publish_for_others(self, name: str, content: str) -> None:
        """What this version takes for no program file, and a newer one may run. `name`: PROGRAM/DATE."""
        key, published = raw(name, content)
        offer = Offer(key, identity_of_key(key), published)
        send(self.url, [offer])

    def partition(self, programs: int = 0) -> Partition:
        reactions = self.logic.open(self._folder / "p0", 1)
        return Partition(0, reactions, Position(programs=programs), backfill=False)

    def wait_for_newer(self) -> None:
        until = time.monotonic() + 20
        while not self.programs.newer:
            assert time.monotonic() < until
            time.sleep(0.05)


@pytest.fixture
def following(tmp_path: Path) -> Iterator[Following]:
    with embedded_broker(announce=lambda _: None) as broker:
        found = Following(broker.url, tmp_path)
        yield found
        found.programs.end()


def _steps(partition: Partition) -> list[Step]:
    return partition.begin_cycle()[0].steps


def test_what_is_published_is_taken_once_between_two_cycles_and_no_partition_goes_back(following: Following) -> None:
    following.publish(text())
    following.programs.follow()
    partition = following.partition()
    following.programs.bring_up([partition])
    (first,) = _steps(partition)
    assert isinstance(first, Programs)
    assert (first.offset, partition.position.programs, len(first.versions)) == (1, 1, 1)
    following.publish(text("2024-06-01", "2"))
    following.wait_for_newer()
    following.programs.bring_up([partition])
    (second,) = _steps(partition)
    assert isinstance(second, Programs)
    assert (second.offset, len(second.versions)) == (2, 2)
    assert isinstance(partition.reactions, LedgerReactions)
    version = partition.reactions.core.programs.version("club", day("2024-06-02"))
    assert version is not None
    assert version.program.effective_from == day("2024-06-01")
    following.programs.bring_up([partition])
    assert _steps(partition) == []
    partition.table.close()


def test_what_the_ledgers_do_not_bear_is_refused_and_the_old_goes_on(
    following: Following, caplog: pytest.LogCaptureFixture
) -> None:
    following.publish(text())
    following.programs.follow()
    partition = following.partition()
    following.programs.bring_up([partition])
    assert partition.reactions.apply(Incoming(PURCHASES, 0, 0, b"p1", SALE, day("2024-02-01"))) == "applied"
    partition.table.freeze()
    changes = partition.table.changes()
    partition.table.write({}, changes)
    partition.table.settle(changes)
    _steps(partition)
    following.publish(text("2024-06-01", tiers=TIERS))
    following.wait_for_newer()
    caplog.clear()
    with caplog.at_level(logging.ERROR, "streams"):
        following.programs.bring_up([partition])
        following.programs.bring_up([partition])
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "club: tiers cannot be added once there are entries, and the state holds some; put them back, or begin with a new state"
    ]
    assert (_steps(partition), partition.position.programs, following.watch.refusals) == ([], 1, 1)
    partition.position.programs = 2  # another worker, of another mind, had it before
    with pytest.raises(WrongUsage, match="goes by programs that this worker must refuse"):
        following.programs.bring_up([partition])
    partition.table.close()
    following.publish(text("2024-06-01", "3"))  # another text in its place
    following.wait_for_newer()
    partition = following.partition(programs=1)
    following.programs.bring_up([partition])
    assert [step.offset for step in _steps(partition) if isinstance(step, Programs)] == [3]
    partition.table.close()


def test_a_partition_does_not_go_back_behind_what_this_worker_cannot_even_read(following: Following) -> None:
    following.publish(text())
    following.publish_for_others("club/2024-06-01", text("2024-06-01", invented="a newer version knows it"))
    following.programs.follow()
    partition = following.partition(programs=2)  # of a worker of a newer version
    following.programs.wait_for([partition], threading.Event())
    with pytest.raises(WrongUsage, match="goes by programs that this worker must refuse"):
        following.programs.bring_up([partition])
    partition.table.close()


def test_nor_where_something_else_has_counted_since(following: Following) -> None:
    """An offset does not say it: both have taken the topic as far, and go by different programs."""
    invented = text("2024-06-01", invented="a newer version knows it")
    following.publish(text())
    following.publish_for_others("club/2024-06-01", invented)
    following.publish(text("2024-07-01", "2"))
    following.programs.follow()
    partition = following.partition()
    following.programs.bring_up([partition])
    (step,) = _steps(partition)
    assert isinstance(step, Programs)
    assert (step.offset, len(step.versions)) == (3, 2)
    for offset in (2, 3):  # of a worker of a newer version
        partition.take(Programs(offset, sorted([*step.versions, raw("club/2024-06-01", invented)[0]])))
        _steps(partition)
        with pytest.raises(WrongUsage, match="goes by programs that this worker must refuse"):
            following.programs.bring_up([partition])
    following.publish(text("2024-06-01", "3"))  # another text in its place, that every version reads
    following.wait_for_newer()
    following.programs.bring_up([partition])
    (step,) = _steps(partition)
    assert isinstance(step, Programs)
    assert (step.offset, len(step.versions)) == (4, 3)
    partition.table.close()


class _Nothing:
    """Reactions that nobody asks anything."""


def _at(programs: int) -> Partition:
    reactions: Any = _Nothing()
    return Partition(0, reactions, Position(programs=programs), backfill=False)


def test_a_partition_that_is_ahead_is_waited_for_or_the_topic_is_not_the_one_it_knew(following: Following) -> None:
    following.publish(text())
    following.programs.follow()
    following.programs.wait_for([_at(1)], threading.Event())
    with pytest.raises(WrongUsage, match="up to offset 2 of the topic programs, which ends at 1: it was made anew"):
        following.programs.wait_for([_at(2)], threading.Event())
    following.programs.end()  # so that it reads no further
    following.publish(text("2024-06-01"))
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(CancelledError):
        following.programs.wait_for([_at(2)], cancelled)


class Readings:
    """A reader of the topic that gives these, one after the other."""

    def __init__(self, *readings: list[Found]) -> None:
        self._readings = [*readings]
        self.ended, self.end = False, 0

    def read(self, _seconds: float) -> list[Found]:
        time.sleep(0.01)
        self.ended = True
        return self._readings.pop(0) if self._readings else []

    def close(self) -> None:
        pass

    @property
    def all_read(self) -> bool:
        return not self._readings


def _records(*published: tuple[str, Published], first: int = 0) -> list[Found]:
    return [Found(first + n, key.encode(), msgspec.json.encode(one)) for n, (key, one) in enumerate(published)]


def test_of_a_topic_that_was_made_anew_while_it_runs_nothing_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = raw("club/2024-01-01", text()), raw("club/2024-06-01", text("2024-06-01", "2"))
    others = [raw("club/2024-01-01", text(points="70")), raw("club/2024-07-01", text("2024-07-01", "9"))]
    topic: Any = Readings(_records(*before), _records(*others), _records(raw("club/2024-08-01", text("2024-08-01")), first=2))
    settings = WorkerSettings(broker="kafka://127.0.0.1:1", state=tmp_path)
    logic = LedgerLogic(Catalog([]), 1 << 26)
    watch = Counted()
    following = FollowedPrograms(settings.cluster, (), logic, Broker(settings), PARTITIONS, watch, open_topic=lambda _: topic)
    following.follow()
    until = time.monotonic() + 20
    while not topic.all_read:
        assert time.monotonic() < until
        time.sleep(0.01)
    following.end()
    assert (following.newer, watch.refusals) == (False, 1)
    catalog, _ = logic.core(PARTITIONS)
    assert [version.effective_from for version in catalog.programs["club"]] == [day("2024-01-01"), day("2024-06-01")]
    assert [record.getMessage()[:35] for record in caplog.records if record.levelno >= logging.ERROR] == [
        "the topic programs was made anew: t"
    ]


def test_what_it_passes_over_is_counted_whether_it_was_there_or_has_come(tmp_path: Path) -> None:
    there = [Found(0, b"club", b"no program"), *_records(raw("club/2024-01-01", text()), first=1)]
    topic: Any = Readings(there, [Found(2, None, None)], [Found(3, b"club/2024-01-01T00:00:00Z/x", b"{}")])
    settings, watch = WorkerSettings(broker="kafka://127.0.0.1:1", state=tmp_path), Counted()
    logic = LedgerLogic(Catalog([]), 1 << 26)
    following = FollowedPrograms(settings.cluster, (), logic, Broker(settings), PARTITIONS, watch, open_topic=lambda _: topic)
    following.follow()
    until = time.monotonic() + 20
    while watch.told[-1] < 3:
        assert time.monotonic() < until
        time.sleep(0.01)
    following.end()
    assert sorted(set(watch.told)) == [1, 2, 3]


def test_where_nothing_is_published_a_worker_does_not_start(following: Following) -> None:
    with pytest.raises(WrongUsage, match="nothing is published: `pointstream publish FILE --broker URL`"):
        following.programs.follow()


def test_who_gets_nothing_of_what_the_state_goes_by_ends_in_time_and_says_why(following: Following) -> None:
    following.publish(text())
    following.programs.follow()
    following.programs.end()  # its client reads no more, as one that is stuck
    following.publish(text("2024-06-01", "2"))
    partition = following.partition(programs=2)
    with pytest.raises(
        StuckError, match="goes by programs up to offset 2 of the topic programs, and nothing of it came for 1 s although"
    ):
        following.programs.wait_for([partition], threading.Event())
    partition.table.close()
