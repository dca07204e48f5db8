"""Recovery without a broker: partitions whose state is as the log's end says, so that nothing has to be read from it."""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from schemas.document import read_document
from schemas.program_file import build_catalog
from schemas.topics import CHANGELOG
from streams.worker.broker import Place
from streams.worker.logic import LedgerLogic, Reactions
from streams.worker.partition import Partition
from streams.worker.position import folder_of
from streams.worker.recovery import Recovery
from streams.worker.settings import WorkerSettings
from tests.unit.metrics.scene import PROGRAM

PARTITIONS = 3
END = 7


class Quiet:
    """A broker whose changelogs begin at 3 and end at 7, or where it is said, and whose inputs hold offsets 3 to 9. All partitions have
    group offsets, where it is `grouped`.
    """

    def __init__(self, ends: dict[int, int] | None = None, *, grouped: bool = True) -> None:
        self._ends = ends or {}
        self._offset = 5 if grouped else None
        self.made: dict[str, str] = {}

    def incarnations(self, topics: Sequence[str]) -> dict[str, str]:
        return {topic: self.made.get(topic, "the-only-one") for topic in topics}

    def committed(self, group: str, places: Iterable[Place], cancelled: threading.Event) -> dict[Place, int | None]:
        return dict.fromkeys(places, self._offset)

    def ends(self, places: Iterable[Place], *, committed: bool = True) -> dict[Place, int]:
        return {(topic, number): self._ends.get(number, END) if topic == CHANGELOG else 9 for topic, number in places}

    def members(self, group: str) -> int:
        return {"others": 2}.get(group, 0)

    def starts(self, places: Iterable[Place]) -> dict[Place, int]:
        return dict.fromkeys(places, 3)


def opened(folder: Path, number: int = 1) -> Reactions:
    """One partition's table."""
    return logic().open(folder_of(folder, number, PARTITIONS), PARTITIONS)


class Said(list[str]):
    """What a worker would say."""

    def __call__(self, event: str, sentence: str, level: str = "info") -> None:
        self.append(f"{event}: {sentence}")


def recovery(folder: Path, broker: Any, said: Said) -> Recovery:
    return Recovery(WorkerSettings(broker="kafka://127.0.0.1:1", state=folder), logic(), broker, PARTITIONS, tell=said)


def recover(folder: Path, broker: Any, numbers: list[int], said: Said | None = None) -> dict[int, Partition]:
    return recovery(folder, broker, Said() if said is None else said).recover(numbers, threading.Event())


def logic() -> LedgerLogic:
    return LedgerLogic(build_catalog([read_document(PROGRAM, "club.yaml")]), 64 * 1024 * 1024)
