"""An auditor that nobody answers: it says so, is the further behind the longer it lasts, and goes on by itself."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streams.audit.metrics import Metrics
from streams.audit.run import TOPIC, AuditSettings, _Hearing, audit_topic
from streams.embedded import EmbeddedBroker, embedded_broker
from streams.errors import BrokerAway
from streams.reading import TopicReader
from tests.conftest import ROOT
from tests.unit.audit.test_command import LINES, figures, get, port, send


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with embedded_broker(announce=lambda _: None) as started:
        yield started


@contextmanager
def frozen(broker: EmbeddedBroker) -> Iterator[None]:
    """It takes connections, and answers nothing."""
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker.pid, signal.SIGCONT)


@pytest.mark.slow
def test_a_partition_that_nobody_tells_of_is_a_sentence(broker: EmbeddedBroker) -> None:
    topic = TopicReader(broker.url, TOPIC)
    os.kill(broker.pid, signal.SIGKILL)
    with pytest.raises(BrokerAway, match="ledger-entries partition 0 cannot be read: Failed to get watermark offsets"):
        topic.begin({})
    topic.close()


def read_until(batches: Iterator[list[Any]], so: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < until, "it never came to that"
        next(batches)


def test_a_reader_that_follows_knows_that_it_is_cut_off_and_since_when(broker: EmbeddedBroker) -> None:
    send(broker, "p1", LINES[:3])
    topic = TopicReader(broker.url, TOPIC, ask_seconds=0.3)
    topic.begin({})
    batches = topic.messages(follow=True)
    until = time.monotonic() + 1.5
    while time.monotonic() < until:  # nothing comes, and it is asked several times
        next(batches)
        assert not topic.cut_off
    assert time.monotonic() - topic.heard_at < 2
    with frozen(broker):
        read_until(batches, lambda: topic.cut_off)
        heard_at = topic.heard_at
        for _ in range(3):
            next(batches)
        assert (topic.cut_off, topic.heard_at) == (True, heard_at)
    read_until(batches, lambda: not topic.cut_off)
    assert topic.heard_at > heard_at
    topic.close()


def test_a_reader_that_ends_asks_nobody(broker: EmbeddedBroker) -> None:
    topic = TopicReader(broker.url, TOPIC, ask_seconds=0.0)
    topic.begin({})
    assert list(topic.messages(follow=False)) == []
    assert not topic.cut_off
    topic.close()


def test_it_is_said_once_and_once_that_it_is_over() -> None:
    said: list[str] = []
    hearing = _Hearing("kafka://b:9092", said.append)
    now = time.monotonic()
    for cut_off, heard_at in [(False, now), (True, now - 7.2), (True, now - 7.2), (False, now + 60), (False, now + 61)]:
        topic: Any = SimpleNamespace(cut_off=cut_off, heard_at=heard_at)
        hearing.look(topic)
    assert said == [
        "kafka://b:9092 does not answer, and nothing has come for 7 s: nothing is checked until it is back",
        "kafka://b:9092 is back, after 67 s: going on",
    ]


@pytest.mark.parametrize(
    ("lag", "age", "cut_off", "told"),
    [
        (0, None, 0.0, 0.0),
        (5, 30.0, 0.0, 30.0),
        (0, None, 70.0, 70.0),
        (5, 30.0, 70.0, 100.0),
    ],
    ids=["at the end", "behind", "at the end as far as it knows, and cut off", "behind and cut off"],
)
def test_how_far_it_is_behind_grows_while_it_is_cut_off(lag: int, age: float | None, cut_off: float, told: float) -> None:
    metrics = Metrics()
    metrics.set(1, 0, 0, {0: 1}, {0: lag}, age, cut_off)
    assert metrics.registry.get_sample_value("pointstream_audit_lag_seconds") == told
    metrics.set(1, 0, 0, {0: 1}, {0: 0}, None)
    assert metrics.registry.get_sample_value("pointstream_audit_lag_seconds") == 0


@pytest.mark.slow
def test_a_run_that_is_cut_off_says_so_shows_it_and_goes_on(broker: EmbeddedBroker, tmp_path: Path) -> None:
    send(broker, "p1", LINES[:3])
    listening, said, seen = port(), list[str](), list[float]()
    until = time.monotonic() + 60

    def ended() -> bool:
        shown = figures(get(listening, "/metrics")[1])
        if shown["pointstream_audit_entries_total"] < 3:
            return False
        if not seen:
            os.kill(broker.pid, signal.SIGSTOP)
        seen.append(shown["pointstream_audit_lag_seconds"])
        if said and seen[-1] > 8:
            os.kill(broker.pid, signal.SIGCONT)
        return len(said) == 2 or time.monotonic() > until

    settings = AuditSettings(tmp_path / "state", follow=True, metrics_port=listening, say=said.append)
    try:
        audited = audit_topic(broker.url, settings, lambda *_: None, lambda: ended)
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    assert audited.violations == 0
    assert [line.partition(",")[0] for line in said] == [f"{broker.url} does not answer", f"{broker.url} is back"]
    assert max(seen) > 8
    assert seen[-1] == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"])
def test_who_follows_and_waits_for_its_broker_ends_at_once_when_it_is_asked_to(tmp_path: Path, number: int, code: int) -> None:
    with socket.socket() as listening:  # it takes connections, and answers nothing
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        with follow(f"kafka://127.0.0.1:{listening.getsockname()[1]}", tmp_path) as following:
            listening.settimeout(30)
            with listening.accept()[0]:
                assert seconds_to_end(following, number) < 3
        assert following.returncode == code


def test_who_is_cut_off_from_it_keeps_what_it_knows_and_ends_at_once(broker: EmbeddedBroker, tmp_path: Path) -> None:
    send(broker, "p1", LINES[:3])
    listening = port()
    with follow(broker.url, tmp_path, "--metrics-port", str(listening)) as following:
        until = time.monotonic() + 30
        while not has_checked(listening, 3):
            assert time.monotonic() < until
            time.sleep(0.1)
        with frozen(broker):
            assert following.stderr is not None
            assert b"does not answer" in following.stderr.readline()
            assert seconds_to_end(following, signal.SIGTERM) < 3
    assert following.returncode == 0


def has_checked(listening: int, entries: int) -> bool:
    with suppress(OSError):
        return figures(get(listening, "/metrics")[1])["pointstream_audit_entries_total"] == entries
    return False


def follow(broker: str, tmp_path: Path, *more: str) -> "subprocess.Popen[bytes]":
    code = "from streams.cli.entry import main; main()"
    arguments = ["audit", "--broker", broker, "--follow", "--state", str(tmp_path / "state"), *more]
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, stderr=subprocess.PIPE)


def seconds_to_end(process: "subprocess.Popen[bytes]", number: int) -> float:
    began = time.monotonic()
    process.send_signal(number)
    process.wait(30)
    return time.monotonic() - began
