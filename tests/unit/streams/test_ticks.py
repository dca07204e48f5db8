"""Which instant a partition's tick has, and when it is applied: the backlog before the timer, and nothing that is due is left behind."""

from itertools import count
from typing import Final

from agents.core import Core
from schemas.program import Catalog
from schemas.topics import CONSUMED
from streams.worker.logic import LedgerReactions
from streams.worker.partition import Partition
from streams.worker.position import Position
from streams.worker.ticks import Ticks
from streams.worker.wall_clock import WallClock
from tables.memory import MemoryStore
from tables.table import Table

EARLIER, LATER = 1_709_280_000_000_000, 1_709_280_060_000_000
NOTHING_CAME: Final = {(topic, number): 0 for topic in CONSUMED for number in range(2)}


def a_partition(number: int, position: Position) -> Partition:
    return Partition(number, LedgerReactions(Core(Catalog([])), Table(MemoryStore())), position, backfill=True)


def test_under_backfill_the_instant_is_the_greatest_event_time_of_the_look_before() -> None:
    ticks = Ticks(backfill=True)
    partitions = [a_partition(0, Position(greatest=LATER)), a_partition(1, Position(greatest=EARLIER))]
    assert ticks.wanted(partitions) == {}
    assert ticks.wanted(partitions) == {0: LATER, 1: LATER}


def test_the_newest_tick_comes_again_when_no_record_does_for_an_answer_may_come_behind_it() -> None:
    ticks = Ticks(backfill=True)
    partition = a_partition(0, Position(greatest=LATER, tick=LATER))
    ticks.wanted([partition])
    ticks.note(ticks.wanted([partition]), NOTHING_CAME)
    assert ticks.ready(partition) == LATER


def test_no_partition_is_ticked_before_its_newest_tick_though_this_worker_has_seen_nothing_so_late() -> None:
    ticks = Ticks(backfill=True)
    partitions = [a_partition(0, Position(greatest=EARLIER, tick=LATER)), a_partition(1, Position(greatest=EARLIER))]
    ticks.wanted(partitions)
    assert ticks.wanted(partitions) == {0: LATER, 1: EARLIER}


def test_a_tick_waits_for_what_came_before_it_and_no_other_is_noted_meanwhile() -> None:
    ticks = Ticks(backfill=True)
    partition = a_partition(0, Position(greatest=EARLIER))
    ticks.wanted([partition])
    ticks.note(ticks.wanted([partition]), NOTHING_CAME | {("replies", 0): 3})
    assert ticks.ready(partition) is None
    assert ticks.wanted([partition]) == {}
    partition.reached["replies"] = 3
    assert ticks.ready(partition) == EARLIER
    ticks.done(partition)
    assert ticks.wanted([partition]) == {0: EARLIER}


def test_a_clock_that_is_not_believed_brings_no_tick() -> None:
    shown = [EARLIER * 1000, LATER * 1000 * 2, EARLIER * 1000 + 2]
    ticks = Ticks(backfill=False, clock=WallClock(iter(shown).__next__, count().__next__))
    partition = a_partition(0, Position())
    assert ticks.wanted([partition]) == {}
    assert ticks.wanted([partition]) == {0: EARLIER}
