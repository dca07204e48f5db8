"""Whether cost stays flat: what one more record costs a profile of 50 receipts and one of 5,000, each kind of record by itself.

The core over a table in memory, with the state and the record of `balances` encoded after every record: all that an update costs
but the disk and the broker. CPU time, the median of many records. Points that never expire, a receipt every half hour, so every
receipt leaves an open lot; then points whose expiry slides, so that each record moves the dates of all of them.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

from agents.balances import profile_balances
from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from benchmarks.measure import Row, Say, say
from benchmarks.targets import at_most
from schemas.document import read_document
from schemas.events import encode
from schemas.program_file import build_catalog
from tables.memory import MemoryStore
from tables.table import Table

FEW: Final = 50
MANY: Final = 5_000
RECORDS: Final = 40
LINES: Final = [{"sku": "A", "quantity": 1, "unit_price": "10.00"}] * 3
START: Final = datetime(2020, 1, 1, tzinfo=UTC)
PROGRAM: Final = {
    "program": "one",
    "timezone": "UTC",
    "environment": "sandbox",
    "effective_from": "2000-01-01T00:00:00Z",
    "applications": ["pos"],
    "currency": "EUR",
    "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
}
Record = tuple[str, dict[str, Any]]


class Shopper:
    """One profile, and what each of its records costs."""

    def __init__(self, receipts: int, **point: Any) -> None:
        program = PROGRAM | {"points": [{"sid": "pts", "returns": "within-balance", **point}]}
        self._core = Core(build_catalog([read_document(json.dumps(program), "one.json")]))
        self._table = Table(MemoryStore())
        self._records = 0
        self.receipts = receipts
        for number in range(receipts):
            self.cost(self.sale(f"R{number}", number))

    def at(self, number: int) -> str:
        return (START + number * timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def sale(self, receipt_id: str, number: int) -> Record:
        return "purchases", {**self.of(receipt_id), "closed_at": self.at(number), "currency": "EUR", "lines": LINES}

    def of(self, receipt_id: str) -> dict[str, Any]:
        return {"receipt_id": receipt_id, "application": "pos"}

    def cost(self, record: Record) -> float:
        """Seconds of CPU for one record, everything encoded."""
        topic, content = record
        value = json.dumps({"profile_id": "p", **content}).encode()
        outbox = Outbox()
        began = time.process_time()
        incoming = Incoming(topic, 0, self._records, b"p", value, 0)
        incoming.arrived_at = self._core.event_time(incoming) or 0
        outcome = self._core.apply(self._table, incoming, outbox)
        for name in self._table.changed_profiles():
            profile = self._table.profile(name)
            if profile is not None:
                encode(profile_balances(self._core.programs, name, profile))
        self._table.flush({})
        took = time.process_time() - began
        if outcome != "applied":
            raise RuntimeError(f"{topic}: {outcome}: {outbox.effects}")
        self._records += 1
        return took


def _sale(shopper: Shopper, turn: int) -> Record:
    return shopper.sale(f"S{turn}", shopper.receipts + turn)


def _return(shopper: Shopper, turn: int) -> Record:
    lines = [{"line_id": "1", "quantity": 1}]
    record = shopper.of(f"R{shopper.receipts - 1 - turn}") | {"kind": "return", "return_id": f"T{turn}", "lines": lines}
    return "purchases", record | {"closed_at": shopper.at(shopper.receipts + RECORDS)}


def _request(kind: str, name: str) -> Callable[[Shopper, int], Record]:
    def request(shopper: Shopper, turn: int) -> Record:
        record = {"redemption_id": f"{name}{turn}", "program": "one", "kind": kind}
        if kind != "rollback":
            record["points"] = "7"
        return "redemptions", record | {"requested_at": shopper.at(shopper.receipts + RECORDS)}

    return request


MOVES: Final[dict[str, Callable[[Shopper, int], Record]]] = {
    "sale": _sale,
    "redeem": _request("redeem", "D"),
    "reserve": _request("reserve", "H"),
    "rollback": _request("rollback", "D"),
    "return": _return,
}
_MOVING: Final = {move: MOVES[move] for move in ("sale", "redeem")}


SLIDING: Final = {"renew_on": ["earning", "spending"], "expiration": "1 year"}
"""Every sale and every redemption moves the date of each open lot."""


def flat_costs(runs: int = 3, tell: Say = say) -> list[Row]:
    """The rows of the table: many receipts over few, by move."""
    found: dict[str, list[float]] = {}
    for run in range(runs):
        for kind, moves, point in (("", MOVES, {}), (" that moves every expiry", _MOVING, SLIDING)):
            few, many = (Shopper(receipts, **point) for receipts in (FEW, MANY))
            for move, record in moves.items():
                ratios = found.setdefault(f"cost of one more {move}{kind}", [])
                ratios.append(_costs(many, record) / _costs(few, record))
        tell(f"flat {run + 1} of {runs}: " + ", ".join(f"{ratios[-1]:.2f} {what}" for what, ratios in found.items()))
    return [Row(what, ratios, "×", f"{MANY:,} receipts over {FEW}, CPU", at_most(2)) for what, ratios in found.items()]


def _costs(shopper: Shopper, record: Callable[[Shopper, int], Record]) -> float:
    return median([shopper.cost(record(shopper, turn)) for turn in range(RECORDS)])
