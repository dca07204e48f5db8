"""A small world for one test: the pure core over a table in memory, a clock that only moves forward, and what came out.

It never reads a real clock and forgets everything with the test. `restart` closes the table and opens it again from what it
had written, so that whatever is kept only in memory shows.
"""

from typing import Any, Final

import msgspec

from agents import standing
from agents.balances import balance_rows
from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from schemas.amounts import format_points
from schemas.events import BalanceRow, encode
from schemas.instants import LATEST, Instant, parse_instant
from schemas.program import Catalog, Program
from schemas.topics import DEAD_LETTERS, EVENTS, REDEMPTION_DECISIONS
from streams.check.model import FIGURES, TIER_FIGURES
from tables.memory import MemoryStore
from tables.state import Membership
from tables.table import Table

Record = dict[str, Any]
_DECODER: Final = msgspec.json.Decoder(float_hook=str)


class NotThere(Exception):
    """An expectation names a program or point type that the program file does not have."""


class World:
    def __init__(self, catalog: Catalog, first_program: str) -> None:
        self._catalog = catalog
        self._first_program = first_program
        self._store = MemoryStore()
        self._open()
        self._now: Instant | None = None
        self._delivered = 0
        self._seen: list[tuple[str, Record]] = []
        self.errors: list[str] = []  # exceptions inside of a rule: a fault of pointstream, and said with every failure

    def _open(self) -> None:
        self._table = Table(self._store)
        self._core = Core(self._catalog)
        self._outbox = Outbox()

    # what happens

    def deliver(self, topic: str, key: bytes | None, value: bytes) -> None:
        """One record. It arrives when the clock stands at the latest instant told so far, its own included."""
        incoming = Incoming(topic, 0, self._delivered, key, value, 0)
        told = self._core.event_time(incoming)
        if told is not None:
            self._now = told if self._now is None else max(self._now, told)
        incoming.arrived_at = self._now or 0
        self._core.apply(self._table, incoming, self._outbox)
        self._delivered += 1
        self._collect()

    def clock(self, at: Instant) -> None:
        """A tick: everything that is due up to and at this instant."""
        while not self._core.tick(self._table, at, self._outbox):
            pass
        self._now = at if self._now is None else max(self._now, at)
        self._collect()

    def restart(self) -> None:
        """Close the state and open it again."""
        self._table.flush({})
        self._table.close()
        self._open()

    def _collect(self) -> None:
        self._seen += [(effect.topic, _DECODER.decode(encode(effect.record))) for effect in self._outbox.effects]
        self.errors += [f"an error in pointstream stopped a profile: {type(e).__name__}: {e}" for e in self._outbox.errors]
        self._outbox = Outbox()

    # what there is

    def take(self) -> list[tuple[str, Record]]:
        """Everything that was sent since the last time, in order of emission."""
        seen, self._seen = self._seen, []
        return seen

    def balance(self, profile_id: str, program: str | None, point: str | None, subledger: str | None) -> Record:
        """The figures of one ledger; zeros where there is none."""
        version = self._version(program)
        sid = point or version.points[0].sid
        scale = next((found.scale for found in version.points if found.sid == sid), None)
        if scale is None:
            raise NotThere(f"the program {version.program} has no point type {sid!r}")
        for row in self._rows(profile_id):
            if (row.program, row.point, row.subledger) == (version.program, sid, subledger):
                return {name: getattr(row, name) for name in FIGURES}
        return dict.fromkeys(FIGURES, format_points(0, scale))

    def lots(self, profile_id: str) -> list[Record]:
        """Open lots in spending order, ledger by ledger; pending ones last, by activation."""
        found = [_lot(row, lot) for row in self._rows(profile_id) for lot in row.lots]
        usable = [lot for lot in found if lot["state"] != "pending"]
        pending = [lot for lot in found if lot["state"] == "pending"]
        return usable + sorted(pending, key=_by_activation)

    def tier(self, profile_id: str, program: str | None, subledger: str | None) -> Record:
        """The tier as a tier change would tell it; no tier for a profile that was never seen."""
        version = self._version(program)
        profile = self._table.profile(profile_id)
        membership = profile.programs.get(version.program) if profile else None
        at = self._now or 0
        found = self._core.programs.version(version.program, at) or self._core.programs.first(version.program)
        view = standing.view(found, membership or Membership(), subledger or "", at)
        if view is None:
            return dict.fromkeys(TIER_FIGURES)
        return dict(zip(TIER_FIGURES, view, strict=True))

    def _rows(self, profile_id: str) -> list[BalanceRow]:
        """The profile's ledgers, those of one program in the order of its point types."""
        profile = self._table.profile(profile_id)
        rows = [] if profile is None else list(balance_rows(self._core.programs, profile_id, profile, self._table))
        return sorted(rows, key=lambda row: (row.program, self._place(row)))

    def _place(self, row: BalanceRow) -> int:
        sids = [point.sid for point in self._version(row.program).points]
        return sids.index(row.point) if row.point in sids else len(sids)

    def _version(self, program: str | None) -> Program:
        name = program or self._first_program
        versions = self._catalog.programs.get(name)
        if not versions:
            raise NotThere(f"there is no program {name!r}")
        return (self._catalog.in_force(name, self._now) if self._now is not None else None) or versions[0]


def dead_letters(seen: list[tuple[str, Record]]) -> list[Record]:
    return [record for topic, record in seen if topic == DEAD_LETTERS]


def decisions(seen: list[tuple[str, Record]]) -> list[Record]:
    return [record for topic, record in seen if topic == REDEMPTION_DECISIONS]


def events(seen: list[tuple[str, Record]]) -> list[Record]:
    return [record for topic, record in seen if topic in EVENTS]


def _lot(row: BalanceRow, lot: msgspec.Struct) -> Record:
    found: Record = _DECODER.decode(encode(lot))
    found.setdefault("reserved", format_points(0, len(found["remaining"].partition(".")[2])))
    return {"profile_id": row.profile_id, "program": row.program, "point": row.point, "subledger": row.subledger, **found}


def _by_activation(lot: Record) -> Instant:
    """What waits for an event comes last."""
    at = lot.get("activates_at")
    return parse_instant(at) if at else LATEST
