"""Tiers of the naive model: every amount that ever counted is kept with its event time, and every sum is added up again.

A standing is the tier held in one subledger: its time line, the reviews that were held, and a fall that waits. A review that has been
is thought through again whenever points count late.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.properties.naive.books import Lot, Member
from tests.properties.naive.calendar import falls_on, rfc3339
from tests.properties.naive.measures import active, by_days, by_period, days_before, on_the_grid, shown, threshold
from tests.properties.naive.people import Person, Scene
from tests.properties.naive.program import Program

NONE = -1  # no tier


@dataclass
class Period:
    """What a review judged: the time from one instant on (None: whatever was before) up to its own. Entering a tier may end one, too."""

    since: datetime | None
    until: datetime
    held: int  # by one who comes to the review; or what was entered
    reviewed: bool
    active: int = 0  # the balance then, with late points that would have been in it


@dataclass
class Standing:
    line: list[tuple[datetime, int]] = field(default_factory=list)  # since when, which tier
    periods: list[Period] = field(default_factory=list)
    since: datetime | None = None  # what counts now begins here
    anchor: datetime | None = None  # reviews are counted from here
    next: datetime | None = None
    falls: datetime | None = None  # the fall that the last review decided, and its grace lets wait

    def rank(self) -> int:
        return self.line[-1][1] if self.line else NONE


def has_tiers(program: Program) -> bool:
    return bool(program.tiers["definitions"])


def held_at(member: Member, subledger: str | None, at: datetime) -> str | None:
    """The tier that was held at an instant."""
    standing = member.standings.get(subledger)
    held = [rank for since, rank in standing.line if since <= at] if standing is not None else []
    return name_of(member.program, held[-1] if held else NONE)


def name_of(program: Program, rank: int) -> str | None:
    return None if rank == NONE else str(program.tiers["definitions"][rank]["name"])


def reached(program: Program, amount: int) -> int:
    """A tier at 0 is every member's, also of one whose receipts came to less than nothing."""
    ranks = range(len(program.tiers["definitions"]))
    return max((rank for rank in ranks if threshold(program, rank) <= max(amount, 0)), default=NONE)


# what counts


def sum_of(member: Member, subledger: str | None, since: datetime | None, until: datetime | None) -> int:
    """What counts from one instant up to, not including, another; of a window of days what has happened within them."""
    program = member.program
    if program.tiers["window"] == "lifetime":
        since = None
    total = 0
    for where, at, points in member.counted:
        if by_days(program) and until is not None:
            inside = at > days_before(program, until)
        else:
            inside = since is None or at >= since
        if where == subledger and inside and (until is None or at < until):
            total += points
    return total


def sum_now(person: Person, member: Member, subledger: str | None) -> int:
    assert person.settled is not None
    if member.program.tiers["measure"] == "active":
        periods = member.standings[subledger].periods
        return active(member, subledger, periods[-1].until if periods else None)
    if by_days(member.program):  # up to and including this instant
        since = days_before(member.program, person.settled)
        return sum(points for where, at, points in member.counted if where == subledger and at > since)
    return sum_of(member, subledger, member.standings[subledger].since, None)


def amount_of(member: Member, subledger: str | None, period: Period) -> int:
    """What counted at the end of a period."""
    if member.program.tiers["measure"] == "active":
        return period.active
    return sum_of(member, subledger, period.since, period.until)


def judged(member: Member, subledger: str | None, period: Period) -> int:
    """The tier that a review finds reached: by the period that ended, or the one that begins, in which nothing has happened yet."""
    if member.program.tiers["lasts"] == "period" and by_period(member.program):
        return reached(member.program, 0)
    return reached(member.program, amount_of(member, subledger, period))


def count(
    scene: Scene, person: Person, member: Member, sid: str, subledger: str | None, source: str, at: datetime, points: int
) -> None:
    tiers = member.program.tiers
    if has_tiers(member.program) and tiers["measure"] == "earned" and sid == tiers["point"] and source in tiers["counts"]:
        member.counted.append((subledger, at, points))
        enter(scene, person, member, subledger, at)


