"""Promotions: what a step of a scenario, or a referral, gives or takes.

Pure. An award is an accrual like any other, dated from the instant of its step: it joins where that joins, pays debt first, meets the point
type's limit and its maximum balance, and counts for tiers as `promotions`. It belongs to no receipt, so no return takes it back. What a
promotion takes it takes now, in spending order, all or nothing.

Nothing here knows of scenarios: a refusal is told to whoever asked, and counted. What all profiles share, a budget, is asked for before
(`counts.py`); what it left is what comes here, and `wanted` is what it would have been.
"""

from typing import Final, NamedTuple

from agents import consent, lifetimes
from agents.crediting import Portion, credit, joins
from agents.entries import say
from agents.programs import Version
from agents.taking_back import use
from agents.visit import Visit
from schemas.amounts import POINTS_MINOR_MAX
from schemas.campaigns import Promotion
from schemas.events import Cause, LedgerEntry
from schemas.instants import Instant
from schemas.program import PointType
from tables import ledger, limits, pages
from tables.ledger_keys import ledger_key
from tables.limits import Room
from tables.lots import spending_key

GIVEN: Final = "given"
TAKEN: Final = "taken"
INACTIVE: Final = "inactive"
NOT_A_MEMBER: Final = "not-a-member"
OUT_OF_RANGE: Final = "out-of-range"
CAPPED: Final = "capped"
OVER_BUDGET: Final = "over-budget"
INSUFFICIENT: Final = "insufficient-points"
OUTCOMES: Final = (GIVEN, TAKEN, INACTIVE, NOT_A_MEMBER, OUT_OF_RANGE, CAPPED, OVER_BUDGET, INSUFFICIENT)


class Result(NamedTuple):
    """`entry`: what was booked, and so many points (minor), None where nothing was; `outcome` says why, one of `OUTCOMES`."""

    entry: LedgerEntry | None
    outcome: str
    points_minor: int = 0


def room(
    visit: Visit, version: Version, promotion: Promotion, points_minor: int, at: Instant, subledger: str = ""
) -> tuple[int, str]:
    """How many of these points this profile could be given at an instant, or have taken, and the refusal where it is none."""
    program = version.program
    if program.status != "active":
        return 0, INACTIVE
    if not promotion.min_minor <= points_minor <= promotion.max_minor:
        return 0, OUT_OF_RANGE
    point = version.points[promotion.point]
    if promotion.action == "redeem":
        return _spendable(visit, program.program, point, subledger, points_minor)
    if not consent.may_accrue(visit.profile, program, at):
        return 0, NOT_A_MEMBER
    membership = visit.profile.programs.get(program.program)
    held = None if membership is None else membership.ledgers.get(ledger_key(point.sid, subledger))
    if (0 if held is None else held.issued) + point.initial_balance_minor + points_minor > POINTS_MINOR_MAX:
        return 0, CAPPED  # no ledger can hold that many
    left = _limited(visit, version, promotion, point, subledger, points_minor, at).points
    return left, "" if left else CAPPED


def award(
    visit: Visit,
    version: Version,
    promotion: Promotion,
    points_minor: int,
    at: Instant,
    scenario: str | None,
    subledger: str = "",
    cause: Cause | None = None,
    about: str = "",
    granted: int | None = None,
) -> Result:
    """Accrue so many points at the instant of a step. `about` tells this award from others of one cause, such as the run and the step;
    `granted`: what a budget left of them.
    """
    program, point = version.program, version.points[promotion.point]
    left, refused = room(visit, version, promotion, points_minor, at, subledger)
    if refused:
        if refused == CAPPED:
            visit.count(("withheld", program.program, point.sid), points_minor)
        return _refused(visit, version, promotion, refused)
    given = left if granted is None else min(left, granted)
    if given < points_minor:
        visit.count(("withheld", program.program, point.sid), points_minor - given)
    if not given:
        return _refused(visit, version, promotion, OVER_BUDGET)
    membership = visit.membership(program.program)
    if point.limit is not None:
        limits.forget_usage(membership.usage, visit.profile.settled_at - program.remember_us)
        use(visit, program.program, limits.usage_of(point, given, program, at))
    before = len(visit.effects)
    credit(
        visit,
        version,
        point,
        subledger,
        [_portion(promotion, point, given)],
        at,
        "promotions",
        cause=cause,
        withheld=points_minor - given,
        promotion=promotion.promotion,
        scenario=scenario,
        about=about,
    )
    visit.count(("promotion", program.program, promotion.promotion, GIVEN))
    return Result(_entry(visit, before, promotion.promotion), GIVEN, given)


