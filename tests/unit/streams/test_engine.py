"""The engine on the embedded broker: what takes long is done beside the loop, for one that stands still takes its own partitions for lost."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from confluent_kafka import Producer

from agents.incoming import Incoming
from schemas.topics import PURCHASES
from streams.embedded import PARTITIONS, embedded_broker
from streams.worker.broker import Broker
from streams.worker.engine import Engine
from streams.worker.logic import Reactions
from streams.worker.partition import Partition
from streams.worker.planned import Planned
from streams.worker.settings import WorkerSettings
from streams.worker.watch import Unwatched
from tables.rocks import RocksShared, RocksStore
from tests.conftest import ROOT
from tests.kafka.counting import Counting, CountingLogic, CountingTable

_LONG_SECONDS = 1.0
_HEAVY_SECONDS = 0.02
_HEAVY = 400


class SlowPrograms:
    """Programs for which every profile has to be looked at: as a partition is handed over, and once more when something is published."""

    def __init__(self, asked_to_end: asyncio.Event) -> None:
        self.newer = True
        self.began_at: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._asked_to_end = asked_to_end

    def wait_for(self, partitions: Iterable[Partition], cancelled: Event) -> None: ...
    def run_as_before(self, partition: Partition) -> None: ...
    def bring_up(self, partitions: Iterable[Partition]) -> None:
        if not [*partitions]:
            return
        self.began_at.append(time.monotonic())
        time.sleep(_LONG_SECONDS)
        self.newer = len(self.began_at) < 2
        if not self.newer:
            self._loop.call_soon_threadsafe(self._asked_to_end.set)


class Heavy(Counting):
    """A program that takes long for each record, or a machine that has little time for it."""

    def apply(self, incoming: Incoming) -> str:
        time.sleep(_HEAVY_SECONDS)
        return super().apply(incoming)


class HeavyLogic(CountingLogic):
    def open(self, path: Path, partitions: int) -> Reactions:
        return Heavy(CountingTable(RocksStore(path, RocksShared())))


class Beats(Unwatched):
    def __init__(self) -> None:
        self.at: list[float] = []
        self.turned: Callable[[], None] = lambda: None

    def beat(self) -> None:
        self.at.append(time.monotonic())
        self.turned()


async def run(url: str, state: Path) -> dict[str, Any]:
    """How often the loop turned each time; `said`: why the engine ended, if not because it was asked to."""
    settings = WorkerSettings(broker=url, state=state)
    broker, asked, beats = Broker(settings), asyncio.Event(), Beats()
    broker.partitions()
    programs: Any = SlowPrograms(asked)
    engine = Engine(settings, CountingLogic(), broker, Planned(settings), PARTITIONS, beats, programs)
    async with asyncio.timeout(60):
        await engine.run(asked)
    turns = [len([at for at in beats.at if began < at < began + _LONG_SECONDS]) for began in programs.began_at]
    return {"said": engine.said, "turns": turns}


async def run_heavy(url: str, state: Path) -> dict[str, Any]:
    """For how long the loop stood still, at most, while it worked off a backlog of one profile."""
    settings = WorkerSettings(broker=url, state=state)
    feed = Producer({"bootstrap.servers": settings.servers})
    for number in range(_HEAVY):
        feed.produce(PURCHASES, b"%d" % number, "p")
    assert feed.flush(30) == 0
    broker, asked, beats = Broker(settings), asyncio.Event(), Beats()
    broker.partitions()
    engine = Engine(settings, HeavyLogic(), broker, Planned(settings), PARTITIONS, beats)

    beats.turned = lambda: asked.set() if engine.applied >= _HEAVY else None
    async with asyncio.timeout(60):
        await engine.run(asked)
    return {"said": engine.said, "applied": engine.applied, "longest": max(b - a for a, b in pairwise(beats.at))}


def child(case: str, state: Path) -> dict[str, Any]:
    with embedded_broker(announce=lambda _: None) as broker:
        command = [
            sys.executable,
            "-m",
            __name__,
            case,
            broker.url,
            str(state),
        ]  # a loop of its own: Faust leaves some of it behind
        told: dict[str, Any] = json.loads(
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=90).stdout
        )
    return told


@pytest.mark.slow
def test_the_loop_turns_while_profiles_are_looked_at_for_other_programs(tmp_path: Path) -> None:
    told = child("programs", tmp_path)
    assert told["said"] is None
    assert len(told["turns"]) == 2
    assert min(told["turns"]) > 3


@pytest.mark.slow
def test_the_loop_turns_while_records_are_applied_that_take_long(tmp_path: Path) -> None:
    told = child("heavy", tmp_path)
    assert told["said"] is None
    assert told["applied"] == _HEAVY
    assert told["longest"] < 250 * _HEAVY_SECONDS / 3


if __name__ == "__main__":
    print(json.dumps(asyncio.run({"programs": run, "heavy": run_heavy}[sys.argv[1]](sys.argv[2], Path(sys.argv[3])))))
