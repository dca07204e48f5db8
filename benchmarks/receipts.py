"""Receipts of three lines for the benchmarks: the same for every contender, from a seed.

Ten thousand members with an even chance of being next, the least friendly case for caches and for coalescing. Times rise by a
few seconds from one receipt to the next, so that nothing is late. `python -m benchmarks.receipts` writes them as JSON Lines for
`pointstream replay`, or sends them to `purchases` of a broker.
"""

import argparse
import json
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any, Final, NamedTuple

FIRST: Final = datetime(2024, 1, 1, 8, 0, tzinfo=UTC)
SECONDS_APART: Final = 7
_SCATTER: Final = 1_000_003  # a prime that divides no round number, so that each rank has a number of its own
_CATEGORIES: Final = ("coffee", "kitchen", "garden", "books", "toys")
_STORES: Final = ("High Street", "Harbour", "Station", "Market Hall")


class Sent(NamedTuple):
    """One record of `purchases`."""

    key: bytes
    value: bytes


def receipts(count: int, profiles: int = 10_000, seed: int = 1) -> Iterator[Sent]:
    """So many sales of three lines each to so many members, in order of time."""
    random = Random(seed)
    for number in range(count):
        member = f"member-{random.randrange(profiles):07d}"
        yield Sent(member.encode(), json.dumps(_receipt(number, member, random), separators=(",", ":")).encode())


def receipts_of(members: Iterable[str], seed: int = 1, first: int = 0) -> Iterator[Sent]:
    """A sale of three lines to each of these, in order of time, as if `first` had gone before."""
    random = Random(seed)
    for number, member in enumerate(members, first):
        yield Sent(member.encode(), json.dumps(_receipt(number, member, random), separators=(",", ":")).encode())


def zipf(count: int, profiles: int, exponent: float, seed: int = 1) -> Iterator[int]:
    """So many members: the one of rank k comes in proportion to k to the minus exponent; ranks lie scattered over the numbers."""
    random = Random(seed)
    sums = [*accumulate(rank**-exponent for rank in range(1, profiles + 1))]
    for _ in range(count):
        yield bisect_left(sums, random.random() * sums[-1]) * _SCATTER % profiles


def uniform(count: int, profiles: int, seed: int = 1) -> Iterator[int]:
    random = Random(seed)
    for _ in range(count):
        yield random.randrange(profiles)


def _receipt(number: int, member: str, random: Random) -> dict[str, Any]:
    at = FIRST + timedelta(seconds=number * SECONDS_APART)
    return {
        "receipt_id": f"R-{number:09d}",
        "application": "pos",
        "profile_id": member,
        "closed_at": at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "currency": "EUR",
        "channel": "in-store",
        "store": random.choice(_STORES),
        "lines": [
            {
                "sku": f"sku-{random.randrange(5_000):05d}",
                "category": random.choice(_CATEGORIES),
                "quantity": random.randint(1, 3),
                "unit_price": f"{random.randint(1, 60)}.{random.randrange(100):02d}",
            }
            for _ in range(3)
        ],
    }


def spoilt(record: Sent, number: int) -> Sent:
    """The same record as it must not be: cut off, without its time, in another currency, or with a price that is none."""
    match number % 4:
        case 0:
            return record._replace(value=record.value[:-40])
        case 1:
            return record._replace(value=record.value.replace(b'"closed_at"', b'"closing"'))
        case 2:
            return record._replace(value=record.value.replace(b'"EUR"', b'"USD"'))
        case _:
            return record._replace(value=record.value.replace(b'"unit_price":"', b'"unit_price":"~', 1))


def as_lines(records: Iterator[Sent]) -> Iterator[bytes]:
    """As a file for `pointstream replay`. A value that is no JSON stands there as text."""
    for record in records:
        try:
            json.loads(record.value)
            value = record.value
        except ValueError:
            value = json.dumps(record.value.decode()).encode()
        yield b'{"topic":"purchases","value":' + value + b"}\n"


def produce(address: str, records: Iterator[Sent], topic: str = "purchases") -> int:
    """Send them to a broker and wait for its word; how many."""
    from confluent_kafka import Producer

    producer = Producer(
        {
            "bootstrap.servers": address,
            "partitioner": "murmur2",
            "linger.ms": 50,
            "batch.num.messages": 1_000,
            "queue.buffering.max.messages": 1_000_000,
            "enable.idempotence": True,
        }
    )
    count = 0
    for record in records:
        producer.produce(topic, key=record.key, value=record.value)
        count += 1
        if count % 1_000 == 0:
            producer.poll(0)
    left = producer.flush(60)
    if left:
        raise RuntimeError(f"{left:,} records were not confirmed")
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("count", type=int)
    parser.add_argument("--profiles", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--broker", help="host:port; without it, JSON Lines go to standard output")
    options = parser.parse_args()
    records = receipts(options.count, options.profiles, options.seed)
    if options.broker:
        produce(options.broker, records)
    else:
        sys.stdout.buffer.writelines(as_lines(records))


if __name__ == "__main__":
    main()
