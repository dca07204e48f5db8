"""Standbys: warm copies of partitions that another worker owns, so that taking one over replays only the tail of its changelog.

A thread of its own follows the changelogs, read committed, and writes them into the very directories that recovery opens when a
partition is assigned here; before that it lets go of them. Which worker keeps which copies, everybody reckons alike from what
the group says of itself: the members behind the owner, in order of their names. A copy is never asked anything and never ahead of the
log: it is what recovery would have made, made earlier; one that is damaged is made anew, as there. Where the group cannot be asked, nothing
changes until it can.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.topics import CHANGELOG
from streams.errors import Stop
from streams.logs import say
from streams.worker.broker import Broker
from streams.worker.changelog import reading_consumer, restore
from streams.worker.distrust import Distrust, PoisonedError
from streams.worker.logic import Logic, Reactions
from streams.worker.opening import Opening
from streams.worker.position import META_CHANGELOG, POSITION_KEY, folder_of
from streams.worker.settings import WorkerSettings
from streams.worker.watch import Watch
from tables.rocks import StoreLockedError
from tables.store import DamagedError
from tables.stored import StateFormatError

_log: Final = logging.getLogger(__name__)
_LOOK_SECONDS: Final = 3.0
_POLL_RECORDS: Final = 2_000
_POLL_SECONDS: Final = 0.2
_RESTORE_RECORDS: Final = 20_000
_LET_GO_SECONDS: Final = 30.0
_EOF: Final = KafkaError._PARTITION_EOF  # noqa: SLF001  # its public name


def copies(owners: Mapping[str, Sequence[int]], member: str, replicas: int) -> frozenset[int]:
    """The partitions of which this member keeps a copy: it is one of so many members behind the owner, in order of their names."""
    names = sorted(owners)
    found: set[int] = set()
    for place, owner in enumerate(names):
        behind = [names[(place + step) % len(names)] for step in range(1, min(replicas, len(names) - 1) + 1)]
        if member in behind:
            found.update(owners[owner])
    return frozenset(found)


class Standby(threading.Thread):
    """`member`: this worker's name in the group, None while it has none."""

    def __init__(
        self,
        settings: WorkerSettings,
        logic: Logic,
        broker: Broker,
        partitions: int,
        member: Callable[[], str | None],
        watch: Watch,
    ) -> None:
        super().__init__(name="standby", daemon=True)
        self._settings = settings
        self._opening = Opening(settings, logic, broker, partitions, say)
        self._distrust = Distrust(lambda number: folder_of(settings.state, number, partitions), say)
        self._broker = broker
        self._member = member
        self._watch = watch
        self._orders: SimpleQueue[tuple[frozenset[int], Future[None]]] = SimpleQueue()
        self._ours: frozenset[int] = frozenset()  # partitions that recovery has, or is about to have
        self._copies: dict[int, Reactions] = {}
        self._pending: dict[int, list[tuple[bytes, bytes | None]]] = {}
        self._reached: dict[int, int] = {}  # the offset up to which nothing of the log is missing in the copy
        self._caught_up: set[int] = set()  # these have been at the end of their logs, and have followed them since
        self._unreadable: set[int] = set()  # of these no copy is kept until the group changes
        self._why_not: dict[int, str] = {}  # as it was told
        self._damaged: set[int] = set()  # these are closed next
        self._consumer: Consumer | None = None
        self._ending = threading.Event()

    def let_go(self, numbers: Sequence[int]) -> None:
        """Any thread: return when none of these partitions is open here, nor will be until others are named."""
        done: Future[None] = Future()
        self._orders.put((frozenset(numbers), done))
        if self.is_alive():
            done.result(_LET_GO_SECONDS)

    def end(self) -> None:
        """Any thread: close everything and end."""
        self._ending.set()
        if self.is_alive():
            self.join(_LET_GO_SECONDS)

    def run(self) -> None:
        look_at = time.monotonic()
        try:
            while not self._ending.is_set():
                if not self._orders.empty():
                    self._ours, done = self._orders.get()
                    self._unreadable.clear()
                    self._keep_only(frozenset(self._copies) - self._ours)
                    done.set_result(None)
                if time.monotonic() >= look_at:
                    self._look()
                    self._tell()
                    look_at = time.monotonic() + _LOOK_SECONDS
                self._follow()
        except Exception:  # noqa: BLE001  # whatever is wrong with a copy, the partitions that are owned go on
            _log.exception("standby copies are given up; the worker goes on without them")
        finally:
            self._keep_only(frozenset())
            self._tell()
            while not self._ending.is_set() or not self._orders.empty():  # nobody may wait for a thread that has given up
                if self._orders.empty():
                    self._ending.wait(_POLL_SECONDS)
                else:
                    self._orders.get()[1].set_result(None)

    def _look(self) -> None:
        """Ask the group who owns what, and change what is copied here accordingly."""
        member = self._member()
        try:
            owners = self._broker.owners(self._settings.app_id)
        except KafkaException as error:
            _log.warning("the group cannot be asked who owns what: %s", error.args[0].str())
            return
        if owners is None or member is None or not self._orders.empty():
            return
        wanted = copies(owners, member, self._settings.standby_replicas) - self._ours - self._unreadable
        if wanted == frozenset(self._copies):
            return
        self._keep_only(wanted)
        before = frozenset(self._copies)
        if wanted == before:
            return
        try:
            log = self._opening.log()
        except KafkaException as error:
            _log.warning("no more copies can be kept while the broker does not answer: %s", error.args[0].str())
            return
        for number in sorted(wanted - before):
            if not self._orders.empty():  # a take-over waits, and to open a copy may last as long as the broker takes to answer
                break
            try:
                self._distrust.clear_away(number)
                self._copies[number] = self._opening.open(number, log)
                self._why_not.pop(number, None)
            except DamagedError as error:
                self._is_damaged(number, error)
            except (StoreLockedError, PoisonedError, Stop, OSError, KafkaException) as error:
                self._tell_why_not(number, error)
        if frozenset(self._copies) == before:
            return
        self._read_on()
        _log.info("keeping copies of partitions %s", sorted(self._copies))

    def _is_damaged(self, number: int, error: DamagedError) -> None:
        """It is made anew with the next look; where that was done a moment ago, it is no fault of the disk."""
        self._distrust.damaged(number, str(error))
        self._damaged.add(number)
        if number in self._distrust.poisoned:
            self._give_up(number, error)

    def _give_up(self, number: int, error: Exception) -> None:
        self._tell_why_not(number, error)
        self._unreadable.add(number)

    def _tell_why_not(self, number: int, error: Exception) -> None:
        """Once: it is looked at again every few seconds, for somebody may put it right."""
        if self._why_not.get(number) != str(error):
            self._why_not[number] = str(error)
            _log.warning("no copy of partition %d can be kept: %s", number, error)

    def _keep_only(self, wanted: frozenset[int]) -> None:
        gone = [number for number in self._copies if number not in wanted]
        for number in gone:
            self._copies.pop(number).table.close()
        if gone:
            self._read_on()

    def _read_on(self) -> None:
        """Read the changelogs of what is copied, each from where its copy ends."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
        if not self._copies:
            return
        self._pending = {number: [] for number in self._copies}
        self._caught_up.clear()
        self._consumer = reading_consumer(self._settings, "earliest")
        self._reached = {number: int(copy.table.meta(META_CHANGELOG) or 0) for number, copy in self._copies.items()}
        self._consumer.assign([TopicPartition(CHANGELOG, number, start) for number, start in self._reached.items()])

    def _tell(self) -> None:
        """How far each copy is behind the end of its log, as the client knows it."""
        consumer = self._consumer
        if consumer is None:
            self._watch.copying({})
            return
        ends = {
            number: consumer.get_watermark_offsets(TopicPartition(CHANGELOG, number), cached=True)[1] for number in self._copies
        }
        self._watch.copying({number: max(end - self._reached[number], 0) if end >= 0 else None for number, end in ends.items()})

    def _follow(self) -> None:
        """Put what has come into the copies, whole cycles only."""
        if self._consumer is None:
            self._ending.wait(_POLL_SECONDS)
            return
        ends: dict[int, int] = {}
        read_out: dict[int, int] = {}
        message: Any
        for message in self._consumer.consume(_POLL_RECORDS, _POLL_SECONDS):
            number, error = message.partition(), message.error()
            if error is not None:
                if error.code() == _EOF:
                    read_out[number] = message.offset()  # past what is no record: the transactions' markers
                    self._caught_up.add(number)
                continue  # all else librdkafka gets over by itself
            self._pending[number].append((message.key(), message.value()))
            if message.key() == POSITION_KEY:
                ends[number] = message.offset() + 1
                if len(self._pending[number]) >= _RESTORE_RECORDS:
                    self._restore(number, self._pending[number], ends.pop(number))
        for number, end in ends.items():
            pending = self._pending[number]
            cut = next(place for place in range(len(pending), 0, -1) if pending[place - 1][0] == POSITION_KEY)
            self._pending[number] = pending[cut:]
            self._restore(number, pending[:cut], end)
        for number, offset in read_out.items():
            if not self._pending[number]:
                self._reached[number] = max(offset, self._reached[number])
        self._keep_only(frozenset(self._copies) - self._unreadable - self._damaged)
        self._damaged.clear()

    def _restore(self, number: int, records: list[tuple[bytes, bytes | None]], end: int) -> None:
        """Where a newer version owns the partition, or nobody can read what its log says, no copy is kept until the group changes."""
        if number in self._unreadable or number in self._damaged:
            return
        try:
            restore(self._copies[number], records, end, last=number in self._caught_up)
        except DamagedError as error:
            self._is_damaged(number, error)
        except (Stop, StateFormatError, msgspec.MsgspecError) as error:
            self._give_up(number, error)
        else:
            self._reached[number] = end
