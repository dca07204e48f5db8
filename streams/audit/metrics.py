"""What an auditor that runs on shows to Prometheus, on a port of its own. No label names a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from streams.errors import WrongUsage

ADDRESS: Final = "0.0.0.0"  # noqa: S104  # whoever scrapes is another machine


class Metrics:
    """Set after each batch; figures that only rise go on from where the auditor's state left them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        prefix = "pointstream_audit_"
        registry = self.registry
        self._entries = Counter(f"{prefix}entries", "Ledger entries that were checked.", registry=registry)
        self._repeated = Counter(f"{prefix}repeated", "Entries that were told again, alike.", registry=registry)
        self._violations = Counter(f"{prefix}violations", "Entries by which the books do not hold.", registry=registry)
        self._position = Gauge(f"{prefix}position", "The next offset to check.", ["partition"], registry=registry)
        self._lag = Gauge(f"{prefix}lag_records", "Offsets that are still to check.", ["partition"], registry=registry)
        self._lag_seconds = Gauge(f"{prefix}lag_seconds", "Age of the newest entry checked; 0 at the end.", registry=registry)
        self._told = [0, 0, 0]

    def set(
        self,
        entries: int,
        repeated: int,
        violations: int,
        offsets: dict[int, int],
        lag: dict[int, int],
        age_seconds: float | None,
    ) -> None:
        """`age_seconds`: of the newest entry of the batch; None where there was none."""
        counters = (self._entries, self._repeated, self._violations)
        for place, (counter, now) in enumerate(zip(counters, (entries, repeated, violations), strict=True)):
            counter.inc(now - self._told[place])
            self._told[place] = now
        for partition, offset in offsets.items():
            self._position.labels(partition).set(offset)
            self._lag.labels(partition).set(lag[partition])
        if not any(lag.values()):
            self._lag_seconds.set(0)
        elif age_seconds is not None:
            self._lag_seconds.set(age_seconds)


@contextmanager
def serve(port: int | None) -> Iterator[Metrics | None]:
    """Metrics at http://…:port/metrics, in a thread of their own; None where no port is given. Raises `WrongUsage`."""
    if port is None:
        yield None
        return
    metrics = Metrics()
    try:
        server, thread = start_http_server(port, ADDRESS, metrics.registry)
    except OSError as error:
        raise WrongUsage(f"--metrics-port {port}: {error.strerror or error}") from None
    try:
        yield metrics
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
