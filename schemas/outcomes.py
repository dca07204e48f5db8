"""What can become of an input record, and why a record is refused: one word each, alike in code, record, metric and docs.

Pure names. A refusal is raised as `Refused` where it is found and becomes a dead letter at the edge of the core.
"""

from typing import Final

APPLIED: Final = "applied"
DUPLICATE: Final = "duplicate"
STALE_REVISION: Final = "stale-revision"
ANONYMOUS: Final = "anonymous"
NOT_A_MEMBER: Final = "not-a-member"
PARKED: Final = "parked"
DEAD_LETTER: Final = "dead-letter"

OUTCOMES: Final = (APPLIED, DUPLICATE, STALE_REVISION, ANONYMOUS, NOT_A_MEMBER, PARKED, DEAD_LETTER)

REASONS: Final = (
    "not-json",
    "invalid-field",
    "missing-field",
    "too-large",
    "misrouted",
    "unknown-application",
    "unknown-program",
    "conflicting-duplicate",
    "future-event-time",
    "too-late",
    "before-program",
    "wrong-currency",
    "negative-quantity",
    "not-a-member",
    "unknown-receipt",
    "over-returned",
    "insufficient-points",
    "claimed-by-another",
    "profile-required",
    "erased",
    "profile-stopped",
    "internal-error",
    "template-failed",
    "not-supported-yet",
)


class Refused(Exception):
    """A record that cannot be used. `reason` is one of `REASONS`; `message` is a sentence; `field` is a path or None."""

    def __init__(self, reason: str, message: str, field: str | None = None) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.field = field
