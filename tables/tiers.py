"""Tiers: the only file that changes a standing: what counts, entering and rising, reviews and falls, and what late points mend.

Pure. Every move takes a `TierState` and gives another one; what there is to tell comes as a `Change`. A move never looks at a
clock: `now` is the profile's settled time, `at` the event time of what counts.

**What counts.** Each amount counts at the event time of its cause. With the window `review` the sum begins anew at each review
(under `tier-join` on entering a tier, too), and what happened at the very instant at which it begins is in it: "from joining" holds
the receipt that joins, "from entering the tier" the one that enters it. What came before the first review is in the first sum,
whenever it was. `lifetime` never begins anew. Of the last N days, what happened exactly N days ago counts no more (half-open, like
a lot's life); that needs the amounts by instant, and beyond `RECENT_MAX` of them those of one day are put together. The measure
`active` has no sum at all: it is the balance.

**Rising and falling.** A tier is entered and risen to when the sum reaches it. Falling is for reviews: a review at T judges what
counted before T (a record at T comes after what is due at T). `lasts: period` judges the period that begins, in which nothing has
happened yet. With grace the review decides and the fall follows later, by the same judgement, unless what counts by then reaches
more; at the latest it comes with the next review, so that no two falls wait.

**Late points.** They count in every sum whose time holds them: the one that counts now, and those that earlier reviews judged,
which are kept (`past`) as long as records may come late. From the earliest of them on, the reviews are thought through again with
what is known now, but none of them may come out worse than it did: other past reviews stand, a reversal makes no fall before the
next review. Where that leads to a higher tier than the one held, a fall that would not have happened is undone, or a tier that
would have been reached and kept is entered: now, and not in the past, so the time line of the tier (`held_at`) tells what was
known then. Only the sums as they stood at reviews are asked, not their highest points in between.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final, NamedTuple

from msgspec import structs

from schemas.instants import DAY_US, Instant
from tables.ladder import NONE, Ladder
from tables.state import Lot, Past, TierState

RECENT_MAX: Final = 512
PAST_MAX: Final = 400
"""Reviews that are remembered: `every: 1 hour` must not outgrow the profile, whatever `remember` says."""


class Change(NamedTuple):
    """A state, and what there is to tell of it. `amount` is what was judged; it may be another than what counts from now on."""

    state: TierState
    type: str  # tier.joined | tier.upgraded | tier.downgraded | tier.retained
    was: str | None
    amount: int
    reason: str  # threshold-reached | late-points | review | grace-over


# what counts


def measured(ladder: Ladder, state: TierState, active: int, at: Instant) -> int:
    """What counts at an instant; `active` is the active balance then."""
    if ladder.measure == "active":
        return active
    if ladder.days:
        return sum_since(state, ladder.window_start(at))
    return state.qualifying


def sum_since(state: TierState, start: Instant) -> int:
    """What counts of the last days that begin after an instant: all that is there, less what is too old by now."""
    total = state.qualifying
    for at, amount in state.recent:
        if at > start:
            break
        total -= amount
    return total


def begun(ladder: Ladder, state: TierState, joined_at: Instant, now: Instant) -> TierState:
    """The standing of one who is a member, with its next review. One who comes late to it has missed the reviews since joining."""
    past = state.past
    since = state.since
    if ladder.by_period and joined_at < now and state.qualifying == 0:
        after = max(joined_at, now - min(ladder.keep_us, PAST_MAX * ladder.shortest_us))
        missed: list[Past] = []
        while (until := ladder.next_review(joined_at, None, after)) is not None and until <= now:
            missed.append(Past(since, until, 0))
            since = after = until
        past = tuple(missed)
    return structs.replace(state, past=past, since=since, review_at=ladder.next_review(joined_at, None, now))


def counted(ladder: Ladder, state: TierState, amount: int, at: Instant, now: Instant, *, comes_off: bool = False) -> TierState:
    """So much more (a reversal: less) counts at an instant, in every sum whose time holds it. `comes_off`: it is taken off what counted then."""
    tier, qualifying, history, since, review_at, fall_at, past, recent, latest = structs.astuple(state)
    if past and at < past[-1].until:
        past = tuple([_with(period, amount) if _holds(period, at) else period for period in past])
    if ladder.days:
        recent, qualifying = _recent(ladder, recent, qualifying, amount, at, now, comes_off=comes_off)
    elif since is None or at >= since:
        qualifying += amount
        if ladder.by_tier_join and (latest is None or at >= latest[0]):
            latest = (at, amount + (latest[1] if latest is not None and latest[0] == at else 0))
    return TierState(tier, qualifying, history, since, review_at, fall_at, past, recent, latest)


def counted_active(state: TierState, lots: Iterable[Lot], at: Instant) -> TierState:
    """Late lots that would have been active at earlier reviews (measure `active`): these judged too little."""

    def active_at(until: Instant) -> int:
        return sum(
            lot.issued
            for lot in lots
            if lot.activates_at is not None and lot.activates_at <= until and (lot.expires_at is None or until < lot.expires_at)
        )

    past = tuple([_with(period, active_at(period.until)) if at < period.until else period for period in state.past])
    return structs.replace(state, past=past)


def without_timers(state: TierState) -> TierState:
    """The standing where the program has no tiers any more: nothing of it is due."""
    return structs.replace(state, review_at=None, fall_at=None)


def _holds(period: Past, at: Instant) -> bool:
    return at < period.until and (period.since is None or period.since <= at)


def _with(period: Past, amount: int) -> Past:
    return structs.replace(period, amount=period.amount + amount)


def _recent(
    ladder: Ladder,
    recent: tuple[tuple[Instant, int], ...],
    total: int,
    amount: int,
    at: Instant,
    now: Instant,
    *,
    comes_off: bool,
) -> tuple[tuple[tuple[Instant, int], ...], int]:
    """The amounts by instant, in order, without those that no window holds any more; and their sum."""
    start = ladder.window_start(now)
    gone = 0
    while gone < len(recent) and recent[gone][0] <= start:
        total -= recent[gone][1]
        gone += 1
    recent = recent[gone:]
    if at <= start:
        return recent, total
    if not recent or at > recent[-1][0]:
        recent = (*recent, (at, amount))
    else:
        position = bisect_left(recent, at, key=lambda entry: entry[0])
        found, counted_then = recent[position]
        if found == at or comes_off:  # what it is taken off was put together with others of its day
            recent = (*recent[:position], (found, counted_then + amount), *recent[position + 1 :])
        else:
            recent = (*recent[:position], (at, amount), *recent[position:])
    return recent if len(recent) <= max(RECENT_MAX, 2 * ladder.days) else _by_day(recent), total + amount


def _by_day(entries: tuple[tuple[Instant, int], ...]) -> tuple[tuple[Instant, int], ...]:
    """Those of one day (of UTC) together, at the last instant among them: nothing stops counting too early."""
    days: dict[int, tuple[Instant, int]] = {}
    for at, amount in entries:
        days[at // DAY_US] = (at, amount + days.get(at // DAY_US, (0, 0))[1])
    return tuple(days.values())


# entering and rising


def risen(ladder: Ladder, state: TierState, amount: int, now: Instant) -> Change | None:
    """Enter or rise to what an amount reaches, where that is higher. A tier at 0 is every member's, also where receipts came to less than nothing."""
    following = ladder.following.get(state.tier)
    if following is None or max(amount, 0) < following:
        return None
    kind = "tier.joined" if state.tier is None else "tier.upgraded"
    return Change(_entered(ladder, state, ladder.reached(amount), now), kind, state.tier, amount, "threshold-reached")


