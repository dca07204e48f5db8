"""What a topic must keep to, and the sentence where it does not. That the broker does so too is a test against a real one."""

from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import ConfigResource

from schemas.topics import BY_NAME, TOPICS, Topic
from streams.embedded import PARTITIONS, embedded_broker
from streams.errors import BrokerAway, WrongUsage
from streams.topics import Found, ensure, faults, settings_of, wanted_config

DAY_MS = 86_400_000


def config(topic: Topic, replication: int = 3) -> dict[str, str]:
    return wanted_config(topic, replication)


@pytest.mark.parametrize("topic", TOPICS, ids=[topic.name for topic in TOPICS])
def test_a_topic_as_it_is_created_is_without_fault(topic: Topic) -> None:
    assert faults(topic, Found(24, 3, config(topic)), 24, 3) == []


def test_what_the_contract_says_of_keeping() -> None:
    for name, days in {"purchases": 14, "cycles": 14, "notifications": 7, "dead-letters": 30}.items():
        assert config(BY_NAME[name])["retention.ms"] == str(days * DAY_MS)
    for name in ("ledger-entries", "tier-changes", "redemption-decisions"):
        assert config(BY_NAME[name])["retention.ms"] == "-1"
    for name in ("balances", "changelog"):
        assert config(BY_NAME[name])["cleanup.policy"] == "compact"
        assert int(config(BY_NAME[name])["max.compaction.lag.ms"]) <= 7 * DAY_MS


def test_inputs_are_stamped_by_the_broker_and_nothing_else_is() -> None:
    stamped = {topic.name for topic in TOPICS if config(topic)["message.timestamp.type"] == "LogAppendTime"}
    assert stamped == {"purchases", "pixels", "profiles", "redemptions", "adjustments"}


WRONG = {
    "another number of partitions": ("purchases", 12, {}, "has 12 partitions and must have 24"),
    "stamped by the feed": ("purchases", 24, {"message.timestamp.type": "CreateTime"}, "must have LogAppendTime"),
    "kept too short": ("ledger-entries", 24, {"retention.ms": str(999 * DAY_MS)}, "must have -1"),
    "cut by size": ("ledger-entries", 24, {"retention.bytes": "1000"}, "must have -1"),
    "deleted instead of compacted": ("changelog", 24, {"cleanup.policy": "delete"}, "must have compact"),
    "compacted too late": ("balances", 24, {"max.compaction.lag.ms": "9223372036854775807"}, f"must have {7 * DAY_MS}"),
    "deletions gone too early": ("changelog", 24, {"delete.retention.ms": "86400000"}, f"must have {14 * DAY_MS}"),
    "records too small": ("dead-letters", 24, {"max.message.bytes": "1048588"}, "must have 8388608"),
    "led by who lacks records": (
        "changelog",
        24,
        {"unclean.leader.election.enable": "true"},
        "must have false",
    ),
    "one copy is enough": ("changelog", 24, {"min.insync.replicas": "1"}, "must have 2"),
}


