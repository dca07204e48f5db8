"""A record of an input topic as it arrives, before anything is known about it."""

from msgspec import Struct

from schemas.instants import Instant


class Incoming(Struct, gc=False):
    """One record of an input topic. `arrived_at`: its Kafka timestamp; in a file, the line's, else the greatest event time so far:
    that is known only when the record has been read, so it may be set then. `known_from`: of one that has waited without an end, from when
    on all that it may ask for is surely remembered.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    arrived_at: Instant
    known_from: Instant | None = None
