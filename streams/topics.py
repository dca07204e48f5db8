"""Topics: create those that are missing, and say of every one that is there whether it keeps the promises of the contract.

What must hold, and why: input topics are stamped by the broker (`LogAppendTime`), else a till's clock would decide what is late;
all topics of the stream have as many partitions as the inputs, else a profile would have two writers; the changelog and
`balances` are compacted within seven days, else an erased profile would stay; what is acknowledged lies on two brokers where there
are copies at all, and no broker that lacks it may lead, else a cycle that was committed could be lost. Nothing that exists is ever
changed here: how a topic is altered is the operator's decision, so a mismatch is a sentence that says what to do. A worker asks
the same before it starts.
"""

import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, Final, NamedTuple, Protocol

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from schemas.topics import INPUTS, TOPICS, Topic
from streams.brokers import Broker, reach, reason
from streams.errors import BrokerAway, WrongUsage

DEFAULT_PARTITIONS: Final = 24
DEFAULT_REPLICATION: Final = 3
_DAY_MS: Final = 86_400_000
COMPACTION_LAG_MS: Final = 7 * _DAY_MS
DELETE_RETENTION_MS: Final = 14 * _DAY_MS  # a state that was away so long still learns what has been forgotten
_WAIT_SECONDS: Final = 30.0
_ANSWER_SECONDS: Final = 5.0
_AGAIN_SECONDS: Final = 0.2
_PASSING: Final = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._TIMED_OUT, KafkaError._TRANSPORT})  # noqa: SLF001  # their public names
_FORBIDDEN: Final = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED})


class Found(NamedTuple):
    """What the broker has of a topic. `replication`: the copies of the partition that has the fewest."""

    partitions: int
    replication: int
    config: Mapping[str, str]


class Settings(Protocol):
    """Whoever can be asked for the settings of topics: confluent-kafka's admin client."""

    def describe_configs(
        self, resources: list[ConfigResource], *, request_timeout: float
    ) -> Mapping[ConfigResource, Future[Any]]: ...


class State(NamedTuple):
    """What there is of a topic: None partitions where it is missing."""

    topic: str
    partitions: int | None
    replication: int | None
    created: bool
    faults: list[str]


def wanted_config(topic: Topic, replication: int) -> dict[str, str]:
    """The settings with which a topic is created."""
    config = {
        "cleanup.policy": topic.cleanup,
        "max.message.bytes": str(topic.max_message_bytes),
        "message.timestamp.type": "LogAppendTime" if topic.log_append_time else "CreateTime",
        "min.insync.replicas": str(min(2, replication)),
        "unclean.leader.election.enable": "false",
    }
    if topic.cleanup == "compact":
        compaction = {"max.compaction.lag.ms": str(COMPACTION_LAG_MS), "delete.retention.ms": str(DELETE_RETENTION_MS)}
        return {**config, **compaction, "min.cleanable.dirty.ratio": "0.1"}
    kept = "-1" if topic.retention_days is None else str(topic.retention_days * _DAY_MS)
    return {**config, "retention.ms": kept, "retention.bytes": "-1"}


def ensure(broker: Broker, wanted: int | None, replication: int | None, verify_only: bool) -> list[State]:
    """Create what is missing (unless `verify_only`) and verify everything.

    `wanted` partitions, or as the inputs have, else 24; `replication` copies, or 3, or as many as there are brokers. Raises `WrongUsage`
    where something would be created beside inputs that have another count: a topic's partitions are for ever.
    """
    admin, brokers, there = _topics(broker)
    copies = replication or min(DEFAULT_REPLICATION, brokers)
    if copies > brokers:
        raise WrongUsage(f"--replication {copies}: the cluster has {brokers} {'broker' if brokers == 1 else 'brokers'}")
    inputs = {name: there[name][0] for name in INPUTS if name in there}
    count = wanted or next(iter(inputs.values()), DEFAULT_PARTITIONS)
    missing = {topic.name for topic in TOPICS if topic.name not in there}
    created = set() if verify_only else missing
    if not created:
        _check_wanted(inputs, count)
    if created:
        _check_inputs(inputs, count)
        if str(broker).startswith("embedded://"):
            raise WrongUsage(
                f"{broker} makes a topic when it is asked about and promises nothing of it: `topics` is for a real Kafka"
            )
        _create(admin, [topic for topic in TOPICS if topic.name in created], count, copies)
        there |= dict.fromkeys(created, (count, copies))
    found = _found(admin, there)
    return [
        State(
            topic.name,
            None if (one := found.get(topic.name)) is None else one.partitions,
            None if one is None else one.replication,
            topic.name in created,
            faults(topic, one, count, copies),
        )
        for topic in TOPICS
    ]


def verify(broker: Broker) -> None:
    """For a worker that is about to start: raises `WrongUsage` where a topic is not as it must be. How many copies there are is not its affair."""
    admin, _, there = _topics(broker)
    found = _found(admin, there)
    count = next((found[name].partitions for name in INPUTS if name in found), DEFAULT_PARTITIONS)
    said = [(topic, fault) for topic in TOPICS for fault in faults(topic, found.get(topic.name), count, None)]
    if said:
        topic, fault = said[0]
        more = f"; `pointstream topics --verify-only` says {len(said) - 1} more" if len(said) > 1 else ""
        raise WrongUsage(f"the topic {topic.name} {fault}{more}")


