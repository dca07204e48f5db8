"""Campaigns: what a program does beside earning, as types: promotions, segments, scenarios, reminders, codes, referrals, templates.

Only what a validated file says; how it is read is `sections/`, what it does is `agents/`. Amounts are integers as in `program.py`.
A trigger and a step are each one of a few classes: whoever acts on them chooses by the class.
"""

from dataclasses import dataclass
from typing import Literal

from schemas.conditions import Condition
from schemas.instants import Instant
from schemas.schedules import Schedule

OnCap = Literal["refuse", "truncate"]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """So many points (minor) over all profiles."""

    points_minor: int
    on_cap: OnCap = "refuse"


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """Accrues or redeems what a step names, from `min_minor` to `max_minor`; where these are equal it is one fixed amount."""

    promotion: str
    action: Literal["accrue", "redeem"]
    point: str
    min_minor: int
    max_minor: int
    activation: Schedule | None = None
    expiration: Schedule | None = None
    budget: Budget | None = None
    legal_entity: str | None = None
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class Segment:
    segment: str
    where: Condition
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class Rfm:
    """Scores 1 to n + 1 by n thresholds each, over the purchases of the last `within_days`. Recency in days (fewer is better), frequency in
    purchases, monetary in nano of the currency.
    """

    within_days: int
    recency_days: tuple[int, ...]
    frequency: tuple[int, ...]
    monetary_nano: tuple[int, ...]


# --- triggers: what sets a scenario off ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class OnRecord:
    """A record of its own kind: a receipt, a cancelled receipt, a registration."""

    kind: Literal["receipt", "cancelled", "registration"]
    when: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class OnLines:
    """A receipt with a line of one of these items (`sku`) or categories; with none named, of any."""

    kind: Literal["item", "category"]
    names: frozenset[str]
    when: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class OnFields:
    """One of these profile fields has got another value."""

    fields: frozenset[str]
    when: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class OnPixel:
    types: frozenset[str]
    when: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class OnEntry:
    """A ledger entry of one of these types."""

    types: frozenset[str]
    when: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class OnTier:
    """A tier change: to this tier, or (None) to any other one."""

    tier: str | None
    when: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class OnMilestone:
    """The active balance goes from below to at least one of these (minor, rising)."""

    point: str
    at_minor: tuple[int, ...]
    when: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class OnSegment:
    segment: str
    when: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class OnDate:
    """A day comes: of a date field each year (`profile.date_of_birth`, `profile.registered_at`, `membership.joined_at`), of a date that a
    receipt carries once (`receipt.attributes.delivery`), or of a fixed day (`schedule`: `2026-12-24`, `every 12-24`).
    """

    field: str | None = None
    schedule: Schedule | None = None
    when: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class OnSchedule:
    """Again and again, counted from the program's first version."""

    every: Schedule
    when: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class OnIdle:
    """So long after the last purchase or visit, or after registration."""

    since: Literal["purchase", "visit", "registration"]
    wait: Schedule
    when: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class OnAbandoned:
    """So long after a pixel of one type without a purchase (`purchase`) or without a pixel of another type."""

    pixel: str
    without: str
    wait: Schedule
    when: Condition | None = None


@dataclass(frozen=True, kw_only=True)
class OnExpiring:
    """Points that expire on one local day come within this of their expiry."""

    point: str
    within_us: int
    when: Condition | None = None


Trigger = (
    OnRecord
    | OnLines
    | OnFields
    | OnPixel
    | OnEntry
    | OnTier
    | OnMilestone
    | OnSegment
    | OnDate
    | OnSchedule
    | OnIdle
    | OnAbandoned
    | OnExpiring
)


# --- steps: what a scenario does, one after the other -------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class If:
    condition: Condition
    then: tuple["Step", ...]
    otherwise: tuple["Step", ...]


@dataclass(frozen=True, kw_only=True)
class InSegment:
    """With branches it chooses one; without, who is not in the segment leaves the scenario."""

    segment: str
    then: tuple["Step", ...] = ()
    otherwise: tuple["Step", ...] | None = None  # None: leave


