"""The ladder: thresholds as ranks, and when a tier is judged again (R109, R110, C7; LEDGER, Tiers and Time)."""

from typing import Any

import pytest

from schemas.instants import format_instant, parse_instant
from schemas.program_file import parse_program, read_document
from tables.ladder import NONE, Ladder

SHOP = """
program: shop
timezone: UTC
environment: sandbox
effective_from: 2000-01-01T00:00:00Z
applications: [pos]
currency: EUR
points: [{sid: pts}]
tiers: {definitions: [{name: Silver, threshold: "100"}, {name: Gold, threshold: "300"}, {name: Platinum, threshold: "1000"}]}
"""


def ladder(**changes: Any) -> Ladder:
    """Of the shop, with `tiers__review__every="1 week"` and the like laid over."""
    document = read_document(SHOP, "shop.yaml")
    return Ladder(parse_program(document.overlay({path.replace("__", "."): value for path, value in changes.items()})))


@pytest.mark.parametrize(("amount", "rank"), [(-5, NONE), (0, NONE), (99, NONE), (100, 0), (299, 0), (300, 1), (10**9, 2)])
def test_reached_means_at_least_the_threshold(amount: int, rank: int) -> None:
    assert ladder().reached(amount) == rank


@pytest.mark.parametrize(
    ("downgrade", "held", "amount", "becomes"),
    [
        ("hard", 2, 1000, 2),
        ("hard", 2, 999, 1),
        ("hard", 2, 0, NONE),
        ("hard", 0, 5000, 0),  # a review never lifts
        ("soft", 2, 999, 1),
        ("soft", 2, 0, 1),
        ("soft", 0, 0, NONE),
        ("soft", NONE, 0, NONE),
    ],
)
def test_a_fall_is_to_what_is_reached_or_to_one_below(downgrade: str, held: int, amount: int, becomes: int) -> None:
    assert ladder(tiers__downgrade=downgrade).fallen(held, amount) == becomes


JOINED = "2024-01-31T10:40:00Z"


@pytest.mark.parametrize(
    ("changes", "entered", "after", "expected"),
    [
        ({"review__every": "1 year"}, None, JOINED, "2025-01-31T10:40:00Z"),
        ({"review__every": "1 month"}, None, JOINED, "2024-02-29T10:40:00Z"),
        ({"review__every": "1 month"}, None, "2024-02-29T10:40:00Z", "2024-03-31T10:40:00Z"),  # from the original date, not chained
        ({"review__every": "6 months, end of month"}, None, JOINED, "2024-08-01T00:00:00Z"),
        ({"review__every": "every 12-31"}, None, JOINED, "2024-12-31T00:00:00Z"),
        ({"review": {"relative_to": "tier-join", "every": "1 week"}}, None, JOINED, None),
        ({"review": {"relative_to": "tier-join", "every": "1 week"}}, "2024-03-01T00:00:00Z", "2024-03-20T00:00:00Z", "2024-03-22T00:00:00Z"),
        ({"review": {"relative_to": "cycle", "every": "2 years", "cycle_start": "2024-03-01"}}, None, "2024-05-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ({"review": {"relative_to": "cycle", "every": "2 years", "cycle_start": "2024-03-01"}}, None, "2024-03-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ({"review": {"relative_to": "cycle", "every": "2 years", "cycle_start": "2024-03-01"}}, None, JOINED, "2024-03-01T00:00:00Z"),
        ({"review_grid": "30 minutes", "review__every": "1 month"}, None, JOINED, "2024-02-29T11:00:00Z"),
        ({"review_grid": "30 minutes", "review__every": "1 month"}, None, "2024-02-29T11:00:00Z", "2024-03-31T11:00:00Z"),
        ({"review_grid": "30 minutes", "review__every": "1 month"}, None, "2024-02-29T10:45:00Z", "2024-02-29T11:00:00Z"),
        ({"review_grid": "10 minutes", "review__every": "1 month"}, None, JOINED, "2024-02-29T10:40:00Z"),
        ({"review_grid": "1 day", "review__every": "1 hour"}, None, JOINED, "2024-02-01T00:00:00Z"),
        ({"review_grid": "1 day", "review__every": "1 hour"}, None, "2024-02-01T00:00:00Z", "2024-02-02T00:00:00Z"),
    ],
)  # fmt: skip
def test_the_next_review(changes: dict[str, Any], entered: str | None, after: str, expected: str | None) -> None:
    found = ladder(**{f"tiers__{name}": value for name, value in changes.items()}).next_review(
        parse_instant(JOINED), None if entered is None else parse_instant(entered), parse_instant(after)
    )
    assert (None if found is None else format_instant(found)) == expected


@pytest.mark.parametrize(
    ("zone", "nominal", "grid", "expected"),
    [
        ("UTC", "2024-03-01T10:30:00Z", "30 minutes", "2024-03-01T10:30:00Z"),
        ("UTC", "2024-03-01T10:30:00.000001Z", "30 minutes", "2024-03-01T11:00:00Z"),
        ("Asia/Kathmandu", "2024-03-01T10:00:00Z", "30 minutes", "2024-03-01T10:15:00Z"),  # 15:45 there, then 16:00
        ("Europe/Berlin", "2024-03-31T00:50:00Z", "30 minutes", "2024-03-31T01:00:00Z"),  # 1:50, and at 2:00 it is 3:00
        ("Europe/Berlin", "2024-10-27T00:20:00Z", "30 minutes", "2024-10-27T00:30:00Z"),  # 2:20 for the first time
        (
            "Europe/Berlin",
            "2024-10-27T01:20:00Z",
            "30 minutes",
            "2024-10-27T02:00:00Z",
        ),  # 2:20 for the second: 2:30 is the first one
        ("Europe/Berlin", "2024-10-27T01:20:00Z", "1 day", "2024-10-27T23:00:00Z"),
        ("UTC", "2024-03-01T10:40:00Z", "7 hours", "2024-03-01T14:00:00Z"),  # 0, 7, 14, 21 o'clock
        ("UTC", "2024-03-01T21:40:00Z", "7 hours", "2024-03-02T00:00:00Z"),
    ],
)
def test_the_grid_is_that_of_the_wall_clock(zone: str, nominal: str, grid: str, expected: str) -> None:
    """R110: rounded up to it, never down (C7)."""
    review = {"relative_to": "cycle", "every": "1 year", "cycle_start": nominal}
    rounded = ladder(timezone=zone, tiers__review=review, tiers__review_grid=grid).next_review(0, None, 0)
    assert rounded is not None
    assert format_instant(rounded) == expected


@pytest.mark.parametrize(
    ("grace", "expected"),
    [("0 days", JOINED), ("10 days", "2024-02-10T10:40:00Z"), ("0 months, end of month", "2024-02-01T00:00:00Z")],
)
def test_the_end_of_grace(grace: str, expected: str) -> None:
    assert format_instant(ladder(tiers__grace=grace).grace_end(parse_instant(JOINED))) == expected
