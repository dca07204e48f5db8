"""What the state of a replay remembers besides its profiles: how far the records before went, and whether these programs may go on with it."""

from typing import Final, Protocol

import msgspec

from agents import made_under
from schemas.instants import Instant
from schemas.program import Catalog
from streams.errors import WrongUsage
from tables.table import Table

META: Final = b"replay"


class Remembers(Protocol):
    """A store, or the table over it."""

    def meta(self, name: bytes) -> bytes | None: ...


class Position(msgspec.Struct):
    """Of a replay of records. `lines` came before; `event_time` is the greatest; what is older than `forgotten` may have been swept."""

    format: int = 1
    lines: int = 0
    event_time: Instant | None = None
    forgotten: Instant | None = None


def stored_position(state: Remembers) -> Position:
    """One that begins, where the state is no replay's of records."""
    stored = state.meta(META)
    return msgspec.json.decode(stored, type=Position) if stored else Position()


def check_programs(table: Table, catalog: Catalog) -> None:
    """Raises `WrongUsage` where the state was made under programs that these may not follow."""
    try:
        made_under.check(table, catalog)
    except made_under.ProgramChangedError as error:
        raise WrongUsage(str(error)) from None
