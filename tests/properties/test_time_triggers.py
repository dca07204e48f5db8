"""Time triggers and segments, whatever happens: the ticks in between do not matter, nor does what is delivered again, nor a restart.

A small club with every kind of time trigger and segments over what changes by time. What comes out (entries, segment changes) is compared whole.
"""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import encode
from schemas.topics import LEDGER_ENTRIES, SEGMENT_CHANGES
from tables.memory import MemoryStore
from tables.table import Table
from tests.unit.agents.scene import Scene, moment

GIFT: list[dict[str, Any]] = [{"award": {"promotion": "gift"}}]


def scenario(name: str, trigger: Any) -> dict[str, Any]:
    return {"scenario": name, "trigger": trigger, "reentry": "true", "steps": GIFT}


CLUB: dict[str, Any] = {
    "points": [{"sid": "pts", "returns": "within-balance", "expiration": "6 days, end of day"}],
    "promotions": [{"promotion": "gift", "action": "accrue", "points": "1"}],
    "segments": [
        {"segment": "regulars", "where": {"purchases.count": {"within": "4 days", "at_least": "2"}}},
        {"segment": "away", "where": {"days_since_last_purchase": {"at_least": "3"}}},
        {"segment": "soon", "where": {"points_expiring": {"within": "2 days", "at_least": "5"}}},
        {"segment": "lost", "where": {"all": [{"segment": "away"}, {"not": {"segment": "soon"}}]}},
    ],
    "scenarios": [
        scenario("birthday", {"date": "profile.date_of_birth"}),
        scenario("delivery", {"date": "receipt.attributes.delivery"}),
        scenario("weekly", {"every": "5 days"}),
        scenario("idle", {"idle": {"since": "purchase", "for": "4 days"}}),
        scenario("basket", {"abandoned": {"pixel": "basket", "without": "purchase", "for": "30 hours"}}),
        scenario("expiring", {"expiring": {"point": "pts", "within": "3 days"}}),
        scenario("lost", {"segment": "lost"}),
    ],
}
DAYS = st.integers(2, 56).map(lambda half: half / 2)
RECORDS = st.one_of(
    st.tuples(st.just("sell"), DAYS, st.integers(1, 4), st.integers(1, 9), st.integers(1, 28)),
    st.tuples(st.just("cancel"), DAYS, st.integers(1, 4)),
    st.tuples(st.just("pixel"), DAYS, st.sampled_from(["basket", "page_view"])),
    st.tuples(st.just("profile"), DAYS, st.integers(1, 28), st.sampled_from(["UTC", "Asia/Tokyo", "Pacific/Honolulu"])),
)


def apply(scene: Scene, record: tuple[Any, ...]) -> None:
    match record:
        case ("sell", day, number, points, delivery):
            scene.sell(day, f"R{number}", points, attributes={"delivery": f"2024-07-{delivery:02d}"})
        case ("cancel", day, number):
            scene.send("purchases", day, kind="cancel", receipt_id=f"R{number}", application="pos")
        case ("pixel", day, kind):
            scene.tell(day, f"{kind}-{day}", kind)
        case ("profile", day, birthday, zone):
            scene.write(day, date_of_birth=f"1990-07-{birthday:02d}", timezone=zone)


class Kept(Scene):
    """Keeps what it said, as bytes without the arrival that a tick or a record gives it."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.kept: list[bytes] = []
        super().__init__(CLUB, store=store)

    def _collect(self) -> None:
        for effect in self.outbox.effects:
            if effect.topic in (LEDGER_ENTRIES, SEGMENT_CHANGES):
                record: Any = effect.record
                self.kept.append(
                    encode(
                        type(record)(**{name: getattr(record, name) for name in record.__struct_fields__} | {"recorded_at": ""})
                    )
                )
        super()._collect()

    def reopen(self) -> None:
        self.table.flush({})
        self.table = Table(self.table._store)


def in_order(records: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(records, key=lambda record: float(record[1]))


@settings(max_examples=25, deadline=None)
@given(st.lists(RECORDS, max_size=12))
def test_ticks_in_between_change_nothing(records: list[tuple[Any, ...]]) -> None:
    one, many = Kept(), Kept()
    ticked = 1.0
    for record in in_order(records):
        apply(one, record)
        while ticked + 0.5 < record[1]:
            ticked += 0.5
            many.tick(ticked)
        apply(many, record)
    one.tick(30)
    for half in range(int(ticked * 2), 61):
        many.tick(half / 2)
    assert one.kept == many.kept


@settings(max_examples=25, deadline=None)
@given(st.lists(RECORDS, max_size=10))
def test_a_second_delivery_and_a_restart_change_nothing(records: list[tuple[Any, ...]]) -> None:
    plain, disturbed = Kept(), Kept()
    for record in records:
        apply(plain, record)
        apply(disturbed, record)
        disturbed.reopen()
        apply(disturbed, record)
    plain.tick(30)
    disturbed.tick(30)
    assert plain.kept == disturbed.kept


@settings(max_examples=25, deadline=None)
@given(st.lists(RECORDS, max_size=10))
def test_nothing_of_the_past_waits_at_a_profile(records: list[tuple[Any, ...]]) -> None:
    scene = Kept()
    for record in records:
        apply(scene, record)
        profile = scene.table.profile("p1")
        for engagement in () if profile is None else profile.engagements.values():
            assert all(at > profile.settled_at for at in engagement.timers.values()), (engagement.timers, moment(1))  # type: ignore[union-attr]
