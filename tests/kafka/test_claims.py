"""Claimed receipts over real partitions: two profiles ask for each receipt at once, the worker is killed on the way, one of them gets it.

The question goes to the partition of the receipt's own key and the answer back, both inside of the cycles' transactions. So nobody
has to say who will be first: exactly one is, and keeps it.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import DEAD_LETTERS, LEDGER_ENTRIES, PURCHASES, REDEMPTION_DECISIONS, REDEMPTIONS
from tests.kafka.help import Process, new_topics, processes, read_all
from tests.kafka.receipts import PROGRAM, applied, send
from tests.kafka.test_order_of_arrival import feed, redemption, sale
from tests.kafka.test_order_of_arrival import send as send_at_once
from tests.kafka.test_worker import PARTITIONS, wait_until, worker

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
RECEIPTS = 1_500


def _records() -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    """Sales, each receipt of two profiles; then a cancel of every tenth that names no profile."""
    sales, cancels = [], []
    for n in range(RECEIPTS):
        receipt = {"receipt_id": f"R{n}", "application": "pos"}
        for name in (f"a{n % 97}", f"b{n % 89}"):
            lines = [{"sku": "A", "quantity": 1, "unit_price": "10.00"}]
            sale = {**receipt, "profile_id": name, "closed_at": "2024-03-01T08:00:00Z", "currency": "EUR", "lines": lines}
            sales.append((name, json.dumps(sale).encode()))
        if n % 10 == 0:
            cancel = {**receipt, "kind": "cancel", "closed_at": "2024-03-01T09:00:00Z"}
            cancels.append((f"till-{n % 7}", json.dumps(cancel).encode()))
    return sales, cancels


def _claiming(servers: str, folder: Path) -> Process:
    return worker(servers, folder, "one", "--cycle-records", "200", text=PROGRAM + "receipts: claimed\n")


def _entries(servers: str, kind: str) -> list[dict[str, Any]]:
    said = [json.loads(message.value()) for message in read_all(servers, LEDGER_ENTRIES, PARTITIONS)]
    return [entry for entry in said if entry["type"] == kind]


def _letters(servers: str) -> Counter[str]:
    return Counter(json.loads(message.value())["reason"] for message in read_all(servers, DEAD_LETTERS, PARTITIONS))


def _until(count: Callable[[], int], wanted: int, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while (found := count()) < wanted:
        assert time.monotonic() < deadline, f"{found} of {wanted}"
        time.sleep(0.3)


def test_each_receipt_belongs_to_exactly_one_profile_whatever_is_killed(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sales, cancels = _records()
    with processes() as everybody:
        everybody.append(first := _claiming(kafka, tmp_path))
        send(kafka, sales)
        wait_until(kafka, 500, first)
        first.kill()
        assert _letters(kafka).total() < RECEIPTS, "it was killed too late to prove anything"
        everybody.append(again := _claiming(kafka, tmp_path))
        wait_until(kafka, len(sales), again)
        _until(lambda: _letters(kafka).total(), RECEIPTS)
        send(kafka, cancels)
        _until(lambda: len(_entries(kafka, "points.reversed")), len(cancels))
        assert again.end() == 0, again.said()
    owners = defaultdict(list)
    for entry in _entries(kafka, "points.accrued"):
        owners[entry["cause"]["receipt_id"]].append(entry["profile_id"])
    assert sorted(owners) == sorted(f"R{n}" for n in range(RECEIPTS))
    assert all(len(earned) == 1 for earned in owners.values()), "a receipt that two have earned"
    for entry in _entries(kafka, "points.reversed"):
        assert owners[entry["cause"]["receipt_id"]] == [entry["profile_id"]]
    assert _letters(kafka) == {"claimed-by-another": RECEIPTS}
    assert applied(kafka, PARTITIONS).total() == len(sales) + len(cancels)


def test_who_spends_right_behind_a_claimed_sale_has_its_points(kafka: str, tmp_path: Path) -> None:
    """With the worker away, and while it is there: both records lie in their inputs before the answer can."""
    new_topics(kafka, PARTITIONS)
    till, now, buyers = feed(kafka), int(time.time() * 1_000_000), [f"p{n}" for n in range(400)]
    text = PROGRAM.replace('expiration: "5 days"', "expiration: never") + "receipts: claimed\n"

    def sell_and_spend(first: int, who: list[str]) -> None:
        send_at_once(till, ((PURCHASES, name, sale(first + n, name, now)) for n, name in enumerate(who)))
        send_at_once(till, ((REDEMPTIONS, name, redemption(first + n, name, now + 1)) for n, name in enumerate(who)))

    def decisions() -> list[str]:
        return [json.loads(message.value())["type"] for message in read_all(kafka, REDEMPTION_DECISIONS, PARTITIONS)]

    sell_and_spend(0, buyers)
    with processes() as everybody:
        everybody.append(one := worker(kafka, tmp_path, "one", text=text))
        _until(lambda: len(decisions()), len(buyers))
        for turn in range(1, 5):
            sell_and_spend(turn * 1_000, buyers[:20])
            wanted = len(buyers) + turn * 20
            _until(lambda: len(decisions()), wanted)
        assert one.end() == 0, one.said()
    assert Counter(decisions()) == {"redemption.accepted": len(buyers) + 80}
