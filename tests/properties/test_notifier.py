"""A notification never precedes the entry that it depends on: not in its number, and not at a notifier that reads the topics at speeds of their own."""

from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.properties.harness import Json, Product, sent

START = datetime(2024, 3, 1, tzinfo=UTC)
BOOKS = ("ledger-entries", "tier-changes")
STEPS: list[list[Json]] = [
    [{"notify": {"channel": "sms", "template": "told"}}],
    [{"award": {"promotion": "gift"}}, {"notify": {"channel": "sms", "template": "told"}}],
    [{"award": {"promotion": "gift"}}, {"wait": "2 hours"}, {"notify": {"channel": "sms", "template": "told"}}],
    [{"wait": "3 hours"}, {"redeem": {"promotion": "fee"}}, {"notify": {"channel": "sms", "template": "told"}}],
]
TRIGGERS: list[Any] = [
    "receipt",
    {"entry": "points.accrued"},
    {"entry": "points.expired"},
    {"tier": "any"},
    {"pixel": "hello"},
    {"milestone": {"point": "pts", "at": ["20", "40"]}},
]


@st.composite
def programs(draw: st.DrawFn) -> Json:
    chosen = draw(st.lists(st.tuples(st.sampled_from(TRIGGERS), st.sampled_from(STEPS)), min_size=1, max_size=4))
    scenarios = [
        {"scenario": f"s{number}", "trigger": trigger, "reentry": True, "steps": steps}
        for number, (trigger, steps) in enumerate(chosen)
    ]
    return {
        "program": "club",
        "timezone": "UTC",
        "environment": "live",
        "effective_from": "2020-01-01T00:00:00Z",
        "applications": ["pos"],
        "currency": "EUR",
        "points": [
            {"sid": "pts", "returns": "within-balance", "expiration": draw(st.sampled_from(("1 day", "5 days", "never")))}
        ],
        "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
        "tiers": {"definitions": [{"name": "Silver", "threshold": "30"}]},
        "promotions": [
            {"promotion": "gift", "action": "accrue", "points": "5"},
            {"promotion": "fee", "action": "redeem", "points": "3"},
        ],
        "scenarios": scenarios,
        "templates": {"told": "{{ points }} {{ balance }}"},
    }


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[str, Json]]:
    """Receipts and pixels of two profiles, in any order of time."""
    made = []
    for number in range(draw(st.integers(1, 12))):
        at = (START + timedelta(hours=draw(st.integers(0, 200)))).strftime("%Y-%m-%dT%H:%M:%SZ")
        profile_id = draw(st.sampled_from(("p1", "p2")))
        if draw(st.booleans()):
            lines = [{"sku": "A", "quantity": 1, "unit_price": f"{draw(st.integers(1, 30))}.00"}]
            record: Json = {"receipt_id": f"R{number}", "currency": "EUR", "lines": lines, "closed_at": at}
            made.append(("purchases", {"application": "pos", "profile_id": profile_id, **record}))
        else:
            told = {"event_id": f"E{number}", "type": "hello", "occurred_at": at}
            made.append(("pixels", {"application": "pos", "profile_id": profile_id, **told}))
    return made


def run(program: Json, stream: list[tuple[str, Json]], every: int) -> list[tuple[str, Json]]:
    product = Product(program)
    told = []
    for number, (topic, record) in enumerate(stream):
        told.append(product.step(record, topic=topic))
        if every and number % every == 0:
            product.restart()
    told.append(product.step(START + timedelta(days=20)))
    return sent(told)


@given(programs(), streams(), st.integers(0, 3))
@settings(max_examples=25)
def test_what_a_notification_depends_on_stands_before_it_in_the_books(
    program: Json, stream: list[tuple[str, Json]], every: int
) -> None:
    before: dict[tuple[str, int], Json] = {}
    for topic, record in run(program, stream, every):
        if topic in BOOKS:
            before[record["profile_id"], record["sequence"]] = record
        elif topic == "notifications" and record["depends_on"] is not None:
            found = before[record["profile_id"], record["depends_on"]]
            assert record["depends_on"] < record["sequence"]
            points = record["variables"]["points"]
            assert points in ("", found.get("points")), "it tells the points of that very entry"


def notifier() -> dict[str, Any]:
    """The one of docs/notifications.md, as it stands there."""
    text = Path(ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")
    place: dict[str, Any] = {}
    exec(text.split("```python\n")[1].split("```")[0], place)
    return place


@given(programs(), streams(), st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_a_notifier_that_waits_tells_everything_and_nothing_too_early(
    program: Json, stream: list[tuple[str, Json]], random: Any
) -> None:
    said = run(program, stream, 0)
    topics = {name: deque([record for topic, record in said if topic == name]) for name in (*BOOKS, "notifications")}
    on_record = notifier()["on_record"]
    read, out = set(), []
    while any(topics.values()):
        topic = random.choice([name for name, left in topics.items() if left])
        record = topics[topic].popleft()
        read.add((record["profile_id"], record["sequence"]))
        for ready in on_record(topic, record):
            assert ready["depends_on"] is None or (ready["profile_id"], ready["depends_on"]) in read
            out.append(ready["id"])
    assert sorted(out) == sorted(record["id"] for topic, record in said if topic == "notifications")
