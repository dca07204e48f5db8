"""Up to when the workers have settled: the newest record of `cycles` in each partition says so.

A partition that has had nothing to do for long tells an old instant, and rightly: nothing of later has been judged there. Others may have
written to the topic, too: what is no record of a cycle at all says nothing, and is passed over.
"""

from schemas.instants import Instant
from schemas.topics import CYCLES
from streams.brokers import Broker, partitions
from streams.errors import WrongUsage
from streams.export.log import Log
from streams.worker.position import CycleRecord, NoCycleError, read_cycle


def settled(broker: Broker) -> Instant | None:
    """The newest tick or greatest event time that any partition has applied; None where no worker has kept anything."""
    count = partitions(broker).get(CYCLES)
    if count is None:
        raise WrongUsage(f"{broker} has no topic {CYCLES}; `pointstream topics` creates it")
    log = Log(broker, CYCLES)
    try:
        found = [at for number in range(count) if (at := _of(log, number)) is not None]
    finally:
        log.close()
    return max(found, default=None)


def _of(log: Log, number: int) -> Instant | None:
    newest = _newest(log, number)
    if newest is None:
        return None
    record, written_ms = newest
    position = record.position
    told = [at for at in (position.tick, position.greatest) if at is not None]
    if told:
        return max(told)
    return 0 if record.backfill else written_ms * 1000


def _newest(log: Log, number: int) -> tuple[CycleRecord, int] | None:
    """The last cycle of a partition, and when it was written; behind it stand markers of transactions, and what of them was given up."""
    low, high = log.bounds(number)
    back = 4
    while low < high:
        start = max(low, high - back)
        log.begin(number, start)
        last: tuple[CycleRecord, int] | None = None
        for message in log.upto(high, whole=False):
            record = _read(message.value() or b"", number, message.offset())
            if record is not None:
                last = record, int(message.timestamp()[1])
        if last is not None or start == low:
            return last
        back *= 8
    return None


def _read(value: bytes, number: int, offset: int) -> CycleRecord | None:
    """None: somebody else's. Raises `WrongUsage` for what another version has written."""
    try:
        return read_cycle(value, f"`{CYCLES}` partition {number} offset {offset}", "publish")
    except NoCycleError:
        return None
