"""What watches a worker: takes what the engine tells to metrics and health. The one module that puts these together.

A mistake in here is told in the log, and leaves a figure wrong; it never stops a worker, whose points are right all the same.
"""

import functools
import logging
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Concatenate, Final, ParamSpec

from prometheus_client import CollectorRegistry, GCCollector, Info, PlatformCollector, ProcessCollector, disable_created_metrics

from schemas.instants import format_instant
from schemas.program import Catalog
from streams.health.checks import Health
from streams.health.ends import ends, note_end
from streams.metrics.events import Events
from streams.metrics.standing import Standing
from streams.metrics.sweep import Sweep
from streams.worker.broker import Place
from streams.worker.cycle import Parcel
from streams.worker.partition import Partition
from streams.worker.settings import WorkerSettings

_log: Final = logging.getLogger(__name__)
_LOOP_SECONDS: Final = 10.0
_LOOK_AGAIN_SECONDS: Final = 60.0
_LOST: Final = "the session is over, for the broker does not answer or took this worker for gone; waiting for the broker to give partitions anew"
_Told = ParamSpec("_Told")


def _safe(take: "Callable[Concatenate[Watching, _Told], None]") -> "Callable[Concatenate[Watching, _Told], None]":
    """What is told here raises nothing where it is told from."""

    @functools.wraps(take)
    def taken(self: "Watching", /, *args: _Told.args, **kwargs: _Told.kwargs) -> None:
        try:
            take(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001  # see above
            _log.warning("a metric could not be taken (%s)", take.__name__, exc_info=error)

    return taken


class Watching:
    """`streams.worker.watch.Watch`, with all that it has seen in `registry` and `health`."""

    def __init__(self, settings: WorkerSettings, catalog: Catalog) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a counter's birth is a series more for each, and nobody asks for it
        self.registry = CollectorRegistry()
        self.health = Health(max(_LOOP_SECONDS, settings.session_ms / 1000), settings.stuck_ms / 1000)
        self.events = Events(self.registry, catalog)
        self.sweep = Sweep(catalog)
        self.standing = Standing(catalog, self.sweep)
        self.registry.register(self.standing)
        self._state = settings.state
        self._began: float | None = None  # when partitions were assigned; None while none are ours
        self.events.ended_before(ends(settings.state))
        _tell_what_runs(self.registry)
        self._programs = Info(
            "pointstream_program",
            "Versions of programs that are loaded.",
            ["program", "effective_from"],
            registry=self.registry,
        )
        self._tell_programs(catalog)

    # what the engine tells

    @_safe
    def topics(self, partitions: int) -> None:
        self.standing.topic_partitions = partitions

    @_safe
    def assigned(self, numbers: Sequence[int]) -> None:
        self._began = time.monotonic()
        self.events.rebalanced("assigned")
        self.health.joined.set(True, "a member of the group")
        self._recovering(list(numbers))

    def _recovering(self, numbers: list[int]) -> None:
        if numbers:
            self.health.recovered.set(False, f"recovering {len(numbers)} partitions")
        else:
            self.health.recovered.set(True, "no partitions: others have them all")
        self.standing.recovery_left = {}
        self.standing.poisoned = {}
        self._tell_ready()

    @_safe
    def revoked(self, *, lost: bool) -> None:
        self._began = None
        self.events.rebalanced("lost" if lost else "revoked")
        self.health.recovered.set(False, _LOST if lost else "the partitions were taken away; waiting for others")
        self.standing.poisoned = {}
        self.standing.recovery_left = {}
        self._tell_ready()

    @_safe
    def replaying(self, left: Mapping[int, int], replayed: int) -> None:
        self.events.replayed(replayed)
        if self._began is None:  # they were taken away, and who replays has not heard of it yet
            return
        self.standing.recovery_left = dict(left)
        self.health.recovered.set(False, f"replaying the changelog: {sum(left.values()):,} offsets left")

    @_safe
    def poisoned(self, why: Mapping[int, str]) -> None:
        self.standing.poisoned = dict(why)

    @_safe
    def recovered(self, partitions: Mapping[int, Partition]) -> None:
        self.standing.recovered(partitions)
        if self._began is None:  # likewise; that they are dropped is told next
            return
        alone = "".join([f"; left alone: partition {number}: {why}" for number, why in self.standing.poisoned.items()])
        self.health.recovered.set(True, f"{len(partitions)} partitions open{alone}")
        self.events.recovered(time.monotonic() - self._began)
        self._tell_ready()

    @_safe
    def dropped(self) -> None:
        self.standing.dropped()
        self.sweep.dropped()

    @_safe
    def copying(self, behind: Mapping[int, int | None]) -> None:
        self.standing.copies = dict(behind)

    @_safe
    def kept(self, parcels: Sequence[Parcel], seconds: float) -> None:
        now = time.time()
        self.events.kept(parcels, seconds, now)
        for parcel in parcels:
            for piece in parcel.work.slices:
                self.standing.applied(piece.topic, parcel.partition.number, now, piece.last_ms)
        self.standing.kept_at = now

    @_safe
    def not_kept(self, *, fenced: bool) -> None:
        self.events.not_kept(fenced=fenced)
        if self._began is not None:  # else why there are none to be recovered has been told
            self.health.recovered.set(False, "a cycle was not kept: the partitions are to be recovered")
        self._tell_ready()

    @_safe
    def clock(self, found: Mapping[Place, int], applied: int, waiting_seconds: float) -> None:
        self.standing.ends(found)
        self.health.progressed(applied, waiting_seconds)

    @_safe
    def unanswered(self) -> None:
        self.health.unanswered()

    def beat(self) -> None:
        self.health.beat()

    def look(self, partitions: Mapping[int, Partition]) -> float:
        try:
            return self.sweep.look(partitions)
        except Exception as error:  # noqa: BLE001  # as `_safe`
            _log.warning("the sweep failed and begins anew", exc_info=error)
            self.sweep.dropped()
            return _LOOK_AGAIN_SECONDS

    @_safe
    def ending(self, kind: str, why: str) -> None:
        note_end(self._state, kind)
        self.health.ending(why)
        self._tell_ready()

    @_safe
    def programs(self, catalog: Catalog) -> None:
        for part in (self.events, self.sweep, self.standing):
            part.know(catalog)
        self._tell_programs(catalog)
        self.standing.refused = False

    @_safe
    def refused(self) -> None:
        self.standing.refused = True

    @_safe
    def passed_over(self, records: int) -> None:
        self.standing.passed_over = records

    def _tell_programs(self, catalog: Catalog) -> None:
        self._programs.clear()
        for name, versions in catalog.programs.items():
            for found in versions:
                self._programs.labels(name, format_instant(found.effective_from)).info(
                    {"status": found.status, "environment": found.environment, "timezone": str(found.timezone)}
                )

    def _tell_ready(self) -> None:
        self.standing.ready = all([check.ok for check in self.health.ready()])


def _tell_what_runs(registry: CollectorRegistry) -> None:
    """The build, as facts to join other series with; and what the client library knows of the process."""
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    names = {"version": "pointstream", "faust": "faust-streaming", "confluent_kafka": "confluent-kafka", "rocksdict": "rocksdict"}
    build = {label: _version(name) for label, name in names.items()} | {"python": platform.python_version()}
    Info("pointstream_build", "What runs here.", registry=registry).info(build)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
