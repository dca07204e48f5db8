"""Owned: which partitions are this worker's, of all that the group gave it.

Equal partition counts give a worker the same partition number of every input; where the members of a group differ in what they subscribe to,
one topic decides for all (docs/decisions/0012-one-topic-decides.md).
"""

from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import TopicPartition

from schemas.topics import CONSUMED

DECIDES: Final = CONSUMED[0]
"""Every version reads it. Who has a partition of it has that partition of all inputs."""


def owned(places: Iterable[TopicPartition]) -> tuple[list[int], dict[str, list[int]]]:
    """The partition numbers that are this worker's, and of each topic that was spread otherwise, what the group gave us of it.

    It may be a topic that we did not ask for: a named member that is started anew gets what the one before had, whatever its version.
    """
    given: dict[str, list[int]] = {topic: [] for topic in CONSUMED}
    for place in places:
        given.setdefault(place.topic, []).append(place.partition)
    numbers = sorted(given[DECIDES])
    return numbers, {topic: sorted(found) for topic, found in given.items() if sorted(found) != numbers}


def spread_otherwise(numbers: list[int], otherwise: Mapping[str, list[int]]) -> str:
    """What is said of what was spread otherwise."""
    told = ", ".join(f"{given} of {topic}" for topic, given in otherwise.items())
    return (
        f"the group gave this worker partitions {numbers} of {DECIDES}, and {told}: a worker of another version, or a stranger, "
        f"is in it. {DECIDES} decides: whoever has a partition of it reads that partition of every input, and nobody else does"
    )
