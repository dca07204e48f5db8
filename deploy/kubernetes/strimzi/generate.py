"""Topics and users for Strimzi, from the registry of topics: every topic as `pointstream topics` makes it, every user with no more than it needs.

    python deploy/kubernetes/strimzi/generate.py      writes topics.yaml and users.yaml beside itself

A user's rights are said in one table here, in Kafka's words. What a worker needs of them is proven by a test that runs one with these and no
others. Names of topics are the contract's; `pointstream` is the group (`--app-id`), and with a hyphen begins every transactional id.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

HERE: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

from schemas.topics import (  # noqa: E402
    CHANGELOG,
    CONSUMED,
    CYCLES,
    DEAD_LETTERS,
    INPUTS,
    LEDGER_ENTRIES,
    MESSAGES,
    OUTPUTS,
    PROGRAMS,
    REQUESTS,
    TOPICS,
)
from streams.topics import DEFAULT_PARTITIONS, DEFAULT_REPLICATION, wanted_config  # noqa: E402

API: Final = "kafka.strimzi.io/v1"
CLUSTER: Final = {"strimzi.io/cluster": "kafka"}
GROUP: Final = "pointstream"
HEAD: Final = "# Made by deploy/kubernetes/strimzi/generate.py; change that, or the registry of topics, and make this anew.\n"


class Right(NamedTuple):
    """What may be done with resources of these names. `prefix`: with all that begin so."""

    kind: str
    names: Sequence[str]
    operations: Sequence[str]
    prefix: bool = False


_EVERY: Final = tuple(topic.name for topic in TOPICS)
RIGHTS: Final[dict[str, tuple[Right, ...]]] = {
    "pointstream-worker": (
        Right("topic", _EVERY, ("Describe", "DescribeConfigs")),
        Right("topic", (*CONSUMED, CHANGELOG, CYCLES, PROGRAMS), ("Read",)),
        Right("topic", (*OUTPUTS, *MESSAGES, CHANGELOG, CYCLES, PROGRAMS), ("Write",)),
        Right("group", (GROUP,), ("Read", "Describe")),
        Right("group", (f"{GROUP}-recovery", "pointstream-reading"), ("Describe",)),
        Right("transactionalId", (f"{GROUP}-",), ("Write", "Describe"), prefix=True),
    ),
    "pointstream-feed": (Right("topic", INPUTS, ("Write", "Describe")),),
    "pointstream-auditor": (
        Right("topic", (LEDGER_ENTRIES,), ("Read", "Describe")),
        Right("topic", (REQUESTS, CYCLES), ("Describe",)),
        Right("topic", (REQUESTS,), ("Write",)),
        Right("group", ("pointstream-reader",), ("Describe",)),
    ),
    "pointstream-operator": (
        Right("topic", _EVERY, ("Describe", "DescribeConfigs")),
        Right("topic", (*CONSUMED, CHANGELOG, CYCLES, PROGRAMS, DEAD_LETTERS, LEDGER_ENTRIES), ("Read",)),
        Right("topic", (*CONSUMED, PROGRAMS), ("Write",)),
        Right("group", ("pointstream-reader", "pointstream-reading", "pointstream-orders"), ("Describe",)),
    ),
}
"""A worker, which also publishes the folder that it is given; a till feed (`produce`); `audit --stop-profiles`; a person who looks, publishes, exports, puts back and releases.

Whatever a worker consumes may be refused and be put back, messages between keys as well: so a person may write all of it. Who reads without joining a group has one all the same, of which the client asks where its coordinator is: hence `Describe` of those.
"""


def topics() -> Iterator[dict[str, Any]]:
    for topic in TOPICS:
        config = {name: _typed(value) for name, value in wanted_config(topic, DEFAULT_REPLICATION).items()}
        spec = {"partitions": DEFAULT_PARTITIONS, "replicas": DEFAULT_REPLICATION, "config": config}
        yield {"apiVersion": API, "kind": "KafkaTopic", "metadata": {"name": topic.name, "labels": dict(CLUSTER)}, "spec": spec}


def users() -> Iterator[dict[str, Any]]:
    for name, rights in RIGHTS.items():
        spec = {"authentication": {"type": "scram-sha-512"}, "authorization": {"type": "simple", "acls": acls(rights)}}
        yield {"apiVersion": API, "kind": "KafkaUser", "metadata": {"name": name, "labels": dict(CLUSTER)}, "spec": spec}


def acls(rights: Sequence[Right]) -> list[dict[str, Any]]:
    """One rule a resource, with all that may be done with it."""
    found: dict[tuple[str, str, bool], list[str]] = {}
    for right in rights:
        for name in right.names:
            found.setdefault((right.kind, name, right.prefix), []).extend(right.operations)
    return [
        {
            "resource": {"type": kind, "name": name, "patternType": "prefix" if prefix else "literal"},
            "operations": sorted(set(operations)),
            "host": "*",
        }
        for (kind, name, prefix), operations in found.items()
    ]


def _typed(value: str) -> int | bool | str:
    if value in {"true", "false"}:
        return value == "true"
    return int(value) if value.lstrip("-").isdecimal() else value


def files() -> dict[Path, str]:
    """What the files must hold."""
    made = {"topics.yaml": topics(), "users.yaml": users()}
    return {HERE / name: HEAD + yaml.safe_dump_all(documents, sort_keys=False) for name, documents in made.items()}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
