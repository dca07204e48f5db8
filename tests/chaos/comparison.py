"""Afterwards: what must be true of the output, whatever was done to the workers. A check is a function; its name is the claim.

What the output has to be is said by the replay of the exported run, and what the run had to apply by the feed and by `cycles`; nothing here
knows the rules. Topics are read a partition at a time, so that half a million records need little memory.
"""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from confluent_kafka import Consumer, KafkaError, TopicPartition

from agents.balances import profile_balances
from agents.core import Core
from schemas.events import encode
from schemas.program_file import load_catalog
from schemas.topics import BALANCES, CYCLES, DEAD_LETTERS, INPUTS, LEDGER_ENTRIES, OUTPUTS, REDEMPTION_DECISIONS
from streams.worker.position import POSITION_KEY, Records, decode_cycle, folder_of
from tables.rocks import RocksStore
from tables.table import Table
from tests.chaos.faults import COMMAND
from tests.conftest import ROOT

_SAID: Final = tuple(topic for topic in OUTPUTS if topic != BALANCES)
_SHOWN_MAX: Final = 3
_SILENT_SECONDS: Final = 60.0


class Wrong(Exception):
    """The claim does not hold; the message says where."""


class _Id(msgspec.Struct):
    id: str


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


def each_record_was_applied_once_and_in_order(found: Evidence) -> str:
    """By `cycles`: every partition's ranges of offsets follow each other from 0 to the end, and the feed has sent as many."""
    applied: Counter[str] = Counter()
    following: dict[tuple[str, int], int] = defaultdict(int)
    for message in found.values(CYCLES):
        number = message.partition()
        for step in decode_cycle(message.value()).steps:
            if not isinstance(step, Records) or step.topic not in INPUTS:
                continue
            if step.start != following[step.topic, number]:
                wanted = following[step.topic, number]
                raise Wrong(f"{step.topic} partition {number}: {wanted} was to come, and {step.start} was applied")
            following[step.topic, number] = step.end
            applied[step.topic] += step.end - step.start
    if applied != found.sent:
        raise Wrong(f"sent {dict(found.sent)}, applied {dict(applied)}")
    return f"{applied.total():,} records"


def each_id_is_there_exactly_once(found: Evidence) -> str:
    """A request that the feed has sent twice is answered twice, word for word: docs/records.md. Dead letters have no ids."""
    decode = msgspec.json.Decoder(_Id).decode
    counts = []
    for topic in _SAID:
        if topic == DEAD_LETTERS:
            continue
        seen: dict[bytes, int] = {}
        twice: list[str] = []
        answered = 0
        for message in found.values(topic):
            value = message.value()
            said = decode(value).id
            name, content = bytes.fromhex(said), hash(value)
            if name not in seen:
                seen[name] = content
            elif topic == REDEMPTION_DECISIONS and seen[name] == content:
                answered += 1
            else:
                twice.append(said)
        if twice:
            raise Wrong(f"{topic}: {len(twice)} ids more than once, such as {twice[:_SHOWN_MAX]}")
        counts.append(f"{topic} {len(seen):,}" + (f" (and {answered} answers to requests that came again)" if answered else ""))
    return ", ".join(counts)


def the_exported_run_holds_what_was_sent(found: Evidence) -> str:
    told = pointstream("export", "--broker", f"kafka://{found.servers}", "--output", found.run)
    records = sum(partition["records"] for partition in told["partitions"])
    if records != found.sent.total():
        raise Wrong(f"sent {found.sent.total():,}, exported {records:,}")
    messages = sum(partition["messages"] for partition in told["partitions"])
    cycles = sum(partition["cycles"] for partition in told["partitions"])
    return f"{records:,} records and {messages:,} messages between keys in {cycles:,} cycles"


def its_replay_repeats_every_cycle(found: Evidence) -> str:
    told = pointstream(
        "replay", "--program", found.programs, "--input", found.run, "--output", found.output, "--state", found.again
    )
    different = {partition["partition"]: partition["different"][:_SHOWN_MAX] for partition in told["partitions"]}
    if any(different.values()):
        raise Wrong(f"cycles came out otherwise: {different}")
    return f"{told['profiles']:,} profiles, outcomes {told['outcomes']}"


