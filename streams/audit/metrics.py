"""What an auditor that runs on shows to Prometheus. No label names a person. `port` serves it."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics


class Metrics:
    """Set after each batch; figures that only rise go on from where the auditor's state left them.

    `heard_at`: when (monotonic) the broker was last heard of.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a counter's birth is a series more for each, and nobody asks for it
        self.heard_at = time.monotonic()
        self.registry = CollectorRegistry()
        prefix = "pointstream_audit_"
        registry = self.registry
        self._entries = Counter(f"{prefix}entries", "Ledger entries that were checked.", registry=registry)
        self._repeated = Counter(f"{prefix}repeated", "Entries that were told again, alike.", registry=registry)
        self._violations = Counter(f"{prefix}violations", "Entries by which the books do not hold.", registry=registry)
        self._position = Gauge(f"{prefix}position", "The next offset to check.", ["partition"], registry=registry)
        self._lag = Gauge(f"{prefix}lag_records", "Offsets that are still to check.", ["partition"], registry=registry)
        self._lag_seconds = Gauge(
            f"{prefix}lag_seconds", "Age of the newest entry checked; 0 at the end; growing while cut off.", registry=registry
        )
        self._told = [0, 0, 0]
        self._behind_seconds = 0.0

    def set(
        self,
        entries: int,
        repeated: int,
        violations: int,
        offsets: dict[int, int],
        lag: dict[int, int],
        age_seconds: float | None,
        cut_off_seconds: float = 0.0,
    ) -> None:
        """`age_seconds`: of the newest entry of the batch; None where there was none. `cut_off_seconds`: for how long a broker that does
        not answer has been silent: what the client says of the topic is as old as that, and so is the auditor.
        """
        counters = (self._entries, self._repeated, self._violations)
        for place, (counter, now) in enumerate(zip(counters, (entries, repeated, violations), strict=True)):
            counter.inc(now - self._told[place])
            self._told[place] = now
        for partition, offset in offsets.items():
            self._position.labels(partition).set(offset)
            self._lag.labels(partition).set(lag[partition])
        if not any(lag.values()):
            self._behind_seconds = 0.0
        elif age_seconds is not None:
            self._behind_seconds = age_seconds
        self._lag_seconds.set(self._behind_seconds + cut_off_seconds)
