"""Reminders cost what is due and what has changed, and programs that change or are learned of while all is running change nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.due import REMINDER
from agents.settle import _all_due
from tables import pages
from tables.state import LotPage
from tables.table import Table
from tests.properties.harness import Product, sent
from tests.unit.agents.scene import PROGRAM

START = datetime(2024, 1, 1, 12, tzinfo=UTC)
REMINDER_OF = {"reminder": "soon", "within": "10 days", "at": "10:00", "channel": "sms", "template": "soon"}
PROGRAM_OF: dict[str, Any] = PROGRAM | {
    "points": [
        {
            "sid": "pts",
            "returns": "within-balance",
            "expiration": "30 days, end of day",
            "ratio": {"points": "1", "money": "1.00"},
        }
    ],
    "reminders": [REMINDER_OF],
    "templates": {"soon": "{{ points }} until {{ expires_on }}"},
}


def sale(number: int, day: float = 0, points: int = 10, profile_id: str = "p1") -> dict[str, Any]:
    at = (START + timedelta(days=day)).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = [{"sku": "A", "quantity": 1, "unit_price": f"{points}.00"}]
    return {
        "receipt_id": f"R{number}",
        "application": "pos",
        "currency": "EUR",
        "lines": lines,
        "closed_at": at,
        "profile_id": profile_id,
    }


def texts(told: Any) -> list[tuple[str, str]]:
    return [(each["occurred_at"][:13], each["text"]) for topic, each in sent(told) if topic == "notifications"]


def planned(product: Product, profile_id: str = "p1") -> list[str]:
    """When reminders are due at a profile, to the hour."""
    profile = product.table.profile(profile_id)
    assert profile is not None
    instants = [due.at for due in _all_due(profile) if due.kind == REMINDER]
    return [datetime.fromtimestamp(at // 1_000_000, UTC).isoformat()[:13] for at in instants]


def test_a_profile_has_one_timer_a_reminder_however_many_lots_it_has() -> None:
    product = Product(PROGRAM_OF)
    product.run([sale(number, number / 10) for number in range(200)])
    assert planned(product) == ["2024-01-22T10"]


def test_a_reminder_that_told_of_everything_waits_for_nothing() -> None:
    product = Product(PROGRAM_OF)
    told = product.run([sale(1), START + timedelta(days=25)])
    assert texts(told) == [("2024-01-22T10", "10 until 2024-01-31")]
    assert planned(product) == []


class Counting(Table):
    """A table that counts the pages that are asked for."""

    opened = 0

    def find(self, kind: Any, key: bytes) -> Any:
        self.opened += kind is LotPage
        return super().find(kind, key)


def test_a_receipt_at_a_profile_of_thousands_of_lots_opens_none_of_them() -> None:
    """Neither before the window nor inside it, when some days have been told of."""
    product = Product(PROGRAM_OF)
    product.table = Counting(product._store)
    product.run([sale(number, number / 100) for number in range(2_000)])
    product.step(START + timedelta(days=24))
    counting = product.table
    before = counting.opened
    product.run([sale(5_000 + number, 24) for number in range(50)])
    assert counting.opened == before
    assert planned(product) == ["2024-01-26T10"]


@pytest.mark.parametrize("head_lots", [3, 10, pages.HEAD_MAX])
def test_thousands_of_lots_of_one_day_are_one_message(head_lots: int) -> None:
    product = Product(PROGRAM_OF, head_lots=head_lots)
    product.run([sale(number, number / 20_000) for number in range(600)])
    assert texts([product.step(START + timedelta(days=40))]) == [("2024-01-22T10", "6000 until 2024-01-31")]


LATER = PROGRAM_OF | {"effective_from": "2024-01-24T00:00:00Z", "templates": {"soon": "only {{ points }}"}}


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (PROGRAM_OF, LATER),
        (PROGRAM_OF | {"reminders": []}, LATER),
        (PROGRAM_OF, LATER | {"reminders": []}),
        (PROGRAM_OF, LATER | {"reminders": [REMINDER_OF | {"within": "20 days", "at": "18:00"}]}),
        (PROGRAM_OF, LATER | {"status": "ended"}),
    ],
    ids=["another text", "the first reminder", "no reminder any more", "another window", "an end"],
)
def test_who_learns_of_a_version_before_it_begins_tells_the_same_as_who_always_knew(first: Any, later: Any) -> None:
    """Those to whom something happens meanwhile, and those who are quiet: the tick at its beginning comes to all of them."""
    knew, learned = Product(first, later), Product(first, later)
    knowing, learned.core = learned.core, Product(first).core
    said = []
    for product in (knew, learned):
        told = product.run([sale(1, profile_id="p1"), sale(2, profile_id="p2"), sale(3, 5, profile_id="p3")])
        told.append(product.step(START + timedelta(days=19)))
        if product is learned:
            product.core = knowing
        told += product.run([sale(4, 20, profile_id="p2"), START + timedelta(days=22, hours=12), sale(5, 30, profile_id="p3")])
        told.append(product.step(START + timedelta(days=70)))
        said.append(sent(told))
    assert said[0] == said[1]
    knew.flush()
    learned.flush()
    assert [*knew.table.profiles()] == [*learned.table.profiles()]


def test_an_edited_file_is_planned_by_at_the_next_tick() -> None:
    before, after = Product(PROGRAM_OF), Product(PROGRAM_OF | {"reminders": [REMINDER_OF | {"within": "5 days"}]})
    before.run([sale(1), START + timedelta(days=1)])
    assert planned(before) == ["2024-01-22T10"]
    after.table = before.table
    assert texts([after.step(START + timedelta(days=2))]) == []
    assert planned(after) == ["2024-01-27T10"]


def test_a_program_without_reminders_remembers_nothing_of_them() -> None:
    product = Product(PROGRAM)
    product.run([sale(1), START + timedelta(days=50)])
    profile = product.table.profile("p1")
    assert profile is not None
    assert profile.engagements == {}