def the_output_equals_the_replay_record_for_record(found: Evidence) -> str:
    count = 0
    for topic in _SAID:
        with (found.output / f"{topic}.jsonl").open("rb") as file:
            for message in found.values(topic):
                expected = file.readline().rstrip(b"\n")
                if message.value() != expected:
                    place = f"{topic} partition {message.partition()} offset {message.offset()}"
                    raise Wrong(f"{place}: {message.value()[:300]!r}, and by the replay {expected[:300]!r}")
                count += 1
            if rest := file.readline():
                raise Wrong(f"{topic}: the replay says more: {rest[:300]!r}")
    return f"{count:,} records, byte for byte"


def every_profile_has_the_balance_of_the_replay(found: Evidence) -> str:
    core = Core(load_catalog([found.programs]), found.partitions)
    told = {message.key(): message.value() for message in found.values(BALANCES)}
    told.pop(POSITION_KEY, None)
    count = 0
    for number in range(found.partitions):
        table = Table(RocksStore(folder_of(found.again, number, found.partitions)))
        try:
            for profile_id, profile in table.profiles():
                said = told.pop(profile_id.encode(), None)
                if said != encode(profile_balances(core.programs, profile_id, profile)):
                    raise Wrong(f"{profile_id}: {said!r}")
                count += 1
        finally:
            table.close()
    if told:
        raise Wrong(f"balances are told that the replay has not: {sorted(told)[:_SHOWN_MAX]}")
    return f"{count:,} profiles"


def dead_letters_agree_by_topic_key_and_reason(found: Evidence) -> str:
    """With the replay; and where the feed has spoiled a record, with the feed."""
    told = Counter(_letter(message.value()) for message in found.values(DEAD_LETTERS))
    with (found.output / f"{DEAD_LETTERS}.jsonl").open("rb") as file:
        replayed = Counter(_letter(line) for line in file)
    if told != replayed:
        raise Wrong(f"{_few(told - replayed)} are told, {_few(replayed - told)} are missing")
    reasons = {reason for _, _, reason in found.spoiled}
    ours = Counter({letter: count for letter, count in told.items() if letter[2] in reasons})
    if ours != found.spoiled:
        raise Wrong(f"of the spoiled records {_few(found.spoiled - ours)} are missing, {_few(ours - found.spoiled)} too many")
    by_reason = Counter[str]()
    for (_, _, reason), count in told.items():
        by_reason[reason] += count
    return f"{told.total():,}: {dict(by_reason.most_common())}"


def _letter(value: bytes) -> tuple[str, str, str]:
    said = msgspec.json.decode(value)
    return said["topic"], said.get("key"), said["reason"]


def _few(letters: Counter[tuple[str, str, str]]) -> str:
    return f"{letters.total():,} {list(letters)[:_SHOWN_MAX]}"


def the_auditor_is_content(found: Evidence) -> str:
    told = pointstream("audit", "--broker", f"kafka://{found.servers}")
    if told["violations"] or told["repeated"]:
        raise Wrong(str(told))
    return f"{told['entries']:,} entries of {LEDGER_ENTRIES}"


def states_of_workers_changelog_and_replay_are_the_same(found: Evidence) -> str:
    states = [part for state in [*found.states, found.again] if state.exists() for part in ("--state", state)]
    told = pointstream("state-hash", *states, "--broker", f"kafka://{found.servers}")
    again, changelog = ({row["partition"]: row for row in one["partitions"]} for one in told[-2:])
    if again != changelog or len(again) != found.partitions:
        raise Wrong("the rebuild from the changelog is not the replay's state")
    newest = sum(row["cycle"] == changelog[row["partition"]]["cycle"] for one in told[:-2] for row in one["partitions"])
    return f"{sum(row['states'] for row in changelog.values()):,} states; {newest} partitions of workers' own are at the end"


CHECKS: Final[tuple[Callable[[Evidence], str], ...]] = (
    each_record_was_applied_once_and_in_order,
    each_id_is_there_exactly_once,
    the_exported_run_holds_what_was_sent,
    its_replay_repeats_every_cycle,
    the_output_equals_the_replay_record_for_record,
    every_profile_has_the_balance_of_the_replay,
    dead_letters_agree_by_topic_key_and_reason,
    the_auditor_is_content,
    states_of_workers_changelog_and_replay_are_the_same,
)
