"""Laws of reminders: each group of lots is told of at most once, never without something of it that is active, and never missed.

What is to be told is found here from the ledger entries alone, hour by hour on the calendar, with no timer and no state of the product's.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.harness import Json, Product, sent

START = datetime(2024, 3, 1, tzinfo=UTC)
END = START + timedelta(days=75)
CLUB = ZoneInfo("Europe/Berlin")  # whose clocks are changed on 31 March
WITHIN: dict[str, int | timedelta] = {
    "1 day": 1,
    "3 days": 3,
    "10 days": 10,
    "36 hours": timedelta(hours=36),
    "2 hours": timedelta(hours=2),
}
EXPIRATIONS = ("3 days", "60 hours", "12 days, end of day", "1 week, end of week", "1 month, end of month", "0 days, end of day")
ADDS = {"points.accrued", "points.released", "points.reinstated"}


class Case(NamedTuple):
    program: Json
    steps: list[tuple[str, Json]]
    zones: list[tuple[datetime, ZoneInfo]]


class Tell(NamedTuple):
    at: str
    day: str
    points: str


def text_of(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@st.composite
def programs(draw: st.DrawFn) -> Json:
    reminder = {
        "reminder": "soon",
        "within": draw(st.sampled_from(tuple(WITHIN))),
        "at": draw(st.sampled_from(("10:00", "00:00", "02:30", "23:59"))),
        "channel": "sms",
        "template": "soon",
    }
    point: Json = {"sid": "pts", "returns": "within-balance", "max_hold": "20 days", "ratio": {"points": "1", "money": "1.00"}}
    point["expiration"] = draw(st.sampled_from(EXPIRATIONS))
    point["activation"] = draw(st.sampled_from(("immediately", "immediately", "30 minutes")))
    point["renew_on"] = draw(st.sampled_from(([], [], ["earning"])))
    return {
        "program": "club",
        "timezone": str(CLUB),
        "environment": "live",
        "effective_from": "2020-01-01T00:00:00Z",
        "applications": ["pos"],
        "currency": "EUR",
        "points": [point],
        "earning": [{"rule": "base", "rate": {"points": "1", "per": "1.00"}}],
        "reminders": [reminder],
        "templates": {"soon": "{{ points }} {{ expires_on }}"},
    }


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Records in order of time, none at an hour at which anything is sent."""
    hours = sorted(draw(st.lists(st.integers(1, draw(st.sampled_from((5, 15, 45))) * 24), min_size=3, max_size=24)))
    steps: list[tuple[str, Json]] = []
    zones = [(START - timedelta(days=2), CLUB)]
    sold, taken = [], []
    for number, hour in enumerate(hours):
        moment = START + timedelta(hours=hour, minutes=17, seconds=number)
        at = text_of(moment)
        kind = draw(st.sampled_from(("sale", "sale", "sale", "sale", "sale", "cancel", "redeem", "reserve", "rollback", "zone")))
        if kind == "sale":
            lines = [{"sku": "A", "quantity": 1, "unit_price": f"{draw(st.integers(1, 20))}.00"}]
            sold.append(f"R{number}")
            record: Json = {"receipt_id": sold[-1], "application": "pos", "currency": "EUR", "lines": lines, "closed_at": at}
            steps.append(("purchases", record))
        elif kind == "cancel" and sold:
            receipt_id = sold.pop(draw(st.integers(0, len(sold) - 1)))
            steps.append(("purchases", {"kind": "cancel", "receipt_id": receipt_id, "application": "pos", "closed_at": at}))
        elif kind in ("redeem", "reserve"):
            named = {
                "redemption_id": f"D{number}",
                "program": "club",
                "requested_at": at,
                "points": str(draw(st.integers(1, 15))),
            }
            more = {"hold": draw(st.sampled_from(("1 day", "6 days", "20 days")))} if kind == "reserve" else {}
            taken += [f"D{number}"] if kind == "redeem" else []
            steps.append(("redemptions", {**named, **more, "kind": kind}))
        elif kind == "rollback" and taken:
            named = {"redemption_id": taken.pop(), "program": "club", "requested_at": at, "kind": "rollback"}
            steps.append(("redemptions", named))
        elif kind == "zone":
            name = draw(st.sampled_from(("UTC", "Asia/Tokyo", "America/New_York", "Australia/Lord_Howe", "Pacific/Honolulu")))
            zones.append((moment, ZoneInfo(name)))
            steps.append(("profiles", {"updated_at": at, "fields": {"timezone": name}}))
    return Case(draw(programs()), [(topic, {"profile_id": "p1", **record}) for topic, record in steps], zones)


