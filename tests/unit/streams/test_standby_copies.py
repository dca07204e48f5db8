"""Who keeps a copy of what is reckoned alike by every member, from what the group says of itself; and what becomes of a copy that is damaged."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.worker.position import META_CHANGELOG, folder_of
from streams.worker.settings import WorkerSettings
from streams.worker.standby import Standby, copies
from streams.worker.watch import Unwatched
from tests.unit.streams.recovering import PARTITIONS, Quiet, logic, opened
from tests.unit.streams.test_distrust import state

GROUP = {"a": [0, 1], "b": [2], "c": [3, 4]}


@pytest.mark.parametrize(
    ("owners", "replicas", "kept"),
    [
        pytest.param(GROUP, 0, {"a": set(), "b": set(), "c": set()}, id="no replicas: no copies"),
        pytest.param(GROUP, 1, {"a": {3, 4}, "b": {0, 1}, "c": {2}}, id="one replica: the member behind the owner"),
        pytest.param(GROUP, 2, {"a": {2, 3, 4}, "b": {0, 1, 3, 4}, "c": {0, 1, 2}}, id="two replicas: everybody else of three"),
        pytest.param(
            GROUP, 9, {"a": {2, 3, 4}, "b": {0, 1, 3, 4}, "c": {0, 1, 2}}, id="more replicas than members: everybody else"
        ),
        pytest.param({"a": [0]}, 1, {"a": set()}, id="alone: nobody keeps a copy of its own"),
    ],
)
def test_copies_lie_with_the_members_behind_the_owner(
    owners: dict[str, list[int]], replicas: int, kept: dict[str, set[int]]
) -> None:
    assert {member: set(copies(owners, member, replicas)) for member in owners} == kept


def test_who_is_not_in_the_group_keeps_nothing() -> None:
    assert copies(GROUP, "stranger", 2) == frozenset()


class Group(Quiet):
    """Of whose partitions `b` keeps copies of 0 and 1."""

    def owners(self, group: str) -> dict[str, list[int]]:
        return {"a": [0, 1], "b": [2]}


class Kept(Unwatched):
    """Which copies there are."""

    numbers: frozenset[int] = frozenset()

    def copying(self, behind: Mapping[int, int | None]) -> None:
        self.numbers = frozenset(behind)


@contextmanager
def standby(folder: Path) -> Iterator[Callable[[set[int]], bool]]:
    """A standby of a broker that gives nothing; asked whether it comes to keep these copies and no other."""
    settings = WorkerSettings(broker="kafka://127.0.0.1:1", state=folder, standby_replicas=1)
    running = Standby(settings, logic(), Group(), PARTITIONS, lambda: "b", kept := Kept())  # type: ignore[arg-type]  # asked no more than that

    def comes_to_keep(numbers: set[int]) -> bool:
        until = time.monotonic() + 15
        while kept.numbers != numbers and time.monotonic() < until:
            time.sleep(0.05)
        return kept.numbers == numbers

    running.start()
    try:
        yield comes_to_keep
    finally:
        running.end()


def test_a_copy_that_is_damaged_is_made_anew_and_the_others_are_kept_meanwhile(tmp_path: Path) -> None:
    for number in (0, 1):
        state(tmp_path, number)
    (folder_of(tmp_path, 1, PARTITIONS) / "CURRENT").write_bytes(b"garbage")
    with standby(tmp_path) as comes_to_keep:
        assert comes_to_keep({0})
        assert comes_to_keep({0, 1})
    again = opened(tmp_path, 1)
    assert again.table.meta(META_CHANGELOG) is None, "it begins with nothing"
    again.table.close()


def test_why_no_copy_can_be_kept_is_told_once_and_who_puts_it_right_has_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state(tmp_path, 0)
    state(tmp_path, 1, changelog=2)
    with standby(tmp_path) as comes_to_keep:
        assert comes_to_keep({0})
        time.sleep(4)  # it has looked again
        shutil.rmtree(folder_of(tmp_path, 1, PARTITIONS))
        assert comes_to_keep({0, 1})
    told = [record.getMessage() for record in caplog.records if "no copy of partition" in record.getMessage()]
    why = "goes on from offset 2 of the changelog, and the log begins at 3: records were deleted unread"
    assert told == [f"no copy of partition 1 can be kept: {folder_of(tmp_path, 1, PARTITIONS)} {why}"]
