"""State that was away for longer than its log keeps deletions is made anew: it would bring back who was erased meanwhile."""

import time
from pathlib import Path
from typing import cast

import msgspec
import pytest

from schemas.topics import CONSUMED
from streams.worker.broker import Broker
from streams.worker.distrust import PoisonedError
from streams.worker.opening import Opening, in_step, midway
from streams.worker.position import META_CHANGELOG, META_IN_STEP, META_LOG, META_POSITION, Position, folder_of
from streams.worker.settings import WorkerSettings
from tests.unit.streams.recovering import PARTITIONS, Quiet, Said, logic, opened, recover

NOW = 1_800_000_000
DAY = 86_400
KAFKA = "kafka://127.0.0.1:1"


def state(folder: Path, noted: dict[bytes, bytes]) -> None:
    reactions = opened(folder)
    reactions.table.restore({b"pp1": None}, {META_CHANGELOG: b"7", **noted})
    reactions.table.close()


def kept(folder: Path, said: Said, broker: str = KAFKA) -> bool:
    """Whether what lay there is still there once it is opened."""
    settings = WorkerSettings(broker=broker, state=folder)
    opening = Opening(settings, logic(), cast(Broker, Quiet()), PARTITIONS, said, clock=lambda: NOW)
    reactions = opening.open(1, opening.log())
    found = reactions.table.meta(META_CHANGELOG) is not None
    reactions.table.close()
    return found


@pytest.mark.parametrize(
    ("days", "is_kept"),
    [
        pytest.param(0, True, id="a restart"),
        pytest.param(12, True, id="away for a holiday: the log still says what was deleted"),
        pytest.param(13, False, id="a day before the log forgets deletions: clocks differ"),
        pytest.param(21, False, id="away for three weeks"),
        pytest.param(-1, True, id="a clock that went back"),
    ],
)
def test_state_goes_on_only_where_its_log_still_tells_what_was_deleted_since(tmp_path: Path, days: int, *, is_kept: bool) -> None:
    state(tmp_path, in_step(NOW - days * DAY))
    said = Said()
    assert kept(tmp_path, said) is is_kept
    why = f"what lies here was in step with its log {days} days ago, and may hold what was erased since"
    told = f"rebuilds: partition 1: {why}; it is deleted and rebuilt from the changelog"
    assert said == ([] if is_kept else [told])


def test_state_noted_by_a_clock_that_was_far_ahead_says_nothing_of_its_age(tmp_path: Path) -> None:
    state(tmp_path, in_step(NOW + 60 * DAY))
    said = Said()
    assert not kept(tmp_path, said)
    assert "in step with its log 60 days from now, so one of two clocks is wrong, and may hold what was erased since" in said[0]


def test_state_of_a_version_that_did_not_note_it_goes_on(tmp_path: Path) -> None:
    state(tmp_path, {})
    assert kept(tmp_path, Said())


def test_state_beside_an_embedded_broker_goes_on_for_nothing_else_has_it(tmp_path: Path) -> None:
    state(tmp_path, in_step(NOW - 100 * DAY))
    assert kept(tmp_path, Said(), "embedded://127.0.0.1:1")


@pytest.mark.parametrize(
    ("before", "noted_days_ago"),
    [
        pytest.param(None, 7, id="begun from nothing: what is deleted further on may be so for as long as compaction takes"),
        pytest.param(3, 7, id="and so where it was in step lately"),
        pytest.param(10, 10, id="or as long as it was not in step"),
    ],
)
def test_a_restore_that_is_cut_off_counts_as_so_long_away(before: int | None, noted_days_ago: int) -> None:
    stood = None if before is None else b"%d" % (NOW - before * DAY)
    assert midway(stood, NOW) == {META_IN_STEP: b"%d" % (NOW - noted_days_ago * DAY)}


def test_a_quiet_partition_that_is_taken_over_is_in_step_again_and_not_made_anew_in_time(tmp_path: Path) -> None:
    position = {META_POSITION: msgspec.json.encode(Position(inputs=dict.fromkeys(CONSUMED, 5)))}
    state(tmp_path, in_step(time.time() - 12 * DAY) | position)
    began = int(time.time())
    found = recover(tmp_path, Quiet(), [1])[1].table
    noted = found.meta(META_IN_STEP)
    found.close()
    assert noted is not None
    assert began <= int(noted) <= time.time()


def test_state_of_a_log_that_was_deleted_and_made_again_is_left_alone_whatever_its_offsets(tmp_path: Path) -> None:
    state(tmp_path, {META_LOG: b"the-one-before"})
    with pytest.raises(
        PoisonedError, match="was made of another changelog: the topic was made anew, or it is another broker's; delete this"
    ):
        kept(tmp_path, Said())
    state(tmp_path / "again", {})
    assert kept(tmp_path / "again", Said()), "it did not say of which log it is, and does from here on"
    reactions = opened(tmp_path / "again")
    assert reactions.table.meta(META_LOG) == b"the-only-one"
    reactions.table.close()


def test_state_of_a_trial_on_the_embedded_broker_is_not_continued_on_kafka_nor_the_other_way_round(tmp_path: Path) -> None:
    for tried, then in [("embedded://127.0.0.1:1", KAFKA), (KAFKA, "embedded://127.0.0.1:1")]:
        folder = tmp_path / then[:5]
        state(folder, in_step(NOW))
        assert kept(folder, Said(), tried)
        assert kept(folder, Said(), tried)
        with pytest.raises(PoisonedError, match="it is another broker's; delete this directory"):
            kept(folder, Said(), then)


def test_state_that_was_put_in_the_place_of_another_partition_is_deleted_and_not_continued(tmp_path: Path) -> None:
    position = {META_POSITION: msgspec.json.encode(Position(inputs=dict.fromkeys(CONSUMED, 5)))}
    state(tmp_path, position)
    recover(tmp_path, Quiet(), [1])[1].table.close()
    folder_of(tmp_path, 1, PARTITIONS).rename(folder_of(tmp_path, 2, PARTITIONS))
    said = Said()
    found = recover(tmp_path, Quiet({2: 0}), [2], said)
    assert not found, "it has offsets, and its empty log no position: nothing of another's state was taken for its own"
    whose = f"{folder_of(tmp_path, 2, PARTITIONS)} holds the state of partition 1, and was put here by somebody"
    assert f"rebuilds: partition 2: {whose}; what lies here is deleted and rebuilt from the changelog" in said
