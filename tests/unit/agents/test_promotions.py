"""What a promotion gives and takes, told to whoever asked, with the entry that says so."""

from collections import Counter
from typing import Any

import pytest

from agents import promotions
from agents.outbox import Outbox
from agents.settle import settle
from agents.visit import Visit
from schemas.campaigns import Promotion
from schemas.events import LedgerEntry
from schemas.instants import parse_instant
from schemas.schedules import parse_schedule
from tables.drafts import draft_of
from tables.state import Profile
from tests.unit.agents.scene import Scene, moment

GIFT = Promotion(promotion="gift", action="accrue", point="pts", min_minor=1, max_minor=500)


class Giving:
    """A profile to which promotions give, one visit each, as if a step of a scenario did."""

    def __init__(self, **changes: Any) -> None:
        self.scene = Scene(changes)
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.entries: list[LedgerEntry] = []

    def step(self, day: float, points: int, promotion: Promotion = GIFT, about: str = "1", **more: Any) -> promotions.Result:
        at = parse_instant(moment(day))
        known = self.scene.table.profile("p1")
        profile = Profile(at) if known is None else draft_of(known)
        visit = Visit(self.scene.core.programs, self.scene.table, "p1", profile, {"kind": "test"}, at, at, settle)
        version = self.scene.core.programs.version("club", at)
        assert version is not None
        act = promotions.award if promotion.action == "accrue" else promotions.redeem
        result = act(visit, version, promotion, points, at, "welcome", about=about, **more)
        outbox = Outbox()
        visit.commit(outbox)
        self.counts += outbox.counts
        self.entries += [effect.record for effect in outbox.effects if isinstance(effect.record, LedgerEntry)]
        return result

    def active(self) -> str:
        return self.scene.books()["club", "pts"].get("active", "0")


def test_an_award_joins_and_says_which_promotion_and_scenario_gave_it() -> None:
    giving = Giving()
    labelled = Promotion(
        promotion="gift",
        action="accrue",
        point="pts",
        min_minor=1,
        max_minor=500,
        expiration=parse_schedule("30 days"),
        legal_entity="Shop Ltd",
        description="A gift",
    )
    result = giving.step(1, 300, labelled)
    assert [entry.type for entry in giving.entries] == ["membership.joined", "points.accrued"]
    entry = result.entry
    assert entry is not None
    assert entry is giving.entries[1]
    assert (entry.points, entry.promotion, entry.scenario) == ("300", "gift", "welcome")
    assert (entry.legal_entity, entry.description) == ("Shop Ltd", "A gift")
    assert entry.lots[0].expires_at == "2024-07-31T00:00:00Z"
    assert giving.counts["promotion", "club", "gift", "given"] == 1


def test_awards_of_one_cause_have_ids_of_their_own_in_whatever_visits_they_are_booked() -> None:
    giving = Giving()
    giving.step(1, 10, about="1/1")
    giving.step(1, 10, about="1/2")
    assert len({entry.id for entry in giving.entries}) == 3


REFUSED = [
    pytest.param(501, GIFT, {}, "out-of-range", id="more than the range allows is refused, not clamped"),
    pytest.param(10, GIFT, {"membership": {"join": "explicit"}}, "not-a-member", id="one who is no member gets nothing"),
    pytest.param(10, GIFT, {"membership": {"consent": "agreed"}}, "not-a-member", id="one who has not consented gets nothing"),
    pytest.param(10, GIFT, {"status": "ended"}, "inactive", id="an ended program gives nothing"),
    pytest.param(
        10,
        Promotion(promotion="fee", action="redeem", point="pts", min_minor=10, max_minor=10),
        {},
        "not-a-member",
        id="of one who is no member nothing is taken",
    ),
]


@pytest.mark.parametrize(("points", "promotion", "changes", "outcome"), REFUSED)
def test_refused(points: int, promotion: Promotion, changes: dict[str, Any], outcome: str) -> None:
    giving = Giving(**changes)
    assert giving.step(1, points, promotion) == promotions.Result(None, outcome)
    assert not giving.entries
    assert giving.counts["promotion", "club", promotion.promotion, outcome] == 1


LIMITED = [
    pytest.param({"max_balance": "100"}, [70, 70, 70], ["70", "30"], id="the maximum balance holds back what is above it"),
    pytest.param({"limit": {"points": "100", "per": "month"}}, [70, 70, 70], ["70", "30"], id="so does the point type's limit"),
    pytest.param(
        {"limit": {"points": "100", "per": "month", "on_cap": "refuse"}},
        [70, 70, 30],
        ["70", "30"],
        id="a limit that refuses gives all or nothing",
    ),
    pytest.param({"limit": {"times": 2, "per": "ever"}}, [1, 1, 1], ["1", "1"], id="a limit of times counts awards"),
    pytest.param(
        {"max_balance": "100", "initial_balance": "60"}, [70], ["60", "40"], id="the initial balance of joining comes first"
    ),
]


@pytest.mark.parametrize(("point", "steps", "given"), LIMITED)
def test_limits(point: dict[str, Any], steps: list[int], given: list[str]) -> None:
    giving = Giving(points=[{"sid": "pts", **point}])
    results = [giving.step(1 + number, points, about=str(number)) for number, points in enumerate(steps)]
    assert [entry.points for entry in giving.entries if entry.type == "points.accrued"] == given
    refused = [result.outcome for result in results if result.entry is None]
    assert set(refused) <= {"capped"}
    told = sum(int(entry.withheld or 0) for entry in giving.entries)
    assert giving.counts["withheld", "club", "pts"] == sum(steps) + (60 if "initial_balance" in point else 0) - sum(
        map(int, given)
    )
    assert told <= giving.counts["withheld", "club", "pts"]


def test_what_a_budget_left_is_given_and_the_rest_is_withheld() -> None:
    giving = Giving()
    result = giving.step(1, 100, granted=40)
    assert result.entry is not None
    assert (result.entry.points, result.entry.withheld) == ("40", "60")
    assert giving.step(2, 100, about="2", granted=0).outcome == "over-budget"


def test_what_a_promotion_takes_it_takes_whole_or_not_at_all() -> None:
    fee = Promotion(promotion="fee", action="redeem", point="pts", min_minor=40, max_minor=40, description="A fee")
    giving = Giving()
    giving.step(1, 100)
    taken = giving.step(2, 40, fee)
    assert taken.entry is not None
    assert (taken.entry.type, taken.entry.points, taken.entry.promotion) == ("points.redeemed", "40", "fee")
    assert taken.entry.description == "A fee"
    giving.step(3, 40, fee, about="2")
    assert giving.step(4, 40, fee, about="3") == promotions.Result(None, "insufficient-points")
    assert giving.active() == "20"
