"""A partition that cannot be continued is left alone, one that is damaged is rebuilt, and the others go on in either case."""

import shutil
import threading
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import KafkaError, KafkaException

from schemas.topics import CONSUMED
from streams.errors import WrongUsage
from streams.worker.changelog import restore_newest
from streams.worker.distrust import Distrust
from streams.worker.partition import Partition
from streams.worker.position import META_CHANGELOG, META_POSITION, POSITION_KEY, Position, folder_of
from tests.unit.streams.recovering import END, PARTITIONS, Quiet, Said, opened, recover, recovery

EVERYBODY = list(range(PARTITIONS))


def state(
    folder: Path, number: int, position: bytes | None = None, at: Mapping[str, int] | None = None, changelog: int = END
) -> None:
    """A partition's state: at offset 5 of every input, unless it is said where, and at the changelog's end."""
    inputs = {**dict.fromkeys(CONSUMED, 5), **(at or {})}
    stored = msgspec.json.encode(Position(cycle=2, inputs=inputs)) if position is None else position
    reactions = opened(folder, number)
    reactions.table.restore({}, {META_CHANGELOG: b"%d" % changelog, META_POSITION: stored})
    reactions.table.close()


def close(found: dict[int, Partition]) -> list[int]:
    for partition in found.values():
        partition.table.close()
    return sorted(found)


@pytest.mark.parametrize(
    ("at", "why"),
    [
        pytest.param(
            {"pixels": 2},
            "pixels is to go on at offset 2, and its log begins at 3: records were deleted unread",
            id="below the log",
        ),
        pytest.param({"pixels": 10}, "pixels is to go on at offset 10, and its log ends at 9", id="past its end"),
    ],
)
def test_a_position_outside_its_log_leaves_the_partition_alone_and_the_others_go_on(
    tmp_path: Path, at: dict[str, int], why: str
) -> None:
    for number in EVERYBODY:
        state(tmp_path, number, at=at if number == 1 else {})
    said = Said()
    assert close(recover(tmp_path, Quiet(), EVERYBODY, said)) == [0, 2]
    assert said == [f"poisoned: partition 1 is left alone, and the others go on: {why}"]


def test_a_state_whose_next_changes_are_gone_from_its_changelog_is_left_alone(tmp_path: Path) -> None:
    state(tmp_path, 1, changelog=2)
    said = Said()
    assert close(recover(tmp_path, Quiet(), [1], said)) == []
    assert "goes on from offset 2 of the changelog, and the log begins at 3: records were deleted unread" in said[0]


@pytest.mark.parametrize(
    ("began", "goes_on"),
    [
        pytest.param(0, False, id="ledgers are older than what it has, and whoever has not come since is gone"),
        pytest.param(3, True, id="it has all that there ever was"),
        pytest.param(None, True, id="an earlier version did not note it"),
    ],
)
def test_a_state_that_was_made_of_a_changelog_without_its_beginning_is_left_alone_for_good(
    tmp_path: Path, began: int | None, *, goes_on: bool
) -> None:
    close(recover(tmp_path, Quiet({1: 0}, grouped=False), [1]))  # it begins with what the log has, from its offset 3 on
    state(tmp_path, 1, msgspec.json.encode(Position(cycle=2, inputs=dict.fromkeys(CONSUMED, 5), began=began)))
    for _ in range(2):
        said = Said()
        found = recover(tmp_path, Quiet(), [1], said)
        assert [partition.position.began for partition in found.values()] == [3] * goes_on
        assert close(found) == [1] * goes_on
        assert ["made of a changelog that began at offset 3" in sentence for sentence in said] == [True] * (not goes_on)


@pytest.mark.parametrize(
    ("at", "goes_on"),
    [
        pytest.param({"pixels": 5}, False, id="what the new one has before the position would never be applied"),
        pytest.param({"pixels": 3}, True, id="which is nothing where it is to be read from its start"),
    ],
)
def test_an_input_that_was_made_anew_leaves_the_partition_alone_also_where_its_log_is_long_enough(
    tmp_path: Path, at: dict[str, int], *, goes_on: bool
) -> None:
    state(tmp_path, 1, at=at)
    broker, said = Quiet(), Said()
    assert close(recover(tmp_path, broker, [1], said)) == [1]
    broker.made = {"pixels": "another-one"}
    for _ in range(2):
        assert close(recover(tmp_path, broker, [1], said)) == [1] * goes_on
    assert [sentence[:100] for sentence in said] == [
        "poisoned: partition 1 is left alone, and the others go on: pixels was deleted and made anew, and wha"
    ] * (0 if goes_on else 2)


