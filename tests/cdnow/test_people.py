"""Real people over eighteen months: the purchases of 2,357 customers, and who was in a segment when, against a naive reckoning.

The file knows days and no times, so several purchases of a day happen at one instant. A replay settles a profile at its own records and at
one tick at the end, by timers; the reckoning knows no timers: it asks every question anew at every instant at which an answer might change.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from tests.online_retail.test_replay import program, rows, write

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "shared" / "data" / "cdnow"
UNTIL: Final = datetime(1999, 12, 1, tzinfo=UTC)  # all points have expired, those of the last award as well
YEAR: Final = timedelta(days=365)  # as long as none of them holds a 29 February
IDLE: Final = timedelta(days=120)
CENTS: Final = 100

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.exists(), reason="the CDNOW purchases are not beside the project (../shared/data)"),
]


class Purchase(NamedTuple):
    at: datetime
    cents: int


class Moment(NamedTuple):
    """What is known of one customer at an instant. Of lots: when they were earned, and how many points."""

    at: datetime
    purchases: list[Purchase]
    lots: list[Purchase]

    def bought(self, days: int) -> list[Purchase]:
        return [each for each in self.purchases if each.at > self.at - timedelta(days=days)]

    @property
    def idle_days(self) -> int:
        return (self.at.date() - self.purchases[-1].at.date()).days

    @property
    def active(self) -> list[Purchase]:
        return [lot for lot in self.lots if lot.at + YEAR > self.at]

    @property
    def recency(self) -> int:
        return (1 + (self.idle_days <= 30) + (self.idle_days <= 90)) if self.bought(365) else 1

    @property
    def frequency(self) -> int:
        count = len(self.bought(365))
        return 1 + (count >= 2) + (count >= 5)

    @property
    def monetary(self) -> int:
        cents = sum([each.cents for each in self.bought(365)])
        return 1 + (cents >= 50 * CENTS) + (cents >= 200 * CENTS)


SEGMENTS: Final[dict[str, Callable[[Moment], bool]]] = {
    "regulars": lambda now: len(now.bought(90)) >= 3,
    "spenders": lambda now: sum([each.cents for each in now.bought(180)]) >= 100 * CENTS,
    "lapsed": lambda now: now.idle_days >= 180,
    "once": lambda now: len(now.purchases) <= 1 and (now.at.date() - now.purchases[0].at.date()).days >= 100,
    "rich": lambda now: sum([lot.cents for lot in now.active]) >= 100,
    "losing": lambda now: sum([lot.cents for lot in now.active if lot.at + YEAR <= now.at + timedelta(days=30)]) >= 20,
    "best": lambda now: now.recency == 3 and now.frequency >= 2 and now.monetary == 3,
    "fading": lambda now: len(now.bought(90)) >= 3 and now.recency < 3,
}


def moments(purchases: list[Purchase]) -> Iterator[Moment]:
    """Every instant of a customer's life at which an answer might change: first what time brings, then each purchase of that instant."""
    lots: list[Purchase] = []
    days = {each.at: each.at.replace(hour=0) for each in purchases}
    instants = {at + timedelta(days=days) for at in days for days in (0, 90, 120, 180, 335, 365, 455, 485)}
    instants |= {day + timedelta(days=later) for day in days.values() for later in (31, 91, 100, 180)}
    for at in sorted(instants):
        done = [each for each in purchases if each.at < at]
        if at > UNTIL:
            return
        if done:
            yield Moment(at, done, list(lots))
            if done[-1].at + IDLE == at:
                lots.append(Purchase(at, 3))
                yield Moment(at, done, list(lots))
        for each in purchases:
            if each.at == at:
                done.append(each)
                if each.cents >= CENTS:
                    lots.append(Purchase(at, each.cents // CENTS))
                yield Moment(at, list(done), list(lots))


def reckoned(purchases: list[Purchase]) -> list[tuple[str, str, str]]:
    """When the customer entered and left which segment."""
    found: list[tuple[str, str, str]] = []
    inside: set[str] = set()
    for now in moments(purchases):
        for name, holds in SEGMENTS.items():
            if holds(now) != (name in inside):
                inside ^= {name}
                found.append((spelled(now.at), name, "segment.entered" if name in inside else "segment.left"))
    return sorted(found)


def spelled(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


@pytest.fixture(scope="module")
def customers() -> dict[str, list[Purchase]]:
    found: defaultdict[str, list[Purchase]] = defaultdict(list)
    for line in (DATA / "CDNOW_sample.txt").read_text(encoding="ascii").splitlines():
        _, customer, day, _, dollars = line.split()
        at = datetime.strptime(day, "%Y%m%d").replace(hour=12, tzinfo=UTC)
        found[customer].append(Purchase(at, int(dollars.replace(".", ""))))
    return {customer: sorted(purchases, key=lambda each: each.at) for customer, purchases in found.items()}


@pytest.fixture(scope="module")
def run(customers: dict[str, list[Purchase]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("cdnow")
    found = [(each.at, customer, number, each.cents) for customer, them in customers.items() for number, each in enumerate(them)]
    inputs = write(folder / "purchases.jsonl", [json.dumps(record(*each)) + "\n" for each in sorted(found)])
    command = [Path(sys.executable).with_name("pointstream"), "replay", "--program", HERE / "shop.yaml", "--input", inputs]
    program(*command, "--output", folder / "out", "--until", spelled(UNTIL))
    return {path.name: path.read_bytes() for path in (folder / "out").iterdir()}


def record(at: datetime, customer: str, number: int, cents: int) -> dict[str, Any]:
    lines = [{"sku": "cd", "quantity": 1, "unit_price": f"{cents // CENTS}.{cents % CENTS:02}"}]
    sale = {"receipt_id": f"{customer}-{number}", "application": "shop", "profile_id": customer, "closed_at": spelled(at)}
    return {"topic": "purchases", "value": {**sale, "currency": "USD", "lines": lines}}


def test_the_file_is_the_one_that_the_figures_are_about(customers: dict[str, list[Purchase]]) -> None:
    facts = json.loads((DATA / "facts.json").read_text(encoding="utf-8"))["counts"]
    every = [each for purchases in customers.values() for each in purchases]
    assert (len(every), len(customers)) == (facts["transactions (rows)"], facts["customers"])


def test_every_dollar_has_earned_its_point_and_every_point_has_expired(run: dict[str, bytes]) -> None:
    moved: defaultdict[tuple[str, str | None], int] = defaultdict(int)
    for entry in rows(run, "ledger-entries"):
        moved[entry["type"], entry.get("scenario")] += int(entry.get("points") or 0)
    assert moved["points.accrued", None] == 239_444  # FACTS.md: the sum over rows of dollars rounded down
    assert moved["points.expired", None] == 239_444 + moved["points.accrued", "idle"]
    assert not run["dead-letters.jsonl"]
    assert {row["active"] for row in rows(run, "balances")} == {"0"}


def test_everybody_enters_and_leaves_every_segment_when_a_naive_reckoning_says(
    run: dict[str, bytes], customers: dict[str, list[Purchase]]
) -> None:
    told: defaultdict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for change in rows(run, "segment-changes"):
        told[change["profile_id"]].append((change["occurred_at"], change["segment"], change["type"]))
    assert {name for changes in told.values() for _, name, _ in changes} == set(SEGMENTS)
    for customer, purchases in customers.items():
        assert sorted(told[customer]) == reckoned(purchases), customer
