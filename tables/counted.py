"""What is counted across profiles, at the key that counts: how much was granted, altogether and to whom. Pure values.

Their keys name no person (`table.given_key`, `table.count_key`). How they change is `agents/counts.py`.
"""

from msgspec import Struct

from schemas.instants import LATEST, Instant


class Given(Struct, gc=False, array_like=True, frozen=True):
    """What one profile was granted by one asking, at the key that counts; 0: nothing. `back`: some of it came back, and none will again."""

    amount: int
    last_at: Instant
    back: bool = False


class Count(Struct, gc=False, array_like=True, frozen=True):
    """How much was granted altogether, or to one profile, at the key that counts. Never forgotten by age: a budget is for good."""

    total: int

    @property
    def last_at(self) -> Instant:
        return LATEST
