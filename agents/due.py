"""What may fall due at a profile, and the order of things that fall due at one instant."""

from typing import Final, NamedTuple

from schemas.instants import Instant

ACTIVATION: Final = 0
HOLD: Final = 1
EXPIRY: Final = 2
REVIEW: Final = 3
SCENARIO: Final = 4
REMINDER: Final = 5
PARKED: Final = 6
REFERRAL: Final = 7


class Due(NamedTuple):
    """Something that happens at an instant, in the order of these fields.

    `since`: of lots of one instant the one that was earned first comes first; 0 for every other kind. `id` is of the lot, redemption,
    subledger or record, `key` what else the kind needs (a ledger's key).
    """

    at: Instant
    kind: int
    since: Instant
    id: str
    program: str
    key: str
