"""What a worker has open: read past the last record of a log, that is kept too, though not for every marker at once."""

from pathlib import Path

from schemas.topics import PURCHASES
from streams.worker.held import Held
from streams.worker.partition import Partition
from streams.worker.position import Position
from streams.worker.settings import WorkerSettings
from tests.unit.streams.recovering import opened


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def held(folder: Path, clock: Clock) -> tuple[Held, Partition]:
    found = Held(WorkerSettings(broker="kafka://127.0.0.1:1", state=folder), clock)
    partition = Partition(1, opened(folder), Position(inputs={PURCHASES: 7}), backfill=False)
    found.hold(1, {1: partition}, None)
    return found, partition


def test_a_marker_behind_the_last_record_is_kept_now_and_then_and_once(tmp_path: Path) -> None:
    clock = Clock()
    found, partition = held(tmp_path, clock)
    partition.reached[PURCHASES] = 8
    found.note_ends()
    assert found.dirty == [], "an idle partition opens no transaction for each marker"
    clock.now = 600
    found.note_ends()
    assert found.dirty == [partition]
    assert partition.move_on().inputs == {PURCHASES: 8}
    partition.begin_cycle()
    clock.now = 1_200
    found.note_ends()
    assert found.dirty == [], "it is kept"
    found.drop()


def test_whoever_lets_go_keeps_how_far_it_has_read(tmp_path: Path) -> None:
    found, partition = held(tmp_path, Clock())
    found.note_ends(at_once=True)
    assert found.dirty == []
    partition.reached[PURCHASES] = 9
    found.note_ends(at_once=True)
    assert found.dirty == [partition]
    found.drop()


def test_any_cycle_keeps_how_far_it_has_read(tmp_path: Path) -> None:
    found, partition = held(tmp_path, Clock())
    partition.reached[PURCHASES] = 9
    assert partition.move_on() == Position(cycle=1, inputs={PURCHASES: 9})
    found.drop()


def test_a_quiet_partition_is_kept_once_a_day_so_that_every_copy_of_it_is_known_to_be_in_step(tmp_path: Path) -> None:
    clock = Clock()
    found, partition = held(tmp_path, clock)
    clock.now = 86_399
    found.note_ends()
    assert found.dirty == []
    clock.now = 86_400
    found.note_ends()
    assert found.dirty == [partition]
    partition.begin_cycle()
    found.note_ends()
    assert found.dirty == []
    found.drop()
