"""A cycle that is larger than the client's queue is sent as the broker takes it, and in order."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from streams.worker.broker import Broker
from streams.worker.cycle import CycleFailedError
from streams.worker.producing import Sender
from streams.worker.settings import WorkerSettings
from streams.worker.transactional import Transactional


class Queue:
    """A producer whose broker takes half of what waits whenever somebody polls."""

    def __init__(self) -> None:
        self.waiting: list[Any] = []
        self.taken: list[Any] = []
        self.most = 0

    def __len__(self) -> int:
        return len(self.waiting)

    def poll(self, _seconds: float) -> int:
        half = (len(self.waiting) + 1) // 2
        self.taken += self.waiting[:half]
        del self.waiting[:half]
        return half

    def produce(self, topic: str, value: bytes, key: bytes, partition: int, on_delivery: Any) -> None:
        assert (topic, key, partition, on_delivery) == ("balances", b"p", 3, None)
        self.waiting.append(value)
        self.most = max(self.most, len(self.waiting))


def test_more_records_than_the_queue_holds_are_sent_in_order() -> None:
    queue = Queue()
    sender: Any = Sender(queue)  # type: ignore[arg-type]  # as much of a producer as it asks for
    values = [b"%d" % number for number in range(450_000)]
    sender._many("balances", [(b"p", value) for value in values], 3)
    while queue.waiting:
        queue.poll(0.0)
    assert queue.taken == values
    assert queue.most <= 200_000


@pytest.mark.parametrize(
    ("size", "away"), [(1, True), (2_000_000, False)], ids=["a broker that takes nothing", "a record that is too large"]
)
def test_a_cycle_that_does_not_fit_waits_for_the_broker_and_one_that_never_will_does_not(size: int, *, away: bool) -> None:
    producer = Producer({"bootstrap.servers": "127.0.0.1:1", "queue.buffering.max.messages": 10, "log_level": 0})
    with pytest.raises(CycleFailedError, match="not all records of the cycle could be queued") as failed:
        Sender(producer)._many("balances", [(b"p", b"x" * size)] * (20 if away else 2), 3)
    producer.purge()
    assert failed.value.away is away


def test_a_transaction_for_which_the_queue_has_no_room_waits_for_the_broker(tmp_path: Path) -> None:
    class Full:
        def begin_transaction(self) -> None:
            raise BufferError("Local: Queue full")

    settings = WorkerSettings(broker="kafka://127.0.0.1:1", state=tmp_path)
    publish = Transactional(settings, "one", Broker(settings))
    publish._producer = Full()
    with pytest.raises(CycleFailedError, match="Queue full") as failed:
        publish.send([])
    assert failed.value.away


class Refuses:
    """A producer in whose transaction the broker has refused something: to produce tells that it is broken, and to commit what by."""

    def __init__(self, code: int) -> None:
        self._code = code

    def begin_transaction(self) -> None: ...

    def produce(self, *_: Any, **__: Any) -> None:
        raise KafkaException(KafkaError(KafkaError._STATE))

    def __len__(self) -> int:
        return 0

    def commit_transaction(self, _seconds: float) -> None:
        raise KafkaException(KafkaError(self._code, "said by the broker"))


@pytest.mark.parametrize(
    ("code", "sentence", "away"),
    [
        (
            KafkaError.INVALID_TIMESTAMP,
            "said by the broker: this machine's clock shows 2.*Z, further ahead of the broker's",
            True,
        ),
        (KafkaError.MSG_SIZE_TOO_LARGE, "said by the broker", False),
    ],
    ids=["a machine whose clock is ahead waits until it is right", "a record that is too large"],
)
def test_what_breaks_a_cycle_while_it_is_being_sent_is_named(tmp_path: Path, code: int, sentence: str, away: bool) -> None:
    settings = WorkerSettings(broker="kafka://127.0.0.1:1", state=tmp_path)
    publish = Transactional(settings, "one", Broker(settings))
    publish._producer = Refuses(code)
    with pytest.raises(CycleFailedError, match=sentence) as failed:
        publish.send([_parcel()])
    assert failed.value.away is away


def _parcel() -> Any:
    return SimpleNamespace(changes=[(b"p", b"x")], position=b"{}", partition=SimpleNamespace(number=3))
