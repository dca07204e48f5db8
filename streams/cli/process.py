"""The process around a command: being asked to end, and standard streams that may be closed.

SIGTERM, and SIGHUP of a terminal that is closed, do what Ctrl-C does, so that whatever a command has begun is put away: temporary states hold what people sent, and half a file is none.
A command that has a handler of its own sets it later, and in place of this one; the worker, which is to end well whenever it is asked, is left
to itself from the beginning.
"""

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

from streams.cli.entry import end_at_once

INTERRUPTED: Final = 128 + signal.SIGINT  # what a shell gives for Ctrl-C
READER_LEFT: Final = 128 + signal.SIGPIPE  # what it gives for a program that writes to `| head` when that has gone
_ENDS_ITSELF: Final = frozenset({"worker"})


@contextmanager
def asked_to_end(arguments: Sequence[str]) -> Iterator[list[int]]:
    """Raises KeyboardInterrupt within for Ctrl-C, SIGTERM and SIGHUP; what it gives is the signals that came.

    Whoever started the process with a signal ignored, or has a handler for it, keeps that.
    """
    asked: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        if number == signal.SIGHUP and asked.count(number) > 1:
            return  # of a terminal that is closed the kernel tells, and then its shell
        raise KeyboardInterrupt

    usual = {
        signal.SIGINT: (signal.default_int_handler, end_at_once),
        signal.SIGTERM: (signal.SIG_DFL,),
        signal.SIGHUP: (signal.SIG_DFL,),
    }
    name = next((argument for argument in arguments if not argument.startswith("-")), "")
    if name in _ENDS_ITSELF or threading.current_thread() is not threading.main_thread():
        usual.clear()
    before = {number: handler for number, handlers in usual.items() if (handler := signal.getsignal(number)) in handlers}
    for number in before:
        signal.signal(number, end)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(asked: Sequence[int]) -> int:
    """As a shell tells it of a process that a signal has ended."""
    return 128 + asked[0] if asked else INTERRUPTED


def occupy_closed_streams() -> None:
    """No file of ours gets the number of a standard stream that is closed: what is said would be written into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free


def print_what_cannot_be_encoded() -> None:
    """A mark or the name of a file that standard output's encoding has not is written as an escape; it would be an error."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def width(otherwise: int) -> int | None:
    """How wide a table may be: as the terminal (None), or so wide where there is none to ask."""
    return None if sys.stdout is not None and sys.stdout.isatty() else otherwise


def let_go_of_output() -> None:
    """Standard output takes no more: keep the interpreter from complaining of that at its end."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
