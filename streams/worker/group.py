"""What the broker says of a group, as bytes of Kafka's consumer protocol, made into who owns which partitions.

Pure. The client library reads these bytes itself only in a call that a worker must not make (`Broker.owners` says why).
"""

import struct
from collections.abc import Sequence
from typing import Any, Final

from confluent_kafka import KafkaException

_STABLE: Final = "Stable"
_VERSION_BYTES: Final = 2


def told_owners(groups: Sequence[Any], group: str, topic: str) -> dict[str, list[int]] | None:
    """Which partitions of the topic each member has; None where there is no such group, or it is finding that out. `groups`: `GroupMetadata`, which
    the library types as nothing.

    Several brokers may tell of a group that is moving between them. Raises `KafkaException` where none that knows it may tell.
    """
    told = [found for found in groups if found.id == group]
    for found in told:
        if found.error is None and found.state == _STABLE:
            return {str(member.id): assigned(member.assignment or b"", topic) for member in found.members}
    if refused := next((found.error for found in told if found.error is not None), None):
        raise KafkaException(refused)
    return None


def told_members(groups: Sequence[Any], group: str) -> int:
    """How many members a group has; 0 where there is none of the name. Raises `KafkaException` where none that knows it may tell."""
    told = [found for found in groups if found.id == group]
    counts = [len(found.members) for found in told if found.error is None]
    if told and not counts:
        raise KafkaException(told[0].error)
    return max(counts, default=0)


def assigned(assignment: bytes, topic: str) -> list[int]:
    """The topic's partitions in a member's assignment, sorted; none where it has been assigned nothing.

    A version (two bytes), then by their number the topics, each with its name by its length and its partitions by their number.
    """
    if not assignment:
        return []
    found: list[int] = []
    (topics,), at = struct.unpack_from(">i", assignment, _VERSION_BYTES), _VERSION_BYTES + 4
    for _ in range(topics):
        (length,) = struct.unpack_from(">h", assignment, at)
        name, at = assignment[at + 2 : at + 2 + length], at + 2 + length
        (count,) = struct.unpack_from(">i", assignment, at)
        if name == topic.encode():
            found += struct.unpack_from(f">{count}i", assignment, at + 4)
        at += 4 + 4 * count
    return sorted(found)
