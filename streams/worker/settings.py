"""What a worker is told: addresses, places, periods and limits. Values only; who reads flags and environment is elsewhere."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from streams.brokers import Cluster, connection, servers
from streams.logs import Format
from streams.security import NO_SECURITY, Security

EMBEDDED: Final = "embedded"
_EMBEDDED_SESSION_MS: Final = 6_000  # librdkafka's mock cluster lets nobody wait longer for a rebalance

_MIB: Final = 1024 * 1024
_OWN_BYTES: Final = 235 * _MIB  # what a process takes with nothing of the state in it, clients and all: measured
_UNIT_BYTES: Final = 8 * 1024  # what a record of three lines takes at most until it is committed, beside its profile: measured
_LEAST_WEIGHT: Final = 3_000


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """`broker` is `kafka://HOST:PORT[,HOST:PORT]` or `embedded://HOST:PORT`; `state` a directory that this process alone uses."""

    broker: str
    state: Path
    security: Security = NO_SECURITY
    programs: tuple[Path, ...] = ()
    without: tuple[str, ...] = ()
    app_id: str = "pointstream"
    backfill: bool = False
    cycle_ms: int = 150
    # A bound; the period is what ends a cycle. Committed faster than every 100 ms, a transaction would wait for its
    # predecessor's markers (KAFKA-5477): 5,000 records at 24 partitions halved the rate.
    cycle_records: int = 50_000
    slice_records: int = 250
    poll_records: int = 2_000
    ahead_bytes: int = 32 * _MIB  # of records that wait for those of another input
    tick_ms: int = 1_000
    tick_piece: int = 100
    tick_records: int = 750  # of a cycle: so many things that are due take about a period
    session_timeout_ms: int = 10_000
    transaction_timeout_ms: int = 12_000
    stuck_ms: int = 60_000
    instance_id: str | None = None
    memory_bytes: int = 1024 * _MIB
    standby_replicas: int = 0
    log_format: Format = "text"
    metrics_port: int | None = None
    metrics_address: str = "0.0.0.0"  # noqa: S104  # whoever scrapes is another machine

    @property
    def embedded(self) -> bool:
        return self.broker.startswith(f"{EMBEDDED}://")

    @property
    def servers(self) -> str:
        """`host:port[,host:port]`, as the clients take it. Raises `WrongUsage`."""
        return servers(self.broker)

    @property
    def cluster(self) -> Cluster:
        """The embedded broker asks nobody who they are, whatever the environment says of others."""
        return Cluster(self.broker, NO_SECURITY if self.embedded else self.security)

    @property
    def connection(self) -> dict[str, Any]:
        """What every client is told first: where the broker is, and how it is spoken to."""
        return connection(self.cluster)

    @property
    def cycle_weight(self) -> int:
        """What a cycle may weigh (`Partition.weight`; a small record of a profile of its own weighs three): what the memory that caches
        leave has room for twice, for while one is committed the next is applied.
        """
        return max(self.state_bytes * 3 // 16 // _UNIT_BYTES, _LEAST_WEIGHT)

    @property
    def state_bytes(self) -> int:
        """What is left of the memory for state, caches (five eighths) and the running cycle."""
        return max(self.memory_bytes - _OWN_BYTES, self.memory_bytes // 4)

    @property
    def session_ms(self) -> int:
        return min(self.session_timeout_ms, _EMBEDDED_SESSION_MS) if self.embedded else self.session_timeout_ms
