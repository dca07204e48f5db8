"""The ladder: the tiers of a program, sorted for use, and when a tier is judged again. It never changes and holds no profile.

A rank is a tier's place, 0 for the lowest; -1 is none. Thresholds and amounts are points (minor), or money (nano) where the
measure is `spend`.
"""

from bisect import bisect_right
from typing import Final

from schemas.instants import DAY_US, HOUR_US, MINUTE_US, Instant, days_before, round_up
from schemas.program import Program
from schemas.schedules import Schedule

NONE: Final = -1
_ELAPSED_US: Final = {"minute": MINUTE_US, "hour": HOUR_US}


class Ladder:
    """`by_period`: what counts begins anew with each review; `days`: only so many last days count."""

    __slots__ = (
        "by_period",
        "by_tier_join",
        "counts",
        "days",
        "following",
        "keep_us",
        "lasts_one_period",
        "measure",
        "point",
        "ranks",
        "shortest_us",
        "top",
        "_cycle_start",
        "_every",
        "_grace",
        "_grid_us",
        "_leap_day",
        "_names",
        "_soft",
        "_thresholds",
        "_zone",
    )

    def __init__(self, program: Program) -> None:
        tiers = program.tiers
        self.measure = tiers.measure
        self.point = tiers.point
        self.counts = frozenset(tiers.counts)
        self.by_period = tiers.measure != "active" and tiers.window == "review"
        self.by_tier_join = tiers.review.relative_to == "tier-join"
        self.days = tiers.window.count if tiers.measure != "active" and isinstance(tiers.window, Schedule) else 0
        self.lasts_one_period = self.by_period and tiers.lasts == "period"
        self.keep_us = program.remember_us + program.ahead_us
        self._names = [definition.name for definition in tiers.definitions]
        self._thresholds = [definition.threshold_minor for definition in tiers.definitions]
        self.ranks = {name: rank for rank, name in enumerate(self._names)}
        self.following: dict[str | None, int] = dict(zip((None, *self._names[:-1]), self._thresholds, strict=True))
        self.top = self._names[-1]
        self._soft = tiers.downgrade == "soft"
        self._every = tiers.review.every
        self.shortest_us = _ELAPSED_US.get(self._every.unit, DAY_US) * max(self._every.count, 1)  # from review to review
        self._cycle_start = tiers.review.cycle_start if tiers.review.relative_to == "cycle" else None
        self._grid_us = tiers.review_grid_us
        self._grace = tiers.grace
        self._zone = program.timezone
        self._leap_day = program.leap_day

    def rank(self, name: str | None) -> int:
        return NONE if name is None else self.ranks.get(name, NONE)

    def name(self, rank: int) -> str | None:
        return None if rank == NONE else self._names[rank]

    def threshold(self, rank: int) -> int:
        return self._thresholds[rank]

    def reached(self, amount: int) -> int:
        """The highest tier whose threshold is met; at least the threshold is enough."""
        return bisect_right(self._thresholds, max(amount, 0)) - 1

    def fallen(self, held: int, amount: int) -> int:
        """The rank after a review that judges an amount: the same, or where it is not reached the one that is (hard), or one
        below (soft).
        """
        reached = self.reached(amount)
        if reached >= held:
            return held
        return held - 1 if self._soft else reached

    def next_review(self, joined_at: Instant, entered_at: Instant | None, after: Instant) -> Instant | None:
        """The first review later than an instant. `entered_at` None: no tier is held, so under `tier-join` there is none.

        Times are reckoned from the anchor, never chained, and then rounded up to the grid (R110, C7). A cycle's start is a
        review as well: those who were there before begin anew with it.
        """
        anchor: Instant | None = joined_at
        if self.by_tier_join:
            anchor = entered_at
        elif self._cycle_start is not None:
            anchor = self._cycle_start
        if anchor is None:
            return None
        since = after if self._grid_us is None else after - self._grid_us
        nominal: Instant | None = anchor
        if anchor <= since or self._cycle_start is None:
            nominal = self._every.next_after(anchor, self._zone, self._leap_day, max(since, anchor))
        while nominal is not None:
            at = nominal if self._grid_us is None else round_up(nominal, self._zone, self._grid_us)
            if at > after:
                return at
            nominal = self._every.next_after(anchor, self._zone, self._leap_day, nominal)
        return None

    def grace_end(self, at: Instant) -> Instant:
        """When a fall that was decided at an instant takes place."""
        return self._grace.activates_at(at, self._zone, self._leap_day) or at

    def window_start(self, at: Instant) -> Instant:
        """What happened at or before it no longer counts at `at` (only where the last days do): half-open like a lot's life."""
        return days_before(at, self._zone, self.days)
