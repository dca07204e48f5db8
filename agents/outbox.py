"""The outbox: what the core has to say, in order, for the caller to carry out. Effects are data; so are errors."""

from collections import Counter

from msgspec import Struct

from schemas.outcomes import PARKED


class Effect(Struct, gc=False, frozen=True):
    """A record for an output topic, keyed by profile."""

    topic: str
    key: str
    record: Struct


class Outbox:
    """`messages`: requests and replies, for the partition of their own key; `counts`: figures for metrics by name and labels;
    `errors`: exceptions that stopped a profile, for the log.
    """

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.messages: list[Effect] = []
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.errors: list[Exception] = []

    def parked(self) -> dict[str, int]:
        """What became of records that had waited, by outcome; one that goes on waiting, for something else, is not told."""
        return {name[1]: count for name, count in self.counts.items() if name[0] == "parked" and name[1] != PARKED}

    def clear(self) -> None:
        self.effects.clear()
        self.messages.clear()
        self.counts.clear()
        self.errors.clear()