def run(case: Case, ticks: Sequence[datetime] = (), *, restarting: bool = False, **how: Any) -> list[tuple[str, Json]]:
    """All that is sent. A tick comes before the first record that is no earlier."""
    product = Product(case.program, **how)
    left = list(ticks)
    told = []
    for topic, record in case.steps:
        at = next(record[name] for name in ("closed_at", "requested_at", "updated_at") if name in record)
        while left and text_of(left[0]) <= at:
            told.append(product.step(left.pop(0)))
        told.append(product.step(record, topic=topic))
        if restarting:
            product.restart()
    told += [product.step(tick) for tick in (*left, END)]
    return [(topic, {name: value for name, value in record.items() if name != "recorded_at"}) for topic, record in sent(told)]


def tells(said: Sequence[tuple[str, Json]]) -> list[Tell]:
    notifications = [record for topic, record in said if topic == "notifications"]
    return [Tell(each["occurred_at"], each["variables"]["expires_on"], each["variables"]["points"]) for each in notifications]


# --- the same from the entries alone


def hours_of_telling(case: Case) -> Iterator[datetime]:
    """Every instant at which the clocks where the profile lives show the reminder's hour."""
    shown = time.fromisoformat(case.program["reminders"][0]["at"])
    for number, (since, zone) in enumerate(case.zones):
        until = case.zones[number + 1][0] if number + 1 < len(case.zones) else END + timedelta(seconds=1)
        day = since.astimezone(zone).date() - timedelta(days=1)
        while day <= until.astimezone(zone).date():
            at = datetime.combine(day, shown, tzinfo=zone).astimezone(UTC)
            if since <= at < until:
                yield at
            day += timedelta(days=1)


def opens(first: datetime, within: str) -> datetime:
    length = WITHIN[within]
    if isinstance(length, timedelta):
        return first - length
    local = first.astimezone(CLUB)
    return datetime.combine(local.date() - timedelta(days=length), local.time(), tzinfo=CLUB).astimezone(UTC)


def expected(case: Case, said: Sequence[Json]) -> list[Tell]:
    lots: dict[str, Json] = {}
    told: set[date] = set()
    found: list[Tell] = []
    waiting = list(said)
    within = case.program["reminders"][0]["within"]
    opened: set[date] = set()  # days whose window was opened by a lot of which something was taken since
    for at in hours_of_telling(case):
        while waiting and waiting[0]["occurred_at"] <= text_of(at):
            entry = waiting.pop(0)
            opened |= days_opened(entry, within)
            follow(lots, entry)
        groups: dict[date, list[Json]] = {}
        for lot in lots.values():
            if lot["active"] and lot["left"] and lot["expires_at"] > at:
                day = day_of(lot["expires_at"])
                groups.setdefault(day, []).append(lot)
        for day, group in sorted(groups.items(), key=lambda each: each[0]):
            first = min(lot["expires_at"] for lot in group)
            if day not in told and (day in opened or opens(first, within) <= at):
                told.add(day)
                found.append(Tell(text_of(at), day.isoformat(), str(sum(lot["left"] for lot in group))))
    return found


def day_of(expires_at: datetime) -> date:
    return (expires_at - timedelta(microseconds=1)).astimezone(CLUB).date()