@dataclass(frozen=True, kw_only=True)
class Join:
    once: str | None = None


@dataclass(frozen=True, kw_only=True)
class Award:
    """What a promotion gives or takes (`action` is the promotion's): `points_minor` lies in its range."""

    promotion: str
    action: Literal["accrue", "redeem"]
    points_minor: int
    once: str | None = None
    subledger: str = ""


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """Nothing is to be sent from one local time of day to another (minutes since midnight; over midnight where `until` is smaller)."""

    from_minute: int
    until_minute: int


@dataclass(frozen=True, kw_only=True)
class Notify:
    """By the first of these channels that the profile allows."""

    channels: tuple[str, ...]
    template: str
    category: str | None = None
    quiet: Quiet | None = None


@dataclass(frozen=True, kw_only=True)
class Wait:
    schedule: Schedule


@dataclass(frozen=True, kw_only=True)
class WaitUntil:
    """One of: until an instant (`at`), the first instant of a day (`day`: `2026-12-24`, `every 12-24`), the next time of day (`minute`, in
    the profile's zone where known), or the date in a profile field (`field`: without `profile.`).
    """

    at: Instant | None = None
    day: Schedule | None = None
    minute: int | None = None
    field: str | None = None


@dataclass(frozen=True, kw_only=True)
class Tag:
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Places:
    """The step `limit`: so many go on, over all profiles, with `then` first; the others take `otherwise`, and leave."""

    participants: int
    then: tuple["Step", ...] = ()
    otherwise: tuple["Step", ...] = ()


@dataclass(frozen=True, kw_only=True)
class Branch:
    name: str
    weight: int
    steps: tuple["Step", ...]


@dataclass(frozen=True, kw_only=True)
class Split:
    """One of these branches, always the same for a profile and scenario."""

    branches: tuple[Branch, ...]


@dataclass(frozen=True, kw_only=True)
class ControlGroup:
    """This share (nano) of the profiles, always the same for a scenario, leaves it and is counted."""

    share_nano: int


@dataclass(frozen=True, kw_only=True)
class Stop:
    """The way ends here."""


Step = If | InSegment | Join | Award | Notify | Wait | WaitUntil | Tag | Places | Split | ControlGroup | Stop


@dataclass(frozen=True, kw_only=True)
class Scenario:
    scenario: str
    trigger: Trigger
    steps: tuple[Step, ...]
    audience: str | None = None
    reentry: bool = False
    enabled: bool = True
    description: str | None = None


# --- what is sent, and codes ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Reminder:
    """`minute`: of the local day, in the profile's zone where known. `within_us` before the expiry, the activation or the review."""

    reminder: str
    of: Literal["expiry", "activation", "tier-review"]
    point: str
    within_us: int
    minute: int
    quiet: Quiet | None
    channel: tuple[str, ...]
    template: str
    category: str | None = None


@dataclass(frozen=True, kw_only=True)
class Code:
    """A promo code that works so often over all profiles, and so often for one of them (None: without end)."""

    code: str
    uses: int | None
    per_profile: int | None


@dataclass(frozen=True, kw_only=True)
class Referral:
    """Who was named by the `referral_code` of a friend's first purchase gets the promotion's points when that purchase is final."""

    promotion: str
    points_minor: int
    final_after: Schedule
    minimum_nano: int
    code: str  # the profile field that holds a profile's own code, without `profile.`


@dataclass(frozen=True, kw_only=True)
class Campaigns:
    """All of it, of one version of a program. Scenarios and reminders are in the order of the file."""

    promotions: dict[str, Promotion]
    segments: dict[str, Segment]
    scenarios: tuple[Scenario, ...]
    reminders: tuple[Reminder, ...]
    templates: dict[str, str]
    rfm: Rfm | None = None
    codes: tuple[Code, ...] = ()
    referral: Referral | None = None
    figures: frozenset[str] = frozenset()  # derived figures in any condition, of earning rules too, as a lookup gets them

    @property
    def idle(self) -> bool:
        """Whether nothing of it ever acts: then no record asks for it."""
        return not (self.segments or self.scenarios or self.reminders or self.codes or self.referral or self.figures)
