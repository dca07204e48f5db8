"""The till feed: repeatable, realistic in its shares, and right about what ought to become of each record."""

from collections import Counter
from itertools import islice, pairwise

import pytest

from schemas.outcomes import ANONYMOUS, DEAD_LETTER, OUTCOMES, REASONS
from streams.demo.audit import Check, audit
from streams.demo.spoil import SPOILS
from streams.demo.tills import WEEK, TillRecord, Tills
from tests.unit.demo.offline import offline_demo


def _records(count: int, seed: int = 7) -> list[TillRecord]:
    return list(islice(Tills(seed, per_day=100).records(), count))


def test_the_same_seed_gives_the_same_records() -> None:
    assert _records(500) == _records(500)
    assert _records(500) != _records(500, seed=8)


def test_tills_send_in_order_of_simulated_time() -> None:
    assert all(one.day <= other.day and one.at <= other.at for one, other in pairwise(_records(3_000)))


def test_a_week_of_average_days_has_seven() -> None:
    assert sum(WEEK) == pytest.approx(7)


def test_everything_that_goes_wrong_at_a_till_happens_in_a_realistic_share() -> None:
    deeds = Counter(record.truth.deed for record in _records(10_000))
    assert deeds.keys() == {"sale", "anonymous", "duplicate", "late", "cancel", "spoilt"}
    assert deeds["sale"] > 7_000
    assert all(100 < deeds[deed] < 1_500 for deed in deeds if deed != "sale")


def test_every_way_of_going_wrong_is_met() -> None:
    spoilt = Counter(record.truth.reason for record in _records(10_000) if record.truth.outcome == DEAD_LETTER)
    assert spoilt.total() > 10 * len(SPOILS)
    assert spoilt.keys() <= set(REASONS)
    assert len(spoilt) >= 9


def test_only_anonymous_sales_lack_a_member() -> None:
    for record in _records(2_000):
        if record.truth.deed in {"sale", "late", "duplicate", "cancel"}:
            assert record.key is not None
            assert b'"profile_id":"%b"' % record.key in (record.value or b"")
        assert record.truth.outcome in OUTCOMES
        assert (record.truth.outcome == ANONYMOUS) == (record.truth.deed == "anonymous")


@pytest.mark.parametrize("seed", [1, 7, 2024])
def test_the_core_makes_of_every_record_what_the_feed_expects(seed: int) -> None:
    sent, story = offline_demo(records=5_000, per_day=119, seed=seed)  # six weeks: some points have expired by their end
    failed: list[Check] = [check for check in audit(sent, story) if not check.holds]
    assert failed == []
    assert {
        "points.accrued",
        "points.activated",
        "points.expired",
        "points.reversed",
        "membership.joined",
    } <= story.entries.keys()
    assert {"Silver", "Gold", "Platinum"} <= story.tier_changes.keys()
