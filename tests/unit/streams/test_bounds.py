"""Where a partition begins and ends: asked again where the connection was cut, and told at once where asking again is no cure."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.reading import bounds


class Answers:
    """A client that fails with these, one after the other, and then knows."""

    def __init__(self, *failures: int) -> None:
        self._failures = list(failures)
        self.learnt: list[str] = []

    def get_watermark_offsets(self, _place: object, *, timeout: float) -> tuple[int, int]:
        if self._failures:
            raise KafkaException(KafkaError(self._failures.pop(0)))
        return 3, 9

    def list_topics(self, topic: str, *, timeout: float) -> None:
        self.learnt.append(topic)
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # the broker that it happens to ask stands still


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(KafkaError._TRANSPORT, id="its connection was cut"),
        pytest.param(KafkaError._DESTROY_BROKER, id="the broker got another name meanwhile"),
        pytest.param(KafkaError._UNKNOWN_PARTITION, id="the client has not heard of it yet"),
        pytest.param(KafkaError.NOT_LEADER_FOR_PARTITION, id="another one leads it now"),
        pytest.param(KafkaError._TIMED_OUT, id="the one that led it stands still"),
        pytest.param(KafkaError._TIMED_OUT_QUEUE, id="the question waits behind others that are not answered"),
    ],
)
def test_what_passes_is_waited_for(failure: int) -> None:
    client: Any = Answers(failure, failure)
    assert bounds(client, "purchases", 0) == (3, 9)
    assert client.learnt == ["purchases", "purchases"], "who leads it now is asked before each further try"


def test_what_does_not_pass_is_told_at_once() -> None:
    client: Any = Answers(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaException):
        bounds(client, "purchases", 0)
