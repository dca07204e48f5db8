"""The registry of topics: every topic's name, role, and how long it keeps what it holds. Pure data."""

from typing import Final, Literal

from msgspec import Struct

Role = Literal["input", "output", "internal"]


class Topic(Struct, frozen=True, kw_only=True):
    """`retention_days` None with cleanup `delete` is for ever. Compacted topics keep the newest record of a key."""

    name: str
    role: Role
    cleanup: Literal["delete", "compact"] = "delete"
    retention_days: int | None = None
    log_append_time: bool = False
    max_message_bytes: int = 1_048_588  # the broker's own default


def _input(name: str) -> Topic:
    return Topic(name=name, role="input", retention_days=14, log_append_time=True, max_message_bytes=4 * 1024 * 1024)


PURCHASES: Final = "purchases"
PIXELS: Final = "pixels"
PROFILES: Final = "profiles"
REDEMPTIONS: Final = "redemptions"
ADJUSTMENTS: Final = "adjustments"

LEDGER_ENTRIES: Final = "ledger-entries"
TIER_CHANGES: Final = "tier-changes"
NOTIFICATIONS: Final = "notifications"
REDEMPTION_DECISIONS: Final = "redemption-decisions"
SEGMENT_CHANGES: Final = "segment-changes"
BALANCES: Final = "balances"
DEAD_LETTERS: Final = "dead-letters"

CYCLES: Final = "cycles"
CHANGELOG: Final = "changelog"
REQUESTS: Final = "requests"
REPLIES: Final = "replies"
PROGRAMS: Final = "programs"

POSITION: Final = "__position__"
"""The key under which `balances` and the changelog tell a partition's position, and so the id of no profile."""

LARGE: Final = 8 * 1024 * 1024  # a dead letter holds its record as text, escapes and all

TOPICS: Final[tuple[Topic, ...]] = (
    _input(PURCHASES),
    _input(PIXELS),
    _input(PROFILES),
    _input(REDEMPTIONS),
    _input(ADJUSTMENTS),
    Topic(name=LEDGER_ENTRIES, role="output", max_message_bytes=LARGE),
    Topic(name=TIER_CHANGES, role="output"),
    Topic(name=NOTIFICATIONS, role="output", retention_days=7),
    Topic(name=REDEMPTION_DECISIONS, role="output"),
    Topic(name=SEGMENT_CHANGES, role="output", retention_days=7),
    Topic(name=BALANCES, role="output", cleanup="compact", max_message_bytes=LARGE),
    Topic(name=DEAD_LETTERS, role="output", retention_days=30, max_message_bytes=LARGE),
    Topic(name=CYCLES, role="internal", retention_days=14, max_message_bytes=LARGE),
    Topic(name=CHANGELOG, role="internal", cleanup="compact", max_message_bytes=LARGE),
    Topic(name=REQUESTS, role="internal", retention_days=14, max_message_bytes=LARGE),
    Topic(name=REPLIES, role="internal", retention_days=14, max_message_bytes=LARGE),
    Topic(name=PROGRAMS, role="internal", cleanup="compact", max_message_bytes=LARGE),
)

INPUTS: Final = tuple(topic.name for topic in TOPICS if topic.role == "input")
MESSAGES: Final = (REQUESTS, REPLIES)
"""From one key to another and back: what counts across profiles goes by these. Read like any input."""
CONSUMED: Final = (*INPUTS, *MESSAGES)
OUTPUTS: Final = tuple(topic.name for topic in TOPICS if topic.role == "output")
EVENTS: Final = frozenset({LEDGER_ENTRIES, TIER_CHANGES, NOTIFICATIONS})
"""The topics over which the records of a profile and program are numbered together (`sequence`)."""
BY_NAME: Final = {topic.name: topic for topic in TOPICS}
