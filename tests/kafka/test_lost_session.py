"""A broker that is away for longer than a session lasts: the client forgets its name in the group, and the worker is not to end of that."""

import time
from concurrent.futures import Future
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from streams.worker.arrivals import Fetched
from streams.worker.reader import Reader
from streams.worker.settings import WorkerSettings
from tests.chaos.run import OwnBroker
from tests.kafka.help import create_topics

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]
SESSION_MS = 6_000
BEATS_SECONDS = 5.0


class Slow:
    """Whoever lets go of lost partitions only when it is told to: as an engine does whose cycle is under way."""

    def __init__(self) -> None:
        self.assignments: list[list[int]] = []
        self.lost, self.let_go = Event(), Event()
        self.failure: BaseException | None = None

    def assigned(self, assignment: int, numbers: list[int], group: Any) -> None:
        self.assignments.append(numbers)

    def revoked(self, *, lost: bool) -> None:
        if lost:
            self.lost.set()
            assert self.let_go.wait(120)

    def fetched(self, fetched: Fetched) -> "Future[None]":
        raise AssertionError("nothing is read here")

    def failed(self, error: BaseException) -> None:
        self.failure = error

    def until_assigned(self, times: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.assignments) < times:
            assert self.failure is None, self.failure
            assert time.monotonic() < deadline, f"assigned {self.assignments}"
            time.sleep(0.1)


def test_a_worker_that_lets_go_slowly_of_what_it_lost_with_its_broker_joins_again_under_its_name(tmp_path: Path) -> None:
    with OwnBroker(tmp_path / "kafka") as broker:
        create_topics(broker.servers, 2)
        listener = Slow()
        settings = WorkerSettings(
            broker=f"kafka://{broker.servers}", state=tmp_path / "one", session_timeout_ms=SESSION_MS, instance_id="till-7"
        )
        reader = Reader(settings, listener)
        reader.start()
        try:
            listener.until_assigned(1)
            broker.stop()
            assert listener.lost.wait(60), "the client has not noticed that its session is over"
            broker.start()
            time.sleep(BEATS_SECONDS)
            listener.let_go.set()
            listener.until_assigned(2)
            assert listener.assignments == [[0, 1], [0, 1]]
            assert listener.failure is None
        finally:
            listener.let_go.set()
            reader.end()
            reader.join(60)