def test_who_has_restored_an_input_with_its_offsets_deletes_the_state_and_goes_on(tmp_path: Path) -> None:
    state(tmp_path, 1)
    broker = Quiet()
    assert close(recover(tmp_path, broker, [1])) == [1]
    broker.made = {"pixels": "another-one"}
    shutil.rmtree(folder_of(tmp_path, 1, PARTITIONS))
    state(tmp_path, 1)  # as the changelog has it
    assert close(recover(tmp_path, broker, [1])) == [1]


def test_an_input_that_is_made_anew_under_a_running_worker_is_noticed(tmp_path: Path) -> None:
    state(tmp_path, 1)
    broker = Quiet()
    made = recovery(tmp_path, broker, Said())
    close(made.recover([1], threading.Event()))
    assert not made.inputs_made_anew()
    broker.made = {"pixels": "another-one"}
    assert made.inputs_made_anew()


def test_a_state_that_is_ahead_of_its_changelog_is_left_alone(tmp_path: Path) -> None:
    for number in EVERYBODY:
        state(tmp_path, number)
    assert close(recover(tmp_path, Quiet({2: END - 1}), EVERYBODY)) == [0, 1]


def test_a_changelog_without_a_position_in_a_group_that_has_offsets_is_left_alone(tmp_path: Path) -> None:
    for number in (0, 1):
        state(tmp_path, number)
    assert close(recover(tmp_path, Quiet({2: 0}), EVERYBODY)) == [0, 1]


def test_where_no_partition_at_all_can_be_continued_the_worker_ends(tmp_path: Path) -> None:
    for number in EVERYBODY:
        state(tmp_path, number, at={"pixels": 1})
    with pytest.raises(WrongUsage, match="no partition can be continued; of partition 0: pixels is to go on at offset 1"):
        recover(tmp_path, Quiet(), EVERYBODY)


def test_a_worker_that_has_poisoned_ones_alone_does_not_end_for_others_have_the_rest(tmp_path: Path) -> None:
    state(tmp_path, 1, at={"pixels": 1})
    assert recover(tmp_path, Quiet(), [1]) == {}


@pytest.mark.parametrize("file", ["CURRENT", "MANIFEST-*"])
def test_a_damaged_directory_is_rebuilt_from_the_changelog(tmp_path: Path, file: str) -> None:
    for number in EVERYBODY:
        state(tmp_path, number)
    for found in folder_of(tmp_path, 2, PARTITIONS).glob(file):
        found.write_bytes(b"garbage") if file == "CURRENT" else found.unlink()
    said = Said()
    again = recover(tmp_path, QuietAtFirst(), EVERYBODY, said)
    assert again[2].table.meta(META_CHANGELOG) is None, "it begins with nothing, and its log holds nothing here"
    assert close(again) == EVERYBODY
    assert len(said) == 1
    assert said[0].startswith("rebuilds: partition 2: the state directory")
    assert said[0].endswith("what lies here is deleted and rebuilt from the changelog")


class QuietAtFirst(Quiet):
    """The log of partition 2 holds nothing, and the group knows nothing of it."""

    def __init__(self) -> None:
        super().__init__({2: 0})

    def committed(self, group: str, places: object, cancelled: threading.Event) -> dict[tuple[str, int], int | None]:
        return {}


UNREADABLE = {"cut off": b"[", "no UTF-8": b'{"group":"\xff"}', "nested without an end": b'{"x":' + b"[" * 100_000}


@pytest.mark.parametrize("position", UNREADABLE.values(), ids=UNREADABLE)
def test_a_stored_position_that_cannot_be_read_is_damage_and_is_rebuilt(tmp_path: Path, position: bytes) -> None:
    for number in EVERYBODY:
        state(tmp_path, number, position if number == 2 else None)
    assert close(recover(tmp_path, QuietAtFirst(), EVERYBODY)) == EVERYBODY


