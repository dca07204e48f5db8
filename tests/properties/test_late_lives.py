"""A sale that comes late leaves the lots that it would have left in time, under any versions of a program.

Versions change how long points last and what renews them; rules give lives of their own; visits renew, deliveries activate. Only sales
come late: what a record in time has done to others by then is not undone. A failure tells the seed of its life.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from schemas.program_faults import ProgramFileError
from tests.properties.harness import Json, Product

START = datetime(2024, 1, 1, tzinfo=UTC)
HOURS = 24 * 30
LIVES = (
    "36 hours", "2 days", "5 days", "10 days", "10 days, end of day", "0 days, end of day", "1 week, end of week", "1 month", "every 01-20",
    "2024-01-25",
)  # fmt: skip
Record = tuple[datetime, str, Json]


def at(hours: int) -> str:
    return (START + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def versions(dice: Random) -> list[Json]:
    borders = [0, *sorted(dice.sample(range(24, HOURS), dice.choice((0, 1, 2))))]
    activation: Json = dice.choice(
        (
            {},
            {"expires_from": "activation", "activation": dice.choice(("10 hours", "1 day, start of day", "1 week, end of week"))},
            {"activation": "on event", "activate_on": {"pixel": "delivered", "receipt": "attributes.receipt"}},
            {"activation": "on event", "activate_on": {"pixel": "delivered"}, "expires_from": "activation"},
        )
    )
    return [_version(dice, "2000-01-01T00:00:00Z" if not border else at(border), activation) for border in borders]


def _version(dice: Random, effective_from: str, activation: Json) -> Json:
    renew_on: list[str] = dice.choice(([], ["visit"], ["visit", "open"]))
    rules: list[Json] = [{"rule": "base", "rate": {"points": str(dice.randint(1, 3)), "per": "1.00"}}]
    for number in range(dice.randint(0, 2)):
        own = {"when": {"channel": dice.choice(("online", "in-store"))}, "expiration": dice.choice((*LIVES, "never"))}
        rules.append({"rule": f"own-{number}", "fixed": {"points": "7", "per": "receipt"}, **own})
    return {
        "program": "club",
        "timezone": "Europe/London",
        "environment": "live",
        "effective_from": effective_from,
        "applications": ["pos"],
        "currency": "EUR",
        "points": [{"sid": "pts", "expiration": dice.choice(LIVES), "renew_on": renew_on, **activation}],
        "earning": rules,
    }


def records(dice: Random) -> list[Record]:
    found: list[Record] = []
    for number, hours in enumerate(sorted(dice.sample(range(HOURS), dice.randint(4, 14)))):
        when = START + timedelta(hours=hours)
        if dice.random() < 0.6:
            line = {"sku": "A", "quantity": 1, "unit_price": f"{number + 1}.00"}
            sale = {"receipt_id": f"R{number}", "closed_at": at(hours), "currency": "EUR", "lines": [line]}
            found.append((when, "purchases", {**sale, "channel": dice.choice(("online", "in-store")), "application": "pos"}))
        else:
            told = {"event_id": f"E{number}", "occurred_at": at(hours), "attributes": {"receipt": f"R{dice.randrange(14)}"}}
            found.append((when, "pixels", {**told, "type": dice.choice(("visit", "visit", "open", "delivered", "delivered"))}))
    return found


def left(product: Product, arrived: list[Record]) -> list[Json]:
    """The balances after all of it and a day more, less what names an entry."""
    for _, topic, record in sorted(arrived, key=lambda each: each[0]):
        assert product.step({"profile_id": "p", **record}, topic=topic).outcome == "applied"
    product.step(START + timedelta(hours=HOURS + 24))
    rows = product.balances()
    for row in rows:
        row.pop("sequence", None)
        row["lots"] = sorted([{**lot, "lot_id": ""} for lot in row["lots"]], key=json.dumps)
    return rows


TOLD_APART = (144, 193, 312, 563, 900, 1442, 1522, 1871, 2066, 2289, 2330, 2419)
"""Lives by which faults were found, each of another kind or under other settings."""


@pytest.mark.parametrize("seeds", [TOLD_APART, range(150), range(3000, 3150)], ids=("told apart", "from 0", "from 3000"))
def test_late_or_in_time_the_same_lots(seeds: Sequence[int]) -> None:
    lived = 0
    for seed in seeds:
        dice = Random(seed)
        programs, in_time = versions(dice), records(dice)
        late = [
            (when + timedelta(hours=dice.randrange(480)) if topic == "purchases" and dice.random() < 0.5 else when, topic, record)
            for when, topic, record in in_time
        ]
        try:
            expected = left(Product(*programs), in_time)
        except ProgramFileError:
            continue  # points that would expire before they are active, where that can be known
        lived += 1
        assert left(Product(*programs), late) == expected, seed
    assert lived > len(seeds) // 2
