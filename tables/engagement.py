"""Engagement: what is remembered of a profile for one program's scenarios, segments and reminders. Pure values, stored with the profile.

A profile that no scenario, segment or reminder has touched has none. Nothing here decides anything.
"""

from typing import Any

from msgspec import Struct

from schemas.events import Cause
from schemas.instants import Instant


class Run(Struct, gc=False, array_like=True, frozen=True):
    """One way of a profile through a scenario, where it stands still: it waits until `wakes_at`, or (None) for an answer.

    `number` counts the runs of this scenario at this profile; `version` is the `effective_from` of the version it entered, by which it goes
    on; `step` its place in the plan of that version. `at` is the instant of the step it has come to; `trigger` are the facts that set it off,
    as JSON. `depends_on`: the sequence of its last award, else of the entry that set it off. `points`: what that made, as text.
    """

    scenario: str
    number: int
    version: Instant
    step: int
    wakes_at: Instant | None
    at: Instant
    trigger: bytes
    depends_on: int | None = None
    points: str | None = None
    asked: str | None = None


class RunFacts(Struct, gc=False, omit_defaults=True):
    """`fields` of the record and what `trigger.` holds, by path; the entry that the run speaks of. `cause` and `depth`: while it waits for an
    answer, after which it goes on as if nothing had come between.
    """

    fields: dict[str, Any] = {}
    trigger: dict[str, Any] = {}
    entry: dict[str, Any] | None = None
    cause: Cause | None = None
    depth: int = 0


class Figures(Struct, gc=False, array_like=True, frozen=True):
    """What derived figures are reckoned from (`figures.py`), as far as a version of the program asks for it.

    `first_at`: when the first record of the profile happened. `purchases`: (when, how many, gross in nano), oldest first, of the
    longest time that is asked for and the last few; `count` and `total` are those of all times. `visits`: the first and the last one of each of
    the last days. `pixels`: of each type that is asked for, when the newest was, and what it said.
    """

    first_at: Instant | None = None
    purchases: tuple[tuple[Instant, int, int], ...] = ()
    count: int = 0
    total: int = 0
    visits: tuple[Instant, ...] = ()
    pixels: dict[str, tuple[Instant, bytes]] = {}


class Reward(Struct, gc=False, array_like=True, frozen=True):
    """A referrer's award that waits for the promotion's budget (`asked`), of an instant and a version of the program."""

    asked: str
    at: Instant
    version: Instant
    promotion: str
    points_minor: int


class Referring(Struct, gc=False, array_like=True, frozen=True):
    """What referrals know of a profile. `code`: its own, as it was claimed last. Its first purchase: the receipt and when that was, whose
    code it named, and when it is final (None: it was, or nobody was named). `rewards`: what it is to get for friends, and waits.
    `earlier`: codes that it has claimed before that one, and may own still; the oldest first.
    """

    code: str | None = None
    bought_at: Instant | None = None
    application: str = ""
    receipt_id: str = ""
    friends_code: str | None = None
    final_at: Instant | None = None
    rewards: tuple[Reward, ...] = ()
    earlier: tuple[str, ...] = ()


class Engagement(Struct, gc=False, array_like=True):
    """None of the mappings is ever changed in place: a change puts a new one there.

    `entered`: how often each scenario was entered; `once`: names that were used up; `timers`: when the time triggers of scenarios fire next,
    by scenario (and what else it needs, after a slash), and (under "") when a segment may change by time alone; `years`: the last calendar
    year in which a yearly date fired, by scenario; and likewise what is not to fire again of a receipt or of a day's points;
    `segments`: since when the profile is in or out of each, oldest first; `tags`: likewise, by tag; `reminded`: by reminder and group, when
    it is to be sent, or was. `planned_by`: by what plan the segments were judged and the timers set last
    (`agents.asked.Watch.plan`).
    """

    entered: dict[str, int] = {}
    once: tuple[str, ...] = ()
    runs: tuple[Run, ...] = ()
    timers: dict[str, Instant] = {}
    years: dict[str, int] = {}
    segments: dict[str, tuple[tuple[Instant, Any], ...]] = {}
    tags: dict[str, tuple[tuple[Instant, Any], ...]] = {}
    reminded: dict[str, Instant] = {}
    figures: Figures = Figures()
    planned_by: int | None = None
    referring: Referring = Referring()
