"""Keeping: the one cycle that is on its way to the broker and to disk while the next one is applied.

In the event loop, but for what blocks: that is done in a thread. Who begins a cycle has waited for the one before (`settled`), and so has
whoever changes, closes or hands over a partition. How it went is told once, before anybody who waits goes on.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, Final

from streams.worker.cycle import Publish, Told, carry_out, pack, settle
from streams.worker.partition import Partition

_LOOK_SECONDS: Final = 0.5
_WHY: Final = "a cycle was neither committed nor refused in time: the client is stuck"


class Keeping:
    def __init__(self, publish: Publish, threads: Executor, kept: Told, stuck: Callable[[str], None]) -> None:
        """`kept` is told in the thread; `stuck`, in the loop, when a client has not returned for longer than it ever may."""
        self._publish = publish
        self._threads = threads
        self._kept = kept
        self._stuck = stuck
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        return self._task is not None

    async def begin(self, partitions: Iterable[Partition], group: Any, ended: Callable[[Exception | None], None]) -> None:
        """Set apart what these have done, and have it carried out; `ended` is told None, or what it failed with. None may be on its way.

        Returns when all is encoded and handed to the client. Until then there is work for the interpreter alone, and whoever applied
        records beside it would have both take twice as long; from then on the broker works.
        """
        parcels = [pack(partition) for partition in partitions]
        loop = asyncio.get_running_loop()
        sent = asyncio.Event()

        def is_sent() -> None:
            loop.call_soon_threadsafe(sent.set)

        def carry() -> None:
            carry_out(parcels, self._publish, group, self._kept, sent=is_sent)

        async def carried_out() -> None:
            failed: Exception | None = None
            try:
                with self._watched():
                    await loop.run_in_executor(self._threads, carry)
                settle(parcels)
            except Exception as error:  # noqa: BLE001  # whoever began it knows what to do
                failed = error
            try:
                ended(failed)
            finally:
                self._task = None
                sent.set()

        self._task = asyncio.create_task(carried_out())
        await sent.wait()

    async def settled(self) -> None:
        """Return when none is on its way."""
        while (task := self._task) is not None:
            await asyncio.wait([task])  # whoever waits may be cancelled, and the cycle goes on
            task.result()  # what `ended` could not do ends the worker

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """A client that is in a call when the broker restarts may stay there for ever, whatever the call's timeout (librdkafka 2.16,
        `send_offsets_to_transaction`; `make chaos` found it). Its thread cannot be ended, so the process begins anew under its
        name: what the call might still have done is refused from when the id is taken over.
        """

        async def looks() -> None:
            while not self._publish.overdue():  # noqa: ASYNC110  # it is a clock that says so
                await asyncio.sleep(_LOOK_SECONDS)
            self._stuck(_WHY)

        watch = asyncio.create_task(looks())
        try:
            yield
        finally:
            watch.cancel()
