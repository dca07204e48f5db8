"""What happened, as counters and histograms: taken from each cycle that was kept, once a cycle.

Labels are closed lists (topics, outcomes, reasons, types of entries) or what the operator named in program files; what is known beforehand
is there from the start with 0, so that an alert sees the first one.
"""

from collections import Counter as Count
from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from agents.counts import GRANTS, SUBJECTS
from agents.fates import FATES as FATES_IN_SCENARIOS
from agents.notifying import FATES
from agents.promotions import OUTCOMES as PROMOTED
from agents.referrals import OUTCOMES as REFERRED
from schemas.events import DeadLetter, LedgerEntry
from schemas.outcomes import OUTCOMES, REASONS
from schemas.program import Catalog
from schemas.topics import CONSUMED, DEAD_LETTERS, LEDGER_ENTRIES, OUTPUTS
from streams.metrics.delays import ManyAtOnce
from streams.metrics.points import PointSums
from streams.worker.cycle import Parcel
from streams.worker.watch import KINDS_OF_ENDS

ENTRY_TYPES: Final = (
    "points.accrued",
    "points.activated",
    "points.adjusted",
    "points.cancelled",
    "points.expired",
    "points.extended",
    "points.redeemed",
    "points.reinstated",
    "points.released",
    "points.reserved",
    "points.reversed",
)
JOINED: Final = "membership.joined"  # of no point
_CYCLE_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 6.0, 12.0)
_CYCLE_RECORDS: Final = (1, 10, 100, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 50_000)
_RECOVERY_SECONDS: Final = (0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0)