def mended(ladder: Ladder, state: TierState, amount: int, at: Instant, now: Instant) -> Change | None:
    """What late points of an instant lead to: the tier that would be held now, where that is higher.

    `amount` is what counts now: what it reaches by itself is an ordinary rise.
    """
    carried = NONE
    judged: int | None = None
    for period in state.past:
        held = max(ladder.rank(period.held), carried, ladder.reached(period.amount))
        became = ladder.fallen(held, _judged(ladder, period.amount)) if period.review else held
        if became > ladder.rank(period.became) and judged is None and _holds(period, at):
            judged = period.amount
        carried = max(became, ladder.rank(period.became))
    if carried <= ladder.rank(state.tier) or carried < ladder.reached(amount):
        return None
    judged = amount if judged is None else judged
    kind = "tier.upgraded" if state.history else "tier.joined"
    return Change(_entered(ladder, state, carried, now), kind, state.tier, judged, "late-points")


def _entered(ladder: Ladder, state: TierState, rank: int, now: Instant) -> TierState:
    """A tier is held from now on. Under `tier-join` what counts begins anew, with what happened at this very instant."""
    tier = ladder.name(rank)
    after = structs.replace(state, tier=tier, history=_dated(ladder, state, tier, now), fall_at=None)
    if not ladder.by_tier_join:
        return after
    after = structs.replace(after, review_at=ladder.next_review(now, None if tier is None else now, now))
    return _begin_anew(ladder, after, state.tier, now, review=False) if ladder.by_period else after


def _begin_anew(ladder: Ladder, state: TierState, held: str | None, now: Instant, *, review: bool) -> TierState:
    carried = state.latest[1] if state.latest is not None and state.latest[0] == now and not review else 0
    amount = state.qualifying - carried
    if state.since is None and not amount and not review:
        return state  # nothing has counted before: the first sum goes on
    past = Past(state.since, now, amount, held, state.tier, review)
    return structs.replace(state, qualifying=carried, since=now, past=_pruned(ladder, (*state.past, past), now))


