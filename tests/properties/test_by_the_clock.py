"""Time triggers and segments read a second time: no timer, no plan, nothing kept but what has happened; every half hour is asked what is so.

What a lot holds is taken from the ledger entries, which other models prove. Orders, cancels, pixels, birthdays and moves between zones come
in time, over a change of the clocks; what the scenarios and segments say of them is worked out here from the words of the documents.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.properties.harness import Json, Product
from tests.properties.naive.calendar import moved, rfc3339

START = datetime(2024, 3, 20, tzinfo=UTC)
SLOTS = 48 * 24  # half hours of the life
ZONES = ("Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo", "Pacific/Honolulu", "Pacific/Apia")
TIMES = {"purchases": "closed_at", "pixels": "occurred_at", "profiles": "updated_at"}
TRIGGERS: dict[str, Json] = {
    "birthday": {"date": "profile.date_of_birth"},
    "delivery": {"date": "receipt.attributes.delivery"},
    "idle": {"idle": {"since": "purchase", "for": "2 days"}},
    "basket": {"abandoned": {"pixel": "basket", "without": "purchase", "for": "5 hours"}},
    "many": {"milestone": {"point": "pts", "at": ["10"]}},
}
SEGMENTS: dict[str, Json] = {
    "rich": {"balance.active": {"point": "pts", "at_least": "10"}},
    "regular": {"purchases.count": {"within": "3 days", "at_least": "2"}},
    "away": {"days_since_last_purchase": {"at_least": "2"}},
    "soon": {"points_expiring": {"point": "pts", "within": "1 day"}},
}
Record = tuple[datetime, str, Json]
Said = tuple[datetime, str]


def club(dice: Random) -> Json:
    lives = (("immediately", "60 hours"), ("1 day, start of day", "2 days, end of day"), ("5 hours", "3 days"))
    activation, expiration = dice.choice(lives)
    return {
        "program": "club",
        "timezone": dice.choice(ZONES),
        "environment": "live",
        "effective_from": "2020-01-01T00:00:00Z",
        "applications": ["pos"],
        "currency": "EUR",
        "points": [
            {"sid": "pts", "returns": "within-balance", "activation": activation, "expiration": expiration},
            {"sid": "gift"},
        ],
        "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
        "promotions": [{"promotion": "gift", "action": "accrue", "point": "gift", "points": "1"}],
        "segments": [{"segment": name, "where": where} for name, where in SEGMENTS.items()],
        "scenarios": [
            {"scenario": name, "trigger": trigger, "reentry": "true", "steps": [{"award": {"promotion": "gift"}}]}
            for name, trigger in TRIGGERS.items()
        ],
    }


def life(dice: Random) -> Iterator[Record]:
    sold: list[str] = []
    for number, slot in enumerate(sorted(dice.sample(range(1, SLOTS), dice.randint(4, 16)))):
        at = START + timedelta(minutes=30 * slot)
        day = (at.date() + timedelta(days=dice.randint(-1, 4))).isoformat()
        kind = dice.choice(("sale", "sale", "sale", "back", "pixel", "zone", "born"))
        if kind == "sale":
            line = {"sku": "A", "quantity": 1, "unit_price": f"{dice.randint(1, 15)}.00"}
            sold.append(f"R{number}")
            yield (
                at,
                "purchases",
                {"receipt_id": sold[-1], "currency": "EUR", "lines": [line], "attributes": {"delivery": day}},
            )
        elif kind == "back" and sold:
            back = {"receipt_id": sold.pop(dice.randrange(len(sold)))}
            whole = {"kind": "return", "return_id": f"T{number}", "lines": [{"sku": "A", "quantity": 1}]}
            yield at, "purchases", back | dice.choice(({"kind": "cancel"}, whole))
        elif kind == "pixel":
            yield at, "pixels", {"event_id": f"E{number}", "type": "basket"}
        elif kind == "zone":
            yield at, "profiles", {"fields": {"timezone": dice.choice((*ZONES, None))}}
        else:
            yield at, "profiles", {"fields": {"date_of_birth": "1990" + day[4:]}}


class World:
    """What has happened so far; `said` is what must be said of it."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self.fields: Json = {}
        self.orders: dict[str, tuple[datetime, date]] = {}
        self.basket: datetime | None = None
        self.lots: dict[str, tuple[int, bool, datetime]] = {}
        self.usable = 0
        self.inside: set[str] = set()
        self.over: set[str] = set()  # days that were told of, or had passed before anybody knew of them
        self.said: list[Said] = []

    def happens(self, at: datetime, topic: str, record: Json) -> None:
        if topic == "profiles":
            self.fields |= record["fields"]
        elif topic == "pixels":
            self.basket = at
        elif "kind" in record:
            self.orders.pop(record["receipt_id"], None)
        else:
            self.orders[record["receipt_id"]] = at, date.fromisoformat(record["attributes"]["delivery"])

    def book(self, entry: Json) -> None:
        for part in entry["lots"] if entry.get("point") == "pts" else ():
            left, _, _ = self.lots.get(part["lot_id"], (0, False, None))
            change = {"points.accrued": int(part["points"]), "points.activated": 0}.get(entry["type"], -int(part["points"]))
            active = part["state"] == "active" or entry["type"] == "points.activated"
            self.lots[part["lot_id"]] = left + change, active, datetime.fromisoformat(part["expires_at"])

    def look(self, at: datetime, *, comes: bool) -> None:
        """`comes`: by a record, not by time alone."""
        place = ZoneInfo(self.fields.get("timezone") or str(self.zone))
        today = at.astimezone(place).date()
        born = self.fields.get("date_of_birth")
        if born is not None and born[4:] == today.isoformat()[4:]:
            self._once(at, "birthday", f"{today.year}")
        for receipt, (_, day) in self.orders.items():
            if day == today:
                self._once(at, "delivery", receipt)
            elif comes and day < today:
                self.over.add(f"delivery {receipt}")
        last = self._last
        if last is not None and not comes and moved("2 days", last, self.zone) == at:
            self.said.append((at, "idle"))
        if self.basket is not None and not comes and self.basket + timedelta(hours=5) == at:
            self.said += [(at, "basket")] if last is None or last < self.basket else []
        self.judge(at)

    @property
    def _last(self) -> datetime | None:
        return max((sold_at for sold_at, _ in self.orders.values()), default=None)

    def _once(self, at: datetime, what: str, which: str) -> None:
        if f"{what} {which}" not in self.over:
            self.over.add(f"{what} {which}")
            self.said.append((at, what))

    def reach(self, at: datetime) -> list[tuple[int, datetime]]:
        held = [(left, expires_at) for left, active, expires_at in self.lots.values() if active and expires_at > at]
        before, self.usable = self.usable, sum(left for left, _ in held)
        if before < 10 <= self.usable:
            self.said.append((at, "many"))
        return held

    def judge(self, at: datetime) -> None:
        last = self._last
        held = self.reach(at)
        days = 0 if last is None else (at.astimezone(self.zone).date() - last.astimezone(self.zone).date()).days
        so = {
            "rich": self.usable >= 10,
            "regular": sum(moved("3 days", sold_at, self.zone) > at for sold_at, _ in self.orders.values()) >= 2,
            "away": days >= 2,
            "soon": any(left and moved("1 day", expires_at, self.zone, -1) <= at for left, expires_at in held),
        }
        now = {name for name, is_so in so.items() if is_so}
        self.said += [(at, f"in {name}") for name in now - self.inside] + [(at, f"out of {name}") for name in self.inside - now]
        self.inside = now