def redeem(
    visit: Visit,
    version: Version,
    promotion: Promotion,
    points_minor: int,
    at: Instant,
    scenario: str | None,
    subledger: str = "",
    cause: Cause | None = None,
    about: str = "",
    granted: int | None = None,
) -> Result:
    """Take so many active points, all or nothing. What is spent is spent now, also by a step that comes late."""
    program, point = version.program.program, version.points[promotion.point]
    _, refused = room(visit, version, promotion, points_minor, at, subledger)
    if granted is not None and granted < points_minor:
        refused = refused or OVER_BUDGET
    if refused:
        return _refused(visit, version, promotion, refused)
    now = max(at, visit.profile.settled_at)
    there = visit.head(program, point.sid, subledger)
    fetch = visit.fetch(program, ledger_key(point.sid, subledger))
    pages.open_for_spending(there, points_minor, spending_key(point.spend_order), fetch)
    spent = ledger.redeem(there, points_minor, point.spend_order)
    for lot in spent.used:
        visit.remember_used(lot)
    before = len(visit.effects)
    say(
        visit,
        program,
        "points.redeemed",
        now,
        point,
        subledger,
        points_minor,
        spent.parts,
        entry_id=visit.effect_id(program, "points.redeemed", _about(promotion, scenario, about), cause),
        cause=cause,
        legal_entity=promotion.legal_entity,
        description=promotion.description,
        promotion=promotion.promotion,
        scenario=scenario,
    )
    entry = _entry(visit, before, promotion.promotion)
    lifetimes.renew(visit, version, point, subledger, "spending", now, cause)
    visit.due_by(visit.profile.settled_at)  # what was due of the lots that it took is reckoned anew
    visit.count(("promotion", program, promotion.promotion, TAKEN))
    return Result(entry, TAKEN, points_minor)


def _limited(
    visit: Visit, version: Version, promotion: Promotion, point: PointType, subledger: str, points: int, at: Instant
) -> Room:
    """What the point type's limit and maximum balance leave of an accrual of this profile."""
    program = version.program
    membership = visit.profile.programs.get(program.program)
    usage = {} if membership is None else membership.usage
    held = None if membership is None else membership.ledgers.get(ledger_key(point.sid, subledger))
    balance = 0 if held is None else held.active + held.pending
    starts = point.initial_balance_minor and not subledger and (membership is None or membership.joined_at is None)
    if starts and joins(visit, version, point, [_portion(promotion, point, points)], at):
        balance += point.initial_balance_minor  # which is credited first
    return limits.room_of(point, points, program, usage, balance, at)


def _portion(promotion: Promotion, point: PointType, points: int) -> Portion:
    """The promotion's own dates and labels where it has them, else the point type's."""
    return Portion(
        points,
        promotion.activation or point.activation,
        promotion.expiration or point.expiration,
        promotion.legal_entity or point.legal_entity,
        promotion.description or point.description,
    )


def _spendable(visit: Visit, program: str, point: PointType, subledger: str, points: int) -> tuple[int, str]:
    membership = visit.profile.programs.get(program)
    if membership is None or membership.joined_at is None:
        return 0, NOT_A_MEMBER
    held = membership.ledgers.get(ledger_key(point.sid, subledger))
    if not points or held is None or held.active < points:
        return 0, INSUFFICIENT
    return points, ""


def _refused(visit: Visit, version: Version, promotion: Promotion, outcome: str) -> Result:
    visit.count(("promotion", version.program.program, promotion.promotion, outcome))
    visit.touch()
    return Result(None, outcome)


def _about(promotion: Promotion, scenario: str | None, about: str) -> str:
    return f"{promotion.promotion}:{scenario or ''}:{about}"


def _entry(visit: Visit, before: int, promotion: str) -> LedgerEntry | None:
    """The entry of the promotion among what has been said since; joining and tiers speak around it."""
    for effect in visit.effects[before:]:
        record = effect.record
        if isinstance(record, LedgerEntry) and record.promotion == promotion:
            return record
    return None
