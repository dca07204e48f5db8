"""Engagement: what is remembered of a profile for one program's scenarios, segments and reminders. Pure values, stored with the profile.

A profile that no scenario, segment or reminder has touched has none. Nothing here decides anything.
"""

from typing import Any

from msgspec import Struct

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


class Figures(Struct, gc=False, array_like=True, frozen=True):
    """What derived figures are reckoned from. `days`: purchases by local day (days since 1970): how many, and their gross (nano).

    `first_at`: when the first record of the profile happened.
    """

    first_at: Instant | None = None
    last_purchase_at: Instant | None = None
    last_visit_at: Instant | None = None
    days: tuple[tuple[int, int, int], ...] = ()


class Engagement(Struct, gc=False, array_like=True):
    """None of the mappings is ever changed in place: a change puts a new one there.

    `entered`: how often each scenario was entered; `once`: names that were used up; `timers`: when the time triggers of scenarios fire next,
    by scenario (and what else it needs, after a slash); `years`: the last calendar year in which a yearly date fired, by scenario;
    `segments`: since when the profile is in or out of each, oldest first; `tags`: likewise, by tag; `reminded`: by reminder and group, when
    it is to be sent, or was.
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
