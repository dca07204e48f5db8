"""Standings: what counts, what reviews judge, and what late points mend (LEDGER, Tiers and Time; R109, R111).

A member is driven by amounts at event times, some of them late; reviews fall due on the way. Thresholds: Silver 100, Gold 300,
Platinum 1000; days are counted from joining.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.instants import DAY_US, parse_instant
from tables import tiers
from tables.ladder import Ladder
from tables.state import Lot, TierState
from tests.unit.tables.test_ladder import ladder

JOINED = parse_instant("2024-01-01T00:00:00Z")
MONTHLY = {"relative_to": "program-join", "every": "30 days"}
BY_TIER = {"relative_to": "tier-join", "every": "30 days"}


def day(number: int) -> int:
    return JOINED + number * DAY_US


@dataclass
class Member:
    ladder: Ladder
    state: TierState = field(default_factory=TierState)
    now: int = JOINED
    active: int = 0
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = tiers.begun(self.ladder, self.state, JOINED, JOINED)
        self._tell(tiers.risen(self.ladder, self.state, 0, JOINED))

    def settle(self, until: int) -> None:
        while dues := [due for due in (self.state.fall_at, self.state.review_at) if due is not None and due <= until]:
            at = min(dues)
            if at == self.state.fall_at:
                self._tell(tiers.fell(self.ladder, self.state, self.active, at))
            else:
                self._tell(tiers.reviewed(self.ladder, self.state, self.active, JOINED, at))
        self.now = max(self.now, until)

    def earn(self, amount: int, at: int) -> None:
        self.settle(at)
        late = bool(self.state.past) and at < self.state.past[-1].until
        self.state = tiers.counted(self.ladder, self.state, amount, at, self.now, comes_off=amount < 0)
        if amount > 0:
            sum_now = tiers.measured(self.ladder, self.state, self.active, self.now)
            mended = tiers.mended(self.ladder, self.state, sum_now, at, self.now) if late else None
            self._tell(mended or tiers.risen(self.ladder, self.state, sum_now, self.now))

    @property
    def counts_now(self) -> int:
        return tiers.measured(self.ladder, self.state, self.active, self.now)

    def _tell(self, outcome: tiers.Change | TierState | None) -> None:
        if isinstance(outcome, TierState):
            self.state = outcome
        elif outcome is not None:
            self.state = outcome.state
            self.told.append(f"{outcome.type.removeprefix('tier.')} {outcome.state.tier} {outcome.amount} {outcome.reason}")


Steps = list[tuple[int, int] | tuple[int, int, int]]
"""(day, amount) on time; (day of arrival, amount, day that it is of) late; an amount of 0 only lets time pass."""


def drive(changes: dict[str, Any], steps: Steps) -> Member:
    member = Member(ladder(**{f"tiers__{name}": value for name, value in changes.items()}))
    for arrives, amount, *of in steps:
        member.settle(day(arrives))
        if amount:
            member.earn(amount, day(of[0] if of else arrives))
    return member


@pytest.mark.parametrize(
    ("changes", "steps", "told"),
    [
        # R111, the two ways down
        ({}, [(1, 1000), (31, 150), (60, 0)], ["joined Platinum 1000", "retained Platinum 1000", "downgraded Silver 150"]),
        ({"downgrade": "soft"}, [(1, 1000), (31, 150), (60, 0)], ["joined Platinum 1000", "retained Platinum 1000", "downgraded Gold 150"]),
        ({"downgrade": "soft"}, [(1, 100), (90, 0)], ["joined Silver 100", "retained Silver 100", "downgraded None 0"]),
        ({}, [(1, 99), (31, 99), (61, 0)], []),  # without a tier nothing is told, and what counts begins anew
        # relative to the tier
        ({"review": BY_TIER}, [(1, 60), (5, 40), (35, 0)], ["joined Silver 100", "downgraded None 40"]),
        ({"review": BY_TIER}, [(5, 100), (35, 100), (65, 0)], ["joined Silver 100", "retained Silver 100", "retained Silver 100"]),
        ({"review": BY_TIER}, [(5, 100), (10, 199), (11, 1), (41, 0)], ["joined Silver 100", "upgraded Gold 300", "downgraded None 1"]),
        ({"review": BY_TIER}, [(5, 50), (5, 50), (35, 0)], ["joined Silver 100", "retained Silver 100"]),  # of one instant
        # how long a tier lasts
        ({"lasts": "period"}, [(1, 300), (30, 0)], ["joined Gold 300", "downgraded None 300"]),
        ({"lasts": "period", "downgrade": "soft"}, [(1, 300), (30, 0)], ["joined Gold 300", "downgraded Silver 300"]),
        ({"lasts": "period"}, [(1, 300), (30, 100)], ["joined Gold 300", "downgraded None 300", "joined Silver 100"]),
        ({"lasts": "period", "window": "lifetime"}, [(1, 300), (30, 0)], ["joined Gold 300", "retained Gold 300"]),
        # grace
        ({"grace": "5 days"}, [(1, 300), (64, 0)], ["joined Gold 300", "retained Gold 300"]),
        ({"grace": "5 days"}, [(1, 300), (65, 0)], ["joined Gold 300", "retained Gold 300", "downgraded None 0 grace-over"]),
        ({"grace": "5 days"}, [(1, 300), (62, 100), (65, 0)], ["joined Gold 300", "retained Gold 300", "downgraded Silver 0 grace-over"]),
        ({"grace": "5 days"}, [(1, 300), (62, 300), (65, 0)], ["joined Gold 300", "retained Gold 300", "retained Gold 0 grace-over"]),
        ({"grace": "5 days"}, [(1, 300), (62, 1000), (65, 0)], ["joined Gold 300", "retained Gold 300", "upgraded Platinum 1000"]),
        ({"grace": "5 days"}, [(1, 300), (61, 300, 59), (65, 0)], ["joined Gold 300", "retained Gold 300", "retained Gold 300 grace-over"]),
        ({"grace": "90 days"}, [(1, 300), (90, 0)], ["joined Gold 300", "retained Gold 300", "downgraded None 0 grace-over"]),  # no two wait
        # windows
        ({"window": "lifetime"}, [(1, 100), (95, 200)], ["joined Silver 100", *["retained Silver 100"] * 3, "upgraded Gold 300"]),
        ({"window": "45 days"}, [(1, 100), (20, 50), (61, 0)], ["joined Silver 100", "retained Silver 150", "downgraded None 50"]),
        ({"window": "30 days"}, [(30, 100), (60, 0)], ["joined Silver 100", "downgraded None 0"]),  # half-open
        ({"window": "30 days"}, [(31, 100), (60, 0)], ["joined Silver 100", "retained Silver 100"]),
        # reversals take off in the period of their receipt, and make no fall by themselves
        ({}, [(1, 300), (31, 300), (40, -300, 1), (60, 0)], ["joined Gold 300", "retained Gold 300", "retained Gold 300"]),
        ({}, [(1, 300), (31, 300), (40, -250, 31), (60, 0)], ["joined Gold 300", "retained Gold 300", "downgraded None 50"]),
        ({"window": "lifetime"}, [(1, 300), (31, -201, 1), (60, 0)], ["joined Gold 300", "retained Gold 300", "downgraded None 99"]),
        # late points
        ({}, [(1, 300), (31, 290), (60, 0), (61, 10, 59)], ["joined Gold 300", "retained Gold 300", "downgraded Silver 290", "upgraded Gold 300 late-points"]),
        ({}, [(1, 300), (31, 290), (60, 0), (61, 9, 59)], ["joined Gold 300", "retained Gold 300", "downgraded Silver 290"]),
        ({}, [(1, 300), (31, 290), (60, 0), (61, 10, 60)], ["joined Gold 300", "retained Gold 300", "downgraded Silver 290"]),
        ({}, [(1, 90), (30, 0), (31, 10, 29)], ["joined Silver 100 late-points"]),
        ({}, [(1, 90), (60, 0), (61, 10, 29)], []),  # it would have been lost since
        ({}, [(1, 90), (29, 30, 2)], ["joined Silver 120"]),  # late, and of this very period
        ({}, [(1, 290), (30, 0), (31, 10, 29), (60, 0)], ["joined Silver 290", "retained Silver 290", "upgraded Gold 300 late-points", "downgraded None 0"]),
        ({"lasts": "period"}, [(1, 300), (30, 0), (31, 300, 29)], ["joined Gold 300", "downgraded None 300"]),  # nothing would have prevented it
        ({"window": "45 days"}, [(1, 300), (61, 0), (61, 100, 10)], ["joined Gold 300", "retained Gold 300", "downgraded None 0"]),
        ({"window": "45 days"}, [(1, 300), (61, 0), (61, 100, 16)], ["joined Gold 300", "retained Gold 300", "downgraded None 0", "upgraded Silver 100 late-points"]),
        ({"review": BY_TIER}, [(1, 100), (31, 0), (61, 0), (62, 100, 40)], ["joined Silver 100", "retained Silver 100", "downgraded None 0", "upgraded Silver 100 late-points"]),
        # a soft fall undone, and the one after it stands
        ({"downgrade": "soft"}, [(1, 300), (90, 0), (91, 300, 40)],
         ["joined Gold 300", "retained Gold 300", "downgraded Silver 0", "downgraded None 0", "upgraded Silver 300 late-points"]),
        ({}, [(1, 300), (90, 0), (91, 300, 40)], ["joined Gold 300", "retained Gold 300", "downgraded None 0"]),
    ],
)  # fmt: skip
def test_what_becomes_of_a_tier(changes: dict[str, Any], steps: Steps, told: list[str]) -> None:
    found = drive({"review": MONTHLY} | changes, steps).told
    assert [line.removesuffix(" threshold-reached").removesuffix(" review") for line in found] == told


def test_a_tier_at_nought_is_entered_with_membership_and_never_lost() -> None:
    definitions = [{"name": "Basic", "threshold": "0"}, {"name": "Gold", "threshold": "300"}]
    member = drive({"review": MONTHLY, "downgrade": "soft", "definitions": definitions}, [(60, 0)])
    assert member.told == ["joined Basic 0 threshold-reached", "retained Basic 0 review", "retained Basic 0 review"]


@pytest.mark.parametrize(
    ("changes", "steps", "counts", "to_next", "to_keep"),
    [
        ({}, [(1, 150)], 150, 150, 0),
        ({}, [(1, 150), (30, 0)], 0, 300, 100),
        ({}, [(1, 1000)], 1000, None, 0),
        ({}, [(1, 50)], 50, 50, None),
        ({"lasts": "period"}, [(1, 150)], 150, 150, 100),
        ({"window": "45 days"}, [(1, 60), (10, 60)], 120, 180, 0),
        ({"window": "20 days"}, [(1, 60), (12, 60)], 120, 180, 40),  # by the review on the 30th day the first 60 are gone
        ({"review": BY_TIER}, [(1, 60), (5, 50)], 50, 250, 50),
    ],
)
def test_what_is_missing(changes: dict[str, Any], steps: Steps, counts: int, to_next: int | None, to_keep: int | None) -> None:
    member = drive({"review": MONTHLY} | changes, steps)
    assert member.counts_now == counts
    assert tiers.to_next(member.ladder, member.state, counts) == to_next
    assert tiers.to_keep(member.ladder, member.state, counts) == to_keep


def test_the_time_line_tells_what_was_known_then() -> None:
    """A fall that is undone was one: what is undone is so from now on."""
    state = drive({"review": MONTHLY}, [(1, 300), (31, 290), (60, 0), (63, 10, 59)]).state
    held = [tiers.held_at(state, day(number)) for number in (0, 1, 59, 60, 62, 63)]
    assert held == [None, "Gold", "Gold", "Silver", "Silver", "Gold"]


def test_the_active_balance_of_then_with_late_lots() -> None:
    """Lots of a late record that would have been active at a review, and not yet or no more at another (R111)."""
    member = Member(ladder(tiers__measure="active", tiers__review=MONTHLY), active=300)
    member._tell(tiers.risen(member.ladder, member.state, member.active, member.now))
    member.active = 280
    member.settle(day(31))
    assert member.told[-1] == "downgraded Silver 280 review"

    def lot(activates: int, expires: int | None, issued: int = 20) -> Lot:
        return Lot("l", issued, issued, True, day(29), day(activates), None if expires is None else day(expires))

    for useless in (lot(31, None), lot(29, 30), lot(29, None, 19)):
        state = tiers.counted_active(member.state, [useless], day(29))
        assert tiers.mended(member.ladder, state, 280, day(29), member.now) is None
    state = tiers.counted_active(member.state, [lot(30, 31)], day(29))
    mended = tiers.mended(member.ladder, state, 280, day(29), member.now)
    assert mended is not None
    assert (mended.state.tier, mended.amount, mended.reason) == ("Gold", 300, "late-points")


def test_what_is_remembered_is_bounded() -> None:
    """By `remember`, and by their number where reviews come too often for that."""
    member = drive({"review": {"relative_to": "program-join", "every": "1 hour"}, "downgrade": "hard"}, [(1, 100), (400, 0)])
    assert len(member.state.past) <= tiers.PAST_MAX
    member = drive({"review": MONTHLY}, [(number, 300) for number in range(1, 2000, 60)])
    assert len(member.state.past) <= 400 // 30 + 2
    assert len(member.state.history) <= 2 * (400 // 60 + 2)
    member = Member(ladder(tiers__window="365 days"))
    for hour in range(24 * 400):
        member.earn(1, JOINED + hour * DAY_US // 24)
    assert len(member.state.recent) <= 2 * 365
    assert 365 * 24 <= member.counts_now <= 366 * 24  # put together by days, nothing stops counting too early


EARNED = st.lists(st.tuples(st.integers(0, 200), st.integers(1, 200)), min_size=1, max_size=12)


@given(
    earned=EARNED,
    arrivals=st.lists(st.integers(0, 60), min_size=12, max_size=12),
    downgrade=st.sampled_from(["hard", "soft"]),
    lasts=st.sampled_from(["next-period", "period"]),
    window=st.sampled_from(["review", "lifetime"]),
)
def test_late_or_in_time_the_tier_is_the_same(
    earned: list[tuple[int, int]], arrivals: list[int], downgrade: str, lasts: str, window: str
) -> None:
    """Where only points come late, and by period or for life: thinking the reviews through again is living through them again."""
    changes = {"review": MONTHLY, "downgrade": downgrade, "lasts": lasts, "window": window}
    in_time = drive(changes, [*sorted(earned), (300, 0)])
    late = sorted((of + delay, amount, of) for (of, amount), delay in zip(earned, arrivals, strict=False))
    as_it_came = drive(changes, [*late, (300, 0)])
    assert as_it_came.state.tier == in_time.state.tier
    assert as_it_came.counts_now == in_time.counts_now
    assert [period.amount for period in as_it_came.state.past] == [period.amount for period in in_time.state.past]


@given(earned=EARNED, taken=st.integers(0, 11), on=st.integers(0, 300), window=st.sampled_from(["review", "lifetime", "50 days"]))
def test_a_reversal_makes_no_fall_by_itself(earned: list[tuple[int, int]], taken: int, on: int, window: str) -> None:
    member = drive({"review": MONTHLY, "window": window}, [*sorted(earned), (on, 0)])
    held = member.state.tier
    of, amount = earned[taken % len(earned)]
    member.earn(-amount, day(of)) if day(of) <= member.now else None
    assert member.state.tier == held


@given(
    earned=EARNED,
    arrivals=st.lists(st.integers(0, 60), min_size=12, max_size=12),
    taken=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 260)), max_size=4),
    window=st.sampled_from(["review", "lifetime", "50 days"]),
    relative_to=st.sampled_from(["program-join", "tier-join"]),
    grace=st.sampled_from(["0 days", "7 days"]),
    downgrade=st.sampled_from(["hard", "soft"]),
)
def test_every_sum_is_what_the_amounts_add_up_to(
    earned: list[tuple[int, int]],
    arrivals: list[int],
    taken: list[tuple[int, int]],
    window: str,
    relative_to: str,
    grace: str,
    downgrade: str,
) -> None:
    """Kept step by step, the sum of now and those of past reviews are what adding up from scratch gives."""
    steps = [(of + delay, amount, of) for (of, amount), delay in zip(earned, arrivals, strict=False)]
    for which, when in taken:  # a reversal takes off at the time of what it takes back
        arrived, amount, of = steps[which % len(earned)]
        steps.append((max(when, arrived), -amount, of))
    steps.sort(key=lambda step: step[0])
    review = {"relative_to": relative_to, "every": "30 days"}
    member = drive({"review": review, "window": window, "grace": grace, "downgrade": downgrade}, [*steps, (300, 0)])
    amounts = [(day(of), amount) for _, amount, of in steps]

    def added_up(since: int | None, until: int) -> int:
        return sum(amount for at, amount in amounts if (since is None or at >= since) and at < until)

    for period in member.state.past:
        assert period.amount == added_up(period.since, period.until)
    if window == "50 days":
        assert member.counts_now == added_up(member.now - 50 * DAY_US + 1, member.now + 1)
    else:
        assert member.counts_now == added_up(member.state.since, member.now + 1)
