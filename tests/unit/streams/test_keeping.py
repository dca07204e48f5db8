"""One cycle is on its way while the next is applied; how it went is told before anybody who waits for it goes on."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import PURCHASES
from streams.export.lines import Recorded
from streams.worker.cycle import CycleFailedError, Parcel
from streams.worker.keeping import Keeping
from streams.worker.partition import Partition
from streams.worker.position import META_POSITION, Position, decode_position
from tests.kafka.counting import CountingLogic


class Broker:
    """It takes a cycle when it is let to, or refuses it."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.may_send = threading.Event()
        self.may_send.set()
        self.fails: Exception | None = None
        self.taken: list[list[tuple[bytes, bytes | None]]] = []
        self.said: list[int] = []
        self.late = False

    def send(self, parcels: list[Parcel], *, planned: bool = False) -> None:
        self.may_send.wait(10)

    def commit(self, parcels: list[Parcel], group: Any) -> None:
        self.may.wait(10)
        if self.fails is not None:
            raise self.fails
        for parcel in parcels:
            self.taken.append(parcel.changes)
            self.said.append(len(parcel.effects))

    def renew(self) -> None: ...

    def overdue(self) -> bool:
        return self.late

    def close(self) -> None: ...


class Scene:
    def __init__(self, path: Path) -> None:
        self.broker = Broker()
        self.ended: list[Exception | None] = []
        self.stuck: list[str] = []
        self.threads = ThreadPoolExecutor(1)
        self.keeping = Keeping(self.broker, self.threads, lambda *_: None, self.stuck.append)
        self.partition = Partition(0, CountingLogic().open(path, 1), Position(), backfill=False)

    def apply(self, count: int) -> None:
        first = self.partition.position.inputs.get(PURCHASES, 0)
        self.partition.apply(PURCHASES, [Recorded(first + number, b"k", b"", 0) for number in range(count)])

    async def begin(self) -> None:
        await self.keeping.begin([self.partition], None, self.ended.append)

    def stored(self) -> Position:
        return decode_position(self.partition.table.meta(META_POSITION) or b"{}")


def run(path: Path, story: Callable[[Scene], Any]) -> Scene:
    scene = Scene(path)
    asyncio.run(story(scene))
    scene.partition.table.close()
    scene.threads.shutdown()
    return scene


def test_what_is_applied_meanwhile_is_the_next_cycle_and_goes_on_from_this_one(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.apply(2)
        await scene.begin()
        assert not scene.partition.dirty
        await asyncio.sleep(0.05)
        scene.apply(3)
        assert scene.keeping.busy
        assert scene.stored().cycle == 0
        scene.broker.may.set()
        await scene.keeping.settled()
        assert (scene.stored().cycle, scene.stored().inputs) == (1, {PURCHASES: 2})
        await scene.begin()
        await scene.keeping.settled()
        assert (scene.stored().cycle, scene.stored().inputs) == (2, {PURCHASES: 5})

    scene = run(tmp_path, story)
    assert scene.broker.taken == [[(b"k", b"2")], [(b"k", b"5")]]
    assert scene.broker.said == [2, 3]
    assert scene.ended == [None, None]


def test_nothing_is_applied_beside_until_all_is_encoded_and_handed_to_the_client(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.broker.may_send.clear()
        scene.apply(2)
        beginning = asyncio.create_task(scene.begin())
        await asyncio.sleep(0.05)
        assert not beginning.done()
        scene.broker.may_send.set()
        await beginning
        assert scene.keeping.busy
        scene.broker.may.set()
        await scene.keeping.settled()

    assert run(tmp_path, story).ended == [None]


class Message(bytes):
    """What of a client's message is asked for its weight."""


@pytest.mark.parametrize(
    ("keys", "sizes", "weighs"),
    [
        ([b"a"], [400], 3),
        ([b"a", b"b", b"c"], [400] * 3, 9),
        ([b"a"] * 3, [400] * 3, 5),
        ([b"a"], [8_000], 6),
    ],
    ids=["a record and its profile", "each of a profile of its own", "a profile weighs once", "a large one several times over"],
)
def test_a_cycle_weighs_what_its_records_and_the_profiles_that_they_change_do(
    tmp_path: Path, keys: list[bytes], sizes: list[int], weighs: int
) -> None:
    scene = Scene(tmp_path)
    scene.partition.apply(PURCHASES, [Recorded(number, key, b"", 0) for number, key in enumerate(keys)])
    scene.partition.weigh([Message(size) for size in sizes])
    assert scene.partition.weight == weighs
    scene.partition.table.freeze()
    scene.partition.begin_cycle()
    assert scene.partition.weight == 0
    scene.partition.table.close()
    scene.threads.shutdown()


def test_what_failed_is_told_before_whoever_waits_goes_on_and_nothing_of_it_is_written(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.broker.fails = CycleFailedError("no")
        scene.apply(2)
        await scene.begin()
        await asyncio.sleep(0)
        scene.apply(1)
        scene.broker.may.set()
        await scene.keeping.settled()
        assert [str(error) for error in scene.ended] == ["no"]
        assert scene.stored().cycle == 0

    run(tmp_path, story)


def test_a_cycle_outlives_whoever_waited_for_it(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        scene.apply(1)
        await scene.begin()
        waiting = asyncio.create_task(scene.keeping.settled())
        await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        scene.broker.may.set()
        await scene.keeping.settled()
        assert scene.stored().cycle == 1

    assert run(tmp_path, story).ended == [None]


def test_what_cannot_be_done_about_a_failure_reaches_whoever_waits(tmp_path: Path) -> None:
    async def story(scene: Scene) -> None:
        def ended(_failed: Exception | None) -> None:
            raise ValueError("cannot be dropped")

        scene.apply(1)
        scene.broker.may.set()
        await scene.keeping.begin([scene.partition], None, ended)
        with pytest.raises(ValueError, match="cannot be dropped"):
            await scene.keeping.settled()
        assert not scene.keeping.busy

    run(tmp_path, story)


@pytest.mark.parametrize("late", [True, False], ids=["a call that is overdue is told", "a call that takes its time is not"])
def test_a_client_is_stuck_when_its_call_is_overdue_and_not_before(tmp_path: Path, late: bool) -> None:
    async def story(scene: Scene) -> None:
        scene.broker.late = late
        scene.apply(1)
        await scene.begin()
        await asyncio.sleep(0.05)
        scene.broker.late = False
        scene.broker.may.set()
        await scene.keeping.settled()

    told = ["a cycle was neither committed nor refused in time: the client is stuck"]
    assert run(tmp_path, story).stuck == (told if late else [])
