"""Who keeps a copy of what is reckoned alike by every member, from what the group says of itself."""

import pytest

from streams.worker.standby import copies

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
