"""Tiers of the naive model: every amount that ever counted is kept with its event time, and every sum is added up again.

A standing is the tier held in one subledger: its time line, the reviews that were held, and a fall that waits. A review that has been
is thought through again whenever points count late.
"""

from dataclasses import dataclass, field
from datetime import datetime

from tests.properties.naive.books import Member
from tests.properties.naive.calendar import falls_on, rfc3339
from tests.properties.naive.people import Person, Scene
from tests.properties.naive.program import Program, span

NONE = -1  # no tier


@dataclass
class Period:
    """What a review judged: the time from one instant on (None: whatever was before) up to its own. Entering a tier may end one, too."""

    since: datetime | None
    until: datetime
    held: int  # by one who comes to the review; or what was entered
    reviewed: bool


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
    return max((rank for rank in range(len(program.tiers["definitions"])) if program.threshold(rank) <= amount), default=NONE)


# what counts


def sum_of(member: Member, subledger: str | None, since: datetime | None, until: datetime | None) -> int:
    """What counts from one instant up to, not including, another; of a window of days what has happened within them."""
    window = member.program.tiers["window"]
    if window == "lifetime":
        since = None
    days = span(window) if window not in {"review", "lifetime"} else None
    total = 0
    for where, at, points in member.counted:
        inside = at > until - days if days is not None and until is not None else since is None or at >= since
        if where == subledger and inside and (until is None or at < until):
            total += points
    return total


def sum_now(person: Person, member: Member, subledger: str | None) -> int:
    assert person.settled is not None
    days = member.program.tiers["window"] not in {"review", "lifetime"}
    if days:  # up to and including this instant
        since = person.settled - span(member.program.tiers["window"])
        return sum(points for where, at, points in member.counted if where == subledger and at > since)
    return sum_of(member, subledger, member.standings[subledger].since, None)


def judged(member: Member, subledger: str | None, period: Period) -> int:
    """The tier that a review finds reached: by the period that ended, or the one that begins, in which nothing has happened yet."""
    tiers = member.program.tiers
    if tiers["lasts"] == "period" and tiers["window"] == "review":
        return reached(member.program, 0)
    return reached(member.program, sum_of(member, subledger, period.since, period.until))


def count(
    scene: Scene, person: Person, member: Member, sid: str, subledger: str | None, source: str, at: datetime, points: int
) -> None:
    if has_tiers(member.program) and sid == member.program.tiers["point"] and source in member.program.tiers["counts"]:
        member.counted.append((subledger, at, points))
        enter(scene, person, member, subledger, at)


def uncount(member: Member, sid: str, subledger: str | None, at: datetime, points: int) -> None:
    """A reversal takes off in the period of its receipt; nobody falls before a review."""
    if has_tiers(member.program) and sid == member.program.tiers["point"]:
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
    window = member.program.tiers["window"]
    held, begun = NONE, False
    for period in standing.periods:
        begun = begun or (at < period.until and (window != "review" or period.since is None or period.since <= at))
        if not begun:
            continue
        amount = sum_of(member, subledger, period.since, period.until)
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
            ended(member, standing, standing.next)
        if member.program.tiers["window"] != "review":
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
        if member.program.tiers["window"] == "review" and counted and standing.since != now:
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
        if moment > after:
            standing.next = moment
            return


def ended(member: Member, standing: Standing, at: datetime) -> Period:
    period = Period(standing.since, at, standing.rank(), reviewed=True)
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
    period = ended(member, standing, at)
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
    amount = sum_of(member, subledger, period.since, period.until)
    tell(scene, person, member, subledger, kind, before, reason, amount)


def tell(
    scene: Scene, person: Person, member: Member, subledger: str | None, kind: str, before: int, reason: str, amount: int
) -> None:
    """The amount is what was judged, the other figures are those from now on."""
    program, standing = member.program, member.standings[subledger]
    rank = standing.rank()
    sid, points = program.tiers["point"], sum_now(person, member, subledger)
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
        qualifying_points=program.text(sid, amount),
        next_review_at=None if standing.next is None else rfc3339(standing.next),
        points_to_next=program.text(sid, max(program.threshold(rank + 1) - points, 0))
        if rank + 1 < len(program.tiers["definitions"])
        else None,
    )
