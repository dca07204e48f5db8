"""Opening what lies here of a partition, if it is of this very log, and has not been away for so long that the log does not tell any more
what was forgotten since.

A topic that was deleted and made again is another one, whatever its offsets; what was made of the old one says nothing of it. Nor does a
directory that somebody has moved to the place of another partition.
The changelog keeps a deletion for `delete.retention.ms`. A state that goes on from an older offset never learns of it, and an erased
profile, or a receipt that `remember` has let go, would be there again. So beside the offset up to which a state is the log stands when that
was so, by the wall clock (`in_step`, `midway`), and who has been away for longer is made anew.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from schemas.topics import CHANGELOG
from streams.topics import COMPACTION_LAG_MS, DELETE_RETENTION_MS
from streams.worker.broker import Broker
from streams.worker.distrust import PoisonedError
from streams.worker.logic import Logic, Reactions
from streams.worker.outage import Say
from streams.worker.position import META_CHANGELOG, META_FROM, META_IN_STEP, META_LOG, META_PARTITION, folder_of
from streams.worker.settings import WorkerSettings
from tables.store import DamagedError

_EMBEDDED: Final = b"embedded"  # that broker gives its topics no ids; no other one's state is of its log
_DAY_SECONDS: Final = 86_400
_MARGIN_SECONDS: Final = _DAY_SECONDS  # clocks differ
_AWAY_SECONDS: Final = DELETE_RETENTION_MS // 1000 - _MARGIN_SECONDS
_LAG_SECONDS: Final = COMPACTION_LAG_MS // 1000


def in_step(now: float) -> dict[bytes, bytes]:
    """Beside a state that is all of its log, now: every later deletion stays there for `delete.retention.ms`."""
    return {META_IN_STEP: b"%d" % now}


def midway(before: bytes | None, now: float) -> dict[bytes, bytes]:
    """Beside a state that is a part of its log: what is deleted further on may have been so for as long as compaction may take. `before`: what stood there."""
    at = int(now) - _LAG_SECONDS
    return in_step(at if before is None else min(int(before), at))


class Opening:
    def __init__(
        self,
        settings: WorkerSettings,
        logic: Logic,
        broker: Broker,
        partitions: int,
        say: Say,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._logic = logic
        self._broker = broker
        self._partitions = partitions
        self._say = say
        self._clock = clock

    def log(self) -> bytes:
        """Which log there is now, for `open`. Raises `KafkaException`."""
        return _EMBEDDED if self._settings.embedded else self._broker.incarnations([CHANGELOG])[CHANGELOG].encode()

    def open(self, number: int, log: bytes) -> Reactions:
        """One partition's table, empty where nothing was here or it is too old.

        Raises as `Logic.open`, `OSError`, `PoisonedError` where it is of another log, or `DamagedError` where it is of another partition.
        """
        path = folder_of(self._settings.state, number, self._partitions)
        reactions = self._logic.open(path, self._partitions)
        try:
            _check_whose(number, path, reactions, log)
            self._check_begin(number, path, reactions)
            if self._settings.embedded:  # that broker forgets everything, and nothing could be made anew
                return reactions
            noted = reactions.table.meta(META_IN_STEP)
            away_seconds = 0.0 if noted is None else self._clock() - int(noted)
        except BaseException:
            reactions.table.close()
            raise
        if -_MARGIN_SECONDS <= away_seconds < _AWAY_SECONDS:  # a clock that was ahead says nothing of how long that is ago
            return reactions
        reactions.table.close()
        days = f"{abs(away_seconds) / _DAY_SECONDS:.0f} days"
        since = f"{days} ago" if away_seconds > 0 else f"{days} from now, so one of two clocks is wrong"
        why = f"what lies here was in step with its log {since}, and may hold what was erased since"
        self._say("rebuilds", f"partition {number}: {why}; it is deleted and rebuilt from the changelog", "warning")
        shutil.rmtree(path)
        return self.open(number, log)

    def _check_begin(self, number: int, path: Path, reactions: Reactions) -> None:
        """Whether the log still holds what is to be read of it. What does not say where the log began when it did says it from here on.

        Of a topic that is compacted alone nothing is ever deleted: it was something else for a while.
        """
        if self._settings.embedded:
            return
        begin = self._broker.starts([(CHANGELOG, number)])[CHANGELOG, number]
        known, noted = reactions.table.meta(META_CHANGELOG), reactions.table.meta(META_FROM)
        if known is not None and int(known) < begin:
            raise PoisonedError(
                {
                    number: f"{path} goes on from offset {int(known)} of the {CHANGELOG}, and the log begins at {begin}: records were deleted unread"
                }
            )
        if noted is None:
            reactions.table.write({META_FROM: b"%d" % begin}, [])


def _check_whose(number: int, path: Path, reactions: Reactions, log: bytes) -> None:
    """Whether it is of the changelog that is there now, and of this partition. What does not say so yet says it from here on."""
    table = reactions.table
    ours = {META_LOG: log, META_PARTITION: b"%d" % number}
    noted = {name: found for name in ours if (found := table.meta(name)) is not None}
    if noted.get(META_LOG, log) != log:
        why = f"{path} was made of another {CHANGELOG}: the topic was made anew, or it is another broker's; delete this directory to rebuild it from the log"
        raise PoisonedError({number: why})
    if (whose := int(noted.get(META_PARTITION, number))) != number:
        raise DamagedError(f"{path} holds the state of partition {whose}, and was put here by somebody")
    if len(noted) < len(ours):
        table.write(ours, [])
