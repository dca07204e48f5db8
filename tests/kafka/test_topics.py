"""Topics on a real Kafka: created as the contract says, verified setting by setting, and a worker that does not start on a wrong one."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, ResourceType

from schemas.topics import BY_NAME, TOPICS
from streams.errors import WrongUsage
from streams.topics import DEFAULT_PARTITIONS, ensure, faults, verify, wanted_config
from tests.kafka.help import create_topics, delete_topics, new_topics, processes
from tests.kafka.test_worker import worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(180)]
PARTITIONS = 2
WRONG = {
    "message.timestamp.type": ("purchases", "CreateTime"),
    "cleanup.policy": ("changelog", "delete"),
    "retention.ms": ("ledger-entries", "604800000"),
    "retention.bytes": ("redemption-decisions", "1000000"),
    "max.compaction.lag.ms": ("balances", "9223372036854775807"),
    "delete.retention.ms": ("changelog", "86400000"),
    "max.message.bytes": ("requests", "1048588"),
    "unclean.leader.election.enable": ("cycles", "true"),
}
_COMMAND = re.compile(r"--entity-name (\S+) --add-config ([a-z.]+)=(\S+?)`")


@pytest.fixture(scope="module")
def ready(kafka: str) -> Iterator[str]:
    new_topics(kafka, PARTITIONS)
    yield kafka
    delete_topics(kafka)


def _set(servers: str, topic: str, name: str, value: str) -> None:
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    asked = [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]
    admin = AdminClient({"bootstrap.servers": servers})  # kept: without a name it would be gone before it has answered
    for done in admin.incremental_alter_configs(asked).values():
        done.result()
    for _ in range(100):  # the broker takes a setting over a moment after it has answered
        (told,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
        if told.result()[name].value == value:
            return
        time.sleep(0.05)
    raise AssertionError(f"{name} of {topic} did not become {value}")


def _refusal(servers: str) -> str:
    with pytest.raises(WrongUsage) as refused:
        verify(f"kafka://{servers}")
    return refused.value.message


def test_all_settings_that_can_be_wrong_on_one_broker_are_tried_below() -> None:
    asked = {name for topic in TOPICS for name in wanted_config(topic, 1)}
    assert asked - set(WRONG) == {"min.insync.replicas", "min.cleanable.dirty.ratio"}  # wants copies; how often, not whether


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_refused_and_following_the_sentence_mends_it(ready: str, name: str) -> None:
    topic, value = WRONG[name]
    verify(f"kafka://{ready}")
    _set(ready, topic, name, value)
    sentence = _refusal(ready)
    assert sentence.startswith(f"the topic {topic} has {name}={value} and must have ")
    told = _COMMAND.search(sentence)
    assert told is not None
    _set(ready, *told.groups())
    verify(f"kafka://{ready}")


def test_a_worker_does_not_start_on_a_feeds_clock(ready: str, tmp_path: Path) -> None:
    _set(ready, "purchases", "message.timestamp.type", "CreateTime")
    _set(ready, "pixels", "message.timestamp.type", "CreateTime")
    with processes() as everybody:
        everybody.append(refused := worker(ready, tmp_path))
        assert refused.wait(30) == 2
    assert "the topic purchases has message.timestamp.type=CreateTime and must have LogAppendTime; set it with" in refused.said()
    assert "--verify-only` says 1 more" in refused.said()
    for topic in ("purchases", "pixels"):
        _set(ready, topic, "message.timestamp.type", "LogAppendTime")


def test_everything_that_is_missing_is_created_with_24_partitions_and_is_as_it_must_be(kafka: str) -> None:
    delete_topics(kafka)
    broker = f"kafka://{kafka}"
    states = ensure(broker, None, None, verify_only=True)
    assert {(state.partitions, state.created) for state in states} == {(None, False)}
    states = ensure(broker, None, None, verify_only=False)
    assert [state.topic for state in states] == [topic.name for topic in TOPICS]
    assert {(state.partitions, state.replication, state.created) for state in states} == {(DEFAULT_PARTITIONS, 1, True)}
    assert [state.faults for state in states] == [[]] * len(TOPICS)
    again = ensure(broker, None, None, verify_only=False)
    assert {(state.created, *state.faults) for state in again} == {(False,)}
    delete_topics(kafka)


def test_a_topic_with_other_partitions_than_the_inputs_is_refused(kafka: str) -> None:
    new_topics(kafka, PARTITIONS)
    admin = AdminClient({"bootstrap.servers": kafka})
    for done in admin.create_partitions([NewPartitions("ledger-entries", PARTITIONS + 1)]).values():
        done.result()
    while admin.list_topics("ledger-entries", timeout=10).topics["ledger-entries"].partitions.keys() != set(
        range(PARTITIONS + 1)
    ):
        time.sleep(0.05)
    assert "the topic ledger-entries has 3 partitions and must have 2" in _refusal(kafka)
    delete_topics(kafka)


def test_what_is_missing_is_created_with_as_many_partitions_as_the_inputs_have(kafka: str) -> None:
    delete_topics(kafka)
    create_topics(kafka, PARTITIONS, ["purchases"])
    ensure(f"kafka://{kafka}", None, None, verify_only=False)
    verify(f"kafka://{kafka}")
    delete_topics(kafka)


def test_more_copies_than_brokers_cannot_be_asked_for(kafka: str) -> None:
    with pytest.raises(WrongUsage, match="--replication 3: the cluster has 1 broker"):
        ensure(f"kafka://{kafka}", None, 3, verify_only=True)
    assert faults(BY_NAME["purchases"], None, 2, 3)
