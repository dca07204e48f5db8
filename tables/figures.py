"""Figures: purchases and visits of a profile as they are counted: how many, how much, when the last one was.

Pure. A purchase stands at its own instant with its gross in the program's currency; what comes back of it is taken off there, and where
nothing is left of it, it was none. Windows are half-open, like every life here: what happened exactly so long ago counts no more.

Each purchase stands by itself, or with others of its instant, for as long as the longest window that is asked for; of very many the older ones are put together, one
a local day, so that a profile stays small: a window is exact to the day then.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import structs

from schemas.instants import Instant, plain_day, to_local
from tables.engagement import Figures

Purchase = tuple[Instant, int, int]

SINGLE_MAX: Final = 64
DAYS_MAX: Final = 400
LAST_KEPT: Final = 8
"""So many of the last purchases are kept however long ago they are: where one is cancelled, the one before was the last. Of visits twice as
many: two a day."""


def day_of(at: Instant, zone: ZoneInfo) -> date:
    """The local day that holds an instant."""
    plain = plain_day(at, zone)
    return to_local(at, zone).date() if plain is None else plain[1]


def bought(figures: Figures, at: Instant, nano: int, before: Instant, zone: ZoneInfo) -> Figures:
    """One purchase more. No window begins before `before`."""
    purchases = figures.purchases
    if not purchases or purchases[-1][0] < at:
        purchases = (*purchases, (at, 1, nano))
    else:
        purchases = _together(sorted([*purchases, (at, 1, nano)]))
    if len(purchases) > LAST_KEPT and purchases[0][0] <= before:
        tail = len(purchases) - LAST_KEPT
        purchases = tuple([entry for entry in purchases[:tail] if entry[0] > before]) + purchases[tail:]
    if len(purchases) > SINGLE_MAX:
        purchases = _by_day(purchases, zone)[-DAYS_MAX:]
    return structs.replace(figures, purchases=purchases, count=figures.count + 1, total=figures.total + nano)


def _together(purchases: Sequence[Purchase]) -> tuple[Purchase, ...]:
    """Those of one instant as one: what comes back of either is then taken off their sum, and not off the other."""
    found: list[Purchase] = []
    for since, many, nano in purchases:
        if found and found[-1][0] == since:
            many, nano = many + found[-1][1], nano + found.pop()[2]
        found.append((since, many, nano))
    return tuple(found)


def _by_day(purchases: Sequence[Purchase], zone: ZoneInfo) -> tuple[Purchase, ...]:
    """The older half by local day, each at its last instant."""
    half = SINGLE_MAX // 2
    found: list[Purchase] = []
    for entry in purchases[:-half]:
        if found and day_of(found[-1][0], zone) == day_of(entry[0], zone):
            found[-1] = (entry[0], found[-1][1] + entry[1], found[-1][2] + entry[2])
        else:
            found.append(entry)
    return (*found, *purchases[-half:])


def came_back(figures: Figures, at: Instant, nano: int, whole: bool, zone: ZoneInfo) -> Figures:
    """So much of the purchase of an instant came back; `whole`: nothing is left of it."""
    if not figures.count:
        return figures  # nobody asked when it was made
    count = 1 if whole else 0
    purchases = list(_together(figures.purchases))  # states of before hold them one by one
    place = _place(purchases, at, zone)
    if place is not None:
        since, many, gross = purchases[place]
        purchases[place] = (since, max(many - count, 0), gross - nano)
        if not purchases[place][1]:
            del purchases[place]
    return structs.replace(figures, purchases=tuple(purchases), count=max(figures.count - count, 0), total=figures.total - nano)


def _place(purchases: Sequence[Purchase], at: Instant, zone: ZoneInfo) -> int | None:
    """Where a purchase stands: at its instant, else with the others of its day."""
    for place, (since, _, _) in enumerate(purchases):
        if since == at or (since > at and day_of(since, zone) == day_of(at, zone)):
            return place
        if since > at:
            return None
    return None


def count_of(figures: Figures, at: Instant) -> int:
    """Purchases of all times up to an instant."""
    return figures.count - sum([many for since, many, _ in figures.purchases if since > at])


def total_of(figures: Figures, at: Instant) -> int:
    """What was bought likewise (nano)."""
    return figures.total - sum([nano for since, _, nano in figures.purchases if since > at])


def last_purchase(figures: Figures, at: Instant) -> Instant | None:
    """The last purchase up to an instant, as far as one is known."""
    return max([since for since, _, _ in figures.purchases if since <= at], default=None)


def visited(figures: Figures, at: Instant, zone: ZoneInfo) -> Figures:
    """One visit more. Of a local day the first and the last are kept: a late record asks on which day the one before it was."""
    visits, today = figures.visits, day_of(at, zone)
    same = [visit for visit in visits if day_of(visit, zone) == today]
    others = [visit for visit in visits if visit not in same]
    ends = {min([at, *same]), max([at, *same])}
    kept = tuple(sorted([*others, *ends]))[-2 * LAST_KEPT :]
    return figures if kept == visits else structs.replace(figures, visits=kept)


def last_visit(figures: Figures, at: Instant) -> Instant | None:
    return max([visit for visit in figures.visits if visit <= at], default=None)


def score(value: int, thresholds: Sequence[int]) -> int:
    """1 where a value reaches none of these thresholds (rising), and one more for each that it reaches."""
    return 1 + sum([value >= threshold for threshold in thresholds])
