"""Derived figures: what segments and conditions may ask of a profile that no record says by itself, reckoned at an instant.

    days_since_registration            local dates of the program's zone; from `registered_at`, else the first record
    days_since_last_purchase           likewise; a purchase that came back whole was none
    days_since_last_visit              likewise; any pixel is a visit
    purchases.count, purchases.total   of all times, or `within` so long: gross, less what came back
    balance.active                     of a point type, the first by default, over its subledgers
    points_expiring                    what of it is active and expires `within` so long
    rfm.recency, .frequency, .monetary days since the last purchase, number and sum; scores where the program says by which thresholds

Pure. What they are reckoned from (`tables/figures.py`) is noted only where a version of the program asks for it, from then on. Balances
have no time line: a late record meets those of now.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import structs

from agents.asked import Figure, figure_of
from agents.programs import Version
from agents.visit import Visit
from schemas.amounts import COUNTED_MAX
from schemas.instants import DAY_US, LATEST, Instant, days_before
from schemas.outcomes import Refused
from schemas.program import PointType
from schemas.records import Pixel, Record
from tables import figures
from tables.engagement import Figures
from tables.expiry_groups import window_opens
from tables.figures import Purchase
from tables.keys import page_key
from tables.ledger_keys import split_ledger_key
from tables.lots import past_their_date
from tables.pages import as_renewed
from tables.state import Ledger, Lot, LotPage, Profile
from tables.timelines import value_at

_PIXEL_BYTES_MAX: Final = 2_048
_figure: Final = lru_cache(maxsize=1_024)(figure_of)
NOTHING: Final = Figures()


def look_up(visit: Visit, version: Version, field: str, at: Instant) -> object:
    """A derived figure; None where it is none, or nothing is known to reckon it from."""
    figure = _figure(field)
    return None if figure is None else value(visit, version, figure, at)


def value(visit: Visit, version: Version, figure: Figure, at: Instant) -> object:
    match figure.name:
        case "balance.active" | "points_expiring":
            return _points(visit, version, figure, at)
        case "purchases.count":
            return _count(version, noted(visit.profile, version), figure.within_us, at)
        case "purchases.total":
            return _money(_total(version, noted(visit.profile, version), figure.within_us, at))
        case "rfm.recency" | "rfm.frequency" | "rfm.monetary":
            return _rfm(visit, version, figure.name, at)
        case _:
            since = since_of(visit, version, figure.name, at)
            if since is None:
                return None
            zone = version.program.timezone
            return (figures.day_of(at, zone) - figures.day_of(since, zone)).days


def since_of(visit: Visit, version: Version, name: str, at: Instant) -> Instant | None:
    """From when a figure counts its days, as far as that is known at an instant."""
    if name == "days_since_registration":
        return registered_at(visit, version, at)
    known = noted(visit.profile, version)
    if name == "days_since_last_visit":
        return figures.last_visit(known, at)
    return figures.last_purchase(known, at)


def registered_at(visit: Visit, version: Version, at: Instant) -> Instant | None:
    """When the profile registered: what its records say, else its first one that the program knows of."""
    said: Instant | None = value_at(visit.profile.registered_at, at)
    if said is not None:
        return said
    first = noted(visit.profile, version).first_at
    return _first_known(visit.profile) if first is None else first


def _first_known(profile: Profile) -> Instant | None:
    """The earliest instant in the state of a profile: for one that was there before its program asked."""
    joined = [membership.joined_at for membership in profile.programs.values() if membership.joined_at is not None]
    said = [line[0][0] for line in profile.fields.values() if line]
    return min([*joined, *said], default=None)


def noted(profile: Profile, version: Version) -> Figures:
    engagement = profile.engagements.get(version.program.program)
    return NOTHING if engagement is None else engagement.figures


def closes(version: Version, since: Instant, within_us: int) -> Instant:
    """When something that happened is so long ago; whole days are days of the calendar."""
    days, rest = divmod(within_us, DAY_US)
    return since + within_us if rest else days_before(since, version.program.timezone, -days)


def in_window(version: Version, known: Figures, within_us: int, at: Instant) -> list[Purchase]:
    """The purchases that a window holds at an instant. Each leaves it once, also where clocks are put back; about which of them that is
    so long ago is asked exactly of those alone that lie about a day from the window's beginning.
    """
    after = window_opens(at, within_us, version.program.timezone)
    return [
        purchase
        for purchase in known.purchases
        if after - DAY_US < purchase[0] <= at and (purchase[0] > after + DAY_US or closes(version, purchase[0], within_us) > at)
    ]


def _count(version: Version, known: Figures, within_us: int | None, at: Instant) -> int:
    if within_us is None:
        return figures.count_of(known, at)
    return sum([many for _, many, _ in in_window(version, known, within_us, at)])


def _total(version: Version, known: Figures, within_us: int | None, at: Instant) -> int:
    if within_us is None:
        return figures.total_of(known, at)
    return sum([nano for _, _, nano in in_window(version, known, within_us, at)])


def _money(nano: int) -> Decimal:
    return Decimal(nano).scaleb(-9)


def _rfm(visit: Visit, version: Version, name: str, at: Instant) -> object:
    """Plain figures, or scores: the worst one for who bought nothing in the time that counts."""
    rfm = version.program.campaigns.rfm
    known = noted(visit.profile, version)
    within_us = None if rfm is None else rfm.within_days * DAY_US
    if name == "rfm.frequency":
        count = _count(version, known, within_us, at)
        return count if rfm is None else figures.score(count, rfm.frequency)
    if name == "rfm.monetary":
        total = _total(version, known, within_us, at)
        return _money(total) if rfm is None else figures.score(total, rfm.monetary_nano)
    last = figures.last_purchase(known, at)
    if rfm is None and last is None:
        return None
    if last is None or (within_us is not None and not in_window(version, known, within_us, at)):
        return 1
    zone = version.program.timezone
    days = (figures.day_of(at, zone) - figures.day_of(last, zone)).days
    return days if rfm is None else 1 + sum([days <= threshold for threshold in rfm.recency_days])


# points


def _points(visit: Visit, version: Version, figure: Figure, at: Instant) -> Decimal | None:
    """Of the past only that is known which is there still: of late records lots that came later do not count. What is past its date by now
    cannot be used, also before its expiry is booked.
    """
    point = _point(version, figure.point)
    if point is None:
        return None
    if figure.name == "points_expiring":
        minor = sum([lot.remaining for lot in expiring(visit, version, point.sid, at, figure.within_us) if lot.earned_at <= at])
    elif at < (now := visit.profile.settled_at):
        lots = [lot for lot in _active(visit, version, point.sid, LATEST) if lot.expires_at is None or lot.expires_at > now]
        minor = sum([lot.remaining for lot in lots if lot.earned_at <= at])
    else:
        held = [held for key, held in _ledgers(visit, version) if split_ledger_key(key)[0] == point.sid]
        minor = sum([each.active - sum(past_their_date(each.look(), now).values()) for each in held])
    return Decimal(minor).scaleb(-point.scale)


def _point(version: Version, sid: str | None) -> PointType | None:
    return version.program.points[0] if sid is None else version.points.get(sid)


def _ledgers(visit: Visit, version: Version) -> Iterable[tuple[str, Ledger]]:
    membership = visit.profile.programs.get(version.program.program)
    return () if membership is None else membership.ledgers.items()


def expiring(visit: Visit, version: Version, sid: str, at: Instant, within_us: int | None) -> Iterator[Lot]:
    """The active lots of a point type that expire within so long of an instant (None: ever)."""
    zone = version.program.timezone
    until = LATEST if within_us is None else at + within_us + DAY_US  # at the most
    for lot in _active(visit, version, sid, until):
        if lot.expires_at is None or not at < lot.expires_at <= until:
            continue
        if within_us is None or window_opens(lot.expires_at, within_us, zone) <= at:
            yield lot


def activating(visit: Visit, version: Version, sid: str | None, at: Instant) -> Iterator[Lot]:
    """The lots of a point type (None: of all) that are to be active at an instant, and whose turn in the queue of timers is still to come."""
    for key, held in _ledgers(visit, version):
        if sid in (None, split_ledger_key(key)[0]) and held.pending:
            for lot in held.look():
                if not lot.active and lot.remaining and lot.activates_at is not None and lot.activates_at <= at:
                    yield lot


def _active(visit: Visit, version: Version, sid: str, until: Instant) -> Iterator[Lot]:
    """The active lots of a point type, without those in pages that expire later than an instant. Opens no page for good."""
    program = version.program.program
    for key, held in _ledgers(visit, version):
        if split_ledger_key(key)[0] != sid or not held.active:
            continue
        lots = held.look()
        for page in held.pages:
            if page.active and (page.first_expiry <= until or until == LATEST):
                stored = visit.find(LotPage, page_key(visit.profile_id, program, key, page.number))
                lots += as_renewed(page, stored.lots) if stored is not None else ()
        yield from [lot for lot in lots if lot.active and lot.remaining]


def next_opening(visit: Visit, version: Version, sid: str, at: Instant, within_us: int) -> Instant | None:
    """The next instant at which active lots of a point type come within so long of their expiry, or may. Of a page only the first expiry is
    known; it is read where that has come within the time already, for others of it may be to come.
    """
    program, zone = version.program.program, version.program.timezone
    expiries: list[Instant] = []
    for key, held in _ledgers(visit, version):
        if split_ledger_key(key)[0] != sid or not held.active:
            continue
        lots = held.look()
        for page in held.pages:
            if not page.active or page.first_expiry >= LATEST:
                continue
            if window_opens(page.first_expiry, within_us, zone) > at:
                expiries.append(page.first_expiry)
                continue
            stored = visit.find(LotPage, page_key(visit.profile_id, program, key, page.number))
            lots += as_renewed(page, stored.lots) if stored is not None else ()
        expiries += [lot.expires_at for lot in lots if lot.active and lot.remaining and lot.expires_at is not None]
    openings = [window_opens(expiry, within_us, zone) for expiry in sorted(expiries) if expiry > at + within_us - DAY_US]
    return min([opening for opening in openings if opening > at], default=None)


# noting


def note(visit: Visit, version: Version, at: Instant, record: Record) -> None:
    """A record of the profile has come, that the program counts: its instant, and a visit or an event where it is one."""
    asked = visit.programs.asked[version.program.program]
    if not (asked.registration or (isinstance(record, Pixel) and (asked.visits or record.type in asked.pixels))):
        return
    engagement = visit.engagement(version.program.program)
    known = engagement.figures
    if asked.registration and (known.first_at is None or at < known.first_at):
        known = structs.replace(known, first_at=at if known.first_at is not None else min(at, _first_known(visit.profile) or at))
    if isinstance(record, Pixel):
        if asked.visits:
            known = figures.visited(known, at, version.program.timezone)
        before = known.pixels.get(record.type)
        if record.type in asked.pixels and (before is None or before[0] <= at):
            told = _told(record) if record.type in asked.told else b""
            known = structs.replace(known, pixels=known.pixels | {record.type: (at, told)})
    if known is not engagement.figures:
        engagement.figures = known
        visit.touch()


def _told(record: Pixel) -> bytes:
    """What an event said, for who asks when it was not followed up; without its attributes, where these are large."""
    facts = {"event_id": record.event_id, "type": record.type, "pixel": record.pixel, "application": record.application}
    told = msgspec.json.encode(facts | {"attributes": record.attributes})
    return told if len(told) <= _PIXEL_BYTES_MAX else msgspec.json.encode(facts)


def bought(visit: Visit, version: Version, nano: int, at: Instant) -> None:
    """A sale counts for the program, with so much gross (nano)."""
    asked = visit.programs.asked[version.program.program]
    engagement = visit.engagement(version.program.program)
    before = visit.profile.settled_at - asked.keep_us - DAY_US
    engagement.figures = _countable(figures.bought(engagement.figures, at, nano, before, version.program.timezone))


def came_back(visit: Visit, version: Version, nano: int, whole: bool, at: Instant) -> None:
    """So much of the sale of an instant came back; `whole`: nothing is left of it."""
    engagement = visit.engagement(version.program.program)
    engagement.figures = _countable(figures.came_back(engagement.figures, at, nano, whole, version.program.timezone))
    visit.touch()


def _countable(known: Figures) -> Figures:
    """Raises `Refused` where a sum is more than what can be stored, as of a tier's (`agents/standing.py`): each alone, and all of them."""
    sums = [known.total, *[nano for _, _, nano in known.purchases]]
    if not -COUNTED_MAX < min(sums) <= max(sums) < COUNTED_MAX:
        raise Refused("invalid-field", "this is more than the sum of purchases can count", "lines")
    return known
