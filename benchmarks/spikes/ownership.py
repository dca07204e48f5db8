"""Who owns the partitions, in figures: both ways of the first decision record, side by side at 24 partitions.

Each run starts from new topics with records waiting, starts one worker process and reads the rate off the broker's own record of
its cycles: records applied between the first cycle's commit and the last one's. Both ways run the same counter, the same table,
the same transactions, and one output a record.

    deploy/kafka/kafka start --data /tmp/spike --port 19192 && python -m benchmarks.spikes.ownership --broker 127.0.0.1:19192
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from confluent_kafka import Producer

from schemas.topics import CYCLES, PURCHASES
from tests.kafka.help import Process, create_topics, delete_topics, read_all

WAYS = {"A": "benchmarks.spikes.way_a", "B": "tests.kafka.counting"}


def feed(servers: str, records: int) -> None:
    producer = Producer(
        {"bootstrap.servers": servers, "partitioner": "murmur2", "linger.ms": 20, "queue.buffering.max.messages": records + 1}
    )
    for number in range(records):
        producer.produce(PURCHASES, b'{"receipt_id":"%012d","padding":"%0100d"}' % (number, number), f"p{number % 10_000}")
    producer.flush()


def run(way: str, servers: str, partitions: int, records: int, seconds: float) -> float | None:
    """Records a second; None if the worker did not get through."""
    delete_topics(servers)
    time.sleep(1)
    create_topics(servers, partitions)
    feed(servers, records)
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        arguments = [
            "-m",
            WAYS[way],
            "--broker",
            f"kafka://{servers}",
            "--state",
            str(state),
            "--app-id",
            f"spike-{time.time_ns()}",
        ]
        worker = Process(arguments, state / "log")
        try:
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and worker.ended() is None:
                time.sleep(2)
                done = cycles(servers, partitions)
                if sum(count for _, count in done) >= records:
                    first = min(at for at, _ in done)
                    counted = sum(count for at, count in done if at > first)
                    return counted * 1000 / (max(at for at, _ in done) - first)
            print(f"{way}: {worker.said() or 'nothing said'}", file=sys.stderr)
            return None
        finally:
            worker.kill()


def cycles(servers: str, partitions: int) -> list[tuple[int, int]]:
    """(commit time in ms, records applied) of every cycle and partition."""
    found = []
    for message in read_all(servers, CYCLES, partitions):
        record = msgspec.json.decode(message.value())
        found.append((message.timestamp()[1], sum(record["outcomes"].values())))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--broker", required=True, metavar="HOST:PORT")
    parser.add_argument("--partitions", type=int, default=24)
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--ways", default="AB")
    given = parser.parse_args()
    rates: dict[str, list[float | None]] = {way: [] for way in given.ways}
    for _ in range(given.runs):
        for way in given.ways:
            rates[way].append(run(way, given.broker, given.partitions, given.records, 90.0))
            print(f"{way}: {rates[way][-1]}", file=sys.stderr)
    print(f"{given.partitions} partitions, {given.records:,} records, one worker, runs side by side; records/s")
    print(f"{'way':<5}{'median':>10}   runs")
    for way, seen in rates.items():
        good = [rate for rate in seen if rate is not None]
        median = f"{statistics.median(good):,.0f}" if good else "none"
        print(f"{way:<5}{median:>10}   {', '.join('failed' if rate is None else f'{rate:,.0f}' for rate in seen)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
