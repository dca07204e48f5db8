"""A run of the auditor: over a topic to its end or for ever, or over files; figures kept, violations told as they are found.

A violation ends a run that is to end; it is not kept then, so the next run finds it again. One that follows tells it, counts it and goes on.
A broker that does not answer any more is told once, and once when it does again.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import UNSET, Struct, UnsetType

from streams.audit.accounts import DEFAULT_MEMORY_BYTES, Accounts, Kept
from streams.audit.auditor import Auditor, Found
from streams.audit.metrics import Metrics
from streams.audit.port import ADDRESS, serve
from streams.brokers import Broker
from streams.errors import WrongUsage
from streams.reading import TopicReader
from streams.replay.lines import read_blocks

TOPIC: Final = "ledger-entries"
_KEEP_SECONDS: Final = 5.0
_KEEP_ENTRIES: Final = 50_000


class Place(Struct, frozen=True):
    """Where a record lies: in a partition of the topic, or on a line of a file."""

    partition: int | None = None
    offset: int | None = None
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        if self.file is not None:
            return f"{self.file} line {self.line}"
        return f"{TOPIC} partition {self.partition} offset {self.offset}"


class AuditSettings(NamedTuple):
    """`state` None: what the auditor knows is gone with it. `stop`: given the key of each record by which the books do not hold. `say`: given
    what is no violation and somebody should know.
    """

    state: Path | None = None
    memory_bytes: int = DEFAULT_MEMORY_BYTES
    follow: bool = False
    metrics_port: int | None = None
    stop: Callable[[bytes], None] | None = None
    say: Callable[[str], None] = lambda _: None
    metrics_address: str = ADDRESS


class Audited(NamedTuple):
    """Figures of this run and those that it went on from. `first`: the first violation of this run and where it lies; `earlier`: how many of the
    violations runs before it have found, and `earliest` the first of these, as it was told (None where that is not known).

    `behind`: entries of a topic still to check. A run that ends has not to do with more than the topic held when it began: for it, those that
    came after that.
    """

    entries: int
    repeated: int
    violations: int
    seconds: float
    first: tuple[Place, Found] | None
    behind: int = 0
    earlier: int = 0
    earliest: str | None = None


Tell = Callable[[Place, Found], None]


def audit_files(files: tuple[str, ...], settings: AuditSettings, tell: Tell) -> Audited:
    """Check the lines of files, in order: what `replay` wrote as ledger-entries.jsonl."""
    started = time.monotonic()
    with _accounts(settings) as accounts:
        run = _Run(accounts, settings, tell)
        for block in read_blocks(files, lambda _: None):
            for number, line in enumerate(block.lines, block.first):
                if line.strip() and run.check(line) and run.found(Place(file=block.file, line=number)):
                    return run.audited(started)
            if accounts.full:
                run.keep()
        run.keep()
    return run.audited(started)


def audit_topic(broker: Broker, settings: AuditSettings, tell: Tell, listen: Callable[[], Callable[[], bool]]) -> Audited:
    """Check the topic; to where it ends now, or until asked to end. Raises `WrongUsage`, or `Stop` where it cannot be read.

    `listen`: called when the topic has been reached and there will be something to keep; what it gives says whether the run is to end.
    """
    started = time.monotonic()
    topic = TopicReader(broker, TOPIC)
    try:
        with _accounts(settings) as accounts:
            run = _Run(accounts, settings, tell)
            if run.kept.cluster not in {None, topic.cluster}:
                raise WrongUsage(f"--state {settings.state} is of another cluster than {broker}: name another directory")
            run.kept.cluster = topic.cluster
            topic.begin(run.kept.offsets)
            run.kept.offsets = topic.offsets
            _over(topic, run, settings, _Hearing(broker, settings.say), listen())
            return run.audited(started, sum(topic.lag().values()) if settings.follow else topic.came_since())
    finally:
        topic.close()


def _over(
    topic: TopicReader, run: "_Run", settings: AuditSettings, hearing: "_Hearing", asked_to_end: Callable[[], bool]
) -> None:
    offsets = topic.offsets
    with serve(settings.metrics_port, settings.metrics_address) as metrics:
        for batch in topic.messages(follow=settings.follow):
            for message in batch:
                partition, offset = message.partition(), message.offset()
                if run.check(message.value(), message.key()):
                    if run.found(Place(partition=partition, offset=offset)):
                        return
                    if settings.stop is not None and message.key():
                        settings.stop(message.key())
                offsets[partition] = offset + 1
            run.keep_now_and_then()
            hearing.look(topic)
            if metrics is not None:
                newest = batch[-1].timestamp()[1] if batch else None
                _measure(metrics, run, topic, newest)
            if asked_to_end():
                break
    run.keep()


def _measure(metrics: Metrics, run: "_Run", topic: TopicReader, newest_ms: int | None) -> None:
    lag = topic.lag()
    age = max(time.time() - newest_ms / 1000, 0.0) if newest_ms is not None else None
    silent = time.monotonic() - topic.heard_at if topic.cut_off else 0.0
    metrics.heard_at = topic.heard_at
    metrics.set(run.auditor.entries, run.auditor.repeated, run.auditor.violations, topic.offsets, lag, age, silent)


class _Hearing:
    """Says once that the broker does not answer, and once that it is back."""

    def __init__(self, broker: Broker, say: Callable[[str], None]) -> None:
        self._broker = broker
        self._say = say
        self._silent_since: float | None = None

    def look(self, topic: TopicReader) -> None:
        if topic.cut_off and self._silent_since is None:
            self._silent_since = topic.heard_at
            silent = time.monotonic() - topic.heard_at
            self._say(
                f"{self._broker} does not answer, and nothing has come for {silent:.0f} s: nothing is checked until it is back"
            )
        elif not topic.cut_off and self._silent_since is not None:
            self._say(f"{self._broker} is back, after {topic.heard_at - self._silent_since:.0f} s: going on")
            self._silent_since = None


class _Run:
    def __init__(self, accounts: Accounts, settings: AuditSettings, tell: Tell) -> None:
        self.kept: Kept = accounts.kept()
        self.auditor = Auditor(accounts)
        self.auditor.entries, self.auditor.repeated = self.kept.entries, self.kept.repeated
        self._earlier, self._earliest = self.kept.violations, self.kept.first
        self.auditor.violations = self.kept.violations
        self._accounts = accounts
        self._settings = settings
        self._tell = tell
        self._first: tuple[Place, Found] | None = None
        self._last: Found | None = None
        self._kept_at, self._kept_entries = time.monotonic(), self.auditor.entries

    def check(self, value: bytes | None, key: bytes | UnsetType | None = UNSET) -> bool:
        """Whether a violation was found."""
        self._last = self.auditor.check(value, key)
        return self._last is not None

    def found(self, place: Place) -> bool:
        """Tell the violation that was found last; whether the run ends by it."""
        if self._last is None:
            return False
        if self._first is None:
            self._first = place, self._last
        if not self.kept.violations and self.kept.first is None:
            self.kept.first = f"{place}: {self._last}"
        self._tell(place, self._last)
        return not self._settings.follow

    def keep_now_and_then(self) -> None:
        if self._accounts.full or (
            self._settings.state is not None
            and (time.monotonic() - self._kept_at > _KEEP_SECONDS or self.auditor.entries - self._kept_entries > _KEEP_ENTRIES)
        ):
            self.keep()

    def keep(self) -> None:
        self.kept.entries, self.kept.repeated = self.auditor.entries, self.auditor.repeated
        self.kept.violations = self.auditor.violations
        self._accounts.keep(self.kept)
        self._kept_at, self._kept_entries = time.monotonic(), self.auditor.entries

    def audited(self, started: float, behind: int = 0) -> Audited:
        auditor = self.auditor
        seconds = time.monotonic() - started
        return Audited(
            auditor.entries, auditor.repeated, auditor.violations, seconds, self._first, behind, self._earlier, self._earliest
        )


@contextmanager
def _accounts(settings: AuditSettings) -> Iterator[Accounts]:
    if settings.state is not None:
        accounts = Accounts(settings.state, settings.memory_bytes)
        try:
            yield accounts
        finally:
            accounts.close()
        return
    with tempfile.TemporaryDirectory(prefix="pointstream-audit-") as folder:
        accounts = Accounts(Path(folder), settings.memory_bytes, logged=False)
        try:
            yield accounts
        finally:
            accounts.close()
