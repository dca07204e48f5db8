"""Errors of the group: what ends a worker, with which exit code, and what librdkafka gets over by itself."""

import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.errors import Stop, WrongUsage
from streams.worker.arrivals import Fetched
from streams.worker.cycle import FencedError
from streams.worker.pulse import TRY_AGAIN
from streams.worker.reader import Reader, end_by, patience_polls
from streams.worker.settings import WorkerSettings

SETTINGS = WorkerSettings(broker="kafka://127.0.0.1:1", state=Path("nowhere"))


@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [
        (KafkaError.INVALID_SESSION_TIMEOUT, 2, "--session-timeout-ms is outside what the broker allows"),
        (KafkaError.INCONSISTENT_GROUP_PROTOCOL, 2, "another --app-id"),
        (KafkaError.INVALID_GROUP_ID, 2, "another --app-id"),
        (KafkaError.GROUP_MAX_SIZE_REACHED, TRY_AGAIN, "has as many members as the broker allows"),
    ],
)
def test_a_group_that_does_not_let_a_worker_in_says_why_and_whether_to_try_again(code: int, exit_code: int, said: str) -> None:
    ending = end_by(KafkaError(code), SETTINGS)
    assert isinstance(ending, Stop)
    assert ending.exit_code == exit_code
    assert said in ending.message


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KafkaError(KafkaError.FENCED_INSTANCE_ID), FencedError),
        (KafkaError(KafkaError._FATAL, "Static consumer fenced by other consumer with same group.instance.id"), FencedError),
        (KafkaError(KafkaError._FATAL, "something else", fatal=True), KafkaException),
    ],
)
def test_who_has_lost_its_name_ends(error: KafkaError, kind: type[Exception]) -> None:
    assert isinstance(end_by(error, SETTINGS), kind)


@pytest.mark.parametrize(
    ("code", "topic", "what"),
    [
        (
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            "pixels",
            "does not allow this worker pixels (Broker: Topic authorization failed)",
        ),
        (
            KafkaError.GROUP_AUTHORIZATION_FAILED,
            None,
            "does not allow this worker its group (Broker: Group authorization failed)",
        ),
    ],
)
def test_who_lacks_a_right_hears_which_and_is_not_started_again_in_vain(code: int, topic: str | None, what: str) -> None:
    ending = end_by(KafkaError(code), SETTINGS, topic)
    assert isinstance(ending, WrongUsage)
    assert what in ending.message


@pytest.mark.parametrize("code", [KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError.NOT_COORDINATOR])
def test_what_passes_ends_nothing(code: int) -> None:
    assert end_by(KafkaError(code), SETTINGS) is None


class Told:
    """Whoever has the partitions."""

    def __init__(self) -> None:
        self.assignments: list[list[int]] = []
        self.errors: list[BaseException] = []

    def assigned(self, assignment: int, numbers: list[int], group: Any) -> None:
        self.assignments.append(numbers)

    def revoked(self, *, lost: bool) -> None: ...

    def fetched(self, fetched: Fetched) -> "Future[None]":
        raise NotImplementedError

    def failed(self, error: BaseException) -> None:
        self.errors.append(error)


def test_what_was_lost_is_not_assigned_again_but_by_the_group() -> None:
    told = Told()
    reader = Reader(SETTINGS, told)
    reader.assign_again()  # a cycle that was under way as the session ended has failed
    reader.start()
    time.sleep(0.5)
    reader.end()
    reader.join(30)
    assert (told.assignments, told.errors) == ([], [])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (KafkaError._AUTHENTICATION, "does not let --sasl-username None in: wrong password"),
        (KafkaError._SSL, "no TLS connection to the broker kafka://127.0.0.1:1: wrong password"),
        (KafkaError._TRANSPORT, None),
    ],
)
def test_why_a_connection_was_not_let_in_is_passed_on(code: int, said: str | None) -> None:
    refused: list[str] = []
    reader = Reader(SETTINGS, Told(), refused.append)
    reader._on_error(KafkaError(code, "wrong password"))
    assert len(refused) == (said is not None)
    assert said is None or said in refused[0]


class Erring:
    """A consumer that cannot read what comes next, and tries again."""

    def __init__(self, message: Any) -> None:
        self._messages = [message]

    def consume(self, _most: int, _seconds: float) -> list[Any]:
        time.sleep(0.01)
        return [self._messages.pop()] if self._messages else []

    def subscribe(self, _topics: list[str], **_told: object) -> None: ...
    def committed(self, _places: object, _seconds: float) -> None:
        raise RuntimeError("nobody is there")

    def close(self) -> None: ...


class Unreadable:
    def topic(self) -> str:
        return "purchases"

    def partition(self) -> int:
        return 3

    def error(self) -> KafkaError:
        return KafkaError(KafkaError._BAD_COMPRESSION, "Decompression of message at 17 failed")


class Stumbling(Reader):
    def _new_consumer(self) -> Any:
        return Erring(Unreadable())


def test_what_the_client_tries_again_is_told_for_it_may_do_so_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    reader = Stumbling(SETTINGS, told)
    reader.start()
    time.sleep(0.2)
    reader.end()
    reader.join(30)
    assert told.errors == []
    assert [record.getMessage() for record in caplog.records] == [
        "reading purchases partition 3 is tried again: Decompression of message at 17 failed"
    ]


@pytest.mark.parametrize(("stuck_ms", "polls"), [(60_000, 500), (3_600_000, 500), (12_000, 100), (1_000, 8)])
def test_an_input_is_waited_for_ten_seconds_and_no_longer_than_one_may_stand_still(stuck_ms: int, polls: int) -> None:
    assert patience_polls(stuck_ms) == polls
    assert polls * 0.02 < stuck_ms / 1000 / 4
