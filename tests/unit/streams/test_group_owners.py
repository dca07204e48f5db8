"""Who owns which partitions is read out of what the group's coordinator says, byte for byte as a real broker said it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.worker.broker import Broker
from streams.worker.group import assigned, told_members, told_owners
from streams.worker.settings import WorkerSettings

TWO_TOPICS = (
    b"\x00\x00\x00\x00\x00\x02\x00\x09purchases\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x01"
    b"\x00\x06pixels\x00\x00\x00\x01\x00\x00\x00\x07\x00\x00\x00\x00"
)


@pytest.mark.parametrize(
    ("assignment", "topic", "partitions"),
    [
        pytest.param(TWO_TOPICS, "purchases", [1, 3], id="the partitions of the topic that is asked about, in order"),
        pytest.param(TWO_TOPICS, "pixels", [7], id="of the second topic as well"),
        pytest.param(TWO_TOPICS, "returns", [], id="none of a topic that is not in it"),
        pytest.param(b"", "purchases", [], id="a member that has been assigned nothing yet"),
        pytest.param(b"\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00", "purchases", [], id="a member for whom nothing is left"),
    ],
)
def test_an_assignment_is_read(assignment: bytes, topic: str, partitions: list[int]) -> None:
    assert assigned(assignment, topic) == partitions


def group(state: str, error: KafkaError | None = None, name: str = "ours") -> Any:
    members = [SimpleNamespace(id="one", assignment=TWO_TOPICS), SimpleNamespace(id="two", assignment=None)]
    return SimpleNamespace(id=name, state=state, error=error, members=members)


OWNERS = {"one": [1, 3], "two": []}
LOADING = KafkaError(KafkaError.COORDINATOR_LOAD_IN_PROGRESS)


@pytest.mark.parametrize(
    ("groups", "owners"),
    [
        pytest.param([group("Stable")], OWNERS, id="a group that has settled"),
        pytest.param([group("PreparingRebalance")], None, id="a group that is finding out"),
        pytest.param([], None, id="no such group"),
        pytest.param([group("Stable", name="theirs")], None, id="another group"),
        pytest.param([group("Dead"), group("Stable")], OWNERS, id="two brokers tell of it, for it has just moved"),
        pytest.param([group("", LOADING), group("Stable")], OWNERS, id="one of the two cannot tell"),
    ],
)
def test_a_settled_group_tells_who_owns_what(groups: list[Any], owners: dict[str, list[int]] | None) -> None:
    assert told_owners(groups, "ours", "purchases") == owners


@pytest.mark.parametrize(
    ("groups", "members"),
    [
        pytest.param([group("Stable")], 2, id="a group at work"),
        pytest.param([group("PreparingRebalance")], 2, id="a group that is finding out who has what"),
        pytest.param([group("Stable", name="theirs")], 0, id="another group"),
        pytest.param([], 0, id="no such group"),
        pytest.param([group("", LOADING), group("Stable")], 2, id="one of two brokers that know it cannot tell"),
    ],
)
def test_members_are_counted(groups: list[Any], members: int) -> None:
    assert told_members(groups, "ours") == members


def test_members_that_nobody_can_count_are_not_none() -> None:
    with pytest.raises(KafkaException):
        told_members([group("", LOADING)], "ours")


@pytest.mark.slow
def test_a_group_whose_coordinator_does_not_answer_is_not_counted(tmp_path: Path) -> None:
    """The list of groups leaves out what a user may not see, and what no broker coordinates just now: it would be a group without members."""
    broker = Broker(WorkerSettings(broker="kafka://127.0.0.1:1", state=tmp_path, transaction_timeout_ms=1_000))
    with pytest.raises(KafkaException):
        broker.members("ours")


def test_a_group_that_may_not_be_looked_at_is_a_failure_and_not_an_empty_one() -> None:
    with pytest.raises(KafkaException):
        told_owners([group("", LOADING)], "ours", "purchases")


def test_who_owns_what_is_asked_by_a_new_client_after_a_failure(tmp_path: Path) -> None:
    asking = Broker(WorkerSettings(broker="kafka://127.0.0.1:1", state=tmp_path))  # where nobody listens
    first = asking._admin
    with pytest.raises(KafkaException):
        asking.owners("ours")
    assert asking._admin is not first
