"""A record of an input topic as it arrives, before anything is known about it."""

from typing import NamedTuple

from schemas.instants import Instant


class Incoming(NamedTuple):
    """One record of an input topic. `arrived_at`: its Kafka timestamp; in a file, the line's, else the greatest event time so far."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    arrived_at: Instant
