"""The program file as types: what a validated program is, and nothing about how it is read (`program_file.py`).

Amounts are integers: `_nano` is a decimal times 10^9, `_minor` is points in the point type's smallest unit, `_us` is
microseconds. Instants are microseconds since 1970-01-01T00:00:00Z. Sections that are valid but not in force yet are kept as
they were read and named in `Program.not_in_force`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo

from schemas.amounts import NANO
from schemas.campaigns import Campaigns
from schemas.conditions import Condition
from schemas.instants import Instant
from schemas.program_faults import Fault
from schemas.schedules import LeapDay, Schedule

Rounding = Literal["floor", "half-up", "half-even", "ceiling"]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """At most so many points (minor) or so many receipts (times) a period; exactly one of the two is set."""

    points_minor: int | None = None
    times: int | None = None
    per: Literal["receipt", "day", "week", "month", "year", "ever"]
    on_cap: Literal["truncate", "refuse"] = "truncate"


@dataclass(frozen=True, kw_only=True)
class Rate:
    """`points` for every `per` of the basis; `whole`: full steps only."""

    points_nano: int = NANO
    per_nano: int = NANO
    steps: Literal["proportional", "whole"] = "proportional"


@dataclass(frozen=True, kw_only=True)
class Fixed:
    points_nano: int
    per: Literal["receipt", "line", "unit"] = "receipt"


@dataclass(frozen=True, kw_only=True)
class Band:
    """Only the part of the basis between two amounts; an open end is None."""

    from_nano: int | None = None
    to_nano: int | None = None


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One earning rule. Exactly one of `rate`, `fixed`, `multiplier_nano` is set."""

    rule: str
    enabled: bool = True
    point: str
    rate: Rate | None = None
    fixed: Fixed | None = None
    multiplier_nano: int | None = None
    when: Condition | None = None
    lines: Condition | None = None
    code: str | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    band: Band | None = None
    limit: Limit | None = None
    priority: int = 0
    exclusive: bool = False
    activation: Schedule | None = None
    expiration: Schedule | None = None
    legal_entity: str | None = None
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class Redeem:
    minimum_minor: int
    multiple_minor: int
    max_share_nano: int
    partial: bool


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """So many points (minor) are worth so much money (nano)."""

    points_minor: int
    money_nano: int


@dataclass(frozen=True, kw_only=True)
class PointType:
    sid: str
    name: str
    scale: int
    rounding: Rounding
    round: Literal["receipt", "line", "rule"]
    initial_balance_minor: int
    ratio: Ratio | None
    activation: Schedule
    activate_on: Mapping[str, str] | None  # {pixel: TYPE, receipt?: FIELD of the pixel}
    expiration: Schedule
    expires_from: Literal["session", "activation"]
    renew_on: tuple[str, ...]
    spend_order: Literal["earliest-expiry", "earliest-earned"]
    returns: Literal["pending-only", "within-balance", "allow-debt"]
    on_return: Literal["recompute", "proportional", "by-amount"]
    reinstate_expired: Schedule  # a length of time, and so are these two
    redeem: Redeem
    hold: Schedule
    max_hold: Schedule
    max_balance_minor: int | None
    limit: Limit | None
    legal_entity: str | None
    description: str | None


@dataclass(frozen=True, kw_only=True)
class TierDefinition:
    name: str
    threshold_minor: int  # of tiers.point; of the currency in nano where the measure is `spend`


@dataclass(frozen=True, kw_only=True)
class Review:
    relative_to: Literal["program-join", "tier-join", "cycle"]
    every: Schedule
    cycle_start: Instant | None


@dataclass(frozen=True, kw_only=True)
class Tiers:
    """`window` is `review`, `lifetime`, or a schedule of so many days back."""

    point: str
    definitions: tuple[TierDefinition, ...]
    measure: Literal["earned", "spend", "active"]
    window: Literal["review", "lifetime"] | Schedule
    counts: tuple[str, ...]
    review: Review
    review_grid_us: int | None
    lasts: Literal["next-period", "period"]
    downgrade: Literal["hard", "soft"]
    grace: Schedule


@dataclass(frozen=True, kw_only=True)
class Join:
    join: Literal["explicit", "on-points-earned", "on-points-activated"]
    consent: str | None
    before_join: Literal["refuse", "park"]


@dataclass(frozen=True, kw_only=True)
class Program:
    """One version of one program."""

    program: str
    title: str
    description: str | None
    timezone: ZoneInfo
    environment: Literal["live", "sandbox"]
    effective_from: Instant
    status: Literal["draft", "active", "ended"]
    applications: frozenset[str]
    currency: str
    currency_decimals: int  # ISO 4217 minor unit
    rates_nano: Mapping[str, int]
    late_us: int | None  # None: late records are accepted up to `remember`
    ahead_us: int
    remember_us: int
    park_us: int
    receipts: Literal["per-profile", "claimed"]
    leap_day: LeapDay
    membership: Join
    basis: Literal["gross", "net", "total"]
    exclude: Condition | None
    earn_on_paid_by_points: bool
    choose: Literal["sum", "best", "first"]
    points: tuple[PointType, ...]
    subledgers_enabled: bool
    tiers: Tiers
    earning: tuple[Rule, ...]
    campaigns: Campaigns
    not_in_force: tuple[str, ...]
    warnings: tuple[Fault, ...] = ()


class Catalog:
    """All programs and their versions. Programs in order of name, versions in order of `effective_from`."""

    def __init__(self, versions: list[Program]) -> None:
        by_name: dict[str, list[Program]] = {}
        for version in versions:
            by_name.setdefault(version.program, []).append(version)
        self.programs: dict[str, tuple[Program, ...]] = {
            name: tuple(sorted(by_name[name], key=lambda version: version.effective_from)) for name in sorted(by_name)
        }

    def in_force(self, program: str, at: Instant) -> Program | None:
        """The version in force at an instant; None before the first, and for a program that is not there."""
        found = None
        for version in self.programs.get(program, ()):
            if version.effective_from > at:
                break
            found = version
        return found
