"""The mark of an unfinished run in a state that is kept: it stands there from before the first flush until the output has its names.

State is flushed while a run goes on, and its output is thrown away where the run is broken off. What had been flushed would be taken for
duplicates by the same command again, and their entries would be nowhere: so a state that bears the mark is refused. A run that is broken
off before anything was flushed leaves no mark, and may be started again.
"""

import os
from pathlib import Path
from typing import Final

from streams.errors import WrongUsage

NAME: Final = "UNFINISHED"
_SAID: Final = b"A replay into this state has not finished: its output is gone, or not whole.\n"


class Mark:
    """`folder` None: the state goes with the run, and needs none."""

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / NAME
        self._set = False

    def refuse(self) -> None:
        """Raises `WrongUsage` where a run before this one has not finished."""
        if self._path is not None and self._path.exists():
            raise WrongUsage(
                f"--state {self._path.parent}: a replay into it was broken off (or still runs), and what came out of it is gone: delete it and "
                "replay from the first file on, or go on with a copy of the state from before"
            )

    def set(self) -> None:
        """Before anything is flushed; on the disk when this returns, for what is flushed may be there sooner than a file beside it."""
        if self._path is None or self._set:
            return
        with self._path.open("wb") as file:
            file.write(_SAID)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._set = True

    def clear(self) -> None:
        """The output is whole, and has its names."""
        if self._path is not None and self._set:
            self._path.unlink(missing_ok=True)
