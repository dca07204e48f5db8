"""What is not refused but counted: totals that do not fit, points that a limit kept back, receipts of nobody."""

import json
from typing import Any

import pytest

from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from schemas.document import read_document
from schemas.instants import parse_instant
from schemas.program_file import build_catalog
from tables.memory import MemoryStore
from tables.table import Table
from tests.unit.bad_input.corpus import ARRIVED, SALE
from tests.unit.bad_input.test_bad_input import PROGRAM


def apply(*sales: dict[str, Any], **program: Any) -> tuple[list[str], Outbox]:
    catalog = build_catalog([read_document(json.dumps({**PROGRAM, **program}), "club.json")])
    core, table, outbox = Core(catalog), Table(MemoryStore()), Outbox()
    outcomes = []
    for number, sale in enumerate(sales):
        value = json.dumps({**SALE, "receipt_id": f"R{number}", **sale}).encode()
        outcomes.append(core.apply(table, Incoming("purchases", 0, number, None, value, parse_instant(ARRIVED)), outbox))
    return outcomes, outbox


@pytest.mark.parametrize(
    ("total", "counted"),
    [("10.00", 0), ("10.10", 0), ("9.90", 0), ("10.11", 1), ("9.89", 1), ("0.00", 1), ("-10.00", 1)],
)
def test_a_total_that_differs_by_more_than_one_percent_is_counted_and_used(total: str, counted: int) -> None:
    outcomes, outbox = apply({"total": total})
    assert outcomes == ["applied"]
    assert outbox.counts[("inconsistent-total",)] == counted


def test_shipping_belongs_to_the_total() -> None:
    _, outbox = apply({"total": "15.00", "shipping": "5.00"}, {"total": "10.00", "shipping": "5.00"})
    assert outbox.counts[("inconsistent-total",)] == 1


def test_what_was_withheld_is_counted_even_where_there_is_no_entry() -> None:
    point = {**PROGRAM["points"][0], "limit": {"points": "15", "per": "day"}}  # type: ignore[dict-item]
    outcomes, outbox = apply({}, {}, {}, points=[point])
    assert outcomes == ["applied"] * 3
    assert len([effect for effect in outbox.effects if effect.topic == "ledger-entries"]) == 3  # joined, 10, 5
    assert outbox.counts["withheld", "club", "pts"] == 15


def test_a_receipt_of_nobody_is_anonymous() -> None:
    nobody = {"profile_id": None}
    outcomes, outbox = apply(nobody, nobody)
    assert outcomes == ["anonymous", "anonymous"]
    assert not outbox.effects
