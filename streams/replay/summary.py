"""What a replay did, in figures that add up: lines read = records by outcome + broken lines + ticks. In the file of an exported run
there are also messages between keys, a line a cycle, and two lines a file.

A record that had to wait is `parked` among the outcomes, once; what became of it later stands beside them.
"""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from agents.outbox import Effect, Outbox
from schemas.events import LedgerEntry
from schemas.outcomes import PARKED
from tables.fingerprint import Fingerprint


class Replayed:
    """One partition of an exported run: cycles applied, those that came out otherwise than the worker told, and its state at the end."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.cycles = 0
        self.different: list[int] = []
        self.state = Fingerprint(0, 0)

    def for_machines(self) -> dict[str, Any]:
        told = {"partition": self.number, "cycles": self.cycles, "different": self.different}
        return told | {"state_hash": self.state.text, "states": self.state.states}


class Summary:
    """Counts while the run goes on. `broken` counts lines that are no record; `errors` profiles that an exception stopped.

    `messages` and `partitions` are an exported run's: what keys asked and answered, and how each partition went.
    """

    def __init__(self) -> None:
        self.lines = 0
        self.ticks = 0
        self.broken = 0
        self.outcomes: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.written: Counter[str] = Counter()
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.errors: list[str] = []
        self.profiles = 0
        self.seconds = 0.0
        self.messages = 0
        self.partitions: list[Replayed] = []
        self._entries: Counter[tuple[str, str, str]] = Counter()
        self._points: dict[tuple[str, str, str], Decimal] = {}

    @property
    def records(self) -> int:
        return sum(self.outcomes.values())

    @property
    def parked(self) -> dict[str, int]:
        """What became of records that had waited, by outcome; one that goes on waiting, for something else, is not told."""
        return {name[1]: count for name, count in sorted(self.counts.items()) if name[0] == "parked" and name[1] != PARKED}

    def take(self, outbox: Outbox) -> None:
        """What an outbox holds, before it is sent and cleared."""
        self.count(outbox.effects)
        self.counts.update(outbox.counts)
        self.errors.extend(f"{type(error).__name__}: {error}" for error in outbox.errors)

    def count(self, effects: Iterable[Effect]) -> None:
        """What has been sent: how much to which topic, and points by what became of them."""
        for effect in effects:
            record = effect.record
            self.written[effect.topic] += 1
            if type(record) is LedgerEntry:
                kind = (record.program, record.point or "", record.type)
                self._entries[kind] += 1
                if record.points is not None:
                    self._points[kind] = self._points.get(kind, Decimal(0)) + Decimal(record.points)
            else:
                reason = getattr(record, "reason", None)
                if effect.topic == "dead-letters" and reason is not None:
                    self.reasons[reason] += 1

    def entries(self) -> list[tuple[str, str, str, int, str | None]]:
        """(program, point, type, entries, points), sorted."""
        return [
            (
                program,
                point,
                kind,
                count,
                f"{points:f}" if (points := self._points.get((program, point, kind))) is not None else None,
            )
            for (program, point, kind), count in sorted(self._entries.items())
        ]

    def for_machines(self) -> dict[str, Any]:
        return {
            "lines": self.lines,
            "records": self.records,
            "outcomes": dict(sorted(self.outcomes.items())),
            "parked": self.parked,
            "ticks": self.ticks,
            "broken_lines": self.broken,
            "dead_letters": dict(sorted(self.reasons.items())),
            "written": dict(sorted(self.written.items())),
            "entries": [
                {"program": program, "point": point or None, "type": kind, "entries": count, "points": points}
                for program, point, kind, count, points in self.entries()
            ],
            "counts": {" ".join(name): count for name, count in sorted(self.counts.items())},
            "errors": self.errors,
            "profiles": self.profiles,
            "seconds": round(self.seconds, 3),
        } | ({"partitions": [replayed.for_machines() for replayed in self.partitions]} if self.partitions else {})
