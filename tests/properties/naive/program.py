"""A program file as the naive model reads it: the mapping itself with the defaults laid under it, and figures as fractions."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]


class Said(Json):
    """A record or an entry: said once and never changed, so that a copy of it is itself."""

    def __deepcopy__(self, _: object) -> "Said":
        return self


POINT: Json = {
    "scale": "0",
    "rounding": "floor",
    "round": "receipt",
    "initial_balance": "0",
    "ratio": None,
    "activation": "immediately",
    "activate_on": None,
    "expiration": "never",
    "expires_from": "session",
    "renew_on": [],
    "spend_order": "earliest-expiry",
    "returns": "pending-only",
    "on_return": "recompute",
    "reinstate_expired": "0 days",
    "hold": "30 minutes",
    "max_hold": "7 days",
    "max_balance": None,
    "limit": None,
}
REDEEM = {"minimum": "0", "multiple": None, "max_share": "1", "partial": "false"}
TIERS = {
    "definitions": [],
    "measure": "earned",
    "review_grid": None,
    "window": "review",
    "counts": ["earning", "promotions", "initial"],
    "lasts": "next-period",
    "downgrade": "hard",
    "grace": "0 days",
}
REVIEW = {"relative_to": "program-join", "every": "1 year", "cycle_start": None}
SPANS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


def span(text: str) -> timedelta:
    """`30 minutes`, `7 days`: elapsed time."""
    count, unit = text.split()
    return int(count) * SPANS[unit.removesuffix("s")]


def rounded(exact: Fraction, mode: str) -> int:
    match mode:
        case "floor":
            return floor(exact)
        case "ceiling":
            return ceil(exact)
        case "half-even":
            return round(exact)
        case _:
            return floor(exact + Fraction(1, 2)) if exact >= 0 else -rounded(-exact, mode)  # away from nothing


def fraction(value: object) -> Fraction:
    return Fraction(str(value))


class Program:
    """One version of a program."""

    def __deepcopy__(self, _: object) -> "Program":
        return self

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.name: str = document["program"]
        self.family: list[Program] = [self]  # all versions, by the time from which on they hold
        self.status: str = document.get("status", "active")
        self.zone = ZoneInfo(document["timezone"])
        self.leap_day: str = document.get("leap_day", "feb-28")
        self.begins = datetime.fromisoformat(document["effective_from"])
        self.applications: list[str] = document["applications"]
        self.currency: str = document["currency"]
        self.park = span(document.get("park", "7 days"))
        self.remember = span(document.get("remember", "400 days"))
        late = document.get("late", "accept")
        self.accepts_late = self.remember if late == "accept" else min(self.remember, span(late.removeprefix("reject after ")))
        self.receipts: str = document.get("receipts", "per-profile")
        self.basis: str = document.get("basis", "gross")
        self.rates: dict[str, str] = document.get("rates", {})
        self.exclude: Json | None = document.get("exclude")
        self.choose: str = document.get("choose", "sum")
        self.earn_on_paid_by_points = document.get("earn_on_paid_by_points", "false") == "true"
        self.subledgers = document.get("subledgers", {}).get("enabled", "false") == "true"
        self.join: str = document.get("membership", {}).get("join", "on-points-earned")
        self.consent: str | None = document.get("membership", {}).get("consent")
        self.before_join: str = document.get("membership", {}).get("before_join", "refuse")
        self.points: dict[str, Json] = {
            point["sid"]: {**POINT, **point, "redeem": {**REDEEM, **point.get("redeem", {})}} for point in document["points"]
        }
        self.first = next(iter(self.points))
        self.rules: list[Json] = [{"point": self.first, **rule} for rule in document.get("earning", [])]
        self.tiers: Json = {**TIERS, "point": self.first, **document.get("tiers", {})}
        self.review: Json = {**REVIEW, **self.tiers.get("review", {})}

    def at(self, moment: datetime) -> "Program":
        """The version in force; before all of them the first."""
        return [version for version in self.family if version.begins <= moment or version is self.family[0]][-1]

    def scale(self, sid: str) -> int:
        return int(self.points[sid]["scale"])

    def minor(self, sid: str, points: object) -> int:
        """Points as written, in the smallest unit; what is between two units is the caller's to look for."""
        return floor(fraction(points) * Fraction(10) ** self.scale(sid))

    def is_whole(self, sid: str, points: object) -> bool:
        return bool((fraction(points) * 10 ** self.scale(sid)).denominator == 1)

    def text(self, sid: str, minor: int) -> str:
        scale = self.scale(sid)
        whole, rest = divmod(minor, 10**scale)
        return f"{whole}.{rest:0{scale}d}" if scale else str(whole)

    def threshold(self, rank: int) -> int:
        return self.minor(self.tiers["point"], self.tiers["definitions"][rank]["threshold"])