def became_active(
    scene: Scene,
    person: Person,
    member: Member,
    sid: str,
    subledger: str | None,
    at: datetime | None = None,
    lots: Sequence[tuple[Lot, int]] = (),
) -> None:
    """Where the balance is measured. `at`: of points that were earned then, and would have been in it at reviews since."""
    tiers = member.program.tiers
    if has_tiers(member.program) and tiers["measure"] == "active" and sid == tiers["point"]:
        standing = member.standings.get(subledger)
        for period in standing.periods if standing is not None and at is not None else ():
            if at < period.until:
                period.active += sum(points for lot, points in lots if lives(lot, period.until))
        enter(scene, person, member, subledger, at)


def lives(lot: Lot, at: datetime) -> bool:
    return lot.activates is not None and lot.activates <= at and (lot.expires is None or at < lot.expires)


def uncount(member: Member, sid: str, subledger: str | None, at: datetime, points: int) -> None:
    """A reversal takes off in the period of its receipt; nobody falls before a review."""
    tiers = member.program.tiers
    if has_tiers(member.program) and tiers["measure"] == "earned" and sid == tiers["point"]:
        member.counted.append((subledger, at, -points))


# entering and rising


def enter(scene: Scene, person: Person, member: Member, subledger: str | None, at: datetime | None) -> None:
    """Entering and rising happen at once: by what counts now, or by what points of an instant, come late, would have led to."""
    if member.joined is None or not has_tiers(member.program):
        return
    standing = standing_of(person, member, subledger)
    amount = sum_now(person, member, subledger)
    now, late = reached(member.program, amount), NONE if at is None else would_be_held(member, subledger, at)
    before = standing.rank()
    if max(now, late) <= before:
        return
    mended = late >= now
    joined = before == NONE and not (mended and standing.line)  # else a fall is undone
    begin(person, member, subledger, max(now, late))
    kind = "tier.joined" if joined else "tier.upgraded"
    reason = "late-points" if mended else "threshold-reached"
    tell(scene, person, member, subledger, kind, before, reason, amount)


def would_be_held(member: Member, subledger: str | None, at: datetime) -> int:
    """From the first review that judged this instant on, with all that is known by now; none comes out worse than it did."""
    standing = member.standings[subledger]
    held, begun = NONE, False
    for period in standing.periods:
        begun = begun or (at < period.until and (not by_period(member.program) or period.since is None or period.since <= at))
        if not begun:
            continue
        amount = amount_of(member, subledger, period)
        held = max(held, period.held, reached(member.program, amount))
        if period.reviewed and judged(member, subledger, period) < held:
            held = fallen(member, held, judged(member, subledger, period))
    return max(held, standing.rank()) if begun else NONE


def fallen(member: Member, held: int, reached_: int) -> int:
    return max(held - 1, reached_) if member.program.tiers["downgrade"] == "soft" else reached_


def standing_of(person: Person, member: Member, subledger: str | None) -> Standing:
    """One who comes late to it has missed the reviews since joining."""
    assert member.joined is not None
    assert person.settled is not None
    if subledger not in member.standings:
        standing = member.standings[subledger] = Standing(anchor=member.joined)
        plan(member, standing, member.joined)
        while standing.next is not None and standing.next <= person.settled:
            ended(member, subledger, standing, standing.next)
        if not by_period(member.program):
            standing.periods.clear()  # what counts then counts now
    found: Standing = member.standings[subledger]
    return found


def begin(person: Person, member: Member, subledger: str | None, rank: int) -> None:
    """A tier is held from now on; what counts for it begins anew under `tier-join`."""
    assert person.settled is not None
    standing = member.standings[subledger]
    standing.line.append((person.settled, rank))
    standing.falls = None
    if member.program.review["relative_to"] == "tier-join":
        now = standing.anchor = person.settled
        counted = standing.since is not None or sum_of(member, subledger, None, now)  # else the first sum goes on
        if by_period(member.program) and counted and standing.since != now:
            standing.periods.append(Period(standing.since, now, rank, reviewed=False))
            standing.since = now
        plan(member, standing, now)


# reviews


