"""A state directory is one worker's, from before it takes that worker's name in the group until its process is gone.

The name of a worker lies in its directory, and of two members of one name the broker throws the older out: whoever were refused only
when it opens the first partition would have ended the worker that is at work there. So the directory itself is locked, before a broker
is asked anything. The kernel lets go with the process, however that ends, and also where it begins anew in place.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from streams.errors import WrongUsage

_FILE: Final = "worker.lock"
_WAIT_SECONDS: Final = 3.0  # a predecessor that was killed may still be on its way out
_AGAIN_SECONDS: Final = 0.1


class InUseError(WrongUsage):
    """Another worker has the directory."""


@contextmanager
def alone_in(state: Path) -> Iterator[None]:
    """Raises `InUseError`. Where no lock can be had (a full disk, a file system that knows none), those of the partitions have to do."""
    with ExitStack() as held:
        with suppress(OSError):
            file = held.enter_context((state / _FILE).open("ab"))
            until = time.monotonic() + _WAIT_SECONDS
            while not _locked(file):
                if time.monotonic() > until:
                    raise InUseError(
                        f"the state directory {state} is in use by another worker: stop that one, or give this one a directory of its own"
                    )
                time.sleep(_AGAIN_SECONDS)
        yield


def _locked(file: BinaryIO) -> bool:
    """Raises `OSError` where that cannot be said."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
