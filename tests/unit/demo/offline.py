"""The demo without a broker: the till feed through the core as a worker would run it, what came of it read by the story."""

import json
from collections import Counter
from itertools import islice
from pathlib import Path

from agents.balances import profile_balances
from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from schemas.events import encode
from schemas.instants import Instant
from schemas.partitioner import partition_of
from schemas.program_file import load_catalog
from schemas.topics import PURCHASES
from streams.demo.audit import Sent
from streams.demo.run import PROGRAM_FILE
from streams.demo.story import Story
from streams.demo.tills import Tills
from streams.embedded import PARTITIONS
from tables.memory import MemoryStore
from tables.table import Table


def offline_demo(records: int, per_day: int, seed: int = 7, program: Path = PROGRAM_FILE) -> tuple[Sent, Story]:
    """So many records through the core, a tick after each, as `--backfill` does it."""
    catalog = load_catalog([program])
    core = Core(catalog, PARTITIONS)
    tables = [Table(MemoryStore()) for _ in range(PARTITIONS)]
    latest: list[Instant] = [0] * PARTITIONS
    outbox, sent, story, outcomes = Outbox(), Sent(), Story(), Counter[str]()
    for number, record in enumerate(islice(Tills(seed, per_day).records(), records)):
        partition = partition_of(record.key or b"", PARTITIONS)
        table = tables[partition]
        incoming = Incoming(PURCHASES, partition, number, record.key, record.value, latest[partition])
        at = core.event_time(incoming)
        latest[partition] = max(latest[partition], at or 0)
        incoming.arrived_at = latest[partition]
        outcomes[core.apply(table, incoming, outbox)] += 1
        sent.confirm(record.truth)
        core.tick(table, latest[partition], outbox)
    for number, effect in enumerate(outbox.effects):
        story.read(effect.topic, effect.key.encode(), encode(effect.record))
        if number % 25 == 0:
            story.tell()
    for table in tables:
        table.flush({})
        for profile_id, profile in table.profiles():
            story.read("balances", profile_id.encode(), encode(profile_balances(core.programs, profile_id, profile)))
    story.read("cycles", b"0", json.dumps({"outcomes": outcomes}).encode())
    return sent, story