def faults(topic: Topic, found: Found | None, count: int, replication: int | None) -> list[str]:
    """What is wrong with a topic as it is, each with what to do. Keeping more or longer than is asked is not wrong.

    `replication` None: as many copies as it has are enough.
    """
    if found is None:
        return ["is not there; run `pointstream topics` without --verify-only"]
    said = []
    if found.partitions != count:
        said.append(
            f"has {found.partitions} partitions and must have {count}, as the inputs: partitions cannot be changed without splitting "
            "profiles, so create it anew, or name the count with --partitions"
        )
    if replication is not None and found.replication < replication:
        said.append(
            f"has {_copies(found.replication)} of a partition and must have {replication}, or what a broker held is gone with it; add them with "
            f"`kafka-reassign-partitions.sh`, or say with --replication {found.replication} that it is meant so"
        )
    for name, wanted in wanted_config(topic, max(replication or 0, found.replication)).items():
        got = found.config.get(name)
        if got is not None and not _keeps(name, got, wanted):
            said.append(
                f"has {name}={got} and must have {wanted}; set it with "
                f"`kafka-configs.sh --alter --entity-type topics --entity-name {topic.name} --add-config {name}={wanted}`"
            )
    return said


def _copies(count: int) -> str:
    return "1 copy" if count == 1 else f"{count} copies"


def _keeps(name: str, got: str, wanted: str) -> bool:
    """Whether a setting keeps the promise that ours makes."""
    match name:
        case "cleanup.policy" | "message.timestamp.type" | "unclean.leader.election.enable":
            return got == wanted
        case "retention.ms" | "retention.bytes":
            return got == "-1" or (wanted != "-1" and int(got) >= int(wanted))
        case "max.message.bytes" | "min.insync.replicas" | "delete.retention.ms":
            return int(got) >= int(wanted)
        case "max.compaction.lag.ms":
            return int(got) <= int(wanted)
    return True  # min.cleanable.dirty.ratio: how often, not whether


def _check_wanted(inputs: Mapping[str, int], count: int) -> None:
    """Where the inputs agree on another number it is what was asked for that is wrong, and no topic is to be made anew for it."""
    counts = set(inputs.values())
    if counts and counts != {count} and len(counts) == 1:
        has = counts.pop()
        raise WrongUsage(
            f"--partitions {count}: the inputs have {has} partitions, and a topic's partitions are for ever; leave --partitions away, or begin with "
            "topics made anew"
        )


def _check_inputs(inputs: Mapping[str, int], count: int) -> None:
    for name, has in inputs.items():
        if has != count:
            raise WrongUsage(
                f"the input {name} has {has} partitions, and others would be created with {count}: all must have as many, so leave --partitions away "
                f"or say --partitions {has}, or begin with topics made anew; nothing was created"
            )


def _create(admin: AdminClient, missing: list[Topic], count: int, replication: int) -> None:
    new = [
        NewTopic(topic.name, num_partitions=count, replication_factor=replication, config=wanted_config(topic, replication))
        for topic in missing
    ]
    for name, future in admin.create_topics(new, operation_timeout=_WAIT_SECONDS).items():
        try:
            future.result(timeout=_WAIT_SECONDS)
        except TimeoutError:
            raise BrokerAway(
                f"the topic {name} was not created within {_WAIT_SECONDS:.0f} s: look at the broker, then run it again"
            ) from None
        except KafkaException as error:
            said = reason(error)
            if "already exists" not in said:  # another one was faster
                raise WrongUsage(f"the topic {name} cannot be created: {said}") from None


def _topics(broker: Broker) -> tuple[AdminClient, int, dict[str, tuple[int, int]]]:
    """Whom to ask, how many brokers there are, and of each topic its partitions and the copies of the one that has the fewest."""
    admin, known = reach(broker)
    return (
        admin,
        len(known.brokers),
        {
            name: (len(topic.partitions), min([len(partition.replicas) for partition in topic.partitions.values()], default=0))
            for name, topic in known.topics.items()
            if topic.error is None
        },
    )


def _found(admin: AdminClient, there: Mapping[str, tuple[int, int]]) -> dict[str, Found]:
    """Those of the registry, with their settings."""
    names = [topic.name for topic in TOPICS if topic.name in there]
    configs = settings_of(admin, names)
    return {name: Found(*there[name], configs[name]) for name in names}


def settings_of(
    admin: Settings, names: list[str], wait_seconds: float = _WAIT_SECONDS, answer_seconds: float = _ANSWER_SECONDS
) -> dict[str, dict[str, str]]:
    """The settings of topics. One that was made a moment ago is not known to every broker at once: that is waited for. And the broker that is
    asked may stand still, and another one answer: the client asks that when it is asked again.

    Raises `BrokerAway` where they are not told, and `WrongUsage` where they may not be.
    """
    found: dict[str, dict[str, str]] = {}
    until = time.monotonic() + wait_seconds
    asked = names
    while asked:
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in asked]
        asked = []
        answer_by = min(time.monotonic() + answer_seconds, until)
        for resource, future in admin.describe_configs(resources, request_timeout=min(answer_seconds, wait_seconds)).items():
            try:
                entries: dict[str, Any] = future.result(timeout=max(answer_by - time.monotonic(), 0.0))
            except TimeoutError:
                if time.monotonic() > until:
                    raise BrokerAway(
                        f"the settings of {resource.name} were not told within {wait_seconds:g} s: look at the broker, then run it again"
                    ) from None
                asked.append(resource.name)
                continue
            except KafkaException as error:
                if error.args[0].code() not in _PASSING or time.monotonic() > until:
                    sentence = f"the settings of {resource.name} cannot be read: {reason(error)}"
                    raise (WrongUsage if error.args[0].code() in _FORBIDDEN else BrokerAway)(sentence) from None
                asked.append(resource.name)
                continue
            found[resource.name] = {name: entry.value for name, entry in entries.items() if entry.value is not None}
        if asked:
            time.sleep(_AGAIN_SECONDS)
    return found
