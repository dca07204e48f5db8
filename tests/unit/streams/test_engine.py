"""The engine on the embedded broker: what takes long is done beside the loop, for one that stands still takes its own partitions for lost."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from streams.embedded import PARTITIONS, embedded_broker
from streams.worker.broker import Broker
from streams.worker.engine import Engine
from streams.worker.partition import Partition
from streams.worker.planned import Planned
from streams.worker.settings import WorkerSettings
from streams.worker.watch import Unwatched
from tests.conftest import ROOT
from tests.kafka.counting import CountingLogic

_LONG_SECONDS = 1.0


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


class Beats(Unwatched):
    def __init__(self) -> None:
        self.at: list[float] = []

    def beat(self) -> None:
        self.at.append(time.monotonic())


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


@pytest.mark.slow
def test_the_loop_turns_while_profiles_are_looked_at_for_other_programs(tmp_path: Path) -> None:
    with embedded_broker(announce=lambda _: None) as broker:
        child = [sys.executable, "-m", __name__, broker.url, str(tmp_path)]  # a loop of its own: Faust leaves some of it behind
        told = json.loads(subprocess.run(child, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=90).stdout)
    assert told["said"] is None
    assert len(told["turns"]) == 2
    assert min(told["turns"]) > 3


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(sys.argv[1], Path(sys.argv[2])))))
