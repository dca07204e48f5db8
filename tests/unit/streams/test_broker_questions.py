"""Where a log ends is what the broker says; silence is no answer."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streams.worker.broker import answered, told_offsets
from streams.worker.outage import is_passing

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