def expected(program: Json, records: Sequence[Record], entries: Sequence[Json]) -> list[Said]:
    world = World(ZoneInfo(program["timezone"]))
    booked: dict[str, list[Json]] = {}
    for entry in entries:
        booked.setdefault(entry["occurred_at"], []).append(entry)
    for slot in range(SLOTS + 48 * 8):
        at = START + timedelta(minutes=30 * slot)
        now = booked.get(rfc3339(at), [])
        for entry in now:
            if "timer" in entry["cause"]:
                world.book(entry)
                world.reach(at)  # who is in a segment is asked when all of this instant are booked
        world.look(at, comes=False)
        comes = [(topic, record) for when, topic, record in records if when == at]
        for topic, record in comes:
            world.happens(at, topic, record)
        for entry in now:
            if "timer" not in entry["cause"]:
                world.book(entry)
        if comes:
            world.look(at, comes=True)
    return sorted(world.said)


@pytest.mark.parametrize("seeds", [range(40), range(1000, 1040)], ids=("from 0", "from 1000"))
def test_what_time_sets_off_and_who_is_in_a_segment_is_what_a_look_at_the_clock_says(seeds: Sequence[int]) -> None:
    for seed in seeds:
        dice = Random(seed)
        program, records = club(dice), list(life(dice))
        product = Product(program)
        sent: list[tuple[str, Any]] = []
        for at, topic, record in records:
            named = {"profile_id": "p1", "application": "pos", TIMES[topic]: rfc3339(at)}
            sent += product.step(named | record, topic=topic).sent
        sent += product.step(START + timedelta(minutes=30 * (SLOTS + 48 * 8 - 1))).sent
        entries = [record for topic, record in sent if topic == "ledger-entries"]
        said = [(entry["occurred_at"], entry["scenario"]) for entry in entries if entry.get("promotion") == "gift"]
        for topic, record in sent:
            if topic == "segment-changes":
                said.append(
                    (record["occurred_at"], f"{'in' if record['type'].endswith('entered') else 'out of'} {record['segment']}")
                )
        assert sorted((datetime.fromisoformat(at), what) for at, what in said) == expected(program, records, entries), seed
