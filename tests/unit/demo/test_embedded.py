"""The embedded broker: there in a moment, honest about itself, and gone with whoever started it."""

import os
import subprocess
import sys
import time

from confluent_kafka.admin import AdminClient

from schemas.topics import TOPICS
from streams.embedded import PARTITIONS, embedded_broker
from tests.conftest import ROOT


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _ends(pid: int) -> bool:
    until = time.monotonic() + 10
    while _is_alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not _is_alive(pid)


def test_it_has_every_topic_of_the_product_with_four_partitions() -> None:
    with embedded_broker(announce=lambda _: None) as broker:
        found = AdminClient({"bootstrap.servers": broker.address}).list_topics(timeout=5).topics
        assert {name: len(topic.partitions) for name, topic in found.items()} == {topic.name: PARTITIONS for topic in TOPICS}
        assert broker.url == f"embedded://{broker.address}"


def test_it_says_what_it_is_not_for() -> None:
    said: list[str] = []
    with embedded_broker(["purchases"], announce=said.append):
        (notice,) = said
    for word in ("demos and smoke tests only", "5 MiB", "forgets everything", "no real transactions", "4 partitions"):
        assert word in notice


def test_it_ends_with_the_block() -> None:
    with embedded_broker(["purchases"], announce=lambda _: None) as broker:
        assert _is_alive(broker.pid)
    assert not _is_alive(broker.pid)


def test_it_ends_when_its_parent_is_killed() -> None:
    script = (
        "import os, signal\n"
        "from streams.embedded import embedded_broker\n"
        "with embedded_broker(['purchases'], announce=lambda _: None) as broker:\n"
        "    print(broker.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert _ends(int(done.stdout))


def test_a_parent_that_ends_while_it_starts_hears_nothing_of_it() -> None:
    command = [sys.executable, "-m", "streams.embedded", "--with-parent", "purchases"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdin.close()
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 0
