"""The edges of the core: limits that follow kept points, what is refused before it can do harm, and disks that fail."""

import json
from typing import Any

import msgspec
import pytest

from agents.balances import profile_balances
from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from agents.visit import LEDGERS_MAX
from schemas.events import DeadLetter, ProfileBalances, RedemptionDecision, encode
from schemas.instants import parse_instant
from schemas.program_file import build_catalog, read_document
from schemas.topics import BY_NAME
from tables.memory import MemoryStore
from tables.pages import HEAD_MAX
from tables.table import Table

AT = "2024-07-01T12:00:00Z"
PROGRAM: dict[str, Any] = {
    "program": "club",
    "timezone": "UTC",
    "environment": "sandbox",
    "effective_from": "2020-01-01T00:00:00Z",
    "applications": ["pos"],
    "currency": "EUR",
    "points": [{"sid": "pts"}],
    "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
}


class Shop:
    """A core over a table in memory, and a till that sends to it."""

    def __init__(self, store: MemoryStore | None = None, **changes: Any) -> None:
        programs = [PROGRAM | changes, PROGRAM | {"program": "other"}]
        self.core = Core(build_catalog([read_document(json.dumps(each), f"{each['program']}.json") for each in programs]))
        self.table = Table(store or MemoryStore())
        self.outbox = Outbox()

    def sell(self, receipt_id: str, /, **more: Any) -> str:
        sale = {
            "receipt_id": receipt_id,
            "application": "pos",
            "profile_id": "p1",
            "closed_at": AT,
            "currency": "EUR",
            "program": "club",
            "lines": [{"sku": "A", "quantity": 1, "unit_price": "100.00"}],
            **more,
        }
        incoming = Incoming("purchases", 0, 0, None, json.dumps(sale).encode(), parse_instant(AT))
        return self.core.apply(self.table, incoming, self.outbox)

    def redeem(self, redemption_id: str, points: str) -> str:
        asked = {"redemption_id": redemption_id, "profile_id": "p1", "program": "club", "requested_at": AT, "points": points}
        return self.core.apply(
            self.table, Incoming("redemptions", 0, 0, None, json.dumps(asked).encode(), parse_instant(AT)), self.outbox
        )

    def refused(self) -> tuple[str, str | None]:
        letter = self.outbox.effects[-1].record
        assert isinstance(letter, DeadLetter)
        return letter.reason, letter.field

    def declined(self) -> str | None:
        decision = self.outbox.effects[-1].record
        assert isinstance(decision, RedemptionDecision)
        return decision.reason

    def active(self) -> int:
        profile = self.table.profile("p1")
        assert profile is not None
        return profile.programs["club"].ledgers["pts"].active


class FailingStore(MemoryStore):
    def get(self, key: bytes) -> bytes | None:
        raise OSError("the disk is gone")


LIMITED = [{"rule": "base", "rate": {"points": "1", "per": "1.00"}, "limit": {"points": "100", "per": "day"}}]


def test_points_that_a_revision_keeps_go_on_using_their_limit() -> None:
    shop = Shop(earning=LIMITED)  # pending-only and active at once: nothing can be taken back
    assert [shop.sell("R1"), shop.sell("R1", revision=2), shop.sell("R2")] == ["applied"] * 3
    assert shop.active() == 100


def test_what_a_multiplier_below_one_takes_off_is_in_no_lot() -> None:
    half = {"rule": "half", "multiplier": "0.5", "expiration": "60 days"}
    base = {"rule": "base", "rate": {"points": "1", "per": "1.00"}, "expiration": "30 days"}
    shop = Shop(earning=[base, half])
    assert shop.sell("R1") == "applied"
    assert shop.active() == 50


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ({"paid_by_points": "-900.00"}, ("invalid-field", "paid_by_points")),
        ({"attributes": json.loads('{"a":' * 40 + "1" + "}" * 40)}, ("invalid-field", "attributes")),
        ({"receipt_id": "R\x1f1"}, ("invalid-field", "receipt_id")),
    ],
    ids=["a payment by points below zero", "attributes deeper than any feed needs", "the separator of ids inside an id"],
)
def test_it_is_refused_and_settles_nothing(more: dict[str, Any], refused: tuple[str, str]) -> None:
    shop = Shop()
    assert shop.sell("R1", **more) == "dead-letter"
    assert shop.refused() == refused
    assert shop.table.profile("p1") is None


