"""Where a log ends is what the broker says; silence is no answer."""

from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AclOperation

from schemas.topics import CHANGELOG, CYCLES, MESSAGES, OUTPUTS, PURCHASES, TOPICS
from streams.errors import WrongUsage
from streams.worker.broker import Broker, answered, told_offsets
from streams.worker.outage import is_passing
from streams.worker.settings import WorkerSettings

OFFSET_INVALID = -1001  # librdkafka's word for: not known


def answer(offset: int) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(SimpleNamespace(offset=offset))
    return future


def test_what_is_told_is_the_end() -> None:
    told = {TopicPartition("purchases", 0): answer(0), TopicPartition("purchases", 1): answer(7)}
    assert told_offsets(told) == {("purchases", 0): 0, ("purchases", 1): 7}


def test_an_answer_without_an_offset_is_an_outage_and_not_the_end_of_a_log() -> None:
    told = {TopicPartition("purchases", 0): answer(7), TopicPartition("purchases", 1): answer(OFFSET_INVALID)}
    with pytest.raises(KafkaException, match="purchases partition 1: no offset was told") as refused:
        told_offsets(told)
    assert is_passing(refused.value.args[0])


def test_a_refusal_stays_a_refusal() -> None:
    refused: Future[Any] = Future()
    refused.set_exception(KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)))
    with pytest.raises(KafkaException) as raised:
        told_offsets({TopicPartition("purchases", 0): refused})
    assert not is_passing(raised.value.args[0])


def test_a_question_that_is_never_answered_is_an_outage_too() -> None:
    with pytest.raises(KafkaException, match="no answer came") as raised:
        answered(Future(), seconds=0.01)
    assert is_passing(raised.value.args[0])


@pytest.mark.parametrize(
    ("missing", "refused"),
    [([[]], False), ([[PURCHASES], []], False), ([[PURCHASES]], True)],
    ids=["all are there", "one broker did not know of it yet", "it is gone"],
)
def test_a_topic_is_missing_where_it_is_not_there_either_when_it_is_looked_for_again(
    tmp_path: Path, missing: list[list[str]], refused: bool
) -> None:
    class Known:
        def list_topics(self, *, timeout: float) -> Any:
            gone = missing.pop(0) if len(missing) > 1 else missing[0]
            return SimpleNamespace(topics={topic.name for topic in TOPICS} - {*gone})

    class NoTime(Event):
        def wait(self, timeout: float | None = None) -> bool:
            return False

    broker: Any = Broker(WorkerSettings(broker="kafka://127.0.0.1:1", state=tmp_path))
    broker._admin = Known()
    with pytest.raises(WrongUsage, match="has no topic purchases") if refused else nullcontext():
        broker.check_there(NoTime())


def rights(*allowed: AclOperation) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_result(SimpleNamespace(authorized_operations=[*allowed]))
    return future


def failing(code: int) -> "Future[Any]":
    future: Future[Any] = Future()
    future.set_exception(KafkaException(KafkaError(code)))
    return future


WRITES = rights(AclOperation.DESCRIBE, AclOperation.WRITE)
READS = rights(AclOperation.DESCRIBE, AclOperation.READ)


@pytest.mark.parametrize(
    ("looks", "sentence"),
    [
        ([WRITES], None),
        ([rights()], None),
        ([READS, READS, WRITES], None),
        ([READS], f"to write {CHANGELOG}: give its user"),
        ([failing(KafkaError.TOPIC_AUTHORIZATION_FAILED)], f"to write {CHANGELOG}: give its user"),
    ],
    ids=["it may", "no rights are told", "one broker did not know of it yet", "it may only read", "it may not even see it"],
)
def test_a_worker_may_not_write_a_topic_where_it_may_not_either_when_it_is_asked_again(
    tmp_path: Path, looks: list["Future[Any]"], sentence: str | None
) -> None:
    with nullcontext() if sentence is None else pytest.raises(WrongUsage, match=sentence):
        describing(tmp_path, looks).check_may_write(sleep=lambda _seconds: None)


def test_a_broker_that_does_not_tell_rights_is_asked_again_by_whoever_asked(tmp_path: Path) -> None:
    with pytest.raises(KafkaException):
        describing(tmp_path, [failing(KafkaError._TIMED_OUT)]).check_may_write()


def describing(folder: Path, looks: list["Future[Any]"]) -> Broker:
    """A broker that says of the changelog what `looks` say, one after the other, and of all else that it may be written."""

    class Described:
        def describe_topics(self, asked: Any, **_: Any) -> Any:
            told = looks.pop(0) if len(looks) > 1 else looks[0]
            return {topic: told if topic == CHANGELOG else WRITES for topic in (*OUTPUTS, *MESSAGES, CHANGELOG, CYCLES)}

    broker = Broker(WorkerSettings(broker="kafka://127.0.0.1:1", state=folder))
    broker._admin = Described()  # type: ignore[assignment]
    return broker
