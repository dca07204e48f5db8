"""The console script: whoever is asked to end while Python still loads the rest has begun nothing, and ends at once.

So this file is loaded before all others and loads nothing heavy itself. What a command has begun is put away by `streams.cli.process`,
which takes Ctrl-C over from here as soon as it is there.
"""

import os
import signal
from types import FrameType


def end_at_once(number: int, _frame: FrameType | None) -> None:
    """With the code that a shell gives for the signal, and no word."""
    os._exit(128 + number)


def main() -> None:
    """Whoever started the process with Ctrl-C ignored, as `nohup` and `&` of a script do, keeps that."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, end_at_once)
    from streams.cli.main import main as begin

    begin()
