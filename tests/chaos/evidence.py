"""What a run of chaos leaves to judge by: its topics, the exported run, its replay, and what the product's own commands say.

Topics are read a partition at a time, so that half a million records need little memory.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, TopicPartition

from tests.chaos.faults import COMMAND
from tests.conftest import ROOT

_SILENT_SECONDS: Final = 60.0


class Wrong(Exception):
    """The claim does not hold; the message says where."""


@dataclass
class Evidence:
    """What there is to judge by. `spoiled`: (topic, key, reason) of what the feed has made unusable."""

    servers: str
    partitions: int
    folder: Path
    programs: Path
    states: list[Path]
    sent: Counter[str]
    spoiled: Counter[tuple[str, str, str]]

    @property
    def run(self) -> Path:
        return self.folder / "run.jsonl.gz"

    @property
    def output(self) -> Path:
        return self.folder / "replayed"

    @property
    def again(self) -> Path:
        return self.folder / "replayed-state"

    def values(self, topic: str) -> Iterator[Any]:
        """What a consumer of committed records finds: partition 0 first, each in its order."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": "chaos-compares",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "queued.max.messages.kbytes": 16 * 1024,
                "fetch.wait.max.ms": 20,
            }
        )
        try:
            for number in range(self.partitions):
                consumer.assign([TopicPartition(topic, number, 0)])
                yield from _to_its_end(consumer, f"{topic} partition {number}")
        finally:
            consumer.close()


def _to_its_end(consumer: Consumer, what: str) -> Iterator[Any]:
    while True:
        first = consumer.poll(_SILENT_SECONDS)  # `consume` alone would wait for as many as are asked for
        if first is None:
            raise Wrong(f"{what} cannot be read to its end")
        for message in [first, *consumer.consume(2_000, 0.0)]:
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                return
            else:
                raise Wrong(error.str())


def pointstream(*arguments: object) -> Any:
    """What a command says on standard output, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, arguments), "--json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Wrong(f"`pointstream {arguments[0]}` ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-600:]}")
    return json.loads(done.stdout)
