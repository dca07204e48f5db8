"""The demo's worker in a process of its own: the real command, which also ends when the demo does.

`python -m streams.demo.child worker ...` runs `pointstream worker ...` and watches its standard input, of which only the
demo holds the other end. A demo that was killed leaves no worker behind. The worker's output goes to a file, since the
terminal is taken; the end of it is shown if the worker dies.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_STOP_SECONDS: Final = 10.0
_LINES_SHOWN: Final = 12


class Child:
    """A running command of pointstream."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self._arguments = arguments
        self._log = log
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "streams.demo.child", *self._arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=Path(__file__).parents[2],
                start_new_session=True,  # Ctrl-C is for the demo, which ends its worker in order
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def start_again(self) -> None:
        """After it has ended: the same command, with whatever state it left."""
        self._close_input()
        self._process = self._start()

    def kill(self) -> None:
        """`kill -9`: it cannot put anything in order first."""
        self._process.kill()
        self._process.wait()

    def exit_code(self) -> int | None:
        return self._process.poll()

    def last_words(self) -> str:
        """The end of what it wrote."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LINES_SHOWN:])

    def stop(self) -> None:
        """Ask it to end, wait, and end it."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close_input()

    def _close_input(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()


@contextmanager
def child(arguments: Sequence[str], log: Path) -> Iterator[Child]:
    """A pointstream command that runs beside the block and ends with it."""
    running = Child(arguments, log)
    try:
        yield running
    finally:
        running.stop()


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_STOP_SECONDS)
    os._exit(1)


def main() -> int:
    from streams.cli.main import run

    threading.Thread(target=_end_with_parent, daemon=True).start()
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
