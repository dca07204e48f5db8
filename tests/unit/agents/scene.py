"""A core over a table, to which any record may be sent in any order; what it said, in short."""

import json
from collections import Counter
from typing import Any

from agents.balances import balance_rows
from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from schemas.document import read_document
from schemas.events import DeadLetter, LedgerEntry
from schemas.instants import parse_instant
from schemas.program_file import build_catalog
from tables.memory import MemoryStore
from tables.store import Store
from tables.table import Table

PROGRAM: dict[str, Any] = {
    "program": "club",
    "timezone": "UTC",
    "environment": "live",
    "effective_from": "2020-01-01T00:00:00Z",
    "applications": ["pos"],
    "currency": "EUR",
    "points": [{"sid": "pts", "returns": "within-balance"}],
    "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
}
TIMES = {
    "purchases": "closed_at",
    "pixels": "occurred_at",
    "profiles": "updated_at",
    "redemptions": "requested_at",
    "adjustments": "occurred_at",
}


class Scene:
    """`programs`: what each program says otherwise than `PROGRAM`. A day stands for an instant of July 2024: 3.5 is noon of the 3rd."""

    def __init__(self, *programs: dict[str, Any], store: Store | None = None) -> None:
        contents = [PROGRAM | changes for changes in programs or ({},)]
        self.catalog = build_catalog([read_document(json.dumps(each), f"{n}.json") for n, each in enumerate(contents)])
        self.core = Core(self.catalog)
        self.table = Table(store or MemoryStore())
        self.outbox = Outbox()
        self.said: list[LedgerEntry] = []
        self.letters: list[DeadLetter] = []
        self.counted: Counter[tuple[str, ...]] = Counter()
        self._clock = 0

    def send(self, topic: str, day: float, **record: Any) -> str:
        """Deliver a record of a day. It arrives when it happens, or as late as the clock says."""
        at = moment(day)
        value = json.dumps({"profile_id": "p1", TIMES[topic]: at, **record}).encode()
        self._clock = max(self._clock, parse_instant(at))
        outcome = self.core.apply(self.table, Incoming(topic, 0, 0, None, value, self._clock), self.outbox)
        self._collect()
        return outcome

    def sell(self, day: float, receipt_id: str, points: int = 10, **more: Any) -> str:
        lines = [{"sku": "A", "quantity": 1, "unit_price": f"{points}.00"}]
        return self.send(
            "purchases", day, receipt_id=receipt_id, **{"application": "pos", "currency": "EUR", "lines": lines, **more}
        )

    def tell(self, day: float, event_id: str, kind: str, **attributes: Any) -> str:
        return self.send("pixels", day, event_id=event_id, type=kind, attributes=attributes)

    def write(self, day: float, **fields: Any) -> str:
        return self.send("profiles", day, fields=fields)

    def operate(self, kind: str) -> None:
        """Stop the profile, or let it go on."""
        value = json.dumps({"kind": kind, "profile_id": "p1"}).encode()
        self.core.apply(self.table, Incoming("requests", 0, 0, None, value, self._clock), self.outbox)
        self._collect()

    def tick(self, day: float) -> None:
        self._clock = max(self._clock, parse_instant(moment(day)))
        while not self.core.tick(self.table, parse_instant(moment(day)), self.outbox):
            pass
        self._collect()

    def _collect(self) -> None:
        assert not self.outbox.errors, self.outbox.errors
        for effect in self.outbox.effects:
            if isinstance(effect.record, LedgerEntry):
                self.said.append(effect.record)
            elif isinstance(effect.record, DeadLetter):
                self.letters.append(effect.record)
        self.counted += self.outbox.counts
        self.outbox.clear()

    def told(self) -> list[tuple[str, str, str | None]]:
        """Program, type and points of the entries since the last time."""
        found = [(entry.program, entry.type.partition(".")[2], entry.points) for entry in self.said]
        self.said.clear()
        return found

    def books(self) -> dict[tuple[str, str], dict[str, str]]:
        """By program and point type, what is not nothing."""
        profile = self.table.profile("p1")
        assert profile is not None
        terms = (
            "active",
            "pending",
            "reserved",
            "redeemed",
            "expired",
            "reversed",
            "written_off",
            "debt_paid",
            "debt",
            "lifetime",
        )
        return {
            (row.program, row.point): {term: value for term in terms if (value := getattr(row, term)) != "0"}
            for row in balance_rows(self.core.programs, "p1", profile, self.table)
        }

    def lots(self) -> list[tuple[str | None, str, str | None, str | None]]:
        """Receipt, remaining, activation and expiry of every open lot."""
        profile = self.table.profile("p1")
        assert profile is not None
        rows = balance_rows(self.core.programs, "p1", profile, self.table)
        return sorted(
            [(lot.receipt_id, lot.remaining, lot.activates_at, lot.expires_at) for row in rows for lot in row.lots], key=repr
        )


def moment(day: float) -> str:
    """An instant of July or August 2024, to the hour."""
    hours = round((day - 1) * 24)
    month, day_of_month = (7, hours // 24 + 1) if hours < 31 * 24 else (8, hours // 24 - 30)
    return f"2024-{month:02}-{day_of_month:02}T{hours % 24:02}:00:00Z"
