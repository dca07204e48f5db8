"""What a check file says, as types: programs, tests and their steps.

Pure data. Expected values are the texts that were written (None for a plain `null`); records are already the bytes that a feed
would send. How a file becomes this is `file.py`, what the steps do is `run.py`.
"""

from typing import Any, Final

from msgspec import Struct

from schemas.document import Document
from schemas.instants import Instant
from streams.check.nodes import Plain

TOPICS: Final = {
    "purchase": "purchases",
    "pixel": "pixels",
    "profile": "profiles",
    "redemption": "redemptions",
    "adjustment": "adjustments",
}
FIGURES: Final = (
    "active",
    "pending",
    "reserved",
    "redeemed",
    "expired",
    "reversed",
    "written_off",
    "debt_paid",
    "debt",
    "lifetime",
)
TIER_FIGURES: Final = ("name", "qualifying_points", "next_review_at", "points_to_next", "points_to_keep")
REPEAT_MAX: Final = 100_000


class Deliver(Struct, frozen=True):
    """One record, as a feed would send it."""

    line: int
    step: str
    topic: str
    key: bytes | None
    value: bytes


class Clock(Struct, frozen=True):
    line: int
    at: Instant


class Restart(Struct, frozen=True):
    line: int


class Repeat(Struct, frozen=True):
    """The record before, so many times more."""

    line: int
    times: int


class Listed(Struct, frozen=True):
    """`contain`: these, in this order, among others; else the whole list."""

    line: int
    items: list[dict[str, Plain]]
    contain: bool


class Figures(Struct, frozen=True):
    """What a balance or a tier must be. None for `program` and `point` is the first one."""

    line: int
    profile_id: str
    program: str | None
    point: str | None
    subledger: str | None
    figures: dict[str, Plain]


class Lots(Struct, frozen=True):
    """The open lots of one profile; `profile_id` None is any profile of the test."""

    line: int
    profile_id: str | None
    items: list[dict[str, Plain]]


class Expect(Struct, frozen=True, kw_only=True):
    line: int
    events: Listed | None = None
    decisions: Listed | None = None
    dead_letters: Listed | None = None
    balance: Figures | None = None
    lots: Lots | None = None
    tier: Figures | None = None


Step = Deliver | Clock | Restart | Repeat | Expect


class Test(Struct, frozen=True, kw_only=True):
    """Either `steps`, or `refused`: the faults that the program must have."""

    __test__ = False

    name: str
    line: int
    overlay: dict[str, Any]
    steps: list[Step]
    refused: list[dict[str, Plain]] | None
    profiles: list[str]


class CheckFile(Struct, frozen=True):
    file: str
    documents: list[Document]
    tests: list[Test]
