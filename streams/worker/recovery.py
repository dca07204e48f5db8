"""Recovery: how partitions that were assigned to this worker are continued, exactly where whoever had them stopped.

    fence      ask for the group's offsets. Under `read_committed` the coordinator answers only when no transaction holds offsets
               of these partitions open; after that, the old generation's offsets are refused, so no old transaction can commit
    end        the changelog's end, open transactions included
    replay     from the offset in RocksDB (or the log's start) to that end, `read_committed`, by position and not by counting
    continue   at the input positions found there, and nowhere else

The group's offsets are for tools to look at; the positions in the changelog decide. Where the two contradict each other, or a
position lies outside its log, the partition is left alone (`distrust`): to guess would be to lose or to double somebody's points.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import msgspec
from confluent_kafka import KafkaError, KafkaException

from schemas.topics import CHANGELOG, CONSUMED
from streams.errors import WrongUsage
from streams.logs import say
from streams.worker.broker import Broker, Place
from streams.worker.changelog import CancelledError, Span, check_readable, read_back, restore_newest
from streams.worker.distrust import Distrust, PoisonedError
from streams.worker.logic import Logic, Reactions
from streams.worker.opening import Opening, in_step
from streams.worker.outage import Say
from streams.worker.partition import Partition
from streams.worker.position import (
    META_CHANGELOG,
    META_FROM,
    META_INPUTS,
    META_POSITION,
    Position,
    decode_position,
    folder_of,
)
from streams.worker.settings import WorkerSettings
from streams.worker.watch import Unwatched, Watch
from tables.store import DamagedError
from tables.stored import NewerFormatError, StateFormatError


class Recovery:
    def __init__(
        self,
        settings: WorkerSettings,
        logic: Logic,
        broker: Broker,
        partitions: int,
        watch: Watch | None = None,
        tell: Say = say,
    ) -> None:
        self.distrust = Distrust(self._path, tell)
        self._settings = settings
        self._opening = Opening(settings, logic, broker, partitions, tell)
        self._broker = broker
        self._partitions = partitions
        self._watch = watch or Unwatched()
        self._made: dict[str, str] = {}  # the inputs' ids, as of the last recovery

    def recover(self, numbers: list[int], cancelled: threading.Event) -> dict[int, Partition]:
        """Open, restore and position these partitions; those that cannot be continued are told, and left out.

        Raises `CancelledError`, `WrongUsage`, `StoreLockedError`, `StuckError`, `OSError` or `KafkaException`; nothing stays open then.
        """
        if numbers and max(numbers) >= self._partitions:
            raise WrongUsage(
                f"the group gave this worker partition {max(numbers)}, and the topics had {self._partitions} partitions when it started: somebody has "
                "added some, and a profile's records would go to another partition than its ledger. `pointstream topics --verify-only` says what there is"
            )
        poisoned = {number: why for number, why in self.distrust.poisoned.items() if number in numbers}
        found: dict[int, Partition] = {}
        while healthy := [number for number in numbers if number not in poisoned]:
            try:
                found = self._continue(healthy, cancelled)
                break
            except PoisonedError as error:
                poisoned |= error.why
        if len(poisoned) == self._partitions:
            raise WrongUsage(f"no partition can be continued; of partition {min(poisoned)}: {poisoned[min(poisoned)]}")
        self.distrust.left_alone(poisoned)
        self._watch.poisoned(poisoned)
        return found

    def given_nothing(self, cancelled: threading.Event) -> None:
        """The group gave this worker nothing. Raises `WrongUsage` where that is not because others have it all, but because there is nothing
        to give: topics were deleted, or the broker is another one.
        """
        if not self._settings.embedded:
            self._broker.check_there(cancelled)

    def _continue(self, numbers: list[int], cancelled: threading.Event) -> dict[int, Partition]:
        """All of them. Raises `PoisonedError` for those that cannot be, whose state may be gone then: there is another try without them."""
        inputs = [(topic, number) for topic in CONSUMED for number in numbers]
        grouped = self._fence(inputs, cancelled)
        ends = self._broker.ends([(CHANGELOG, number) for number in numbers], committed=False)
        opened: dict[int, Reactions] = {}
        poisoned: dict[int, str] = {}
        found: dict[int, Partition] = {}
        log, wrong = self._opening.log(), False
        self._made = self._incarnations()
        try:
            for number in numbers:
                try:
                    with self._told_of(number):
                        self._open(number, log, opened)
                except PoisonedError as error:
                    poisoned |= error.why
                    wrong = True
            if wrong:
                raise PoisonedError(poisoned)
            self._replay(opened, ends, cancelled)
            starts, stops = self._broker.starts(inputs), self._broker.ends(inputs)
            for number, reactions in opened.items():
                try:
                    position = self._position(number, reactions, grouped, starts, stops)
                    self._check_inputs(number, reactions, position, starts)
                    found[number] = Partition(number, reactions, position, backfill=self._settings.backfill)
                except PoisonedError as error:
                    poisoned |= error.why
            if poisoned:
                raise PoisonedError(poisoned)
        except BaseException:
            for reactions in opened.values():
                reactions.table.close()
            raise
        return found

    def _open(self, number: int, log: bytes, opened: dict[int, Reactions]) -> None:
        self.distrust.clear_away(number)
        try:
            opened[number] = self._opening.open(number, log)
            check_readable(opened[number].table.meta(META_POSITION))
        except msgspec.MsgspecError as error:
            raise DamagedError(f"{self._path(number)} cannot be read ({error})") from None

    @contextmanager
    def _told_of(self, number: int, *, in_log: bool = False) -> Iterator[None]:
        """Whatever is wrong with a partition says with which; and it is known what is to be done about it.

        `in_log`: of the log the position has said already that no state is of a newer version; what looks like one is none of ours.
        """
        try:
            yield
        except WrongUsage as error:
            raise WrongUsage(f"partition {number}: {error}") from None
        except NewerFormatError as error:
            if not in_log:
                raise WrongUsage(f"partition {number}: {error}") from None
            self._damaged(number, error)
        except (DamagedError, StateFormatError) as error:
            self._damaged(number, error)
        except msgspec.MsgspecError as error:
            why = f"the newest position in its {CHANGELOG} cannot be read ({error}): restore the topic, then start again"
            raise PoisonedError({number: why}) from None

    def _damaged(self, number: int, error: Exception) -> NoReturn:
        self.distrust.damaged(number, str(error))
        why = self.distrust.poisoned.get(number)
        raise PoisonedError({} if why is None else {number: why}) from None

    def _fence(self, inputs: list[Place], cancelled: threading.Event) -> set[int]:
        """Wait until no transaction of an earlier owner can commit any more. Gives the partitions that have group offsets."""
        committed = self._broker.committed(self._settings.app_id, inputs, cancelled)
        if committed is None:
            raise CancelledError
        return {number for (_, number), offset in committed.items() if offset is not None}

    def _path(self, number: int) -> Path:
        return folder_of(self._settings.state, number, self._partitions)

    def _replay(self, opened: dict[int, Reactions], ends: dict[Place, int], cancelled: threading.Event) -> None:
        spans: dict[int, Span] = {}
        poisoned: dict[int, str] = {}
        for number, reactions in opened.items():
            stored = reactions.table.meta(META_CHANGELOG)
            span = Span(0 if stored is None else int(stored), ends[CHANGELOG, number])
            if span.start > span.end:
                poisoned[number] = (
                    f"{self._path(number)} goes on from changelog offset {span.start}, and the log ends at {span.end}: "
                    "the topic was made anew; delete this directory to rebuild it from the log"
                )
            elif span.start < span.end:
                spans[number] = span
            else:
                with self._told_of(number):
                    reactions.table.write(in_step(time.time()), [])
        if poisoned:
            raise PoisonedError(poisoned)

        def write(number: int, newest: dict[bytes, bytes | None], end: int, *, last: bool) -> None:
            with self._told_of(number, in_log=True):
                restore_newest(opened[number], newest, end, spans[number].end - spans[number].start, last=last)

        read_back(self._settings, self._broker, self._watch, spans, write, cancelled)

    # where to go on

    def _check_begin(self, number: int, reactions: Reactions, position: Position) -> None:
        """Raises `PoisonedError` where this state was begun by a log whose beginning was gone already."""
        noted = reactions.table.meta(META_FROM)
        if noted is not None and position.began is None:
            position.began = int(noted)
        elif noted is not None and position.began is not None and int(noted) > position.began:
            why = (
                f"what lies here was made of a {CHANGELOG} that began at offset {int(noted)}, and of the ledgers there are records from {position.began} on: "
                f"they were deleted, and whoever has not come since would begin anew. Restore the topic with its offsets, and delete {self._path(number)}"
            )
            raise PoisonedError({number: why})

    def _check_partitions(self, made_with: int) -> None:
        """Raises `WrongUsage` where a profile's records would go to another partition than its ledger lies in."""
        if made_with != self._partitions:
            raise WrongUsage(
                f"the ledgers were made with {made_with} partitions, and the topics have {self._partitions} now: whose records go to another partition "
                f"would begin anew there. A topic cannot be made smaller: make topics of {made_with} partitions again and copy into them what came since, "
                "or begin anew with new topics and another --app-id"
            )

    def _check_group(self, group: str) -> None:
        """Raises `WrongUsage` where workers of another group may be at work on these topics: each group would book everything."""
        if group in ("", self._settings.app_id) or self._settings.embedded:
            return
        try:
            members = self._broker.members(group)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.GROUP_AUTHORIZATION_FAILED:
                raise
            raise WrongUsage(
                f"the group {group} works on these topics, or did, and this user may not see whether it has members; a second group would book "
                f"everything once more. Start with --app-id {group}; or, to give the group another name, end all of its workers and let this user "
                "describe it"
            ) from None
        if members:
            told = f"{members} {'member' if members == 1 else 'members'} now"
            raise WrongUsage(
                f"the group {group} works on these topics, and has {told}; a second group would book everything once more. Start with --app-id {group}; "
                "or, to give the group another name, end all of its workers first"
            )

    def inputs_made_anew(self) -> bool:
        """Any thread: whether an input has been deleted and made again since partitions were recovered last. Raises `KafkaException`."""
        return self._made != self._incarnations()

    def _incarnations(self) -> dict[str, str]:
        return {} if self._settings.embedded else self._broker.incarnations(CONSUMED)  # that broker gives its topics no ids

    def _check_inputs(self, number: int, reactions: Reactions, position: Position, starts: dict[Place, int]) -> None:
        """Raises `PoisonedError` where an input is another one than when this state was opened last, and would not be read from its start.
        What does not say of which inputs it is says it from here on.
        """
        stored = reactions.table.meta(META_INPUTS)
        noted = {} if stored is None else msgspec.json.decode(stored, type=dict[str, str])
        for topic, made in self._made.items():
            offset = position.inputs[topic]
            if noted.get(topic, made) != made and offset > starts[topic, number]:
                why = (
                    f"{topic} was deleted and made anew, and what it has before offset {offset}, where it is to go on, would never be applied. "
                    f"Where it was restored with the same offsets, delete {self._path(number)}, which is rebuilt from the changelog"
                )
                raise PoisonedError({number: why})
        if noted != self._made:
            with self._told_of(number):
                reactions.table.write({META_INPUTS: msgspec.json.encode(self._made)}, [])

    def _position(
        self, number: int, reactions: Reactions, grouped: set[int], starts: dict[Place, int], stops: dict[Place, int]
    ) -> Position:
        """Raises `PoisonedError` where there is none, or one that cannot be."""
        stored = reactions.table.meta(META_POSITION)
        if stored is None and number in grouped:
            raise PoisonedError(
                {
                    number: f"group {self._settings.app_id} has offsets for it, but the changelog has no position: "
                    "its records are gone. Restore the topic, or take another --app-id to begin anew"
                }
            )
        position = Position() if stored is None else decode_position(stored)
        self._check_begin(number, reactions, position)
        self._check_partitions(position.partitions or self._partitions)
        position.partitions = self._partitions
        self._check_group(position.group)
        position.group = self._settings.app_id
        for topic in CONSUMED:
            start, stop = starts[topic, number], stops[topic, number]
            offset = position.inputs.setdefault(topic, start)
            if not start <= offset <= stop:
                lost = f"its log begins at {start}: records were deleted unread" if offset < start else f"its log ends at {stop}"
                raise PoisonedError({number: f"{topic} is to go on at offset {offset}, and {lost}"})
        return position
