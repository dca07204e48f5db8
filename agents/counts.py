"""Counts across profiles: places of a scenario's `limit`, budgets of promotions. The key that owns the count is asked by a message.

What is asked here is answered at once, and every answer is yes, as long as no key owns any count.
"""

from agents.programs import Version
from agents.visit import Visit
from schemas.campaigns import Promotion
from schemas.instants import Instant


def place(visit: Visit, version: Version, scenario: str, ordinal: int, asked: str, at: Instant) -> int | None:
    """Is there a place for this run? 1 or 0; None: it has been asked, and `runs.answered` goes on with `asked`."""
    return 1


def budget(visit: Visit, version: Version, promotion: Promotion, points_minor: int, asked: str, at: Instant) -> int | None:
    """How many of these points does the budget leave? None: it has been asked, likewise."""
    return points_minor
