"""Way A of the first decision record: Faust's own aiokafka consumer owns the group, and hands whole batches to a Faust agent.

Everything else is the product's: the counter's table in RocksDB, recovery, the commit cycle, one transaction for the worker. The
consumer overrides `_drain_messages` (private), the iterator runs with `noack`, and the group's metadata for the transaction is put
together by hand in librdkafka's opaque format, since aiokafka's member is a stranger to it. Not used by the product.

    python -m benchmarks.spikes.way_a --broker kafka://127.0.0.1:9092 --state DIR
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import ConsumerMessage

from schemas.topics import PURCHASES
from streams.worker.broker import Broker
from streams.worker.cycle import CycleFailedError, FencedError, keep
from streams.worker.partition import Partition
from streams.worker.pulse import Pulse, end_now
from streams.worker.recovery import Recovery
from streams.worker.settings import WorkerSettings
from streams.worker.transactional import Transactional
from tests.kafka.counting import CountingLogic


class Record:
    """An aiokafka record with the methods of a confluent message, for the engine reads those."""

    __slots__ = ("_record",)

    def __init__(self, record: Any) -> None:
        self._record = record

    def key(self) -> Any:
        return self._record.key

    def value(self) -> Any:
        return self._record.value

    def offset(self) -> int:
        return int(self._record.offset)

    def timestamp(self) -> tuple[int, int]:
        return 0, self._record.timestamp


class BatchConsumer(driver.Consumer):
    """One message a fetched batch, in place of one a record."""

    async def _drain_messages(self, fetcher: Any) -> None:
        while not (self._stopped.is_set() or fetcher._stopped.is_set()):
            records, active = await self._wait_next_records(1.0)
            for tp, batch in (records or {}).items():
                if active is not None and tp not in active:
                    continue
                first, last = batch[0], batch[-1]
                message = ConsumerMessage(
                    first.topic, first.partition, last.offset, 0.0, 0, (), b"", batch, None, 0, 0, tp,
                    generation_id=self.app.consumer_generation_id,
                )  # fmt: skip
                await self.wait_first(self.callback(message), self.suspend_flow.wait())
                self._read_offset[tp] = last.offset
            await asyncio.sleep(0)


class BatchTransport(driver.Transport):
    Consumer = BatchConsumer


class BatchSchema(faust.Schema):
    def compile(self, app: Any, **_: Any) -> Any:
        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return app.create_event(None, message.value, {}, message)

        return decode


class Worker:
    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        broker = Broker(settings)
        broker.wait()
        self._recovery = Recovery(settings, CountingLogic(), broker, broker.partitions())
        self._publish = Transactional(settings, f"way-a-{os.getpid()}", broker)
        self._partitions: dict[int, Partition] = {}
        self._uncommitted = 0
        self._generation = -1
        self._turn = asyncio.Lock()
        self.app = app = faust.App(
            settings.app_id,
            broker=settings.broker,
            datadir=str(settings.state / "faust"),
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            broker_session_timeout=settings.session_timeout_ms / 1000,
            broker_heartbeat_interval=1.0,
            broker_request_timeout=30.0,
            stream_wait_empty=False,
            consumer_auto_offset_reset="earliest",
        )
        app.transport = BatchTransport([app.conf.broker[0]], app)
        topic = app.topic(PURCHASES, schema=BatchSchema())
        app.agent(topic)(self._agent())
        app.on_partitions_assigned.connect(self._assigned)
        app.on_partitions_revoked.connect(self._revoked)

    def _agent(self) -> Any:
        async def agent(stream: Any) -> None:
            async for event in stream.noack().events():
                await self._react(event.message.partition, event.value, event.message.generation_id)

        return agent

    async def _react(self, number: int, batch: list[Any], generation: int) -> None:
        size = self._settings.slice_records
        for start in range(0, len(batch), size):
            async with self._turn:
                partition = self._partitions.get(number)
                if partition is None or generation != self._generation:
                    return
                partition.apply(PURCHASES, [Record(record) for record in batch[start : start + size]])
                self._uncommitted += len(batch[start : start + size])
                if self._uncommitted >= self._settings.cycle_records:
                    await self._keep()
            await asyncio.sleep(0)

    async def _keep(self) -> None:
        dirty = [partition for partition in self._partitions.values() if partition.dirty]
        if dirty:
            try:
                await asyncio.get_running_loop().run_in_executor(None, keep, dirty, self._publish, self._group())
            except (CycleFailedError, FencedError) as error:
                end_now(str(error))
        self._uncommitted = 0

    def _group(self) -> bytes:
        """aiokafka's member as librdkafka would have written it (`rd_kafka_consumer_group_metadata_write`): opaque by contract."""
        coordinator = self.app.consumer._thread._consumer._coordinator
        group, member = self._settings.app_id.encode(), coordinator.member_id.encode()
        return b"CGMDv2:" + self._generation.to_bytes(4, "little") + group + b"\0" + member + b"\0\x01"

    async def _assigned(self, _app: Any, assigned: Any, **_: Any) -> None:
        numbers = sorted({tp.partition for tp in assigned if tp.topic == PURCHASES})
        async with self._turn:
            self._drop()
            call = self._recovery.recover, numbers, threading.Event()
            self._partitions = await asyncio.get_running_loop().run_in_executor(None, *call)
            self._generation = self.app.consumer_generation_id

    async def _revoked(self, _app: Any, _revoked: Any, **_: Any) -> None:
        async with self._turn:
            await self._keep()
            self._drop()

    def _drop(self) -> None:
        for partition in self._partitions.values():
            partition.table.drop_changes()
            partition.table.close()
        self._partitions = {}

    async def _beats(self) -> None:
        pulse = Pulse(self._settings.session_ms, self._settings.stuck_ms)
        while True:
            pulse.beat()
            await asyncio.sleep(0.1)

    async def run(self) -> None:
        asked = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
        await self.app.start()
        beats = asyncio.create_task(self._beats())
        while not asked.is_set():
            await asyncio.sleep(self._settings.cycle_ms / 1000)
            async with self._turn:
                await self._keep()
        beats.cancel()
        async with self._turn:
            await self._keep()
            self._drop()
        await self.app.stop()


async def _run(settings: WorkerSettings) -> None:
    await Worker(settings).run()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--app-id", default="proof")
    parser.add_argument("--session-ms", type=int, default=6_000)
    given = parser.parse_args()
    for name in ("aiokafka", "faust", "mode"):
        logging.getLogger(name).setLevel(logging.WARNING)
    given.state.mkdir(parents=True, exist_ok=True)
    asyncio.run(
        _run(
            WorkerSettings(
                broker=given.broker,
                state=given.state,
                app_id=given.app_id,
                session_timeout_ms=given.session_ms,
                transaction_timeout_ms=10_000,
            )
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
