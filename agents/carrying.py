"""Carrying: a record that travels with a question, and comes back with the answer or goes on to whom it belongs, as it came."""

from agents.incoming import Incoming
from schemas.messages import Carried


def carried_by(incoming: Incoming) -> Carried:
    return Carried(
        topic=incoming.topic,
        partition=incoming.partition,
        offset=incoming.offset,
        arrived_at=incoming.arrived_at,
        value=(incoming.value or b"").decode(),
        key=None if incoming.key is None else incoming.key.decode(errors="replace"),
    )


def incoming_of(carried: Carried) -> Incoming:
    """The record as it came."""
    key = None if carried.key is None else carried.key.encode()
    return Incoming(carried.topic, carried.partition, carried.offset, key, carried.value.encode(), carried.arrived_at)
