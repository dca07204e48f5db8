"""A small shop for the tests of the command line: a program, its receipts, and the command as a user runs it."""

import json
from pathlib import Path
from typing import Any

PROGRAM = """
program: shop
timezone: UTC
environment: sandbox
effective_from: 2000-01-01T00:00:00Z
applications: [pos]
currency: EUR
points: [{sid: pts, expiration: 5 days}]
earning: [{rule: base, rate: {points: "1", per: "1.00"}}]
"""


def program(folder: Path, text: str = PROGRAM) -> Path:
    path = folder / "shop.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def sale(
    receipt_id: str, at: str = "2024-01-01T12:00:00Z", profile_id: str | None = "p1", price: str = "10.00", **more: Any
) -> dict[str, Any]:
    """A receipt of one line."""
    lines = [{"sku": "A", "quantity": 1, "unit_price": price}]
    record = {"receipt_id": receipt_id, "application": "pos", "closed_at": at, "currency": "EUR", "lines": lines, **more}
    return record if profile_id is None else {**record, "profile_id": profile_id}


def line(value: Any, **more: Any) -> str:
    return json.dumps({"topic": "purchases", "value": value, **more})


def write_lines(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{text}\n" for text in lines), encoding="utf-8")
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
