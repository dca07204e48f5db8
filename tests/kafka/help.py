"""What the broker suites share: a real Kafka for the session, topics, processes that are killed and frozen, and reading it all back."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.topics import CHANGELOG, TOPICS
from streams.topics import wanted_config
from tests.conftest import ROOT

COMMAND = ROOT / "deploy" / "kafka" / "kafka"


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def free_row(count: int) -> int:
    """The first of so many free ports in a row."""
    for first in range(21_000, 31_000, count):
        with ExitStack() as held:
            try:
                for port in range(first, first + count):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports")


@contextmanager
def real_kafka(data: Path, brokers: int = 1, *, secure: bool = False) -> Iterator[str]:
    """A broker of this project's own command, or a cluster of them; gives host:port, comma, host:port."""
    row = 4 if secure else 2 * brokers
    port, controller_port = free_ports() if row == 2 else (first := free_row(row), first + 1)
    told = ["start", "--data", str(data), "--port", str(port), "--controller-port", str(controller_port), "--timeout", "90"]
    more = ["--brokers", str(brokers), "--heap", "320m"] if brokers > 1 else []
    more += ["--secure"] if secure else []
    started = subprocess.run([COMMAND, *told, *more], check=False, capture_output=True, text=True)
    assert started.returncode == 0, started.stderr
    try:
        yield ",".join(f"127.0.0.1:{port + 2 * n}" for n in range(brokers))
    finally:
        subprocess.run([COMMAND, "stop", "--data", str(data)], capture_output=True, check=True)


def create_topics(servers: str, partitions: int, names: Sequence[str] = ()) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    topics = [
        NewTopic(
            topic.name,
            num_partitions=partitions,
            replication_factor=1,
            config=wanted_config(topic, 1),
        )
        for topic in TOPICS
        if not names or topic.name in names
    ]
    for made in admin.create_topics(topics, operation_timeout=30).values():
        made.result()
    until = time.monotonic() + 10
    while not set(admin.list_topics(timeout=10).topics).issuperset(topic.topic for topic in topics):
        assert time.monotonic() < until, "the broker has made topics and does not tell of them"
        time.sleep(0.05)


def delete_topics(servers: str) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    known = set(admin.list_topics(timeout=10).topics)
    names = [topic.name for topic in TOPICS if topic.name in known]
    for gone in admin.delete_topics(names, operation_timeout=30).values() if names else ():
        try:
            gone.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:  # deleted a moment ago, and still told
                raise
    until = time.monotonic() + 10
    while not known.isdisjoint(names) and time.monotonic() < until:
        time.sleep(0.05)
        known = set(admin.list_topics(timeout=10).topics)


def new_topics(servers: str, partitions: int) -> None:
    """All topics, empty, whatever an earlier test left in them."""
    delete_topics(servers)
    deadline = time.monotonic() + 30
    while True:  # the broker goes on deleting after it has answered
        try:
            create_topics(servers, partitions)
        except KafkaException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
            delete_topics(servers)
        else:
            return


class Process:
    """A worker process: killed, frozen and ended by its pid, never by a name."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self._from = output.tell()
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def wait(self, seconds: float) -> int:
        return self._process.wait(seconds)

    def ended(self) -> int | None:
        return self._process.poll()

    def end(self, seconds: float = 30.0) -> int:
        """SIGTERM, and its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end within {seconds:g} s of SIGTERM:\n{self.said()}") from None

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def hear(self, words: str, seconds: float = 40.0) -> None:
        """Until this process, and not one before it with the same log, has said so."""
        until = time.monotonic() + seconds
        while words.encode() not in self.log.read_bytes()[self._from :]:
            assert time.monotonic() < until, f"{words!r} was not said:\n{self.said()}"
            assert self.ended() is None, self.said()
            time.sleep(0.1)


@contextmanager
def processes() -> Iterator[list[Process]]:
    """Whatever is put in the list is gone at the end."""
    started: list[Process] = []
    try:
        yield started
    finally:
        for process in started:
            if process.ended() is None:
                process.thaw()
                process.kill()


def read_all(servers: str, topic: str, partitions: int, *, isolation: str = "read_committed") -> list[Any]:
    """Every record of a topic as it stands now, partition by partition in order."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": f"test-{os.getpid()}",
            "isolation.level": isolation,
            "fetch.wait.max.ms": 10,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    found: list[Any] = []
    ended: set[int] = set()
    try:
        while len(ended) < partitions:
            first = consumer.poll(1.0)  # `consume` alone would wait for all 5,000 of them
            for message in [] if first is None else [first, *consumer.consume(5_000, 0.0)]:
                error = message.error()
                if error is None:
                    found.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended.add(message.partition() or 0)
                else:
                    raise AssertionError(error.str())
    finally:
        consumer.close()
    return found


def newest(servers: str, partitions: int, topic: str = CHANGELOG) -> dict[bytes, bytes]:
    """The newest value of each key, as compaction would leave it."""
    return {message.key(): message.value() for message in read_all(servers, topic, partitions)}
