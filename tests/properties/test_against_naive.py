"""Sales alone against the naive model: random programs, random streams, as a file brings them (a record arrives at the greatest
event time so far). The state machine says more; this says it of programs with every rule about sales, and shrinks well.
"""

from datetime import datetime, timedelta

from hypothesis import given, settings

from tests.properties.comparison import Pair
from tests.properties.harness import Json, Step
from tests.properties.streams import START, Case, cases


@given(cases())
@settings(max_examples=200)
def test_the_product_and_the_naive_model_agree_about_sales(case: Case) -> None:
    compare(*case)


def compare(program: Json, steps: list[Step]) -> None:
    pair = Pair([program])
    arrival = START
    for step in steps:
        if isinstance(step, datetime):
            pair.tick(step)
        else:
            arrival = max(arrival, datetime.fromisoformat(step["closed_at"]))
            pair.record("purchases", dict(step), arrival)


def test_a_return_that_waited_leaves_no_deadline_behind() -> None:
    """A tick moves the settled time of those that have something due, so that a late redemption is told at its own time."""
    program: Json = {
        "program": "club",
        "timezone": "UTC",
        "environment": "sandbox",
        "effective_from": "2020-01-01T00:00:00Z",
        "applications": ["pos"],
        "currency": "EUR",
        "points": [{"sid": "pts"}],
        "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
    }
    here = {"application": "pos", "profile_id": "p1", "receipt_id": "R1", "closed_at": "2024-03-01T00:00:00Z"}
    pair = Pair([program])
    pair.record("purchases", {**here, "kind": "return", "return_id": "T1", "lines": [{"line_id": "1", "quantity": 1}]}, START)
    pair.record("purchases", {**here, "currency": "EUR", "lines": [{"sku": "A", "quantity": 2, "unit_price": "9.00"}]}, START)
    pair.tick(START + timedelta(days=9))
    asked = {"redemption_id": "D1", "profile_id": "p1", "program": "club", "points": "1", "requested_at": "2024-03-02T00:00:00Z"}
    pair.record("redemptions", asked, START + timedelta(days=10))


def test_a_lot_that_paid_debt_as_a_whole_leaves_no_deadline_behind() -> None:
    """Nothing of it is left to expire, so a tick moves nobody's settled time for it."""
    program: Json = {
        "program": "club",
        "timezone": "UTC",
        "environment": "sandbox",
        "effective_from": "2020-01-01T00:00:00Z",
        "applications": ["pos"],
        "currency": "EUR",
        "points": [{"sid": "pts", "returns": "allow-debt", "expiration": "3 days"}],
        "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
    }
    pair = Pair([program])
    here = {
        "application": "pos",
        "profile_id": "p1",
        "currency": "EUR",
        "lines": [{"sku": "A", "quantity": 1, "unit_price": "9.00"}],
    }
    asked = {"redemption_id": "D1", "profile_id": "p1", "program": "club", "points": "9", "requested_at": "2024-03-01T00:00:00Z"}
    cancel = {"kind": "cancel", "application": "pos", "profile_id": "p1"}
    pair.record("purchases", {**here, "receipt_id": "R1", "closed_at": "2024-03-01T00:00:00Z"}, START)
    pair.record("redemptions", asked, START)
    pair.record("purchases", {**cancel, "receipt_id": "R1", "closed_at": "2024-03-01T00:00:00Z"}, START)
    pair.record("purchases", {**here, "receipt_id": "R2", "closed_at": "2024-03-01T00:00:00Z"}, START)
    pair.tick(START + timedelta(days=9))
    pair.record("purchases", {**cancel, "receipt_id": "R2", "closed_at": "2024-03-02T00:00:00Z"}, START + timedelta(days=10))
