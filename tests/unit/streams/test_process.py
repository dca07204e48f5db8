"""A command as a process: asked to end it puts away what it has begun, and closed streams are no reason for a traceback."""

import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from streams.cli.main import run
from streams.cli.process import asked_to_end
from tests.conftest import ROOT
from tests.unit.streams.shop import line, program, sale, write_lines

COMMAND = [sys.executable, "-c", "from streams.cli.main import main; main()"]
POLL = "<method 'poll' of 'cimpl.Consumer' objects> returned NULL without setting an exception"
Process = subprocess.Popen[bytes]


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@contextmanager
def reading(temporary: Path, *arguments: object, sent: str = "") -> Iterator[Process]:
    """A command that has begun, and waits for more of its standard input."""
    command = [*COMMAND, *map(str, arguments)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=os.environ | {"TMPDIR": str(temporary)}
    )
    with process:
        assert process.stdin is not None
        process.stdin.write(sent.encode())
        process.stdin.flush()
        until = time.monotonic() + 30
        while not any(temporary.iterdir()):
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(0.3)
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)],
    ids=["SIGTERM", "Ctrl-C", "its terminal is closed"],
)
def test_a_replay_that_is_asked_to_end_leaves_neither_states_nor_half_an_output(
    temporary: Path, tmp_path: Path, number: int, code: int
) -> None:
    arguments = ["replay", "--program", program(tmp_path), "--input", "-", "--output", tmp_path / "out"]
    with reading(temporary, *arguments, sent=line(sale("R1")) + "\n") as process:
        assert [path.name.partition("-")[0] for path in temporary.iterdir()] == ["pointstream"]
        process.send_signal(number)
        assert process.wait(20) == code
    assert list(temporary.iterdir()) == []
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("module", ["streams.cli.main", "click", "streams.cli.process", "streams.cli.schema"])
def test_ctrl_c_while_python_still_loads_it_ends_a_command_without_a_word(module: str) -> None:
    code = f"""
import os, signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from streams.cli.entry import main
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code, "schema"], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr.strip()) == (130, "", "")


def test_ctrl_c_that_was_ignored_when_a_command_began_stays_ignored() -> None:
    code = """
import os, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
from streams.cli.entry import main
try:
    main()
finally:
    os.kill(os.getpid(), signal.SIGINT)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code, "schema"], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_command_begins_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"pointstream": "streams.cli.entry:main"}


def test_a_terminal_that_is_closed_says_so_twice_and_is_heard_once() -> None:
    with asked_to_end(["replay"]) as asked:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
    assert asked == [signal.SIGHUP, signal.SIGHUP]


def test_so_does_an_audit(temporary: Path) -> None:
    with reading(temporary, "audit", "--input", "-") as process:
        process.terminate()
        assert process.wait(20) == 143
    assert list(temporary.iterdir()) == []


def test_the_worker_is_left_to_itself_and_so_is_whoever_has_a_handler_or_ignores_the_signal() -> None:
    usual = signal.getsignal(signal.SIGTERM)
    with asked_to_end(["worker", "--broker", "kafka://127.0.0.1:1"]):
        assert signal.getsignal(signal.SIGTERM) == usual
    with asked_to_end(["replay"]):
        assert signal.getsignal(signal.SIGTERM) != usual
    assert signal.getsignal(signal.SIGTERM) == usual
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with asked_to_end(["replay"]):
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, usual)


def swallowed() -> None:
    """As the broker's client does it: the call is interrupted, and what it raises does not say so."""
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    except KeyboardInterrupt:
        raise SystemError(POLL) from None


def broken() -> None:
    raise SystemError(POLL)


@pytest.mark.parametrize(("callback", "code", "said"), [(swallowed, 130, False), (broken, 2, True)], ids=["asked", "not asked"])
def test_a_call_that_is_interrupted_and_does_not_say_so_is_an_interruption(
    capsys: pytest.CaptureFixture[str], callback: Callable[[], None], code: int, said: bool
) -> None:
    assert run(["poll"], click.Group("pointstream", [click.Command("poll", callback=callback)])) == code
    assert ("internal error" in capsys.readouterr().err) == said


def shell(redirected: str, *arguments: object) -> tuple[int, str]:
    """A command with a shell's redirection: its exit code, and what it says on standard error."""
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirected}', "sh", *COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_command_does_its_work_also_where_nobody_wants_to_read_it(tmp_path: Path) -> None:
    file, out = write_lines(tmp_path / "in.jsonl", line(sale("R1"))), tmp_path / "out"
    replay = ["replay", "--program", program(tmp_path), "--input", file, "--output", out, "--json"]
    for arguments in (replay, ["ledger", "p1", "--output", out], ["schema"], ["--version"], ["--help"]):
        assert shell(">&-", *arguments) == (0, ""), arguments
    assert (out / "balances.jsonl").stat().st_size > 0
    assert shell(">&- 2>&-", *replay) == (0, "")


def test_standard_input_that_is_closed_is_one_line(tmp_path: Path) -> None:
    code, err = shell("<&-", "replay", "--program", program(tmp_path), "--input", "-", "--output", tmp_path / "out")
    assert (code, err) == (2, "pointstream: - is standard input, which is closed; name a file\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_standard_output_that_takes_no_more_is_one_line() -> None:
    code, err = shell(">/dev/full", "schema", "program")
    assert code == 2
    assert err.count("\n") == 1
    assert "No space left on device" in err
