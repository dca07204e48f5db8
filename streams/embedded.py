"""The embedded broker: librdkafka's mock cluster in a process of its own, for a machine with nothing but Python.

It speaks Kafka's protocol on 127.0.0.1, so producers, consumers and a whole worker run on it. It is for demos and smoke
tests and never for anything that matters: it keeps 5 MiB a partition, forgets everything when it ends, does not compact,
always has 4 partitions, and accepts transactions without keeping their promise. It says so whenever it starts.

The broker lives in a child process because librdkafka runs it inside a client: were that the worker, a `kill -9` of the
worker would take the log with it. The child holds the read end of a pipe whose write end only the parent has, so it ends
when the parent does, however the parent ends; it watches the parent's process id too.
"""

import argparse
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from schemas.topics import TOPICS

PARTITIONS: Final = 4
SCHEME: Final = "embedded://"
NOTICE: Final = (
    "embedded broker on {address}: for demos and smoke tests only "
    "(keeps 5 MiB a partition, forgets everything when it ends, no real transactions, 4 partitions)"
)
_ALL_TOPICS: Final = tuple(topic.name for topic in TOPICS)
_START_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 5.0


class EmbeddedBrokerError(RuntimeError):
    """The broker did not start; the message says why."""


class EmbeddedBroker(NamedTuple):
    """A running embedded broker. `address` is host:port for a client, `url` what `--broker` takes, `pid` its process."""

    address: str
    pid: int

    @property
    def url(self) -> str:
        return SCHEME + self.address


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def embedded_broker(
    topics: Sequence[str] | None = None, announce: Callable[[str], None] = _to_stderr
) -> Iterator[EmbeddedBroker]:
    """Start a broker with these topics (by default all of `schemas.topics`), and end it with the block or with this process.

    `announce` gets the sentence that says what the broker is not for. Raises `EmbeddedBrokerError` if it does not start.
    """
    names = list(_ALL_TOPICS if topics is None else topics)
    child = subprocess.Popen(
        [sys.executable, "-m", "streams.embedded", "--with-parent", *names],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
        start_new_session=True,  # Ctrl-C in the terminal is for the demo, which ends its broker last
    )
    try:
        broker = EmbeddedBroker(_read_address(child), child.pid)
        announce(NOTICE.format(address=broker.address))
        yield broker
    finally:
        _stop(child)


def _read_address(child: "subprocess.Popen[str]") -> str:
    output = child.stdout
    ready = select.select([output], [], [], _START_SECONDS)[0] if output is not None else []
    line = output.readline().strip() if output is not None and ready else ""
    if not line:
        raise EmbeddedBrokerError(f"the embedded broker did not start within {_START_SECONDS:.0f} seconds")
    return line


def _stop(child: "subprocess.Popen[str]") -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _serve(topics: Sequence[str], with_parent: bool) -> int:
    """Be the broker until the parent goes, SIGTERM comes or, on a terminal, Ctrl-C."""
    from confluent_kafka import Producer

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    cluster = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "ignored", "log_level": 3})
    host = next(iter(cluster.list_topics(timeout=_START_SECONDS).brokers.values()))
    for topic in topics:  # asking about a topic creates it; there is no CreateTopics here
        cluster.list_topics(topic, timeout=_START_SECONDS)
    address = f"{host.host}:{host.port}"
    if not with_parent:
        _to_stderr(NOTICE.format(address=SCHEME + address))
    try:
        print(address, flush=True)
    except BrokenPipeError:  # the parent has ended meanwhile
        os._exit(0)
    try:
        if with_parent:
            _wait_for_parents_end()
        else:
            signal.pause()
    except KeyboardInterrupt:
        pass
    return 0


def _wait_for_parents_end() -> None:
    """Until the parent's end of the pipe is gone, or (where a fork of it still holds that end) the parent itself is."""
    parent = os.getppid()
    while os.getppid() == parent:
        ready, _, _ = select.select([sys.stdin], [], [], 1.0)
        if ready and not os.read(sys.stdin.fileno(), 1024):
            return


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m streams.embedded", description="Run the embedded broker until Ctrl-C.")
    parser.add_argument("topics", nargs="*", help="topics to create (default: all of the product)")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    options = parser.parse_args(arguments)
    return _serve(options.topics or _ALL_TOPICS, options.with_parent)


if __name__ == "__main__":
    sys.exit(main())
