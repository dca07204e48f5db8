"""What tiers of the naive model measure: points earned, money spent, or the active balance; and over which days.

Money is counted in billionths; what is left of a receipt is added up again whenever something of it comes back.
"""

from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil, floor

from tests.properties.naive.books import Member
from tests.properties.naive.calendar import midnight, on_the_clock
from tests.properties.naive.earning import amounts_of, in_currency
from tests.properties.naive.people import Receipt
from tests.properties.naive.program import Program, fraction

NANO = 10**9


def by_period(program: Program) -> bool:
    """Whether what counts begins anew with each review."""
    return bool(program.tiers["measure"] != "active" and program.tiers["window"] == "review")


def by_days(program: Program) -> bool:
    return bool(program.tiers["measure"] != "active" and program.tiers["window"] not in {"review", "lifetime"})


def days_before(program: Program, at: datetime) -> datetime:
    """So many days ago on the local calendar, at the same time of day: what happened then counts no more."""
    local = at.astimezone(program.zone).replace(tzinfo=None)
    return on_the_clock(local - timedelta(days=int(program.tiers["window"].split()[0])), program.zone)


def threshold(program: Program, rank: int) -> int:
    if program.tiers["measure"] == "spend":
        return floor(fraction(program.tiers["definitions"][rank]["threshold"]) * NANO)
    return program.threshold(rank)


def shown(program: Program, amount: int, *, missing: bool = False) -> str:
    """Money in cents, rounded down; what is missing up."""
    if program.tiers["measure"] != "spend":
        return program.text(program.tiers["point"], amount)
    cents = Fraction(100 * amount, NANO)
    whole, rest = divmod(abs(ceil(cents) if missing else floor(cents)), 100)
    return f"{'-' if amount < 0 else ''}{whole}.{rest:02d}"


def active(member: Member, subledger: str | None, reviewed: datetime | None = None) -> int:
    """What came so late that it had expired by a review is about to expire, and counts for what that review saw alone."""
    pieces = member.ledger(member.program.tiers["point"], subledger).within("active")
    return sum(points for lot, points in pieces if reviewed is None or lot.expires is None or lot.expires > reviewed)


def spent(receipt: Receipt, program: Program, shares: list[Fraction]) -> int:
    """The gross of what is left of a receipt, in the program's own currency."""
    if not receipt.closed or not any(shares):
        return 0
    gross = amounts_of(in_currency(program, receipt.sale), "gross")
    if receipt.by_amount:
        worth = sum(amounts_of(receipt.sale, receipt.worth), Fraction(0))
        return floor(sum(gross, Fraction(0)) * max(1 - receipt.returned / worth, Fraction(0)) * NANO) if worth else 0
    return floor(sum((amount * share for amount, share in zip(gross, shares, strict=True)), Fraction(0)) * NANO)


def on_the_grid(program: Program, at: datetime) -> datetime:
    """Put off to the next instant at which the local clock shows a multiple of the grid; each midnight is one."""
    grid = program.tiers["review_grid"]
    if grid is None:
        return at
    count, unit = grid.split()
    step = timedelta(minutes=int(count) * (60 if unit.startswith("hour") else 1))
    day = at.astimezone(program.zone).date()
    clock = [midnight(day + timedelta(days=1), program.zone)]
    of_day = midnight(day, program.zone).astimezone(program.zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    for n in range(timedelta(days=1) // step + 1):
        if n * step < timedelta(days=1):
            clock.append(on_the_clock(of_day + n * step, program.zone))
    return min(moment for moment in clock if moment >= at)
