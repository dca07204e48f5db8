"""Entries as a test wants them, and what the auditor says of them."""

import json
from typing import Any

from streams.audit.accounts import Accounts
from streams.audit.auditor import Auditor

Entries = list[dict[str, Any]]


def lines(entries: Entries) -> list[bytes]:
    return [json.dumps(entry).encode() for entry in entries]


def faults(told: list[bytes], accounts: Accounts | None = None) -> list[str]:
    auditor = Auditor(accounts or Accounts())
    return [str(found) for line in told if (found := auditor.check(line)) is not None]


def accrual(number: int) -> dict[str, Any]:
    return {
        "id": f"{number:016x}" * 2,
        "type": "points.accrued",
        "program": "club",
        "profile_id": "p1",
        "sequence": number,
        "entry": number,
        "cause": {},
        "point": "pts",
        "points": "1",
        "lots": [{"lot_id": f"L{number}", "points": "1", "state": "active"}],
        "balance": balance(active=number, lifetime=number),
    }


def balance(**terms: int) -> dict[str, str]:
    names = ("active", "pending", "reserved", "redeemed", "expired", "reversed", "written_off", "debt_paid", "debt", "lifetime")
    return {name: str(terms.get(name, 0)) for name in names}


class Told:
    """A ledger whose entries are right: each moves parts of lots from one term to another, and states the balance after it."""

    def __init__(self) -> None:
        self.entries: Entries = []
        self.terms: dict[str, int] = {}

    def accrue(self, lots: dict[str, int], state: str = "active", **more: Any) -> None:
        self.terms["lifetime"] = self.terms.get("lifetime", 0) + sum(lots.values())
        self.move("accrued", lots, None, state, state=state, **more)

    def redeem(self, lots: dict[str, int], **more: Any) -> None:
        self.move("redeemed", lots, "active", "redeemed", **more)

    def reinstate(self, lots: dict[str, int], **more: Any) -> None:
        self.move("reinstated", lots, "redeemed", "active", **more)

    def expire(self, lots: dict[str, int], **more: Any) -> None:
        self.move("expired", lots, "active", "expired", **more)

    def move(
        self, kind: str, lots: dict[str, int], source: str | None, target: str, *, state: str = "active", **more: Any
    ) -> None:
        points = sum(lots.values())
        if source is not None:
            self.terms[source] -= points
        self.terms[target] = self.terms.get(target, 0) + points
        parts = [{"lot_id": lot, "points": str(part), "state": state} for lot, part in lots.items()]
        entry = accrual(len(self.entries) + 1)
        entry |= {"type": f"points.{kind}", "points": str(points), "lots": parts, "balance": balance(**self.terms)}
        self.entries.append(entry | more)

    @property
    def faults(self) -> list[str]:
        return faults(lines(self.entries))
