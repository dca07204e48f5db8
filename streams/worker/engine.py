"""The engine: joins reader, agents, take-over and commit cycle in one event loop.

    given       the reader is assigned partitions -> `taking_over` recovers them -> `hand_over` -> the reader reads on
    working     the reader fetches -> an agent applies slice by slice, ticks piece by piece between -> `_keep` sets a cycle apart, and
                a task carries it out while the next one is applied
    taken away  `let_go`: a take-over is cancelled, what was applied is committed, or dropped where it is too late -> all is closed
    ended       asked to: the reader leaves the group through `let_go`; on a fault: without committing, with the first reason

One turn at a time: a slice of records, a piece of a tick, the beginning of a commit or a change of partitions, each under `_turn`, so
that a cycle never sees half a slice. One cycle is carried out at a time, and everything but applying records waits for it first
(`Keeping.settled`). Whatever blocks (the broker, RocksDB) runs in a thread while the loop stays alive. The engine decides nothing about
points; it decides when to keep, when to let go, and when to end.
"""

import asyncio
import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from confluent_kafka import KafkaException

from streams.errors import Stop
from streams.logs import say, told
from streams.worker.app import build_app
from streams.worker.arrivals import Fetched
from streams.worker.broker import Broker
from streams.worker.cycle import CycleFailedError, FencedError, Publish, UnwrittenError
from streams.worker.held import Held, starts
from streams.worker.keeping import Keeping
from streams.worker.logic import Logic
from streams.worker.outage import Outage
from streams.worker.pace import Pace
from streams.worker.partition import Partition
from streams.worker.portion import Portion
from streams.worker.programs import FollowedPrograms
from streams.worker.pulse import TRY_AGAIN, Pulse
from streams.worker.reader import Reader
from streams.worker.recovery import Recovery
from streams.worker.redo import Redo
from streams.worker.settings import WorkerSettings
from streams.worker.standby import Standby
from streams.worker.taking_over import Assigned, TakingOver
from streams.worker.ticks import Ends, Ticks, input_ends
from streams.worker.watch import Unwatched, Watch
from tables.store import DamagedError
from tables.stored import StateFormatError

_log: Final = logging.getLogger(__name__)
_LET_GO_SECONDS: Final = 60.0
_END_SECONDS: Final = 50.0  # a cycle in doubt and leaving the group, both at their limits; Kubernetes waits 60
_BEAT_SECONDS: Final = 0.1
_FAILURES: Final = 3  # cycles in a row: then the process ends, and a supervisor starts it afresh


