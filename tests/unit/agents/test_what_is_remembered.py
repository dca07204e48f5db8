"""What is remembered is bounded by `remember`: it is known so long and no longer, and then it goes."""

import json
from pathlib import Path
from typing import Any

import pytest

from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from schemas.document import read_document
from schemas.instants import format_instant, parse_instant
from schemas.program_file import build_catalog
from tables.memory import MemoryStore
from tables.rocks import RocksStore
from tables.store import Store
from tables.table import Table
from tests.unit.agents.scene import Scene

START = parse_instant("2024-01-01T00:00:00Z")
PROGRAM = {
    "program": "club",
    "timezone": "UTC",
    "environment": "live",
    "effective_from": "2000-01-01T00:00:00Z",
    "applications": ["pos"],
    "currency": "EUR",
    "remember": "10 days",
    "points": [{"sid": "pts", "returns": "within-balance", "expiration": "1 day"}],
    "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
}


def instant(day: float) -> int:
    return START + round(day * 86_400) * 1_000_000


class Shop:
    def __init__(self, store: Store, **changes: Any) -> None:
        self.store = store
        self.core = Core(build_catalog([read_document(json.dumps(PROGRAM | changes), "club.json")]))
        self.table = Table(store)
        self.outbox = Outbox()
        self.offset = 0

    def deliver(self, day: float, **record: Any) -> str:
        told = {"application": "pos", "profile_id": "p1", "closed_at": format_instant(instant(day)), **record}
        incoming = Incoming("purchases", 0, self.offset, told["profile_id"].encode(), json.dumps(told).encode(), instant(day))
        self.offset += 1
        return self.core.apply(self.table, incoming, self.outbox)

    def tick(self, day: float) -> None:
        self.core.tick(self.table, instant(day), self.outbox)

    def sale(self, day: float, receipt_id: str, profile_id: str = "p1") -> str:
        lines = [{"sku": "A", "quantity": 1, "unit_price": "10.00"}]
        return self.deliver(day, receipt_id=receipt_id, profile_id=profile_id, currency="EUR", lines=lines)

    def cancel(self, day: float, receipt_id: str) -> str:
        return self.deliver(day, kind="cancel", receipt_id=receipt_id)

    def stored(self) -> int:
        self.table.flush({})
        return sum(1 for letter in (b"r", b"l", b"i", b"d") for _ in self.store.keys(letter, letter + b"\xff"))


