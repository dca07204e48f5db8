"""What comes near its expiry is told of on its day, whether its lots lie in the ledger's own record or in pages."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tables.pages import HEAD_MAX
from tests.properties.harness import Product

START = datetime(2024, 1, 1, 12, tzinfo=UTC)
CLUB: dict[str, Any] = {
    "program": "club",
    "timezone": "UTC",
    "environment": "sandbox",
    "effective_from": "2020-01-01T00:00:00Z",
    "applications": ["pos"],
    "currency": "EUR",
    "points": [{"sid": "pts", "expiration": "60 days, end of day"}],
    "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
    "segments": [{"segment": "much", "where": {"points_expiring": {"within": "4 days", "at_least": "5"}}}],
    "scenarios": [
        {
            "scenario": "near",
            "trigger": {"expiring": {"within": "4 days"}},
            "reentry": "true",
            "steps": [{"notify": {"channel": "sms", "template": "near"}}],
        }
    ],
    "templates": {"near": "{{ trigger.points }} until {{ trigger.expires_on }}"},
}


def told(head_lots: int) -> list[tuple[str, str]]:
    """The days on which somebody is told of points, and when the segment changes, of sales on twelve days, three apart."""
    product = Product(CLUB, head_lots=head_lots)
    found = []
    for day in range(12):
        line = {"sku": "A", "quantity": "1", "unit_price": str(day % 4 + 1)}
        closed_at = (START + timedelta(days=3 * day)).strftime("%Y-%m-%dT%H:%M:%SZ")
        sale = {"receipt_id": f"R{day}", "application": "pos", "profile_id": "p1", "closed_at": closed_at, "currency": "EUR"}
        found += product.step(sale | {"lines": [line]}).sent
    found += product.step(START + timedelta(days=120)).sent
    return [
        (record["occurred_at"], record.get("text") or record["type"])
        for topic, record in found
        if topic in ("notifications", "segment-changes")
    ]


def test_every_day_of_points_that_lie_in_pages_is_told_of_as_it_comes_near() -> None:
    days = [(START + timedelta(days=60 + 3 * day)).date().isoformat() for day in range(12)]
    assert [text for _, text in told(head_lots=HEAD_MAX) if "until" in text] == [
        f"{day % 4 + 1} until {days[day]}" for day in range(12)
    ]
    assert told(head_lots=6) == told(head_lots=HEAD_MAX)