class Engine:
    """`run` is the life of a worker. All other methods are called by its reader, its agents and its take-overs."""

    def __init__(
        self,
        settings: WorkerSettings,
        logic: Logic,
        broker: Broker,
        publish: Publish,
        partitions: int,
        watch: Watch | None = None,
        programs: FollowedPrograms | None = None,
    ) -> None:
        self.said: str | None = None  # why it ended, if not because it was asked to
        self.exit_code = 0
        self.applied = 0
        self._settings = settings
        self._broker = broker
        self._publish = publish
        self._watch = watch or Unwatched()
        self._programs = programs
        self._pulse = Pulse(settings.session_ms, settings.stuck_ms, self._watch.ending)
        self._outage = Outage(settings.broker, say)
        self._ticks = Ticks(backfill=settings.backfill)
        self._reader = Reader(settings, self, self._outage.refused)
        self._standby: Standby | None = None
        if settings.standby_replicas:
            self._standby = Standby(settings, logic, broker, partitions, self._reader.member, self._watch)
        self._recovery = Recovery(settings, logic, broker, partitions, self._watch)
        redo = Redo(settings, broker) if settings.embedded else None
        self._taking_over = TakingOver(self, self._recovery, publish, self._outage, self._standby, programs, redo)
        self._app, self._channel = build_app(
            settings.app_id, settings.servers, settings.cluster.security, settings.state, self.react
        )
        self._held = Held(settings)
        self._failures = 0
        self._ticked, self._tick_goes_on = 0, False
        self._slice, self._piece = Portion(settings.slice_records), Portion(settings.tick_piece)
        self._worked_seconds = 0.0  # applying records, and handing cycles to the client
        self._threads = ThreadPoolExecutor(3, "engine")
        self._keeping = Keeping(publish, self._threads, self._watch.kept, self._stuck)

    # life

    async def run(self, asked_to_end: asyncio.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._turn = asyncio.Lock()
        self._ended = asked_to_end
        await self._app.start()
        self._app.flow_control.resume()
        self._reader.start()
        if self._standby is not None:
            self._standby.start()
        self._beating = asyncio.create_task(self._beats())
        timers = [asyncio.create_task(timer()) for timer in (self._cycles, self._ticking, self._clock, self._looks)]
        await self._ended.wait()
        self._loop.call_later(
            _END_SECONDS, self._pulse.end, "stuck", f"the broker was not left within {_END_SECONDS:.0f} s: ending"
        )
        self._reader.end()  # commits through `revoked` on its way out of the group
        await self._in_thread(self._reader.join)
        for timer in timers:
            timer.cancel()
        await self.let_go(lost=self.said is not None)
        if self._standby is not None:
            await self._in_thread(self._standby.end)
        await self._app.stop()
        self._threads.shutdown()
        self._publish.close()

    def end(self, why: str, exit_code: int = TRY_AGAIN, kind: str = "other") -> None:
        """In the loop: end without committing. The first reason is the one that is told."""
        if self.said is None:
            self.said, self.exit_code = why, exit_code
            self._watch.ending(kind, why)
        self._ended.set()

    def _stuck(self, why: str) -> None:
        self._pulse.again(why, asked_to_end=self._ended.is_set())

    async def _beats(self) -> None:
        while True:
            self._pulse.beat()
            self._watch.beat()
            await asyncio.sleep(_BEAT_SECONDS)

    async def _cycles(self) -> None:
        """The timer of the commit cycle."""
        pace = Pace(self._settings.cycle_ms / 1000, lambda: self._worked_seconds)
        while True:
            pace.begin()
            try:
                await self._keeping.settled()  # before the turn, so that records are applied meanwhile
                async with self._turn:
                    await self._keep()
                    if self._programs is not None and self._programs.newer:
                        await self._keeping.settled()
                        if self.said is None:
                            await self._in_thread(self._programs.bring_up, list(self._held))
            except Exception as error:  # noqa: BLE001  # nothing may end this timer quietly
                self.end(told(error))
            # it is to last while there is much to read, but not beside a long tick, for whose sake records should not wait
            for pause_seconds in pace.pauses(lambda: self._reader.behind and not self._tick_goes_on):
                await asyncio.sleep(pause_seconds)

    async def _ticking(self) -> None:
        """The ticks that are ready, a piece of one partition's after the other, each in a turn of its own: whatever is due at one
        instant, records come in between.
        """
        while True:
            goes_on = False
            try:
                for number in [*self._held.partitions]:
                    async with self._turn:
                        goes_on |= await self._tick_a_piece(number)
                    await asyncio.sleep(0)
            except Exception as error:  # noqa: BLE001  # nothing may end this timer quietly
                self.end(told(error))
            self._tick_goes_on = goes_on
            if not goes_on or self._ticked_enough:
                await asyncio.sleep(self._settings.cycle_ms / 10_000)

    async def _clock(self) -> None:
        """Notes ends for ticks, and watches that things get on."""
        period = self._settings.tick_ms / 1000
        while True:
            await asyncio.sleep(period)
            if self._outage.shut_out is not None:
                self.end(self._outage.shut_out, kind="refused")
            try:
                await self._look_at_ends()
            except KafkaException as error:
                self._outage.unanswered(error.args[0].str())  # the tick comes when it is back
                self._pulse.unanswered()
                self._watch.unanswered()
                await self._look_for_topics()
            except Exception as error:  # noqa: BLE001  # nothing may end this timer quietly
                self.end(told(error))

    async def _look_for_topics(self) -> None:
        """Where topics end was not told, or the group cannot be joined for want of them: that they are gone is nothing to wait for."""
        missing = await self._in_thread(self._broker.missing, self._reader.ending)
        if missing is not None:
            self.end(missing.message, missing.exit_code, "refused")

    async def _look_at_ends(self) -> None:
        assignment = self._held.assignment
        instants = self._ticks.wanted(self._held)
        ends = Ends({}, {})
        if self._held.partitions:
            ends = await self._in_thread(input_ends, self._broker, [*self._held.partitions])
            self._outage.answered()
            if assignment != self._held.assignment:
                ends = Ends({}, {})
            else:
                self._ticks.note(instants, ends.written)
                self._held.note_ends()
            if await self._in_thread(self._recovery.inputs_made_anew):
                self._reader.assign_again()
        elif self._taking_over.at_rest:
            self._outage.goes_on()
            if self._reader.misses_topics:
                await self._look_for_topics()
        self._watch.clock(ends.written, self.applied, self._ticks.waiting_seconds())
        at_rest = not self._keeping.busy and not self._turn.locked()
        if at_rest and self._pulse.watch(self.applied, behind=self._held.is_behind(ends.readable)):
            say("stands-still", "records wait and none comes: reading by a new client", "warning")
            self._reader.renew()

    async def _looks(self) -> None:
        """Lets whoever watches look at the tables, a piece at a time, while nothing changes them."""
        while True:
            async with self._turn:
                pause_seconds = self._watch.look(self._held.partitions)
            await asyncio.sleep(pause_seconds)

    async def _in_thread(self, call: Any, *arguments: Any) -> Any:
        return await self._loop.run_in_executor(self._threads, call, *arguments)

    # records

    def fetched(self, fetched: Fetched) -> "Future[None]":
        """Reader's thread: hand over what is to be applied next. Done when the channel has room."""
        return asyncio.run_coroutine_threadsafe(self._channel.put(fetched), self._loop)

    async def react(self, fetched: Fetched) -> None:
        """The agent's reaction: apply what was fetched, slice by slice, with room for everything else between the slices."""
        try:
            for number, runs in fetched.slices(lambda: self._slice.size):
                async with self._turn:
                    if (partition := self._owned(fetched, number)) is None:
                        return
                    began = time.monotonic()
                    try:
                        count = partition.take_in(runs)
                    except (DamagedError, StateFormatError) as error:
                        await self._distrust(number, error)
                        return
                    self._slice.took(count, seconds := time.monotonic() - began)
                    self._worked_seconds += seconds
                    self.applied += count
                    if self._held.is_full:
                        await self._keep()
                await asyncio.sleep(0)
            for (topic, number), end in fetched.ends.items():
                if (partition := self._owned(fetched, number)) is not None:
                    partition.reached[topic] = max(end, partition.reached.get(topic, 0))
        except Exception as error:  # noqa: BLE001  # Faust would restart the agent and go on with the next batch
            self.end(told(error))

    def _owned(self, fetched: Fetched, number: int) -> Partition | None:
        """None: the batch was fetched under an assignment that is over, or the worker is ending on a fault."""
        return self._held.of(fetched, number) if self.said is None else None

    async def _tick_a_piece(self, number: int) -> bool:
        """Whether the tick of that partition goes on after this."""
        partition = self._held.partitions.get(number)
        at = None if partition is None or self._ticked_enough or self.said is not None else self._ticks.ready(partition)
        if partition is None or at is None:
            return self._tick_goes_on and self._ticked_enough
        size, began = self._piece.size, time.monotonic()
        try:
            done = partition.tick(at, size)
        except (DamagedError, StateFormatError) as error:
            await self._distrust(number, error)
            return False
        if done:
            self._ticks.done(partition)
        elif partition.dirty:
            self._piece.took(size, time.monotonic() - began)
            self._ticked += size
        return not done

    @property
    def _ticked_enough(self) -> bool:
        """Whether this cycle has had its share of a long tick: with more of it, records would wait longer for their commit."""
        return self._ticked >= self._settings.tick_records or self._held.is_full

    async def _distrust(self, number: int, error: Exception) -> None:
        """What lies here of a partition cannot be read: nothing of the running cycle counts, and recovery sees to it. Under `_turn`."""
        await self._keeping.settled()
        self._recovery.distrust.damaged(number, str(error))
        self._drop_partitions()
        self._reader.assign_again()

    # keeping

    async def _keep(self) -> None:
        """Have what was applied committed: when this returns it is with the client, and what was before it is kept. Under `_turn`."""
        await self._keeping.settled()
        dirty = self._held.dirty
        if not dirty or self.said is not None:
            return
        self._pulse.check()
        for partition in dirty:
            for error in partition.reactions.outbox.errors:
                _log.error("partition %d: applying a record failed and its profile is stopped", partition.number, exc_info=error)
        self._ticked = 0
        began = time.monotonic()
        await self._keeping.begin(dirty, self._held.group, self._kept)
        self._worked_seconds += time.monotonic() - began

    def _kept(self, failed: Exception | None) -> None:
        """A cycle is kept, or not. Then what was applied meanwhile was applied to what never was, and all is dropped."""
        if failed is None:
            self._failures = 0
            self._outage.over()
        elif isinstance(failed, CycleFailedError):
            self._watch.not_kept(fenced=False)
            self._drop_partitions()
            _log.warning("a cycle was not kept and is done again: %s", failed)
            self._failures += not failed.away
            if failed.away:
                self._taking_over.pause_seconds = self._outage.not_kept(str(failed))
            elif self._failures >= _FAILURES:
                self.end(f"{self._failures} cycles in a row could not be kept: {failed}", kind="cycles-failed")
                return
            self._reader.assign_again()
        elif isinstance(failed, FencedError):
            self._watch.not_kept(fenced=True)
            self._drop_partitions()
            self.end(str(failed), kind="fenced")
        elif isinstance(failed, UnwrittenError):  # a compaction came to a block that cannot be read
            self._recovery.distrust.damaged(failed.number, failed.why)
            self._drop_partitions()
            self._reader.assign_again()
        else:
            self.end(told(failed))

    def _drop_partitions(self) -> None:
        self._held.drop()
        self._ticked = 0
        self._ticks.clear()
        self._watch.dropped()

    # the group

    def assigned(self, assignment: int, numbers: list[int], group: Any) -> None:
        """Reader's thread: these partitions are ours, once they are taken over."""
        _log.info("assigned partitions %s", numbers)
        self._watch.assigned(numbers)
        self._loop.call_soon_threadsafe(self._taking_over.begin, Assigned(assignment, numbers, group))

    async def make_room(self) -> None:
        """A take-over begins: nothing may be open."""
        async with self._turn:
            await self._keeping.settled()
            self._drop_partitions()

    async def hand_over(self, assigned: Assigned, found: dict[int, Partition]) -> None:
        """A take-over is done: these partitions are recovered, and are read on from where they stand."""
        async with self._turn:
            if self._programs is not None:
                await self._in_thread(self._programs.bring_up, list(found.values()))
            self._held.hold(assigned.assignment, found, assigned.group)
            self._outage.answered()
            self._watch.recovered(found)
        self._reader.start_at(assigned.assignment, starts(found))

    def revoked(self, *, lost: bool) -> None:
        """Reader's thread, inside the rebalance: returns when everything is committed, or dropped, and closed."""
        _log.info("letting go of partitions%s", " that were lost" if lost else "")
        self._watch.revoked(lost=lost)
        asyncio.run_coroutine_threadsafe(self.let_go(lost=lost), self._loop).result(_LET_GO_SECONDS)

    def failed(self, error: BaseException) -> None:
        """Reader's thread: it has ended."""
        if isinstance(error, Stop):
            self._loop.call_soon_threadsafe(self.end, error.message, error.exit_code, "refused")
        else:
            self._loop.call_soon_threadsafe(self.end, f"reading failed: {told(error)}")

    async def let_go(self, *, lost: bool) -> None:
        await self._taking_over.cancel()
        async with self._turn:
            if not lost:
                self._held.note_ends(at_once=True)
                await self._keep()
            await self._keeping.settled()  # who waits here still beats, and does not stand still
            if self._ended.is_set():
                self._beating.cancel()  # nothing is committed any more, and closing may take its time, as on a full disk
            self._drop_partitions()
