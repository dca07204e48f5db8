"""What may fall due at a profile, and the order of things that fall due at one instant."""

from typing import Final

from schemas.instants import Instant

ACTIVATION: Final = 0
HOLD: Final = 1
EXPIRY: Final = 2
REVIEW: Final = 3
SCENARIO: Final = 4
REMINDER: Final = 5
PARKED: Final = 6

Due = tuple[Instant, int, str, str, str]
"""Instant, kind, id (of the lot, redemption, subledger or record), program, and what else the kind needs (a ledger's key)."""
