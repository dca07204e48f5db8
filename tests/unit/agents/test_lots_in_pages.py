"""A profile of thousands of receipts costs no more to update than one of fifty, and pages change nothing that anybody sees."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.balances import balance_rows, profile_balances
from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from schemas.document import read_document
from schemas.events import encode
from schemas.program_file import build_catalog
from tables import pages
from tables.memory import MemoryStore
from tables.table import Table

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
START = datetime(2024, 1, 1, tzinfo=UTC)
POINT = {"sid": "pts", "returns": "within-balance"}


class Shop:
    def __init__(self, head_lots: int = pages.HEAD_MAX, **point: Any) -> None:
        program = {
            "program": "club",
            "timezone": "UTC",
            "environment": "live",
            "effective_from": "2000-01-01T00:00:00Z",
            "applications": ["pos"],
            "currency": "EUR",
            "points": [POINT | point],
            "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
        }
        self.core = Core(build_catalog([read_document(json.dumps(program), "club.json")]), head_lots=head_lots)
        self.store = MemoryStore()
        self.table = Table(self.store)
        self.sent: list[bytes] = []
        self.written = 0
        self.offset = 0

    def deliver(self, hours: int, topic: str = "purchases", **record: Any) -> str:
        at = START + timedelta(hours=hours)
        when = {"purchases": "closed_at", "redemptions": "requested_at", "adjustments": "occurred_at"}[topic]
        value = json.dumps({"profile_id": "p1", when: at.strftime("%Y-%m-%dT%H:%M:%SZ"), **record}).encode()
        incoming = Incoming(topic, 0, self.offset, b"p1", value, (at - EPOCH) // timedelta(microseconds=1))
        self.offset += 1
        outbox = Outbox()
        outcome = self.core.apply(self.table, incoming, outbox)
        assert not outbox.errors
        self.sent += [encode(effect.record) for effect in outbox.effects]
        return outcome

    def sale(self, n: int, hours: int | None = None) -> str:
        lines = [{"sku": "A", "quantity": 1, "unit_price": "10.00"}]
        at = n if hours is None else hours
        return self.deliver(at, receipt_id=f"R{n}", application="pos", currency="EUR", lines=lines)

    def flush(self) -> int:
        """Bytes that an update writes, with the record of `balances`."""
        told = sum(
            len(encode(profile_balances(self.core.programs, name, profile)))
            for name in self.table.changed_profiles()
            if (profile := self.table.profile(name)) is not None
        )
        return self.table.flush({}) + told

    def rows(self) -> list[bytes]:
        profile = self.table.profile("p1")
        assert profile is not None
        return [encode(row) for row in balance_rows(self.core.programs, "p1", profile, self.table)]


SLIDING = {"expiration": "30 days", "renew_on": ["earning"]}


@pytest.mark.parametrize("point", [{}, {"expiration": "30 days"}, {"activation": "3 days"}, SLIDING], ids=str)
def test_the_five_thousandth_receipt_writes_no_more_than_twice_what_the_fiftieth_does(point: dict[str, Any]) -> None:
    shop = Shop(**point)
    written = []
    for n in range(5_050):
        shop.sale(n)
        written.append(shop.flush())
    early, late = sum(written[:100]) - sum(written[:50]), sum(written[-50:])
    assert late <= 2 * early


def test_a_ledger_puts_small_pages_together_before_it_knows_of_many() -> None:
    shop = Shop(head_lots=4)
    for n in range(600):
        shop.sale(n)
    profile = shop.table.profile("p1")
    assert profile is not None
    known = profile.programs["club"].ledgers["pts"].pages
    assert {page.count for page in known} == {2, 6}
    assert sum([page.count for page in known]) >= 600 - 4
    assert len(known) <= 600 / 6 + pages.SMALL_PAGES_MAX


def _life(shop: Shop) -> None:
    """Sales on the way, late ones among them, receipts that go back, and a tick or two."""
    for n in range(400):
        shop.sale(n, n - 200 if n % 11 == 10 and n > 200 else n)
        if n % 7 == 6:
            shop.deliver(n, kind="cancel", receipt_id=f"R{n - 5}", application="pos")
        if n % 50 == 49:
            shop.flush()
    outbox = Outbox()
    while not shop.core.tick(shop.table, (START + timedelta(hours=410) - EPOCH) // timedelta(microseconds=1), outbox):
        pass
    shop.sent += [encode(effect.record) for effect in outbox.effects]


@pytest.mark.parametrize(
    "point",
    [
        {},
        {"expiration": "9 days"},
        {"activation": "36 hours", "expiration": "10 days", "returns": "allow-debt"},
        {"spend_order": "earliest-earned", "returns": "allow-debt"},
        {"spend_order": "earliest-earned", "returns": "allow-debt", **SLIDING},
    ],
    ids=str,
)
@pytest.mark.parametrize("head_lots", [pages.HEAD_MAX, 5])
def test_pages_change_nothing_that_anybody_sees(point: dict[str, str], head_lots: int) -> None:
    paged, whole = Shop(head_lots, **point), Shop(1_000_000, **point)
    _life(paged)
    _life(whole)
    assert paged.sent == whole.sent
    assert paged.rows() == whole.rows()
    profile = paged.table.profile("p1")
    assert profile is not None
    assert profile.programs["club"].ledgers["pts"].pages, "this test is about pages"
