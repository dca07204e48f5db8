"""Everything that may be said of one person, in any order: consent, fields, pixels, erasure between sales, returns, spending by hand or not.

No model of the outcome: the books that an auditor adds up from the entries alone must hold after each of them, nothing may break inside, and a
state that is closed and opened in between must say the same, byte for byte.
"""

from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.core import Core
from schemas.events import encode
from streams.audit.accounts import Accounts
from streams.audit.auditor import Auditor
from tables.memory import MemoryStore
from tables.table import Table
from tests.unit.agents.scene import Scene

POINTS: list[dict[str, Any]] = [
    {"sid": "plain", "returns": "allow-debt", "expiration": "6 days", "renew_on": ["earning", "spending", "visit"]},
    {
        "sid": "gift",
        "activation": "on event",
        "activate_on": {"pixel": "delivered", "receipt": "receipt"},
        "expiration": "8 days",
        "expires_from": "activation",
    },
    {
        "sid": "any",
        "activation": "on event",
        "activate_on": {"pixel": "visit"},
        "expiration": "8 days, end of day",
        "returns": "within-balance",
    },
]
RULES = [{"rule": each["sid"], "point": each["sid"], "rate": {"points": "1", "per": "1.00"}} for each in POINTS]
RULES[0]["when"] = {"not": {"profile.city": "Riga"}}
JOINS = ("on-points-earned", "on-points-activated")

days = st.integers(24, 24 * 20).map(lambda hours: hours / 24)
numbers = st.integers(1, 4)


def told(topic: str, **fields: Any) -> Any:
    return st.tuples(
        st.just(topic),
        days,
        st.fixed_dictionaries({k: v if isinstance(v, st.SearchStrategy) else st.just(v) for k, v in fields.items()}),
    )


lines = st.lists(
    st.builds(
        lambda price, quantity: {"sku": "A", "quantity": quantity, "unit_price": f"{price}.00"},
        st.integers(1, 30),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=2,
)
receipts = numbers.map(lambda number: f"R{number}")
records = st.one_of(
    told("purchases", receipt_id=receipts, application="pos", currency="EUR", lines=lines, revision=st.integers(1, 2)),
    told("purchases", receipt_id=receipts, application="pos", currency="EUR", lines=lines),
    told("purchases", receipt_id=receipts, application="pos", currency="EUR", lines=lines, subledger="fuel"),
    told("purchases", kind="return", return_id=numbers.map(str), receipt_id=receipts, application="pos", lines=st.just([{"sku": "A", "quantity": 1}])),
    told("purchases", kind=st.sampled_from(["cancel", "reopen"]), receipt_id=receipts, application="pos"),
    told("pixels", event_id=numbers.map(str), type=st.sampled_from(["visit", "delivered", "form"]),
         attributes=st.fixed_dictionaries({"receipt": receipts}, optional={"agreed": st.booleans()})),
    told("profiles", fields=st.dictionaries(st.sampled_from(["agreed", "city"]), st.sampled_from([True, False, None, "Riga"]), max_size=2)),
    told("profiles", kind=st.sampled_from(["upsert", "upsert", "upsert", "upsert", "erase"])),
    told("redemptions", redemption_id=numbers.map(str), program="club", point=st.sampled_from(["plain", "any"]),
         kind=st.sampled_from(["redeem", "reserve"]), points=st.integers(1, 20).map(str)),
    told("redemptions", redemption_id=numbers.map(str), program="club", point=st.sampled_from(["plain", "any"]),
         kind=st.sampled_from(["commit", "release", "rollback"])),
    told("adjustments", adjustment_id=numbers.map(str), program="club", points=st.sampled_from(["7", "-3"]), reason="r", actor="a"),
    st.tuples(st.just("tick"), days, st.just({})),
)  # fmt: skip


def bytes_of(
    steps: list[tuple[str, float, dict[str, Any]]], programs: list[dict[str, Any]], *, restarts: bool, named_lots: int = 100
) -> list[bytes]:
    """All entries and dead letters of these steps."""
    store = MemoryStore()
    scene = Scene(*programs, store=store)
    scene.core = Core(scene.catalog, named_lots=named_lots)
    said: list[bytes] = []
    for topic, day, record in steps:
        if topic == "tick":
            scene.tick(day)
        else:
            scene.send(topic, day, **record)
        said += [encode(record) for record in (*scene.said, *scene.letters)]
        scene.said.clear()
        scene.letters.clear()
        if restarts:
            scene.table.flush({})
            scene.table = Table(store)
    return said


TIERS = {
    "definitions": [{"name": "Silver", "threshold": "20"}, {"name": "Gold", "threshold": "40"}],
    "review": {"every": "5 days"},
}
MORE: list[dict[str, Any]] = [
    {},
    {"subledgers": {"enabled": "true"}},
    {"tiers": TIERS},
    {"tiers": TIERS, "subledgers": {"enabled": "true"}},
]
NEXT: list[dict[str, Any]] = [
    {},
    {"status": "ended"},
    {"earning": RULES[1:]},
    {"points": [{**each, "renew_on": []} for each in POINTS]},
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.lists(records, min_size=1, max_size=25),
    st.sampled_from(JOINS),
    st.sampled_from([{}, {"consent": "agreed"}, {"consent": "agreed", "before_join": "park"}]),
    st.sampled_from(MORE),
    st.sampled_from(NEXT),
    st.sampled_from([0, 100]),
)
def test_whatever_is_said_of_one_person(
    steps: list[tuple[str, float, dict[str, Any]]],
    join: str,
    asks: dict[str, str],
    more: dict[str, Any],
    then: dict[str, Any],
    named_lots: int,
) -> None:
    club = {"points": POINTS, "earning": RULES, "membership": {"join": join, **asks}, **more}
    programs: list[dict[str, Any]] = [
        club,
        {**club, "effective_from": "2024-07-12T00:00:00Z", **then},
        {"program": "other", "points": POINTS[:1], "earning": RULES[:1]},
    ]
    said = bytes_of(steps, programs, restarts=False, named_lots=named_lots)
    assert said == bytes_of(steps, programs, restarts=True, named_lots=named_lots)
    auditor = Auditor(Accounts())
    entries = [line for line in said if "entry" in msgspec.json.decode(line)]
    assert [str(found) for line in entries if (found := auditor.check(line))] == []