@pytest.fixture(params=["memory", "rocks"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    return Shop(MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "state", None))


def test_a_receipt_is_known_for_remember_and_not_a_second_longer(shop: Shop) -> None:
    shop.sale(0, "R1")
    shop.sale(0, "R2")
    assert shop.cancel(10, "R1") == "applied"
    shop.outbox.clear()
    assert shop.cancel(10 + 1 / 86_400, "R2") == "parked", "it waits for a sale that nobody knows"


def test_a_receipts_number_used_again_after_that_is_another_receipt(shop: Shop) -> None:
    shop.sale(0, "R1")
    shop.sale(20, "R1")
    accrued = [effect.record for effect in shop.outbox.effects if getattr(effect.record, "type", "") == "points.accrued"]
    assert len({getattr(entry, "id", "") for entry in accrued}) == 2
    assert shop.cancel(20.1, "R1") == "applied"
    assert not shop.outbox.errors


def test_what_nobody_can_ask_for_any_more_is_swept_away(shop: Shop) -> None:
    for n in range(9_000):  # a hundred a day
        shop.sale(n / 100, f"R{n}")
        if n % 100 == 0:
            shop.table.flush({})
    remembered = shop.stored()
    assert 2 * 1_000 < remembered < 2 * 3_200 * 2, (
        "receipts and used lots of ten days, and of 22 for what waits or lags, not of ninety"
    )


def test_who_is_started_anew_each_day_forgets_as_much() -> None:
    """The hand goes on where it stood: what lies last in the order of keys, the receipts, is come to all the same."""
    shop = Shop(MemoryStore())
    for n in range(9_000):
        shop.sale(n / 100, f"R{n}")
        if n % 100 == 0:
            shop.table.flush({})
            shop.table = Table(shop.store)
    assert shop.stored() < 2 * 3_200 * 2


@pytest.mark.parametrize("restarts", [True, False])
def test_what_timers_leave_behind_is_swept_however_few_records_come(*, restarts: bool) -> None:
    """A hundred people who get points each day, and one of whom buys something: used lots of 29 days, not of 150."""
    store = MemoryStore()
    daily = {"scenario": "daily", "trigger": {"every": "1 day"}, "reentry": True, "steps": [{"award": {"promotion": "gift"}}]}
    promotions = [{"promotion": "gift", "action": "accrue", "points": "1"}]
    point = {"sid": "pts", "expiration": "1 day"}
    shop = Shop(store, remember="7 days", points=[point], promotions=promotions, scenarios=[daily])
    for n in range(100):
        shop.sale(0, f"R{n}", profile_id=f"p{n}")
    for day in range(1, 150):
        for n in range(10):
            shop.sale(day, f"S{day}-{n}", profile_id="p1")
        shop.tick(day + 0.5)
        shop.table.flush({})
        if restarts:
            shop.table = Table(store)
    assert sum(1 for _ in store.keys(b"l", b"m")) < 110 * (7 + 7 + 15) * 2


def test_a_sweep_looks_again_at_what_a_failed_cycle_gave_back(shop: Shop) -> None:
    for n in range(1_000):
        shop.sale(n / 1_000, f"R{n}")
    shop.table.flush({})
    for n in range(1_000):
        shop.sale(30 + n / 1_000, f"S{n}")
    shop.table.drop_changes()
    for n in range(6_000):
        shop.sale(30 + n / 6_000, f"S{n}")
        if n % 100 == 0:
            shop.table.flush({})
    assert shop.stored() < 2 * 6_000 + 500, "the first thousand receipts and their lots are gone"


def test_the_lots_of_a_receipt_are_remembered_as_long_as_the_receipt_is() -> None:
    scene = Scene({"remember": "10 days", "points": [{"sid": "pts", "returns": "within-balance", "expiration": "2 days"}]})
    ten = [{"sku": "A", "quantity": 10, "unit_price": "1.00"}]
    scene.send("purchases", 1, receipt_id="R1", application="pos", currency="EUR", lines=ten)
    back = {"kind": "return", "receipt_id": "R1", "application": "pos"}
    scene.send("purchases", 10, **back, return_id="B1", lines=[{"sku": "A", "quantity": 3}])
    scene.sell(18, "R2", 20)
    scene.send("purchases", 19, **back, return_id="B2", lines=[{"sku": "A", "quantity": 4}])
    assert scene.books()["club", "pts"] == {"active": "20", "expired": "10", "lifetime": "30"}, "what has expired is given back"


JOINS_LATER = {
    "program": "party",
    "membership": {"join": "explicit", "before_join": "park"},
    "scenarios": [{"scenario": "in", "trigger": "receipt", "steps": [{"wait": "1 day"}, "join"]}],
}
REWARDS = {"promotions": [{"promotion": "thanks", "points": "100"}], "referral": {"promotion": "thanks", "final_after": "5 days"}}
SHORT = {"remember": "10 days", "park": "2 days"}


@pytest.mark.parametrize(
    ("programs", "entries"),
    [
        pytest.param(
            ({}, JOINS_LATER),
            [("club", "p1", "10"), ("club", "p2", "10"), ("party", "p1", "10"), ("club", "p1", "10"), ("party", "p1", "10")],
            id="a sale that waited for another program to be joined counts once",
        ),
        pytest.param(
            (REWARDS,),
            [("club", "p1", "10"), ("club", "p2", "10"), ("club", "owner", "100"), ("club", "p1", "10")],
            id="a friend's first purchase is still there when it is final",
        ),
    ],
)
def test_what_is_due_finds_what_it_was_set_for_however_long_its_profile_was_quiet(
    programs: tuple[dict[str, Any], ...], entries: list[tuple[str, str, str]]
) -> None:
    """As in a file of years without ticks, or under `--backfill`."""
    scene = Scene(*[SHORT | changes for changes in programs])
    scene.send("profiles", 1, profile_id="owner", fields={"referral_code": "FRIEND"})
    scene.sell(1, "R1", referral_code="FRIEND")
    scene.table.flush({})
    scene.sell(40, "R2", profile_id="p2")
    scene.table.flush({})
    scene.sell(41, "R3")
    found = [(entry.program, entry.profile_id, entry.points) for entry in scene.said if entry.type == "points.accrued"]
    assert found == entries
