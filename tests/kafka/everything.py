"""Records of all five inputs for the worker's tests: what a shop's till, site and office may say in two months, from a seed.

Two programs share the stream: one with tiers, reviews, activation, expiry, holds and debt, one that takes back pending points only.
Some records come twice, some are cut off, returns may overtake their sales, redemptions their points.
"""

import json
from random import Random
from typing import Any

from confluent_kafka import Producer

from schemas.instants import format_instant, parse_instant

PROGRAMS = {
    "club": """\
program: club
timezone: Europe/London
environment: sandbox
effective_from: 2024-01-01T00:00:00Z
applications: [pos]
currency: EUR
subledgers: {enabled: true}
points:
  - sid: pts
    ratio: {points: "10", money: "1.00"}
    activation: 1 day
    expiration: 20 days
    returns: allow-debt
    hold: 2 days
    initial_balance: "25"
    limit: {points: "300", per: week}
    reinstate_expired: 3 days
    renew_on: [visit]
tiers:
  definitions: [{name: Silver, threshold: "100"}, {name: Gold, threshold: "400"}]
  review: {relative_to: program-join, every: 2 weeks}
  grace: 2 days
earning:
  - {rule: base, rate: {points: "1", per: "1.00"}}
  - {rule: tea, multiplier: "2", lines: {category: tea}}
  - {rule: old-friends, fixed: {points: "3", per: receipt}, when: {profile.friend: "true"}}
""",
    "stamps": """\
program: stamps
timezone: UTC
environment: sandbox
effective_from: 2024-01-01T00:00:00Z
applications: [pos]
currency: EUR
points:
  - {sid: stamp, scale: 2, activation: 3 days, returns: pending-only, on_return: proportional, max_balance: "400"}
earning:
  - {rule: a-tenth, rate: {points: "0.1", per: "1.00"}}
""",
}
FOND = """\
  - {rule: fond, fixed: {points: "2", per: receipt}, when: {segment: fond}}
segments: [{segment: fond, where: {purchases.total: {within: 10 days, at_least: "200"}}}]
"""
"""To be put behind `club`: a segment that a rule asks for."""
PROFILES = 60
_FIRST = parse_instant("2024-03-01T08:00:00Z")
_LONG_US = 60 * 24 * 3600 * 1_000_000


def records(count: int, seed: int) -> list[tuple[str, str, bytes]]:
    """(topic, key, value), nearly in order of event time."""
    random = Random(seed)
    made: list[tuple[str, str, bytes]] = []
    receipts: list[tuple[str, str]] = []
    holds: list[tuple[str, str]] = []
    for n in range(count):
        late = random.choice((0, 0, 0, 0, 3600, 86_400, 500_000)) * 1_000_000
        at = format_instant(_FIRST + n * (_LONG_US // count) - late)
        who = f"p{random.randrange(PROFILES)}"
        topic, record = _one(random, n, at, who, receipts, holds)
        value = json.dumps(record | {"profile_id": record.get("profile_id", who)}).encode()
        made.append((topic, record.get("profile_id", who), value[:-7] if n % 41 == 0 else value))
        if n % 9 == 0:
            made.append(random.choice(made[-40:]))
        if n % 13 == 0 and len(made) > 5:
            made[-1], made[-4] = made[-4], made[-1]
    return made


def _one(
    random: Random, n: int, at: str, who: str, receipts: list[tuple[str, str]], holds: list[tuple[str, str]]
) -> tuple[str, dict[str, Any]]:
    kind = random.choices(_KINDS, _WEIGHTS)[0]
    receipt, buyer = random.choice(receipts[-200:]) if receipts else ("R-none", who)
    of_a_receipt = {"receipt_id": receipt, "application": "pos", "profile_id": buyer, "closed_at": at}
    asked = {"program": random.choice(("club", "club", "stamps")), "requested_at": at}
    if kind == "sale":
        receipts.append((f"R{n}", who))
        sale = {"receipt_id": f"R{n}", "application": "pos", "closed_at": at, "currency": "EUR", "lines": lines(random)}
        return "purchases", sale | random.choice(({}, {}, {"subledger": "cafe"}, {"discount": "1.00"}))
    if kind == "revision":
        revision = {"revision": random.randint(2, 4), "currency": "EUR", "lines": lines(random)}
        return "purchases", of_a_receipt | revision
    if kind == "return":
        back = random.choice(
            ({"lines": [{"line_id": "1", "quantity": 1}]}, {"lines": [{"sku": "B", "quantity": 1}]}, {"amount": "5.00"})
        )
        return "purchases", of_a_receipt | {"kind": "return", "return_id": f"B{n}"} | back
    if kind in ("cancel", "reopen"):
        return "purchases", of_a_receipt | {"kind": kind}
    if kind == "redeem":
        holds.append((f"D{n}", who))
        return "redemptions", asked | {"redemption_id": f"D{n}"} | random.choice(
            ({"points": str(random.randint(1, 60))}, {"money": "2.50"})
        )
    if kind == "reserve":
        holds.append((f"D{n}", who))
        return "redemptions", asked | {"redemption_id": f"D{n}", "kind": "reserve", "points": str(random.randint(1, 40))}
    if kind in ("commit", "release", "rollback"):
        held, holder = random.choice(holds[-40:]) if holds else ("D-none", who)
        return "redemptions", asked | {"program": "club", "redemption_id": held, "kind": kind, "profile_id": holder}
    if kind == "adjustment":
        points = str(random.choice((5, 20, -5, -30)))
        told = {"adjustment_id": f"A{n}", "program": "club", "points": points, "reason": "goodwill", "actor": "desk-1"}
        return "adjustments", told | {"occurred_at": at}
    if kind == "pixel":
        return "pixels", {"event_id": f"E{n}", "type": random.choice(("visit", "page_view")), "occurred_at": at}
    return "profiles", {"updated_at": at, "fields": {"friend": random.choice(("true", "false")), "first_name": f"N{n}"}}


_KINDS = (
    "sale",
    "revision",
    "return",
    "cancel",
    "reopen",
    "redeem",
    "reserve",
    "commit",
    "release",
    "rollback",
    "adjustment",
    "pixel",
    "profile",
)
_WEIGHTS = (50, 3, 9, 2, 1, 8, 5, 3, 2, 3, 5, 4, 5)


def lines(random: Random) -> list[dict[str, Any]]:
    return [
        {
            "sku": random.choice("ABC"),
            "quantity": random.randint(1, 3),
            "unit_price": f"{random.randint(1, 40)}.{random.randrange(100):02d}",
            "category": random.choice(("tea", "tools")),
        }
        for _ in range(random.randint(1, 3))
    ]


def send(servers: str, sent: list[tuple[str, str, bytes]]) -> None:
    producer = Producer({"bootstrap.servers": servers, "partitioner": "murmur2", "enable.idempotence": True, "linger.ms": 5})
    for topic, key, value in sent:
        producer.produce(topic, value, key)
        producer.poll(0)
    assert producer.flush(30) == 0
