"""How things stand: gauges that are read off the worker when somebody scrapes, so that they are right even where its loop stands still.

Reads only what Python threads may read of each other: numbers, and dictionaries that are replaced and not changed. No table is asked
here; what lies in tables the sweep has told.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from schemas.instants import Instant
from schemas.program import Catalog, Ratio
from schemas.topics import CONSUMED
from streams.metrics.lag import Lag
from streams.metrics.sweep import DUE, OTHER, Sums, Sweep
from streams.worker.broker import Place
from streams.worker.logic import LedgerReactions
from streams.worker.partition import Partition
from tables.table import Table

_US: Final = 1_000_000


class Standing(Collector):
    def __init__(self, catalog: Catalog, sweep: Sweep) -> None:
        self._sweep = sweep
        self._points: dict[tuple[str, str], list[_Terms]] = {}
        self.know(catalog)
        self.topic_partitions: int | None = None  # None: the broker has not been asked yet
        self.partitions: Mapping[int, Partition] = {}
        self.recovered_at = 0.0  # seconds since 1970
        self.recovery_left: Mapping[int, int] = {}
        self.copies: Mapping[int, int | None] = {}
        self.poisoned: Mapping[int, str] = {}
        self.passed_over: int | None = None  # records of the topic `programs`; None: it has not been read
        self.refused = False  # what was published last
        self.kept_at: float | None = None
        self.ready = False
        self._lags: dict[Place, Lag] = {}
        self._reads: tuple[int, int, list[Table]] = (0, 0, [])  # lookups and misses of tables that are closed, and the open ones

    # what is told

    def know(self, catalog: Catalog) -> None:
        """These programs are there, too; of several versions the one in force says what points are worth."""
        known: defaultdict[tuple[str, str], list[_Terms]] = defaultdict(list)
        for name, versions in catalog.programs.items():
            for version in versions:
                for point in version.points:
                    terms = _Terms(version.effective_from, 10**point.scale, point.ratio, version.currency)
                    known[name, point.sid].append(terms)
        self._points |= known

    def recovered(self, partitions: Mapping[int, Partition]) -> None:
        self.partitions, self.recovery_left, self.recovered_at = dict(partitions), {}, time.time()
        self._lags = {(topic, number): Lag() for number in partitions for topic in CONSUMED}
        reactions = [partition.reactions for partition in partitions.values()]
        self._reads = *self._read()[:2], [found.table for found in reactions if isinstance(found, LedgerReactions)]

    def dropped(self) -> None:
        self._reads = *self._read(), []
        self.partitions, self._lags = {}, {}

    def ends(self, ends: Mapping[Place, int]) -> None:
        now = time.time()
        for place, end in ends.items():
            lag = self._lags.get(place)
            if lag is not None:
                lag.note(now, end, self._reached(place))

    def applied(self, topic: str, number: int, now: float, arrived_ms: int) -> None:
        lag = self._lags.get((topic, number))
        if lag is not None:
            lag.applied(now, arrived_ms / 1000)

    # what is asked

    def collect(self) -> Iterator[Metric]:
        yield _gauge("ready", "1: partitions assigned (perhaps none) and recovered.", float(self.ready))
        yield _gauge("partitions", "Partitions that this worker has open.", float(len(self.partitions)))
        yield from self._topics()
        yield _gauge("last_commit_timestamp_seconds", "When a cycle was kept last; 0 before the first.", self.kept_at or 0.0)
        yield from self._programs()
        yield from self._lag()
        yield from self._clocks()
        yield from self._recovery()
        yield from self._standby()
        yield from self._cache()
        yield from self._tables_at_a_glance()
        yield from self._swept()

    def _topics(self) -> Iterator[Metric]:
        """No series before it is known: 0 would say that nothing is missing."""
        has = _by("topic_partitions", "Partitions that each topic has, whoever reads them.")
        if self.topic_partitions is not None:
            has.add_metric([], self.topic_partitions)
        yield has

    def _programs(self) -> Iterator[Metric]:
        """No series before the topic has been read: what was in it all the time has not come with a restart."""
        over = _by("program_records_passed_over", "Records of the topic `programs` that do not count.")
        if self.passed_over is not None:
            over.add_metric([], self.passed_over)
        yield over
        yield _gauge("programs_refused", "1: this worker does not go by what was published last.", float(self.refused))

    def _lag(self) -> Iterator[Metric]:
        now = time.time()
        records = _by("lag_records", "Offsets of an input that are still to apply.", "topic", "partition")
        seconds = _by("lag_seconds", "For how long what is still to apply has been waiting; 0: nothing.", "topic", "partition")
        for place, lag in list(self._lags.items()):
            reached, labels = self._reached(place), [place[0], str(place[1])]
            records.add_metric(labels, lag.records(reached))
            seconds.add_metric(labels, lag.seconds(now, reached))
        yield records
        yield seconds

    def _reached(self, place: Place) -> int:
        partition = self.partitions.get(place[1])
        return 0 if partition is None else partition.reached.get(place[0], 0)

    def _clocks(self) -> Iterator[Metric]:
        now = time.time()
        delay = _by("tick_delay_seconds", "How far timers are behind the clock; under --backfill nothing is told.", "partition")
        for number, partition in self.partitions.items():
            if not partition.backfill:
                tick = (partition.position.tick or 0) / _US
                delay.add_metric([str(number)], max(now - max(tick, self.recovered_at if tick == 0 else 0.0), 0.0))
        yield delay

    def _recovery(self) -> Iterator[Metric]:
        left = _by("recovery_remaining_records", "Changelog offsets still to replay before reading goes on.", "partition")
        for number, count in self.recovery_left.items():
            left.add_metric([str(number)], count)
        yield left
        poisoned = _by("poisoned_partitions", "1: ours, and it cannot be continued; the others go on.", "partition")
        for number in self.poisoned:
            poisoned.add_metric([str(number)], 1)
        yield poisoned

    def _standby(self) -> Iterator[Metric]:
        copies = self.copies
        yield _gauge("standby_partitions", "Partitions of other workers of which a copy is kept here.", float(len(copies)))
        behind = _by("standby_lag_records", "Changelog offsets that a copy is behind.", "partition")
        for number, count in copies.items():
            if count is not None:
                behind.add_metric([str(number)], count)
        yield behind

    def _cache(self) -> Iterator[Metric]:
        lookups, misses = self._read()
        reads = CounterMetricFamily("pointstream_profile_reads", "Reads of a profile, by what answered.", labels=["source"])
        reads.add_metric(["cache"], lookups - misses)
        reads.add_metric(["store"], misses)
        yield reads

    def _read(self) -> tuple[int, int]:
        lookups, misses, tables = self._reads
        return lookups + sum([table.lookups for table in tables]), misses + sum([table.misses for table in tables])

    def _tables_at_a_glance(self) -> Iterator[Metric]:
        size = _by("state_bytes", "A partition's table on disk and in write buffers, about.", "partition")
        states = _by("states", "Profiles, receipts and all else that is remembered of a partition, about.", "partition")
        overdue = _by(
            "overdue_timers", "Profiles with something due that has not happened yet; counted up to 1,000.", "partition"
        )
        oldest = _by("overdue_timer_seconds", "For how long the oldest of them has been due.", "partition")
        now = time.time()
        for number, seen in list(self._sweep.glances.items()):
            labels = [str(number)]
            size.add_metric(labels, seen.bytes)
            states.add_metric(labels, seen.states)
            overdue.add_metric(labels, seen.overdue)
            backfill = (partition := self.partitions.get(number)) is not None and partition.backfill
            waited = 0.0 if seen.oldest is None or backfill else max(now - seen.oldest / _US, 0.0)
            oldest.add_metric(labels, waited)
        yield from (size, states, overdue, oldest)

    def _swept(self) -> Iterator[Metric]:
        found = list(self._sweep.sums.items())
        age = _by("sweep_age_seconds", "How old the figures of the sweep are (profiles to money), by partition.", "partition")
        now = time.time()
        for number, sums in found:
            age.add_metric([str(number)], max(now - sums.at / _US, 0.0))
        yield age
        yield _gauge("swept_partitions", "Partitions whose figures are in the sums of the sweep.", float(len(found)))
        yield from self._sums([sums for _, sums in found])

    def _sums(self, found: list[Sums]) -> Iterator[Metric]:
        yield _gauge("profiles", "Profiles.", float(sum([sums.profiles for sums in found])))
        yield _gauge("stopped_profiles", "Profiles that are stopped now.", float(sum([sums.stopped for sums in found])))
        timers = _by("timers", "Profiles by when the next thing of them is due.", "due")
        for due in DUE:
            timers.add_metric([due], sum([sums.timers[due] for sums in found]))
        yield timers
        points = _by("outstanding_points", "Points that may still be spent.", "program", "point", "state", "expires")
        money = _by("outstanding_money", "What they are worth by the ratio.", "program", "point", "state", "expires", "currency")
        debt = _by("debt_points", "Points that profiles owe.", "program", "point")
        for key in sorted({key for sums in found for key in sums.points}):
            minor, terms = sum([sums.points[key] for sums in found]), self._terms(key[:2])
            points.add_metric(list(key), minor / terms.scale)
            if terms.ratio is not None:
                money.add_metric([*key, terms.currency], _worth(minor, terms.ratio))
        for name in sorted({name for sums in found for name in sums.debt}):
            debt.add_metric(list(name), sum([sums.debt[name] for sums in found]) / self._terms(name).scale)
        yield from (points, money, debt)

    def _terms(self, point: tuple[str, str]) -> "_Terms":
        """Those in force now; of what is not in force yet, the first. A version that has been published for later changes no liability of today."""
        versions, now = self._points.get(point, [_UNKNOWN]), time.time_ns() // 1000
        return next((terms for terms in reversed(versions) if terms.since <= now), versions[0])


class _Terms(NamedTuple):
    """What one version of a program says of a point type. `scale`: the smallest units of a point."""

    since: Instant
    scale: int
    ratio: Ratio | None
    currency: str


_UNKNOWN: Final = _Terms(0, 1, None, OTHER)


def _worth(minor: int, ratio: Ratio) -> float:
    return minor * ratio.money_nano / ratio.points_minor / 1_000_000_000


def _gauge(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(f"pointstream_{name}", told, value=value)


def _by(name: str, told: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"pointstream_{name}", told, labels=labels)
