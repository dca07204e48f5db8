"""Topics: create those that are missing, and say of every one that is there whether it keeps the promises of the contract.

What must hold, and why: input topics are stamped by the broker (`LogAppendTime`), else a till's clock would decide what is late;
all topics of the stream have as many partitions as the inputs, else a profile would have two writers; the changelog and
`balances` are compacted within seven days, else an erased profile would stay. Nothing that exists is ever changed here: how a
topic is altered is the operator's decision, so a mismatch is a sentence that says what to do.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from schemas.topics import INPUTS, TOPICS, Topic
from streams.brokers import client_settings, partitions, reason
from streams.errors import WrongUsage

DEFAULT_PARTITIONS: Final = 24
_DAY_MS: Final = 86_400_000
COMPACTION_LAG_MS: Final = 7 * _DAY_MS
DELETE_RETENTION_MS: Final = 14 * _DAY_MS  # a state that was away so long still learns what has been forgotten
_WAIT_SECONDS: Final = 30.0


class State(NamedTuple):
    """What there is of a topic: None partitions where it is missing."""

    topic: str
    partitions: int | None
    created: bool
    faults: list[str]


def wanted_config(topic: Topic, replication: int) -> dict[str, str]:
    """The settings with which a topic is created."""
    config = {
        "cleanup.policy": topic.cleanup,
        "max.message.bytes": str(topic.max_message_bytes),
        "message.timestamp.type": "LogAppendTime" if topic.log_append_time else "CreateTime",
        "min.insync.replicas": str(min(2, replication)),
    }
    if topic.cleanup == "compact":
        compaction = {"max.compaction.lag.ms": str(COMPACTION_LAG_MS), "delete.retention.ms": str(DELETE_RETENTION_MS)}
        return {**config, **compaction, "min.cleanable.dirty.ratio": "0.1"}
    kept = "-1" if topic.retention_days is None else str(topic.retention_days * _DAY_MS)
    return {**config, "retention.ms": kept, "retention.bytes": "-1"}


def ensure(broker: str, wanted: int | None, replication: int, verify_only: bool) -> list[State]:
    """Create what is missing (unless `verify_only`) and verify everything. `wanted` partitions, or as the inputs have, else 24."""
    admin = AdminClient(client_settings(broker))
    there = partitions(admin, broker)
    count = wanted or next((there[name] for name in INPUTS if name in there), DEFAULT_PARTITIONS)
    missing = [topic for topic in TOPICS if topic.name not in there]
    if missing and not verify_only:
        _create(admin, missing, count, replication)
        there = partitions(admin, broker) | {topic.name: count for topic in missing}
    configs = _configs(admin, [topic.name for topic in TOPICS if topic.name in there])
    return [
        State(
            topic.name,
            there.get(topic.name),
            topic in missing and not verify_only,
            faults(topic, there.get(topic.name), count, replication, configs.get(topic.name, {})),
        )
        for topic in TOPICS
    ]


def faults(topic: Topic, found_partitions: int | None, count: int, replication: int, config: Mapping[str, str]) -> list[str]:
    """What is wrong with a topic as it is, each with what to do. Keeping more or longer than is asked is not wrong."""
    if found_partitions is None:
        return ["is not there; run `pointstream topics` without --verify-only"]
    found = []
    if found_partitions != count:
        found.append(
            f"has {found_partitions} partitions and must have {count}, as the inputs: partitions cannot be changed without splitting "
            "profiles, so create it anew, or name the count with --partitions"
        )
    for name, wanted in wanted_config(topic, replication).items():
        got = config.get(name)
        if got is not None and not _keeps(name, got, wanted):
            found.append(
                f"has {name}={got} and must have {wanted}; set it with "
                f"`kafka-configs.sh --alter --entity-type topics --entity-name {topic.name} --add-config {name}={wanted}`"
            )
    return found


def _keeps(name: str, got: str, wanted: str) -> bool:
    """Whether a setting keeps the promise that ours makes."""
    match name:
        case "cleanup.policy" | "message.timestamp.type":
            return got == wanted
        case "retention.ms" | "retention.bytes":
            return got == "-1" or (wanted != "-1" and int(got) >= int(wanted))
        case "max.message.bytes" | "min.insync.replicas" | "delete.retention.ms":
            return int(got) >= int(wanted)
        case "max.compaction.lag.ms":
            return int(got) <= int(wanted)
    return True  # min.cleanable.dirty.ratio: how often, not whether


def _create(admin: AdminClient, missing: list[Topic], count: int, replication: int) -> None:
    new = [
        NewTopic(topic.name, num_partitions=count, replication_factor=replication, config=wanted_config(topic, replication))
        for topic in missing
    ]
    for name, future in admin.create_topics(new, operation_timeout=_WAIT_SECONDS).items():
        try:
            future.result(timeout=_WAIT_SECONDS)
        except KafkaException as error:
            said = reason(error)
            if "already exists" not in said:  # another one was faster
                raise WrongUsage(f"the topic {name} cannot be created: {said}") from None


def _configs(admin: AdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    found: dict[str, dict[str, str]] = {}
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    for resource, future in admin.describe_configs(resources, request_timeout=_WAIT_SECONDS).items():
        try:
            entries: dict[str, Any] = future.result(timeout=_WAIT_SECONDS)
        except KafkaException as error:
            raise WrongUsage(f"the settings of {resource.name} cannot be read: {reason(error)}") from None
        found[resource.name] = {name: entry.value for name, entry in entries.items() if entry.value is not None}
    return found