def plan(member: Member, standing: Standing, after: datetime) -> None:
    """The first review after an instant, counted from its anchor and never chained."""
    program, how = member.program, member.program.review
    standing.next = None
    if how["relative_to"] == "tier-join" and standing.rank() == NONE:
        return
    if how["relative_to"] == "cycle":
        anchor = falls_on(how["cycle_start"], after, program.zone, program.leap_day, through=False)
        first = 0
    else:
        anchor, first = standing.anchor, 1
    assert anchor is not None
    count_, _, rest = how["every"].partition(" ")
    for number in range(first, first + 10_000):
        moment: datetime | None = anchor  # a cycle's start is a review itself
        if number:
            moment = falls_on(f"{int(count_) * number} {rest}", anchor, program.zone, program.leap_day, through=False)
        assert moment is not None
        if moment > after - timedelta(days=1):  # the grid puts nothing off by more
            moment = on_the_grid(program, moment)
        if moment > after:
            standing.next = moment
            return


def ended(member: Member, subledger: str | None, standing: Standing, at: datetime) -> Period:
    period = Period(standing.since, at, standing.rank(), reviewed=True)
    if member.program.tiers["measure"] == "active":
        period.active = active(member, subledger)
    standing.periods.append(period)
    standing.since = at
    plan(member, standing, at)
    return period


def review(scene: Scene, person: Person, member: Member, subledger: str | None) -> None:
    """A fall that waited comes first; then the review is held."""
    standing = member.standings[subledger]
    if standing.falls is not None and (standing.next is None or standing.falls <= standing.next):
        standing.falls = None
        decide(scene, person, member, subledger, standing.periods[-1], "grace-over")
        return
    assert standing.next is not None
    at = standing.next
    period = ended(member, subledger, standing, at)
    if standing.rank() == NONE:
        return
    program = member.program
    until = falls_on(program.tiers["grace"], at, program.zone, program.leap_day, through=False)
    assert until is not None
    if until > at and judged(member, subledger, period) < standing.rank():
        standing.falls = until if standing.next is None else min(until, standing.next)
        return
    decide(scene, person, member, subledger, period, "review")


def decide(scene: Scene, person: Person, member: Member, subledger: str | None, period: Period, reason: str) -> None:
    standing = member.standings[subledger]
    before = standing.rank()
    still = judged(member, subledger, period)
    if reason == "grace-over":
        still = max(still, reached(member.program, sum_now(person, member, subledger)))
    rank = fallen(member, before, still) if still < before else before
    kind = "tier.downgraded" if rank < before else "tier.retained"
    if rank < before:
        begin(person, member, subledger, rank)
    amount = amount_of(member, subledger, period)
    tell(scene, person, member, subledger, kind, before, reason, amount)


def tell(
    scene: Scene, person: Person, member: Member, subledger: str | None, kind: str, before: int, reason: str, amount: int
) -> None:
    """The amount is what was judged, the other figures are those from now on."""
    program, standing = member.program, member.standings[subledger]
    rank = standing.rank()
    points = sum_now(person, member, subledger)
    assert person.settled is not None
    scene.say(
        person,
        member,
        kind,
        person.settled,
        subledger=subledger,
        to=name_of(program, rank),
        **{"from": name_of(program, before)},
        reason=reason,
        qualifying_points=shown(program, amount),
        next_review_at=None if standing.next is None else rfc3339(standing.next),
        points_to_next=shown(program, max(threshold(program, rank + 1) - points, 0), missing=True)
        if rank + 1 < len(program.tiers["definitions"])
        else None,
        points_to_keep=to_keep(member, subledger, points),
    )


def to_keep(member: Member, subledger: str | None, points: int) -> str | None:
    """As far as can be known now: of a window of days what will still be in it; nothing yet of a period that begins."""
    program, standing = member.program, member.standings[subledger]
    if standing.rank() == NONE:
        return None
    if by_days(program) and standing.next is not None:
        since = days_before(program, standing.next)
        points = sum(amount for where, at, amount in member.counted if where == subledger and at > since)
    if program.tiers["lasts"] == "period" and by_period(program):
        points = 0
    return shown(program, max(threshold(program, standing.rank()) - points, 0), missing=True)
