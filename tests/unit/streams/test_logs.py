"""A worker whose words cannot be written goes on, and ends, as if they had been: a full disk under its log, or a reader who has gone."""

import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from streams.logs import Format, configure, say
from streams.worker.pulse import TRY_AGAIN
from tests.conftest import ROOT


@contextmanager
def a_full_disk() -> Iterator[int]:
    with Path("/dev/full").open("w") as full:
        yield full.fileno()


@contextmanager
def a_reader_who_has_gone() -> Iterator[int]:
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


nowhere = pytest.mark.parametrize("nowhere", [a_full_disk, a_reader_who_has_gone], ids=lambda made: made.__name__)


def told_to(nowhere: object, program: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The program, run with a standard error that takes nothing."""
    assert callable(nowhere)
    with nowhere() as stderr:
        return subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            check=False,
            timeout=60,
            env=os.environ | environment,
        )


@nowhere
def test_one_that_is_to_end_at_once_ends_at_once(nowhere: object) -> None:
    done = told_to(nowhere, "from streams.worker.pulse import end_now; end_now('the client is stuck'); print('still here')")
    assert (done.returncode, done.stdout) == (TRY_AGAIN, "")


@nowhere
def test_one_that_is_to_begin_anew_begins_anew(nowhere: object) -> None:
    program = (
        "import os\nfrom streams.worker.pulse import start_afresh\nprint(os.getpid(), flush=True)\n"
        "if os.environ.pop('FIRST', None): start_afresh('the client is stuck')"
    )
    done = told_to(nowhere, program, FIRST="1")
    first, again = done.stdout.splitlines()
    assert (first, done.returncode) == (again, 0)


@nowhere
@pytest.mark.parametrize("form", ["text", "json"])
def test_what_is_said_and_what_libraries_log_raises_nothing_and_leaves_the_exit_code_alone(nowhere: object, form: str) -> None:
    program = (
        f"import logging\nfrom streams.logs import configure, say\nconfigure({form!r})\n"
        "say('started', 'it begins')\nlogging.getLogger('librdkafka').error('a broker went away')\nprint('goes on')"
    )
    done = told_to(nowhere, program)
    assert (done.returncode, done.stdout) == (0, "goes on\n")


def test_a_line_that_cannot_be_put_into_words_is_told_as_such_and_quotes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text")
    logging.getLogger("a.library").warning("%d records of %s", "p-12345", "p-67890")
    assert capsys.readouterr().err == "worker: a line that could not be put into words\n"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_is_a_line_whatever_somebody_put_into_a_name(capsys: pytest.CaptureFixture[str], form: Format) -> None:
    configure(form)
    say("published", "published club\nworker: the partitions are lost \x1b[2J (\u202elmay.bulc)")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable() or form == "json"
    assert "\x1b" not in line


@pytest.mark.parametrize(
    ("form", "process", "line"),
    [
        pytest.param("text", "1", "worker: process 1: all is well\n", id="one of several, in text"),
        pytest.param("text", None, "worker: all is well\n", id="the only one"),
        pytest.param("json", "1", '"process":"1"}\n', id="one of several, as JSON"),
        pytest.param("json", None, '"message":"all is well"}\n', id="the only one, as JSON"),
    ],
)
def test_of_several_processes_with_one_standard_error_each_line_says_whose_it_is(
    form: Format, process: str | None, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(form, process)
    say("started", "all is well")
    configure("text")
    assert capsys.readouterr().err.endswith(line)


def test_another_error_is_told_though_the_words_about_it_have_been_said(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    for error in (ValueError(), KeyError(), ValueError()):
        logging.getLogger("streams.worker.engine").error("partition 3: applying a record failed", exc_info=error)
    configure("text")
    said = [json.loads(line)["error"].partition(" ")[0] for line in capsys.readouterr().err.splitlines()]
    assert said == ["ValueError", "KeyError"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_line_is_one_write_for_several_processes_may_have_one_standard_error(form: Format) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # each write is a packet
    program = f"from streams.logs import configure, say; configure({form!r}, '1'); say('one', 'a' * 100); say('two', 'b' * 9_000)"
    with ours, theirs:
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, stderr=theirs.fileno(), check=True, timeout=60)
        theirs.close()
        written = [*iter(lambda: ours.recv(65_536), b"")]
    assert [line.count(b"\n") for line in written] == [1, 1]
    assert all(line.endswith(b"\n") for line in written)
