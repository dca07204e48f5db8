"""What ends a command early: one line for a person, and an exit code.

Raised anywhere in `streams`, printed in one place (`streams.cli.main`). A traceback is for developers: it shows only where
`POINTSTREAM_TRACEBACK=1` asks for it. Faults inside records are not errors: they are dead letters, and the stream goes on.
"""

from typing import Final

DONE: Final = 0
FOUND_WRONG: Final = 1  # something is wrong in the data: a check failed, a record was not taken
WRONG_USAGE: Final = 2  # wrong flags, files, settings or surroundings: nothing was done, or not all of it


class Stop(Exception):
    """The command cannot go on. `message` is one sentence that says what to do; `exit_code` is one of the above."""

    exit_code: int = WRONG_USAGE

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class WrongUsage(Stop):
    """The user has to change a flag, a file or a setting."""


class BrokerAway(WrongUsage):
    """The broker was reached and did not answer in time: nothing has to be changed, and later it may work."""


class WrongFiles(Stop):
    """Files that are refused whole. `lines` are all their faults, one line each; `message` sums them up."""

    def __init__(self, message: str, lines: list[str]) -> None:
        super().__init__(message)
        self.lines = lines
