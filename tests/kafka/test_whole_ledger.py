"""All five inputs on a real Kafka, with kills: what `cycles` says was applied, applied again by the core alone, gives every byte that was sent.

Which input is a moment ahead is up to the broker, so nobody can say beforehand what must come out. But order and ticks are data: the
worker says in `cycles` which records it applied in which order, and that decides everything. A record lost, doubled or applied in
two ways would show in the first byte that differs.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from agents.balances import profile_balances
from agents.core import Core
from schemas.events import encode
from schemas.program_file import load_catalog
from schemas.topics import BALANCES, CONSUMED, CYCLES, DEAD_LETTERS, LEDGER_ENTRIES, REDEMPTION_DECISIONS, TIER_CHANGES
from streams.worker.logic import LedgerReactions
from streams.worker.partition import POSITION_KEY, Partition, Position, Records, decode_cycle
from tables.memory import MemoryStore
from tables.table import Table
from tests.kafka import everything
from tests.kafka.help import Process, new_topics, processes, read_all
from tests.kafka.test_worker import COMMAND, PARTITIONS, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
SAID = (LEDGER_ENTRIES, TIER_CHANGES, REDEMPTION_DECISIONS, DEAD_LETTERS)
_ALL_KINDS = [
    "membership.joined",
    "points.accrued",
    "points.activated",
    "points.reversed",
    "points.expired",
    "points.redeemed",
    "points.adjusted",
    "points.reserved",
    "points.released",
    "points.extended",
    "points.reinstated",
    "tier.joined",
    "tier.upgraded",
    "tier.retained",
    "tier.downgraded",
    "redemption.accepted",
    "redemption.declined",
]
Lines = dict[tuple[str, int], list[bytes]]


def _programs(folder: Path) -> Path:
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name, text in everything.PROGRAMS.items():
        (programs / f"{name}.yaml").write_text(text)
    return programs


def _worker(servers: str, folder: Path) -> Process:
    settings = ["--backfill", "--cycle-records", "300", "--session-timeout-ms", "6000", "--transaction-timeout-ms", "10000"]
    places = ["--broker", f"kafka://{servers}", "--program", str(_programs(folder)), "--state", str(folder / "state")]
    return Process(["-c", COMMAND, "worker", *places, *settings], folder / "worker.log")


def _by_place(servers: str, topic: str) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for message in read_all(servers, topic, PARTITIONS):
        found[message.partition()].append(message)
    return found


def _applied_again(servers: str, folder: Path) -> tuple[Lines, dict[bytes, bytes]]:
    """What the core alone says to the records that `cycles` names, in their order: output by topic and partition, and balances."""
    inputs = {topic: _by_place(servers, topic) for topic in CONSUMED}
    cycles = _by_place(servers, CYCLES)
    core = Core(load_catalog([_programs(folder)]), PARTITIONS)
    said: Lines = defaultdict(list)
    balances: dict[bytes, bytes] = {}
    for number, messages in cycles.items():
        reactions = LedgerReactions(core, Table(MemoryStore()))
        partition = Partition(number, reactions, Position(), backfill=True)
        for message in messages:
            for step in decode_cycle(message.value()).steps:
                if isinstance(step, Records):
                    batch = [record for record in inputs[step.topic][number] if step.start <= record.offset() < step.end]
                    partition.apply(step.topic, batch)
                else:
                    partition.tick(step.at, step.at_most)
            assert not reactions.outbox.errors
            for effect in reactions.outbox.effects:
                said[effect.topic, number].append(encode(effect.record))
            reactions.table.flush({})
            partition.begin_cycle()
        for profile_id, profile in reactions.table.profiles():
            balances[profile_id.encode()] = encode(profile_balances(core.programs, profile_id, profile))
    return said, balances


def test_what_cycles_tell_gives_every_byte_that_was_sent_whatever_was_killed(kafka: str, tmp_path: Path) -> None:
    new_topics(kafka, PARTITIONS)
    sent = everything.records(9_000, seed=11)
    with processes() as everybody:
        everybody.append(first := _worker(kafka, tmp_path))
        everything.send(kafka, sent[: len(sent) // 2])
        wait_until(kafka, 1_500, first)
        first.kill()
        everybody.append(second := _worker(kafka, tmp_path))
        everything.send(kafka, sent[len(sent) // 2 :])
        wait_until(kafka, 5_500, second)
        second.kill()
        everybody.append(last := _worker(kafka, tmp_path))
        wait_until(kafka, len(sent), last)
        assert last.end() == 0, last.said()
    said, balances = _applied_again(kafka, tmp_path)
    for topic in SAID:
        found = {number: [message.value() for message in messages] for number, messages in _by_place(kafka, topic).items()}
        for number in range(PARTITIONS):
            assert found.get(number, []) == said[topic, number], (topic, number)
        assert any(found.values()), topic
    kinds = {json.loads(line)["type"] for (topic, _), lines in said.items() if topic != DEAD_LETTERS for line in lines}
    assert kinds >= set(_ALL_KINDS), "a run that says less proves less"
    told = {message.key(): message.value() for message in read_all(kafka, BALANCES, PARTITIONS)}
    assert {key: value for key, value in told.items() if key != POSITION_KEY} == balances
