"""Campaigns: where scenarios, segments and reminders meet everything else that happens at a profile. The seam, and nothing else.

`after_record` is called after the reaction to a record, `after_timer` after a timer that said something, `due` and `fire` are their timers.
Each costs one comparison where no program has any of them. The rules are in `scenarios`, `segments` and `reminders`.
"""

from collections.abc import Iterable, Iterator

from agents.due import Due
from agents.programs import Version
from agents.visit import Visit
from schemas.instants import Instant
from schemas.records import Record
from tables.state import Profile


def after_record(visit: Visit, record: Record, versions: list[Version], outcome: str) -> str:
    """What the record sets off, and what the entries that it made set off; the outcome of the record after that."""
    return outcome


def after_timer(visit: Visit, at: Instant) -> None:
    """What the entries of a timer set off."""


def due(profile: Profile) -> Iterator[Due]:
    """Runs that wake, time triggers, reminders."""
    return iter(())


def fire(visit: Visit, due: Due) -> Iterable[Due]:
    return ()