@pytest.mark.parametrize(("name", "partitions", "changed", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_mismatch_is_a_sentence_that_says_what_to_do(name: str, partitions: int, changed: dict[str, str], said: str) -> None:
    (sentence,) = faults(BY_NAME[name], Found(partitions, 3, config(BY_NAME[name]) | changed), 24, 3)
    assert said in sentence
    assert "kafka-configs.sh" in sentence or "--partitions" in sentence


RIGHT = {
    "kept longer": ("notifications", {"retention.ms": "-1"}),
    "larger records": ("purchases", {"max.message.bytes": "20000000"}),
    "compacted earlier": ("changelog", {"max.compaction.lag.ms": "3600000"}),
    "deletions kept longer": ("changelog", {"delete.retention.ms": "9223372036854775807"}),
    "more copies": ("purchases", {"min.insync.replicas": "3"}),
    "cleaned more often": ("changelog", {"min.cleanable.dirty.ratio": "0.5"}),
}


@pytest.mark.parametrize(("name", "changed"), RIGHT.values(), ids=RIGHT.keys())
def test_to_promise_more_is_no_fault(name: str, changed: dict[str, str]) -> None:
    assert faults(BY_NAME[name], Found(24, 3, config(BY_NAME[name]) | changed), 24, 3) == []


def test_a_topic_that_is_not_there_says_how_it_gets_there() -> None:
    assert faults(BY_NAME["purchases"], None, 24, 1) == ["is not there; run `pointstream topics` without --verify-only"]


def test_too_few_copies_are_a_fault_unless_they_are_meant_so() -> None:
    topic = BY_NAME["changelog"]
    (sentence,) = faults(topic, Found(24, 1, config(topic, 3)), 24, 3)
    assert "has 1 copy of a partition and must have 3" in sentence
    assert "kafka-reassign-partitions.sh" in sentence
    assert faults(topic, Found(24, 1, config(topic, 1)), 24, 1) == []
    assert faults(topic, Found(24, 1, config(topic, 1)), 24, None) == [], "a worker takes the copies as they are"


def test_where_there_are_copies_two_acknowledge_whoever_asks() -> None:
    topic = BY_NAME["changelog"]
    (sentence,) = faults(topic, Found(24, 3, config(topic, 1)), 24, None)
    assert "has min.insync.replicas=1 and must have 2" in sentence


def test_the_embedded_broker_is_told_from_one_that_can_be_asked_for_topics() -> None:
    with (
        embedded_broker(["purchases"], announce=lambda _: None) as broker,
        pytest.raises(WrongUsage, match="`topics` is for a real Kafka"),
    ):
        ensure(broker.url, None, None, verify_only=False)


class Silent:
    """A broker that has taken the question, and says no more."""

    def describe_configs(self, resources: list[ConfigResource], *, request_timeout: float) -> dict[ConfigResource, Future[Any]]:
        return {resource: Future() for resource in resources}


def test_settings_that_are_not_told_are_a_broker_that_is_away_and_a_sentence() -> None:
    with pytest.raises(BrokerAway, match=r"the settings of purchases were not told within 0\.01 s: look at the broker"):
        settings_of(Silent(), ["purchases"], 0.01)


class SilentAtFirst(Silent):
    """One of several brokers stands still, and is asked first; the next one knows."""

    def __init__(self, *failures: int | None) -> None:
        self._failures = list(failures)

    def describe_configs(self, resources: list[ConfigResource], *, request_timeout: float) -> dict[ConfigResource, Future[Any]]:
        answers = super().describe_configs(resources, request_timeout=request_timeout)
        failure = self._failures.pop(0) if self._failures else KafkaError.NO_ERROR
        for answer in answers.values():
            if failure == KafkaError.NO_ERROR:
                answer.set_result({})
            elif failure is not None:
                answer.set_exception(KafkaException(KafkaError(failure)))
        return answers


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(None, id="it says nothing"),
        pytest.param(KafkaError._TIMED_OUT, id="the client gives the question up"),
        pytest.param(KafkaError._TRANSPORT, id="its connection is cut"),
    ],
)
def test_where_one_broker_does_not_tell_the_settings_another_one_is_asked(failure: int | None) -> None:
    names = ["purchases", "pixels"]
    assert settings_of(SilentAtFirst(failure, failure), names, 20.0, 0.05) == {name: {} for name in names}


def test_nothing_is_created_beside_inputs_that_have_another_count() -> None:
    sentence = f"the input pixels has {PARTITIONS} partitions, .* with 8: .*; nothing was created"
    with embedded_broker(["pixels"], announce=lambda _: None) as broker, pytest.raises(WrongUsage, match=sentence):
        ensure(broker.url, 8, None, verify_only=False)


@pytest.mark.parametrize("verify_only", [True, False])
def test_a_count_that_the_topics_have_not_is_a_wrong_count_and_not_as_many_wrong_topics(verify_only: bool) -> None:
    sentence = (
        f"--partitions 8: the inputs have {PARTITIONS} partitions, and a topic's partitions are for ever; leave --partitions away"
    )
    with embedded_broker(announce=lambda _: None) as broker, pytest.raises(WrongUsage, match=sentence):
        ensure(broker.url, 8, None, verify_only=verify_only)
