"""Taking over: everything between being given partitions and reading their first record. One take-over at a time.

    make room    the take-over before has ended, nothing is open any more, and copies of these partitions that are kept here are closed
    recover      `recovery`: from state to position
    catch up     the programs that the one before went by are known; without transactions, the cycle that it had begun is finished
    hand over    whoever owns this worker's partitions has them from now on, and reads on from their positions

All that blocks runs in a thread, ends soon when the partitions are taken away again, and is done again while the broker is away. Where a
take-over fails nothing stays open, and the worker ends with the reason. Nothing is applied here but a cycle that was under way.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from confluent_kafka import KafkaException

from streams.errors import Stop
from streams.logs import told
from streams.worker.changelog import CancelledError, StuckError
from streams.worker.cycle import Publish, keep
from streams.worker.outage import Outage, is_passing, not_allowed
from streams.worker.partition import Partition
from streams.worker.position import Programs
from streams.worker.programs import FollowedPrograms
from streams.worker.pulse import TRY_AGAIN
from streams.worker.recovery import Recovery
from streams.worker.redo import Redo
from streams.worker.standby import Standby
from tables.rocks import StoreLockedError


class Assigned(NamedTuple):
    """What the group gave this worker. `assignment` counts the rebalances; `group` is the consumer's group metadata."""

    assignment: int
    numbers: list[int]
    group: Any


class Owner(Protocol):
    """Whoever is to have the partitions. All of it in the event loop."""

    async def make_room(self) -> None:
        """Have no partition open."""

    async def hand_over(self, assigned: Assigned, found: dict[int, Partition]) -> None:
        """These are yours, and open."""

    def end(self, why: str, exit_code: int = TRY_AGAIN, kind: str = "other") -> None:
        """It has failed."""


class TakingOver:
    """`begin` and `cancel` are called in the event loop."""

    def __init__(
        self,
        owner: Owner,
        recovery: Recovery,
        publish: Publish,
        outage: Outage,
        standby: Standby | None,
        programs: FollowedPrograms | None,
        redo: Redo | None,
    ) -> None:
        """`redo`: where there are no transactions."""
        self.pause_seconds = 0.0  # before the next one recovers anything
        self._owner = owner
        self._recovery = recovery
        self._publish = publish
        self._outage = outage
        self._standby = standby
        self._programs = programs
        self._redo = redo
        self._task: asyncio.Task[None] | None = None
        self._cancelled = threading.Event()

    def begin(self, assigned: Assigned) -> None:
        """Take these over, instead of whatever is being taken over."""
        self._cancelled.set()
        before, self._cancelled = self._task, threading.Event()
        self._task = asyncio.create_task(self._take_over(before, assigned, self._cancelled))

    @property
    def at_rest(self) -> bool:
        """Whether no take-over is under way."""
        return self._task is None or self._task.done()

    async def cancel(self) -> None:
        """Return when no take-over is under way."""
        self._cancelled.set()
        if self._task is not None:
            await self._task

    async def _take_over(self, before: "asyncio.Task[None] | None", assigned: Assigned, cancelled: threading.Event) -> None:
        if before is not None:
            await before
        await self._owner.make_room()
        try:
            if self._standby is not None:
                await asyncio.to_thread(self._standby.let_go, assigned.numbers)
            found = await asyncio.to_thread(self._recover, assigned, cancelled)
            if not assigned.numbers:
                self._outage.over()  # the group has answered, and whatever was not kept is the work of others
                return
            with _closed_on_failure(found):
                await self._owner.hand_over(assigned, found)
        except CancelledError:
            return
        except (Stop, StoreLockedError) as error:
            self._owner.end(str(error), Stop.exit_code, "refused")
        except StuckError as error:
            self._owner.end(str(error), kind="stuck")
        except Exception as error:  # noqa: BLE001  # told, and the worker ends
            self._owner.end(f"recovery failed: {told(error)}")

    def _recover(self, assigned: Assigned, cancelled: threading.Event) -> dict[int, Partition]:
        """Recover and catch up, from the start again and again while the broker is away."""
        pause_seconds, self.pause_seconds = self.pause_seconds, 0.0
        while not cancelled.wait(pause_seconds):
            try:
                if not assigned.numbers:
                    self._recovery.given_nothing(cancelled)
                    return {}
                self._publish.renew()
                found = self._recovery.recover(assigned.numbers, cancelled)
                with _closed_on_failure(found):
                    self._catch_up(found, assigned.group, cancelled)
                return found
            except KafkaException as error:
                if self._redo is not None or not is_passing(error.args[0]):
                    raise not_allowed(error.args[0]) or error from None
                pause_seconds = self._outage.not_taken_over(error.args[0].str())
        raise CancelledError

    def _catch_up(self, found: dict[int, Partition], group: Any, cancelled: threading.Event) -> None:
        if self._programs is not None:
            self._programs.wait_for(found.values(), cancelled)
        if self._redo is not None:
            self._finish(self._redo, found, group)

    def _finish(self, redo: Redo, found: dict[int, Partition], group: Any) -> None:
        for partition in found.values():
            record = redo.unfinished(partition)
            if record is not None:
                if self._programs is not None:
                    self._programs.run_as_before(partition)
                redo.again(partition, record, self._run_by)
                keep([partition], self._publish, group, planned=True)

    def _run_by(self, partition: Partition, step: Programs) -> None:
        if self._programs is not None:
            self._programs.run_by(partition, step)


@contextmanager
def _closed_on_failure(found: dict[int, Partition]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for partition in found.values():
            partition.table.close()
        raise