class Events:
    def __init__(self, registry: CollectorRegistry, catalog: Catalog) -> None:
        self._scales: dict[tuple[str, str], int] = {}

        def counter(name: str, told: str, *labels: str) -> Counter:
            return Counter(f"pointstream_{name}", told, labels, registry=registry)

        def histogram(name: str, told: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(f"pointstream_{name}", told, buckets=buckets, registry=registry)

        self._records = counter("records", "Records that came, by what became of them.", "topic", "outcome")
        self._parked = counter("parked_records", "Records that had waited, by what became of them.", "outcome")
        self._dead = counter("dead_letters", "Records that could not be used, and timers that failed.", "reason")
        self._sent = counter("published_records", "Records sent to the output topics.", "topic")
        self._entries = counter("entries", "Ledger entries.", "program", "point", "type")
        self._withheld = counter("withheld_points", "Points that a limit kept back.", "program", "point")
        self._scenarios = counter("scenarios", "What became of those who came to a scenario.", "program", "scenario", "what")
        self._inconsistent = counter("inconsistent_totals", "Sales with a total that their lines do not explain.")
        self._promotions = counter(
            "promotions", "What promotions were to give or take, by what became of it.", "program", "promotion", "outcome"
        )
        self._grants = counter("grants", "What was asked across profiles, by the answer.", "program", "of", "outcome")
        self._referrals = counter("referrals", "First purchases of friends, by what became of them.", "program", "outcome")
        self._notifications = counter("notifications", "What was to be told, by what became of it.", "program", "fate")
        self._stopped = counter("profiles_stopped", "Profiles that were stopped, by an error or by order.")
        self._released = counter("profiles_released", "Stopped profiles that were let go on.")
        self._failed = counter("cycles_failed", "Cycles that were not kept: nothing of them counts.")
        self._fenced = counter("fenced", "Cycles refused because another worker has taken over; this one ends.")
        self._rebalances = counter("rebalances", "Changes of this worker's partitions.", "kind")
        self._replayed = counter("recovery_records", "Changelog records replayed by recoveries.")
        self._ends = counter("worker_ends", "Times that a worker with this state directory ended by itself, and why.", "why")
        self._cycle_seconds = histogram("cycle_seconds", "From the start of a commit to the end of its flush.", _CYCLE_SECONDS)
        self._cycle_records = histogram("cycle_records", "Records in a cycle.", _CYCLE_RECORDS)
        self._recovery_seconds = histogram("recovery_seconds", "From an assignment to reading on.", _RECOVERY_SECONDS)
        self._delay = ManyAtOnce(
            "pointstream_commit_delay_seconds", "From a record's arrival at the broker to its commit.", "topic", CONSUMED
        )
        registry.register(self._delay)
        self._points = PointSums("pointstream_points", "Points in ledger entries.", self._scales)
        registry.register(self._points)
        self._begin_with_0()
        self.know(catalog)

    def _begin_with_0(self) -> None:
        for topic in CONSUMED:
            for outcome in OUTCOMES:
                self._records.labels(topic, outcome)
        for outcome in OUTCOMES:
            self._parked.labels(outcome)
        for reason in REASONS:
            self._dead.labels(reason)
        for topic in OUTPUTS:
            self._sent.labels(topic)
        for kind in ("assigned", "revoked", "lost"):
            self._rebalances.labels(kind)
        for why in KINDS_OF_ENDS:
            self._ends.labels(why)

    def know(self, catalog: Catalog) -> None:
        """These programs are there, too: their series begin with 0."""
        scales = {
            (name, point.sid): 10**point.scale
            for name, versions in catalog.programs.items()
            for version in versions
            for point in version.points
        }
        for program, point in scales.keys() - self._scales.keys():
            self._withheld.labels(program, point)
            for kind in ENTRY_TYPES:
                self._entries.labels(program, point, kind)
                for direction in ("credit", "debit") if kind == "points.adjusted" else ("",):
                    self._points.begin((program, point, kind, direction))
        self._scales.update(scales)
        for program, versions in catalog.programs.items():
            self._entries.labels(program, "", JOINED)
            for scenario in {scenario.scenario for version in versions for scenario in version.campaigns.scenarios}:
                for what in FATES_IN_SCENARIOS:
                    self._scenarios.labels(program, scenario, what)
            for fate in FATES:
                self._notifications.labels(program, fate)
            for of in SUBJECTS:
                for answer in GRANTS:
                    self._grants.labels(program, of, answer)
            for outcome in REFERRED:
                self._referrals.labels(program, outcome)
            for promotion in sorted({name for version in versions for name in version.campaigns.promotions}):
                for outcome in PROMOTED:
                    self._promotions.labels(program, promotion, outcome)

    # what the engine tells

    def kept(self, parcels: Sequence[Parcel], seconds: float, now: float) -> None:
        """A cycle. `now`: seconds since 1970."""
        self._cycle_seconds.observe(seconds)
        self._cycle_records.observe(sum([piece.records for parcel in parcels for piece in parcel.work.slices]))
        for parcel in parcels:
            self._handled(parcel, now)
            self._said(parcel)

    def _handled(self, parcel: Parcel, now: float) -> None:
        for topic, outcomes in parcel.work.handled.items():
            for outcome, count in outcomes.items():
                self._records.labels(topic, outcome).inc(count)
        for (
            piece
        ) in parcel.work.slices:  # half of it as late as its first record, half as its last: they arrived together, or nearly so
            half = piece.records // 2
            self._delay.observe(piece.topic, max(now - piece.last_ms / 1000, 0.0), half)
            self._delay.observe(piece.topic, max(now - piece.first_ms / 1000, 0.0), piece.records - half)
        for name, count in parcel.outbox.counts.items():
            if name[0] == "parked":
                self._parked.labels(name[1]).inc(count)
            elif name[0] == "withheld":
                self._withheld.labels(name[1], name[2]).inc(count / self._scales.get((name[1], name[2]), 1))
            elif name[0] == "promotion":
                self._promotions.labels(*name[1:]).inc(count)
            elif name[0] == "grant":
                self._grants.labels(*name[1:]).inc(count)
            elif name[0] == "referral":
                self._referrals.labels(*name[1:]).inc(count)
            elif name[0] == "notification":
                self._notifications.labels(name[1], name[2]).inc(count)
            elif name[0] == "scenario":
                self._scenarios.labels(*name[1:]).inc(count)
            elif name[0] == "inconsistent-total":
                self._inconsistent.inc(count)
            elif name[0] == "profile-stopped":
                self._stopped.inc(count)
            elif name[0] == "profile-released":
                self._released.inc(count)

    def _said(self, parcel: Parcel) -> None:
        """The one loop over all that a cycle says: as short as can be."""
        others: Count[str] = Count()
        entries: dict[tuple[str, str | None, str, str | None], list[int]] = {}  # how many, and their points (minor)
        for effect in parcel.effects:
            record = effect.record
            if type(record) is LedgerEntry:
                key = (record.program, record.point, record.type, record.direction)
                found = entries.get(key)
                if found is None:
                    found = entries[key] = [0, 0]
                found[0] += 1
                if record.points is not None:
                    found[1] += int(record.points.replace(".", ""))
            else:
                others[effect.topic] += 1
                if effect.topic == DEAD_LETTERS and isinstance(record, DeadLetter):
                    self._dead.labels(record.reason).inc()
        for (program, point, kind, direction), (count, minor) in entries.items():
            self._entries.labels(program, point or "", kind).inc(count)
            if point is not None:
                self._points.add((program, point, kind, direction or ""), minor)
            others[LEDGER_ENTRIES] += count
        for topic, count in others.items():
            self._sent.labels(topic).inc(count)

    def not_kept(self, *, fenced: bool) -> None:
        self._failed.inc()
        if fenced:
            self._fenced.inc()

    def rebalanced(self, kind: str) -> None:
        self._rebalances.labels(kind).inc()

    def replayed(self, records: int) -> None:
        self._replayed.inc(records)

    def recovered(self, seconds: float) -> None:
        self._recovery_seconds.observe(seconds)

    def ended_before(self, ends: dict[str, int]) -> None:
        """How often, and why, the predecessors in this state directory ended by themselves."""
        for why, count in ends.items():
            self._ends.labels(why if why in KINDS_OF_ENDS else "other").inc(count)
