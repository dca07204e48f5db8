"""Why workers ended by themselves, kept in the state directory: a process that ends takes its metrics with it before anybody sees them.

The next worker there tells them as a counter. What cannot be read is forgotten, and what cannot be written is not worth a fault: these
are figures.
"""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import msgspec

_FILE: Final = "ends.json"
_DECODER: Final = msgspec.json.Decoder(dict[str, Annotated[int, msgspec.Meta(ge=0, lt=2**53)]])


def ends(state: Path) -> dict[str, int]:
    """How often, by why."""
    with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _DECODER.decode((state / _FILE).read_bytes())
    return {}


def note_end(state: Path, why: str) -> None:
    found = ends(state)
    found[why] = found.get(why, 0) + 1
    unfinished = state / f"{_FILE}.unfinished"
    with suppress(OSError):  # on a full disk the figures of before are left as they are
        unfinished.write_bytes(msgspec.json.encode(found))
        unfinished.replace(state / _FILE)