def days_opened(entry: Json, within: str) -> set[date]:
    """Of what was active and is taken by this entry, the days whose window it had opened."""
    if entry["type"] in ADDS | {"points.activated", "points.extended"}:
        return set()
    at = datetime.fromisoformat(entry["occurred_at"])
    dates = [datetime.fromisoformat(part["expires_at"]) for part in entry.get("lots", ()) if part["state"] == "active"]
    return {day_of(dated) for dated in dates if opens(dated, within) <= at}


def follow(lots: dict[str, Json], entry: Json) -> None:
    for part in entry.get("lots", ()):
        lot = lots.setdefault(part["lot_id"], {"left": 0})
        lot["active"] = part["state"] == "active" or entry["type"] == "points.activated"
        lot["expires_at"] = datetime.fromisoformat(part["expires_at"])
        if entry["type"] in ADDS:
            lot["left"] += int(part["points"])
        elif entry["type"] not in {"points.activated", "points.extended"}:
            lot["left"] -= int(part["points"])


# --- the laws


@given(cases())
@settings(max_examples=100)
def test_what_is_told_is_what_the_entries_say_is_to_be_told(case: Case) -> None:
    said = run(case)
    assert tells(said) == expected(case, [record for topic, record in said if topic == "ledger-entries"])


@given(cases(), st.lists(st.integers(0, 70 * 4), max_size=20))
@settings(max_examples=40)
def test_settling_in_one_step_or_in_many_tells_the_same(case: Case, ticks: list[int]) -> None:
    moments = [START + timedelta(hours=6 * tick) for tick in sorted(set(ticks))]
    assert run(case, moments, restarting=True) == run(case)


@st.composite
def crowds(draw: st.DrawFn) -> Case:
    """So many lots that most of them lie in pages; they expire on a few days, are spent, and are joined by others."""
    steps: list[tuple[str, Json]] = []
    hours = sorted(draw(st.lists(st.integers(1, 14 * 24), min_size=20, max_size=40)))
    for number, hour in enumerate(hours):
        at = text_of(START + timedelta(hours=hour, minutes=17, seconds=number))
        if draw(st.integers(0, 5)):
            lines = [{"sku": "A", "quantity": 1, "unit_price": f"{draw(st.integers(1, 20))}.00"}]
            steps.append(
                (
                    "purchases",
                    {"receipt_id": f"R{number}", "application": "pos", "currency": "EUR", "lines": lines, "closed_at": at},
                )
            )
        else:
            asked = {
                "redemption_id": f"D{number}",
                "program": "club",
                "requested_at": at,
                "points": str(draw(st.integers(1, 60))),
            }
            steps.append(("redemptions", asked))
    return Case(
        draw(programs()),
        [(topic, {"profile_id": "p1", **record}) for topic, record in steps],
        [(START - timedelta(days=2), CLUB)],
    )


@given(crowds(), st.integers(1, 12))
@settings(max_examples=25)
def test_it_does_not_matter_where_a_lot_lies(case: Case, head_lots: int) -> None:
    said = run(case, head_lots=head_lots)
    assert said == run(case)
    assert tells(said) == expected(case, [record for topic, record in said if topic == "ledger-entries"])


@given(cases(), st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_in_any_order_of_arrival_a_day_is_told_of_once_and_behind_what_it_speaks_of(case: Case, random: Any) -> None:
    steps = list(case.steps)
    random.shuffle(steps)
    product = Product(case.program)
    told = []
    for topic, record in steps:
        told.append(product.step(record, topic=topic))
        told.append(product.step(record, topic=topic))  # once more
    told.append(product.step(END))
    said = tells(sent(told))
    if not case.program["points"][0]["renew_on"]:
        assert len({tell.day for tell in said}) == len(said), said
    assert all(int(tell.points) > 0 for tell in said)
    sequences = [record["sequence"] for topic, record in sent(told) if topic in {"ledger-entries", "notifications"}]
    assert sequences == list(range(1, len(sequences) + 1))
