"""Happenings: what may set a scenario off, as a value: when it was, what it was, and what conditions and templates may ask of it.

A happening tells nothing of who hears it: `triggers` asks the scenarios of the version in force at its instant. What it holds is asked
for by name, so that a receipt of two thousand lines costs nothing where nobody asks.
"""

from collections.abc import Callable, Mapping
from typing import Any

from agents.hearing import EVERYBODY, Whom
from schemas.events import Cause, LedgerEntry
from schemas.instants import Instant
from tables.facts import within

Ask = Callable[[str], object]


class Happening:
    """`key`: under which the plans of a version know who waits for it (`plans.Playbook.waiting`): `receipt`, `pixel:form_submit`,
    `segment:NAME`, or `timer:SCENARIO` for a timer of one scenario.

    `field`: a field of the record, as conditions name it; `fact`: what `trigger.…` holds, by its path. `cause` None: the visit's own.
    `whom`: of whose hearing it is only, where the record waits. `sequence` and `points`: of the entry that it speaks of. `maker`: the scenario
    that made this entry, and how `deep` that stood.
    """

    def __init__(
        self,
        *,
        key: str,
        at: Instant,
        field: Ask,
        fact: Ask,
        cause: Cause | None = None,
        sequence: int | None = None,
        points: str | None = None,
        entry: LedgerEntry | None = None,
        maker: str | None = None,
        depth: int = 0,
        whom: Whom = EVERYBODY,
    ) -> None:
        self.key = key
        self.at = at
        self.field = field
        self.fact = fact
        self.cause = cause
        self.sequence = sequence
        self.points = points
        self.entry = entry
        self.maker = maker
        self.depth = depth
        self.whom = whom


def timed(key: str, at: Instant, facts: Mapping[str, Any], cause: Cause, sequence: int | None = None) -> Happening:
    """What no record tells of: a day that has come, a segment that was entered. `facts` by the name that `trigger.` takes."""
    return Happening(key=key, at=at, field=nothing, fact=told(facts), cause=cause, sequence=sequence)


def nothing(_: str) -> object:
    return None


def told(facts: Mapping[str, Any]) -> Ask:
    """Facts as a mapping that may be nested, asked by path."""
    return lambda path: within(dict(facts), path)
