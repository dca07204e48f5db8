"""Redemptions over time: decisions told again word for word, holds that outlive what is remembered, lots held in part."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from agents.balances import balance_rows
from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from agents.redemptions import REQUESTS_MAX
from agents.spending import HOLDS_MAX
from schemas.document import read_document
from schemas.events import DeadLetter, LedgerEntry, RedemptionDecision, encode
from schemas.instants import parse_instant
from schemas.program_file import build_catalog
from tables.memory import MemoryStore
from tables.table import Table

PROGRAM: dict[str, Any] = {
    "program": "club",
    "timezone": "UTC",
    "environment": "sandbox",
    "effective_from": "2020-01-01T00:00:00Z",
    "applications": ["pos"],
    "currency": "EUR",
    "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
}


class Shop:
    """A core over a table in memory; what it sent, by kind of record."""

    def __init__(self, *, program: dict[str, Any] | None = None, **point: Any) -> None:
        content = (
            PROGRAM
            | (program or {})
            | {"points": [{"sid": "pts", "returns": "within-balance"} | point, {"sid": "fine", "scale": "7"}]}
        )
        self.core = Core(build_catalog([read_document(json.dumps(content), "club.json")]))
        self.table = Table(MemoryStore())
        self.outbox = Outbox()

    def send(self, topic: str, at: str, arrived: str | None = None, **record: Any) -> str:
        when = {"purchases": "closed_at", "redemptions": "requested_at", "adjustments": "occurred_at"}[topic]
        value = json.dumps({"profile_id": "p1", when: at, **record}).encode()
        outcome = self.core.apply(self.table, Incoming(topic, 0, 0, None, value, parse_instant(arrived or at)), self.outbox)
        assert not self.outbox.errors
        return outcome

    def sell(self, at: str, receipt_id: str, points: int, **more: Any) -> str:
        lines = [{"sku": "A", "quantity": 1, "unit_price": str(points)}]
        return self.send("purchases", at, receipt_id=receipt_id, application="pos", currency="EUR", lines=lines, **more)

    def ask(self, at: str, redemption_id: str = "D", arrived: str | None = None, **more: Any) -> str:
        return self.send("redemptions", at, arrived, redemption_id=redemption_id, program="club", **more)

    def tick(self, at: str) -> None:
        while not self.core.tick(self.table, parse_instant(at), self.outbox):
            pass
        assert not self.outbox.errors

    def entries(self) -> list[tuple[str, str | None, str]]:
        """Type, points and time of all that was told of the ledger since the last time."""
        found = [effect.record for effect in self.outbox.effects if isinstance(effect.record, LedgerEntry)]
        self.outbox.clear()
        return [(entry.type, entry.points, entry.occurred_at) for entry in found]

    def decided(self) -> list[str]:
        """The reasons of all decisions since the last time; empty for what was accepted."""
        found = [effect.record.reason for effect in self.outbox.effects if isinstance(effect.record, RedemptionDecision)]
        self.outbox.clear()
        return [reason or "" for reason in found]

    def figures(self) -> dict[str, str]:
        profile = self.table.profile("p1")
        assert profile is not None
        row = next(iter(balance_rows(self.core.programs, "p1", profile, self.table)))
        return {name: value for name in ("active", "reserved", "redeemed", "expired") if (value := getattr(row, name)) != "0"}


def test_a_decision_is_told_again_word_for_word_however_much_later() -> None:
    shop = Shop()
    shop.sell("2024-07-01T12:00:00Z", "R", 100)
    shop.ask("2024-07-02T12:00:00Z", kind="reserve", points="60")
    first = encode(shop.outbox.effects[-1].record)
    assert shop.ask("2024-07-02T12:00:00Z", arrived="2024-08-02T12:00:00Z", kind="reserve", points="60.0") == "duplicate"
    assert encode(shop.outbox.effects[-1].record) == first


def test_a_hold_runs_out_however_short_the_memory_and_late_the_clock() -> None:
    shop = Shop(program={"remember": "1 hour"}, hold="5 days")
    shop.sell("2024-07-01T12:00:00Z", "R", 100)
    shop.ask("2024-07-01T12:30:00Z", kind="reserve", points="60")
    assert shop.figures() == {"active": "40", "reserved": "60"}
    shop.table.flush({})
    shop.table.sweep(parse_instant("2025-07-01T12:00:00Z"), 1_000)
    shop.table.flush({})
    shop.tick("2025-07-01T12:00:00Z")
    assert shop.figures() == {"active": "100"}
    assert shop.entries()[-1] == ("points.released", "60", "2024-07-06T12:30:00Z")


def test_of_a_lot_that_is_held_in_part_each_part_goes_its_own_way() -> None:
    shop = Shop(expiration="3 days")
    shop.sell("2024-07-01T12:00:00Z", "R", 100)
    shop.ask("2024-07-02T12:00:00Z", "D1", kind="reserve", points="30", hold="5 days")
    shop.ask("2024-07-02T12:00:00Z", "D2", kind="reserve", points="20", hold="5 days")
    shop.tick("2024-07-04T12:00:00Z")
    assert shop.figures() == {"reserved": "50", "expired": "50"}
    shop.ask("2024-07-05T12:00:00Z", "D1", kind="commit")
    shop.ask("2024-07-05T12:00:00Z", "D2", kind="release")
    assert shop.figures() == {"redeemed": "30", "expired": "70"}
    shop.ask("2024-07-06T12:00:00Z", "D1", kind="rollback", points="10")
    assert shop.figures() == {"redeemed": "20", "expired": "80"}
    assert shop.entries()[-4:] == [
        ("points.released", "20", "2024-07-05T12:00:00Z"),
        ("points.expired", "20", "2024-07-05T12:00:00Z"),
        ("points.reinstated", "10", "2024-07-06T12:00:00Z"),
        ("points.expired", "10", "2024-07-06T12:00:00Z"),
    ]


def test_the_expired_part_of_a_lot_that_is_held_in_part_is_given_back_once() -> None:
    shop = Shop(expiration="3 days")
    shop.sell("2024-07-01T12:00:00Z", "R1", 100)
    shop.ask("2024-07-02T12:00:00Z", kind="reserve", points="50", hold="5 days")
    shop.sell("2024-07-03T12:00:00Z", "R2", 200)
    shop.tick("2024-07-04T12:00:00Z")
    shop.send("purchases", "2024-07-05T12:00:00Z", kind="cancel", receipt_id="R1", application="pos")
    assert shop.figures() == {"active": "150", "reserved": "50", "expired": "50"}


def test_what_is_past_its_date_while_held_is_not_renewed() -> None:
    shop = Shop(expiration="3 days", renew_on=["earning", "spending"])
    shop.sell("2024-07-01T12:00:00Z", "R1", 100)
    shop.ask("2024-07-02T12:00:00Z", "D1", kind="reserve", points="100", hold="5 days")
    shop.sell("2024-07-04T12:00:00Z", "R2", 50)
    shop.ask("2024-07-05T12:00:00Z", "D2", points="20")
    shop.ask("2024-07-06T12:00:00Z", "D1", kind="release")
    assert shop.figures() == {"active": "30", "redeemed": "20", "expired": "100"}
    shop.tick("2024-07-08T11:59:59Z")
    assert shop.figures() == {"active": "30", "redeemed": "20", "expired": "100"}
    shop.tick("2024-07-08T12:00:00Z")
    assert shop.figures() == {"redeemed": "20", "expired": "130"}


def test_a_hold_and_the_lot_it_is_of_end_at_one_instant_and_all_of_it_expires_once() -> None:
    shop = Shop(expiration="3 days")
    shop.sell("2024-07-01T12:00:00Z", "R", 100)
    shop.ask("2024-07-03T12:00:00Z", kind="reserve", points="30", hold="1 day")
    shop.outbox.clear()
    shop.tick("2024-07-04T12:00:00Z")
    at = "2024-07-04T12:00:00Z"
    assert shop.entries() == [("points.released", "30", at), ("points.expired", "100", at)]


def test_what_a_hold_gives_back_expires_in_its_own_time_within_one_tick() -> None:
    shop = Shop(expiration="3 days")
    shop.sell("2024-07-01T12:00:00Z", "R", 100)
    shop.ask("2024-07-03T12:00:00Z", kind="reserve", points="100", hold="1 hour")
    shop.outbox.clear()
    shop.tick("2024-07-09T12:00:00Z")
    assert shop.entries() == [
        ("points.released", "100", "2024-07-03T13:00:00Z"),
        ("points.expired", "100", "2024-07-04T12:00:00Z"),
    ]


def test_points_come_back_to_a_lot_that_something_else_has_emptied() -> None:
    shop = Shop()
    shop.sell("2024-07-01T12:00:00Z", "R", 100)
    shop.ask("2024-07-02T12:00:00Z", points="60")
    shop.send("purchases", "2024-07-03T12:00:00Z", kind="cancel", receipt_id="R", application="pos")
    assert shop.figures() == {"redeemed": "60"}
    shop.ask("2024-07-04T12:00:00Z", kind="rollback")
    assert shop.figures() == {"active": "60"}


def test_among_thousands_of_lots_those_that_are_next_are_spent_and_given_back() -> None:
    shop = Shop(expiration="30 days")
    for number in range(300):
        shop.sell(f"2024-07-{1 + number // 24:02d}T{number % 24:02d}:00:00Z", f"R{number}", 10)
        shop.table.flush({})
    shop.ask("2024-07-20T00:00:00Z", "D1", points="1500")
    shop.table.flush({})
    shop.ask("2024-07-20T00:00:00Z", "D2", kind="reserve", points="1500", hold="1 day")
    shop.table.flush({})
    assert shop.figures() == {"reserved": "1500", "redeemed": "1500"}
    shop.ask("2024-07-20T01:00:00Z", "D1", kind="rollback")
    shop.ask("2024-07-20T01:00:00Z", "D2", kind="release")
    shop.table.flush({})
    assert shop.figures() == {"active": "3000"}
    shop.tick("2024-07-31T00:00:00Z")
    assert shop.figures() == {"active": "2990", "expired": "10"}


@pytest.mark.parametrize(
    "spend",
    [
        lambda shop, at: shop.ask(at, points="100"),
        lambda shop, at: [shop.ask(at, kind="reserve", points="100"), shop.ask(at, kind="commit")],
        lambda shop, at: shop.send("adjustments", at, adjustment_id="A", program="club", points="-100", reason="r", actor="a"),
    ],
    ids=["redeemed", "reserved and committed", "taken by hand"],
)
def test_at_the_expiry_of_what_is_spent_nothing_happens_and_the_profile_is_left_alone(
    spend: Callable[[Shop, str], object],
) -> None:
    shop = Shop(expiration="3 days")
    shop.sell("2024-07-01T12:00:00Z", "R", 100)
    spend(shop, "2024-07-02T12:00:00Z")
    shop.tick("2024-07-10T12:00:00Z")
    profile = shop.table.profile("p1")
    assert profile is not None
    assert profile.settled_at == parse_instant("2024-07-02T12:00:00Z")


@pytest.mark.parametrize(
    ("first", "then", "reason"),
    [
        ({"points": "10"}, {"kind": "reserve", "points": "10"}, "already-used"),
        ({"kind": "reserve", "points": "10"}, {"points": "10"}, "already-used"),
        ({"points": "999"}, {"kind": "reserve", "points": "10"}, ""),
        ({"points": "10"}, {"kind": "commit"}, "already-committed"),
        ({"kind": "reserve", "points": "10"}, {"kind": "rollback"}, "unknown-redemption"),
        ({"points": "10"}, {"kind": "rollback", "points": "10.5"}, "not-a-multiple"),
        ({"points": "10"}, {"kind": "rollback", "money": "0.10"}, "no-ratio"),
    ],
    ids=[
        "an id that was redeemed cannot be reserved",
        "an id that was reserved cannot be redeemed",
        "one that was declined is free for another kind",
        "what was redeemed needs no commit",
        "what is held is not rolled back",
        "half a point cannot be given back",
        "nor money where points have no price",
    ],
)
def test_one_id_is_one_redemption(first: dict[str, Any], then: dict[str, Any], reason: str) -> None:
    shop = Shop()
    shop.sell("2024-07-01T12:00:00Z", "R", 100)
    shop.ask("2024-07-02T12:00:00Z", **first)
    shop.outbox.clear()
    shop.ask("2024-07-02T12:10:00Z", **then)
    assert shop.decided() == [reason]


def test_a_redemption_of_another_point_type_or_program_is_another_one() -> None:
    shop = Shop(program={"subledgers": {"enabled": "true"}})
    shop.sell("2024-07-01T12:00:00Z", "R", 100)
    shop.ask("2024-07-02T12:00:00Z", points="10")
    shop.outbox.clear()
    shop.ask("2024-07-02T12:00:00Z", kind="rollback", subledger="other")
    assert shop.decided() == ["unknown-redemption"]


def test_the_receipt_that_is_paid_stands_in_the_cause() -> None:
    shop = Shop()
    shop.sell("2024-07-01T12:00:00Z", "R", 100)
    shop.ask("2024-07-02T12:00:00Z", points="10", receipt_id="R2")
    entry = shop.outbox.effects[-2].record
    assert isinstance(entry, LedgerEntry)
    assert entry.cause == {"topic": "redemptions", "kind": "redeem", "redemption_id": "D", "receipt_id": "R2"}


@pytest.mark.parametrize(
    ("topic", "record", "reason", "field"),
    [
        ("redemptions", {"points": "0"}, "invalid-field", "points"),
        ("redemptions", {"money": "-1"}, "invalid-field", "money"),
        ("redemptions", {"points": "1", "order_total": "-1"}, "invalid-field", "order_total"),
        ("redemptions", {"points": "1", "money": "1"}, "invalid-field", "money"),
        ("redemptions", {}, "missing-field", "points"),
        ("redemptions", {"kind": "reserve", "points": "1", "hold": "0 days"}, "invalid-field", "hold"),
        ("redemptions", {"points": "1", "point": "gold"}, "invalid-field", "point"),
        ("redemptions", {"points": "1", "subledger": "other"}, "invalid-field", "subledger"),
        ("redemptions", {"points": "1", "redemption_id": "D\x1f1"}, "invalid-field", "redemption_id"),
        ("adjustments", {"points": "0"}, "invalid-field", "points"),
        ("adjustments", {"points": "0.5"}, "invalid-field", "points"),
        ("adjustments", {"points": "1", "activation": "never"}, "invalid-field", "activation"),
        ("adjustments", {"points": "1", "expiration": "some day"}, "invalid-field", "expiration"),
        ("adjustments", {"points": "1", "subledger": "other"}, "invalid-field", "subledger"),
        ("adjustments", {"points": "999999999999", "point": "fine"}, "invalid-field", "points"),
        ("adjustments", {"points": "-101"}, "insufficient-points", "points"),
    ],
    ids=str,
)
def test_what_nobody_can_understand_is_a_dead_letter_and_settles_nothing(
    topic: str, record: dict[str, Any], reason: str, field: str
) -> None:
    shop = Shop()
    shop.sell("2024-07-01T12:00:00Z", "R", 100)
    before = shop.table.profile("p1")
    needed = {"redemption_id": "D"} if topic == "redemptions" else {"adjustment_id": "A", "reason": "goodwill", "actor": "desk"}
    assert shop.send(topic, "2024-07-02T12:00:00Z", program="club", **needed | record) == "dead-letter"
    letter = shop.outbox.effects[-1].record
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.field) == (reason, field)
    assert shop.table.profile("p1") is before


def test_a_program_that_has_ended_is_adjusted_for_its_members_only() -> None:
    shop = Shop(program={"status": "ended"})
    by_hand = {"program": "club", "points": "5", "reason": "goodwill", "actor": "desk"}
    assert shop.send("adjustments", "2024-07-02T12:00:00Z", adjustment_id="A", **by_hand) == "dead-letter"
    letter = shop.outbox.effects[-1].record
    assert isinstance(letter, DeadLetter)
    assert letter.reason == "not-a-member"


def test_what_a_profile_and_a_redemption_must_keep_at_hand_is_bounded() -> None:
    shop = Shop()
    shop.sell("2024-07-01T12:00:00Z", "R", 10_000)
    for number in range(HOLDS_MAX):
        shop.ask("2024-07-02T12:00:00Z", f"D{number}", kind="reserve", points="1")
    shop.outbox.clear()
    shop.ask("2024-07-02T12:00:00Z", "D", kind="reserve", points="1")
    assert shop.decided() == ["too-many-holds"]
    shop.ask("2024-07-02T12:00:00Z", "E", points="10")
    for number in range(REQUESTS_MAX - 1):
        shop.ask("2024-07-02T12:00:00Z", "E", kind="rollback", part=f"{number}", points="11")
    assert shop.ask("2024-07-02T12:00:00Z", "E", kind="rollback", part="last", points="1") == "dead-letter"
    assert shop.ask("2024-07-02T12:00:00Z", "E", kind="rollback", part="7", points="11") == "duplicate"


def test_a_declined_request_settles_and_is_of_a_profile_from_then_on() -> None:
    shop = Shop()
    assert shop.ask("2024-07-02T12:00:00Z", points="10") == "applied"
    profile = shop.table.profile("p1")
    assert profile is not None
    assert profile.settled_at == parse_instant("2024-07-02T12:00:00Z")
    assert shop.decided() == ["not-a-member"]