def _dated(ladder: Ladder, state: TierState, tier: str | None, now: Instant) -> tuple[tuple[Instant, str | None], ...]:
    """The time line, as far back as a record may ask for it."""
    history = state.history
    known = now - ladder.keep_us
    while len(history) > 1 and (history[1][0] <= known or len(history) > PAST_MAX):
        history = history[1:]
    return (*history, (now, tier))


def _pruned(ladder: Ladder, past: tuple[Past, ...], now: Instant) -> tuple[Past, ...]:
    known = now - ladder.keep_us
    while len(past) > 1 and (past[0].until < known or len(past) > PAST_MAX):
        past = past[1:]
    return past


# reviews


def reviewed(ladder: Ladder, state: TierState, active: int, joined_at: Instant, at: Instant) -> Change | TierState:
    """A review at its instant. A bare state: there is nothing to tell, for no tier is held, or the fall waits for its grace."""
    amount = measured(ladder, state, active, at)
    held = ladder.rank(state.tier)
    became = ladder.fallen(held, _judged(ladder, amount))
    tier = ladder.name(became)
    if ladder.by_period:
        after = structs.replace(
            _begin_anew(ladder, state, state.tier, at, review=True), review_at=_next_review(ladder, state, joined_at, at)
        )
    else:
        past = Past(ladder.window_start(at) + 1 if ladder.days else None, at, amount, state.tier, state.tier)
        after = structs.replace(
            state,
            past=_pruned(ladder, (*state.past, past), at),
            review_at=_next_review(ladder, state, joined_at, at),
        )
    if became == held:
        return after if held == NONE else Change(after, "tier.retained", state.tier, amount, "review")
    grace_end = ladder.grace_end(at)
    if grace_end > at:
        return structs.replace(after, fall_at=grace_end if after.review_at is None else min(grace_end, after.review_at))
    return Change(_fell(ladder, after, tier, at), "tier.downgraded", state.tier, amount, "review")


def fell(ladder: Ladder, state: TierState, active: int, at: Instant) -> Change:
    """The fall that the last review decided takes place, unless late points or what counts meanwhile reach the tier."""
    period = state.past[-1]
    held = ladder.rank(state.tier)
    became = max(
        ladder.fallen(held, _judged(ladder, period.amount)), min(ladder.reached(measured(ladder, state, active, at)), held)
    )
    after = structs.replace(state, fall_at=None)
    if became == held:
        return Change(after, "tier.retained", state.tier, period.amount, "grace-over")
    after = _fell(ladder, after, ladder.name(became), at)
    if ladder.by_tier_join and ladder.by_period:
        after = _begin_anew(ladder, after, after.tier, at, review=False)
    return Change(after, "tier.downgraded", state.tier, period.amount, "grace-over")


def _fell(ladder: Ladder, state: TierState, tier: str | None, at: Instant) -> TierState:
    past = (*state.past[:-1], structs.replace(state.past[-1], became=tier))
    after = structs.replace(state, tier=tier, history=_dated(ladder, state, tier, at), past=past)
    if ladder.by_tier_join:
        after = structs.replace(after, review_at=ladder.next_review(at, None if tier is None else at, at))
    return after


def _next_review(ladder: Ladder, state: TierState, joined_at: Instant, at: Instant) -> Instant | None:
    return ladder.next_review(joined_at, None if state.tier is None else state.history[-1][0], at)


def _judged(ladder: Ladder, amount: int) -> int:
    """What a review judges: of the period that ended, or of the one that begins, in which nothing has happened yet."""
    return 0 if ladder.lasts_one_period else amount


# what a standing tells


def held_at(state: TierState | None, at: Instant) -> str | None:
    """The tier held at an instant, by its time line; what began at that very instant counts."""
    held = None
    for since, name in state.history if state is not None else ():
        if since > at:
            break
        held = name
    return held


def to_next(ladder: Ladder, state: TierState, amount: int) -> int | None:
    """What is missing to the next tier; None at the top."""
    following = ladder.following.get(state.tier)
    return None if following is None else max(following - amount, 0)


def to_keep(ladder: Ladder, state: TierState, amount: int) -> int | None:
    """What is missing to keep the tier at the next review, as far as can be known now; None without a tier."""
    held = ladder.rank(state.tier)
    if held == NONE:
        return None
    if ladder.days and state.review_at is not None:
        amount = sum_since(state, ladder.window_start(state.review_at))
    return max(ladder.threshold(held) - _judged(ladder, amount), 0)
