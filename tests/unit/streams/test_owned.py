"""Who owns which partition numbers follows from one topic, whatever the members of a group subscribe to."""

import itertools

import pytest
from confluent_kafka import TopicPartition

from schemas.topics import CONSUMED
from streams.worker.owned import DECIDES, owned

NEW = CONSUMED[-1]  # stands for a topic that older versions do not know
OLD = [topic for topic in CONSUMED if topic != NEW]


def spread(partitions: int, subscribed: dict[str, list[str]]) -> dict[str, list[TopicPartition]]:
    """As the range assignor does it: each topic by itself, over the members that subscribe to it, in order of their names."""
    given: dict[str, list[TopicPartition]] = {member: [] for member in subscribed}
    for topic in CONSUMED:
        members = sorted(member for member, topics in subscribed.items() if topic in topics)
        first = 0
        for place, member in enumerate(members):
            count = partitions // len(members) + (place < partitions % len(members))
            given[member] += [TopicPartition(topic, number) for number in range(first, first + count)]
            first += count
    return given


@pytest.mark.parametrize("partitions", [1, 6, 7])
@pytest.mark.parametrize(
    "newer", [kinds for size in (1, 2, 3) for kinds in itertools.product([False, True], repeat=size)], ids=str
)
def test_every_partition_has_one_owner_whatever_versions_the_members_are_of(newer: tuple[bool, ...], partitions: int) -> None:
    given = spread(partitions, {f"w{n}": [*CONSUMED] if is_newer else OLD for n, is_newer in enumerate(newer)})
    found = {member: owned(places)[0] for member, places in given.items()}
    assert sorted(itertools.chain.from_iterable(found.values())) == list(range(partitions))


@pytest.mark.parametrize(
    ("places", "numbers", "otherwise"),
    [
        pytest.param([(topic, n) for topic in CONSUMED for n in (2, 1)], [1, 2], {}, id="all alike: nothing to say"),
        pytest.param([], [], {}, id="nothing was given"),
        pytest.param(
            [(topic, 1) for topic in OLD] + [(NEW, 0), (NEW, 1)],
            [1],
            {NEW: [0, 1]},
            id="alone with a new topic: only what it owns is read",
        ),
        pytest.param(
            [(topic, 1) for topic in (*CONSUMED, "newer")],
            [1],
            {},
            id="a topic of a newer version that had the name before, spread alike",
        ),
        pytest.param([*[(topic, 1) for topic in CONSUMED], ("newer", 0)], [1], {"newer": [0]}, id="or unlike: it is told"),
        pytest.param(
            [(topic, 1) for topic in OLD],
            [1],
            {NEW: []},
            id="a stranger has the partition of one topic: it is read here all the same",
        ),
        pytest.param(
            [(topic, 0) for topic in CONSUMED if topic != DECIDES],
            [],
            {topic: [0] for topic in CONSUMED if topic != DECIDES},
            id="a stranger has that of the one that decides: nothing is read",
        ),
    ],
)
def test_what_is_spread_otherwise_is_told(
    places: list[tuple[str, int]], numbers: list[int], otherwise: dict[str, list[int]]
) -> None:
    assert owned([TopicPartition(*place) for place in places]) == (numbers, otherwise)