def test_a_revision_may_not_move_its_points_to_another_program() -> None:
    shop = Shop()
    assert shop.sell("R1") == "applied"
    earned = shop.table.profile("p1")
    assert shop.sell("R1", revision=2, program="other") == "dead-letter"
    assert shop.refused() == ("conflicting-duplicate", "program")
    assert shop.table.profile("p1") == earned


@pytest.mark.parametrize("price", ["999999999999.999999999", "-999999999999", "9000000000"])
def test_a_sum_of_purchases_that_cannot_be_stored_is_refused_as_it_comes_and_stops_no_worker(price: str) -> None:
    shop = Shop(segments=[{"segment": "rich", "where": {"purchases.total": {"at_least": "1000.00"}}}])
    assert shop.sell("R1") == "applied"
    assert shop.sell("R2", lines=[{"sku": "A", "quantity": 1, "unit_price": price}]) == "dead-letter"
    assert shop.refused() == ("invalid-field", "lines")
    assert shop.sell("R3") == "applied"
    shop.table.flush({})
    assert shop.active() == 200


@pytest.mark.parametrize(("rules", "outcome"), [(5, "applied"), (20, "dead-letter")])
def test_an_entry_that_tells_what_its_rules_counted_fits_into_its_topic_or_the_receipt_is_refused(
    rules: int, outcome: str
) -> None:
    rate = {"rate": {"points": "1", "per": "1.00"}, "lines": {"category": "x"}}
    shop = Shop(earning=[{"rule": f"r{number}", **rate, "expiration": f"{number + 1} days"} for number in range(rules)])
    lines = [
        {"sku": "A", "quantity": 1, "unit_price": "1.00", "category": "x", "line_id": f"{n}".ljust(75, "\x01")}
        for n in range(1_999)
    ]
    assert shop.sell("R1", lines=[*lines, {"sku": "B", "quantity": 1, "unit_price": "1.00"}]) == outcome
    assert max(len(encode(effect.record)) for effect in shop.outbox.effects) < BY_NAME["ledger-entries"].max_message_bytes
    if outcome == "dead-letter":
        assert shop.refused() == ("too-large", "lines")


def test_a_redemption_out_of_more_lots_than_an_entry_can_tell_is_declined_and_a_smaller_one_is_not() -> None:
    shop = Shop()
    for number in range(2_700):
        line = {"sku": "A", "quantity": 1, "unit_price": "1.00", "line_id": "\x01" * 256}
        assert shop.sell(f"{number:04}".ljust(256, "\x01"), lines=[line]) == "applied"
    assert shop.redeem("D1", "2700") == "applied"
    assert shop.declined() == "too-many-lots"
    assert shop.active() == 2_700
    assert shop.redeem("D2", "2300") == "applied"
    assert shop.active() == 400
    assert max(len(encode(effect.record)) for effect in shop.outbox.effects) < BY_NAME["ledger-entries"].max_message_bytes


def test_a_feed_that_numbers_its_subledgers_makes_no_profile_too_large_to_be_told() -> None:
    shop = Shop(subledgers={"enabled": "true"})
    for number in range(LEDGERS_MAX):
        assert shop.sell(f"R{number}", subledger=f"till-{number}") == "applied"
    assert shop.sell("R-one-more", subledger="one-more") == "dead-letter"
    assert shop.refused() == ("invalid-field", "subledger")
    assert [shop.sell("R-known", subledger="till-7"), shop.sell("R-main")] == ["applied", "applied"]


def test_a_disk_that_fails_stops_no_profile_and_is_the_callers_affair() -> None:
    shop = Shop(FailingStore())
    with pytest.raises(OSError, match="the disk is gone"):
        shop.sell("R1")
    assert shop.outbox.effects == []


def test_a_profile_of_very_many_lots_fits_into_a_record_of_balances() -> None:
    shop = Shop()
    for number in range(1_005):
        shop.sell(f"R{number}")
    profile = shop.table.profile("p1")
    assert profile is not None
    record = encode(profile_balances(shop.core.programs, "p1", profile))
    row = msgspec.json.decode(record, type=ProfileBalances).programs[0].balances[0]
    assert len(row.lots) <= HEAD_MAX
    assert len(row.lots) + row.lots_omitted == 1_005
    assert row.active == str(100 * 1_005)