def test_what_cannot_be_read_while_it_runs_is_rebuilt_once_and_then_left_alone(tmp_path: Path) -> None:
    for number in EVERYBODY:
        state(tmp_path, number)
    recovering = recovery(tmp_path, QuietAtFirst(), Said())
    recovering.distrust.damaged(2, "a block does not check")
    assert close(recovering.recover(EVERYBODY, threading.Event())) == EVERYBODY
    recovering.distrust.damaged(2, "a block does not check")
    assert close(recovering.recover(EVERYBODY, threading.Event())) == [0, 1]
    assert "that did not help" in recovering.distrust.poisoned[2]


def test_a_directory_that_somebody_takes_away_while_it_runs_is_made_again(tmp_path: Path) -> None:
    for number in EVERYBODY:
        state(tmp_path, number)
    recovering = recovery(tmp_path, QuietAtFirst(), Said())
    shutil.rmtree(folder_of(tmp_path, 2, PARTITIONS))
    recovering.distrust.damaged(2, "no such file")
    assert close(recovering.recover(EVERYBODY, threading.Event())) == EVERYBODY


def test_a_disk_that_errs_again_much_later_is_no_poison(tmp_path: Path) -> None:
    now = 0.0
    distrust = Distrust(lambda number: tmp_path / str(number), Said(), lambda: now)
    for _ in range(3):
        (tmp_path / "1").mkdir()
        distrust.damaged(1, "a block does not check")
        distrust.clear_away(1)
        assert not (tmp_path / "1").exists()
        now += 4_000.0
    assert distrust.poisoned == {}


def test_partitions_that_came_while_it_ran_end_the_worker_for_a_profile_would_have_two_ledgers(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match=f"the group gave this worker partition {PARTITIONS}, and the topics had {PARTITIONS}"):
        recover(tmp_path, Quiet(), [0, PARTITIONS])


def test_ledgers_of_another_number_of_partitions_are_refused(tmp_path: Path) -> None:
    made = Position(cycle=2, inputs=dict.fromkeys(CONSUMED, 5), partitions=PARTITIONS * 2)
    state(tmp_path, 1, msgspec.json.encode(made))
    with pytest.raises(
        WrongUsage, match=f"the ledgers were made with {PARTITIONS * 2} partitions, and the topics have {PARTITIONS} now"
    ):
        recover(tmp_path, Quiet(), [1])


def test_a_second_group_on_the_same_topics_is_refused_for_everything_would_be_booked_twice(tmp_path: Path) -> None:
    state(tmp_path, 1, msgspec.json.encode(Position(cycle=2, inputs=dict.fromkeys(CONSUMED, 5), group="others")))
    with pytest.raises(
        WrongUsage, match=r"the group others works on these topics, and has 2 members now; .* Start with --app-id others"
    ):
        recover(tmp_path, Quiet(), [1])


def test_a_group_whose_members_may_not_be_counted_counts_as_at_work(tmp_path: Path) -> None:
    class Secretive(Quiet):
        def members(self, group: str) -> int:
            raise KafkaException(KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED))

    state(tmp_path, 1, msgspec.json.encode(Position(cycle=2, inputs=dict.fromkeys(CONSUMED, 5), group="gone")))
    with pytest.raises(
        WrongUsage, match=r"may not see whether it has members; .* end all of its workers and let this user describe it$"
    ):
        recover(tmp_path, Secretive(), [1])


def test_a_group_takes_over_from_one_that_has_no_members_any_more(tmp_path: Path) -> None:
    state(tmp_path, 1, msgspec.json.encode(Position(cycle=2, inputs=dict.fromkeys(CONSUMED, 5), group="gone")))
    found = recover(tmp_path, Quiet(), [1])
    assert found[1].position.group == "pointstream"
    close(found)


@pytest.mark.parametrize("position", [None, *UNREADABLE.values()], ids=["deleted", *UNREADABLE])
def test_a_position_in_the_log_that_nobody_can_read_is_none_of_ours_and_no_state_goes_without_one(
    tmp_path: Path, position: bytes | None
) -> None:
    reactions = opened(tmp_path)
    with pytest.raises(msgspec.MsgspecError):
        restore_newest(reactions, {b"rp1": b"a receipt behind it", POSITION_KEY: position}, END, last=True)
    assert reactions.table.meta(META_CHANGELOG) is None, "nothing was written"
    restore_newest(reactions, {}, END, last=True)
    assert reactions.table.meta(META_CHANGELOG) == b"%d" % END
    reactions.table.close()
