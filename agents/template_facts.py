"""Template facts: what a template may speak of, reckoned when it asks and not before.

Everything is as it stands when the notification is sent. Lots are the open ones that hold something, next to be spent first; of a very
large ledger no more than a hundred are looked at.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from agents import standing
from agents.entry_views import balance_view
from agents.person import field_of
from agents.programs import Version
from agents.visit import Visit
from schemas.amounts import format_points, is_decimal
from schemas.instants import Instant, days_before, format_instant, to_local
from schemas.program import PointType
from schemas.template_sandbox import Amount
from schemas.templates import is_own
from tables import pages
from tables.books import totals
from tables.ledger_keys import ledger_key, split_ledger_key
from tables.lots import spending_key
from tables.state import Ledger, Lot, Membership

LOTS_MAX: Final = 100
_MONEY: Final = ("gross", "net", "total", "discount", "tax", "shipping", "paid_by_points")
_AMOUNTS: Final = frozenset({
    "milestone", "points", "expiring.points", "entry.points", "entry.withheld", "tier.qualifying_points", *_MONEY, *(f"receipt.{name}" for name in _MONEY),
})  # fmt: skip
"""What is an amount of what `trigger` holds, which keeps it as text."""


class Occasion(NamedTuple):
    """What a notification is about. `about`: the scenario or reminder, and behind a colon what tells one of its notifications from another.

    `trigger`, `entry`: the facts that set it off, and the entry among them. `points` (text) are those of that entry, or of the last award,
    or the reminder's sum; `point` and `subledger` say of which ledger, None of all of the point type together; `expires_at`: when the first of
    them expire.
    """

    about: str
    trigger: Mapping[str, Any] = {}
    point: str | None = None
    subledger: str | None = ""
    points: str | None = None
    entry: Mapping[str, Any] | None = None
    expires_at: Instant | None = None


class TemplateFacts:
    """The answers for one rendering. `now`: when it is sent."""

    def __init__(self, visit: Visit, version: Version, now: Instant, occasion: Occasion) -> None:
        self._visit = visit
        self._version = version
        self._now = now
        self._occasion = occasion

    def fact(self, variable: str, part: str) -> Any:
        """What a variable holds, or what is in a part of it; None: it is not there."""
        occasion = self._occasion
        if variable == "profile":
            return self._profile(part)
        if variable == "points":
            return None if occasion.points is None else Amount(occasion.points)
        if variable == "expires_on":
            return None if occasion.expires_at is None else _last_day(occasion.expires_at, self._version.program.timezone)
        if variable == "expires_at":
            return None if occasion.expires_at is None else format_instant(occasion.expires_at)
        if variable == "trigger":
            return _reckoned(within(occasion.trigger, part), part in _AMOUNTS)
        if variable == "entry":
            return None if occasion.entry is None else _reckoned(within(occasion.entry, part), f"entry.{part}" in _AMOUNTS)
        if variable == "balance":
            return self._balance(part or "active")
        if variable == "tier":
            return self._tier(part or "name")
        if variable == "program":
            return self._program(part or "title")
        return self._lots()

    def expiring(self, program: str, point: str, days: int, limit: int, order: str) -> Sequence[Mapping[str, Any]]:
        """The active lots of a point type that expire within so many days from now, the first earned first (`asc`) or last: of another
        program by the days of its own zone.
        """
        program = self._name if is_own(program) else program
        membership = self._visit.profile.programs.get(program)
        if membership is None or program not in self._visit.programs:
            return ()
        zone = self._visit.programs.first(program).program.timezone
        until = days_before(self._now, zone, -days)
        found: list[tuple[Lot, PointType]] = []
        for key in membership.ledgers:
            sid, subledger = split_ledger_key(key)
            if sid != point:
                continue
            held = self._visit.head(program, sid, subledger)
            pages.open_where(held, lambda page: bool(page.active) and page.first_expiry <= until, self._visit.fetch(program, key))
            kind = self._visit.programs.point(program, sid, self._now)
            found += [(lot, kind) for lot in held.look() if _expires_by(lot, until)]
        found.sort(key=lambda each: (each[0].earned_at, each[0].lot_id), reverse=order == "desc")
        return [self._lot(lot, kind, zone) for lot, kind in found[:limit]]

    def _profile(self, part: str) -> Any:
        found = field_of(self._visit.profile, part, self._now)
        return self._visit.profile_id if found is None and part == "profile_id" else found

    def _place(self) -> tuple[PointType, dict[str, Ledger]]:
        """The ledger that it speaks of, by its key: of the occasion, else the main one; or all of the point type, the main one first."""
        sid, subledger, ledgers = self._occasion.point, self._occasion.subledger, self._membership().ledgers
        point = self._version.program.points[0] if sid is None else self._visit.programs.point(self._name, sid, self._now)
        if subledger is None:
            return point, {key: ledgers[key] for key in sorted(ledgers) if split_ledger_key(key)[0] == point.sid}
        key = ledger_key(point.sid, subledger)
        return point, {key: ledgers[key]} if key in ledgers else {}

    @property
    def _name(self) -> str:
        return self._version.program.program

    def _membership(self) -> Membership:
        return self._visit.profile.programs.get(self._name) or Membership()

    def _balance(self, part: str) -> Any:
        point, ledgers = self._place()
        together = Ledger(*[sum(terms) for terms in zip(*map(totals, ledgers.values()), strict=True)])
        return Amount(getattr(balance_view(together, point.scale), part))

    def _tier(self, part: str) -> Any:
        view = standing.view(self._version, self._membership(), self._occasion.subledger or "", self._now)
        found = None if view is None else getattr(view, part)
        return Amount(found) if found is not None and part not in ("name", "next_review_at") else found

    def _program(self, part: str) -> Any:
        program = self._version.program
        if part in ("name", "title"):
            return program.title or program.program
        return program.timezone.key if part == "timezone" else getattr(program, part)

    def _lots(self) -> list[Mapping[str, Any]]:
        point, ledgers = self._place()
        order = spending_key(point.spend_order)
        for key, held in ledgers.items():
            pages.open_first(held, LOTS_MAX, order, self._visit.fetch(self._name, key))
        found = sorted([lot for held in ledgers.values() for lot in held.look() if lot.active and lot.remaining], key=order)
        return [self._lot(lot, point, self._version.program.timezone) for lot in found[:LOTS_MAX]]

    def _lot(self, lot: Lot, point: PointType, zone: ZoneInfo) -> Mapping[str, Any]:
        amount = Amount(format_points(lot.remaining, point.scale))
        return {
            "amount": amount,
            "points": amount,
            "remaining": amount,
            "lot_id": lot.lot_id,
            "earned_at": format_instant(lot.earned_at),
            "expires_at": None if lot.expires_at is None else format_instant(lot.expires_at),
            "expires_on": None if lot.expires_at is None else _last_day(lot.expires_at, zone),
            "receipt_id": lot.receipt_id,
            "legal_entity": lot.legal_entity,
            "description": lot.description,
        }


def _last_day(expires_at: Instant, zone: ZoneInfo) -> str:
    """The last local date of use: what expires at midnight is usable through the day before."""
    return to_local(expires_at - 1, zone).date().isoformat()


def _reckoned(found: Any, is_amount: bool) -> Any:
    """A fact as a template may reckon with it."""
    return Amount(found) if is_amount and isinstance(found, str) and is_decimal(found) else found


def within(facts: Mapping[str, Any], path: str) -> Any:
    """`pixel.attributes.city`: the key of that name where there is one, else key by key."""
    found: Any = facts
    while path and isinstance(found, Mapping):
        if path in found:
            return found[path]
        key, _, path = path.partition(".")
        found = found.get(key)
    return None if path else found


def _expires_by(lot: Lot, until: Instant) -> bool:
    return lot.active and lot.remaining > 0 and lot.expires_at is not None and lot.expires_at <= until
