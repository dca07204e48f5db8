"""A run as one file: its replay says, byte for byte and partition by partition, what the worker said; and says so where it cannot."""

import gzip
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.balances import balance_rows
from agents.core import Core
from schemas.document import read_document
from schemas.events import encode
from schemas.program import Catalog
from schemas.program_file import build_catalog
from schemas.topics import CYCLES, DEAD_LETTERS, LEDGER_ENTRIES, NOTIFICATIONS, PURCHASES, REDEMPTION_DECISIONS, TIER_CHANGES
from streams.errors import WrongUsage
from streams.export import lines
from streams.export.lines import Recorded
from streams.replay.lines import Block
from streams.replay.output import Output
from streams.replay.recorded import RecordedRun
from streams.replay.run import ReplaySettings, replay
from streams.replay.summary import Summary
from streams.replay.unfinished import Mark
from streams.worker.position import folder_of
from tables.fingerprint import fingerprint
from tables.rocks import RocksStore
from tables.table import Table
from tests.kafka import everything
from tests.unit.streams import shop
from tests.unit.streams.in_memory import START_MS, NobodyWatches, Worker

PARTITIONS = 3
SAID = (LEDGER_ENTRIES, TIER_CHANGES, REDEMPTION_DECISIONS, NOTIFICATIONS, DEAD_LETTERS)


CLAIMED = "receipts: claimed\n"
FORGETFUL = "remember: 10 days\npark: 1 day\n"


def programs(also: str = "", **changed: str) -> Catalog:
    texts = everything.PROGRAMS | changed
    return build_catalog([read_document(text + also, f"{name}.yaml") for name, text in texts.items()])


def a_run(
    count: int,
    seed: int,
    *,
    catalog: Catalog | None = None,
    backfill: bool = True,
    partitions: int = PARTITIONS,
    gaps: bool = True,
) -> Worker:
    worker = Worker(catalog or programs(), partitions, seed, backfill=backfill, gaps=gaps)
    sent = everything.records(count, seed)
    for n, (topic, key, value) in enumerate(sent):
        worker.now_ms = START_MS + 3_600_000 + n * 60 * 86_400_000 // len(sent)
        worker.send(topic, key, value, partition=n % partitions if n % 50 == 0 else None)  # some are misrouted
        if n % 12 == 0 and topic == PURCHASES and b'"R' in value:  # another one has the same receipt
            worker.send(topic, "thief", value.replace(f'"{key}"'.encode(), b'"thief"'))
        if n % 40 == 0:
            worker.work()
    worker.send(PURCHASES, "p1", b'\xff{"not": "utf-8"}')
    worker.send(PURCHASES, "p1", b'{"two":\n"lines"}')
    worker.topics.put(PURCHASES, 0, None, None, 1_709_290_000_000)
    worker.work()
    return worker


def replayed(folder: Path, *files: bytes, catalog: Catalog | None = None, **settings: Any) -> Summary:
    paths = []
    for n, content in enumerate(files):
        paths.append(folder / f"run-{n}.jsonl")
        paths[-1].write_bytes(content)
    told = {"inputs": tuple(map(str, paths)), "output": folder / "out", **settings}
    return replay(catalog or programs(), ReplaySettings(**told), NobodyWatches())


def said(folder: Path, topic: str) -> list[bytes]:
    return (folder / "out" / f"{topic}.jsonl").read_bytes().splitlines()


@pytest.mark.parametrize("also", ["", CLAIMED, FORGETFUL], ids=["plain", "claimed", "forgetful"])
@pytest.mark.parametrize("backfill", [False, True], ids=["by the clock", "backfill"])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_replay_of_an_export_says_every_byte_that_was_said_and_holds_what_was_held(
    tmp_path: Path, seed: int, backfill: bool, also: str
) -> None:
    catalog = programs(also)
    run = a_run(1_500 if also == FORGETFUL else 700, seed, catalog=catalog, backfill=backfill)
    summary = replayed(tmp_path, run.exported(), catalog=catalog, state=tmp_path / "state")
    for topic in SAID:
        assert said(tmp_path, topic) == run.topics.values(topic, PARTITIONS), topic
    assert said(tmp_path, LEDGER_ENTRIES)
    assert b"misrouted" in b"".join(said(tmp_path, DEAD_LETTERS))
    assert summary.ticks
    assert (summary.messages > 100) == (also == CLAIMED)
    assert [(one.number, one.different) for one in summary.partitions] == [(n, []) for n in range(PARTITIONS)]
    assert [one.cycles for one in summary.partitions] == [len(run.topics.records[CYCLES, n]) for n in range(PARTITIONS)]
    held = [fingerprint(store, run_position.forgotten) for store, run_position in zip(run.stores, run.ends(), strict=True)]
    assert [one.state for one in summary.partitions] == held
    assert (_keys(run) != _keys_of(tmp_path / "state")) == (also == FORGETFUL), "sweeps that take the same keys prove nothing"
    core, rows = Core(catalog, PARTITIONS), []
    for store in run.stores:
        table = Table(store)
        for profile_id, profile in table.profiles():
            rows += [(profile_id.encode(), encode(row)) for row in balance_rows(core.programs, profile_id, profile, table)]
    assert said(tmp_path, "balances") == [row for _, row in sorted(rows, key=lambda row: row[0])]


def _keys(run: Worker) -> set[bytes]:
    return {key for store in run.stores for key in store.keys(b"", b"\xff")}


def _keys_of(state: Path) -> set[bytes]:
    found: set[bytes] = set()
    for number in range(PARTITIONS):
        store = RocksStore(folder_of(state, number, PARTITIONS))
        found.update(store.keys(b"", b"\xff"))
        store.close()
    return found


def test_sizes_and_compression_change_nothing(tmp_path: Path) -> None:
    run = a_run(300, seed=3)
    replayed(tmp_path, run.exported())
    whole = {topic: said(tmp_path, topic) for topic in (*SAID, "balances")}
    replayed(tmp_path, gzip.compress(run.exported()), flush_records=7, chunk_bytes=1_000)
    assert whole == {topic: said(tmp_path, topic) for topic in (*SAID, "balances")}


def test_partitions_that_were_exported_one_by_one_are_the_same_run(tmp_path: Path) -> None:
    run = a_run(300, seed=4)
    replayed(tmp_path, run.exported())
    whole = {topic: said(tmp_path, topic) for topic in (*SAID, "balances")}
    replayed(tmp_path, *[run.exported([number]) for number in range(PARTITIONS)])
    assert whole == {topic: said(tmp_path, topic) for topic in (*SAID, "balances")}


def test_partitions_that_take_turns_in_a_file_are_kept_apart(tmp_path: Path) -> None:
    run = a_run(300, seed=5)
    replayed(tmp_path, run.exported())
    balances = said(tmp_path, "balances")
    head, *rest, end = run.exported().splitlines(keepends=True)
    cycles: dict[int, list[list[bytes]]] = {number: [] for number in range(PARTITIONS)}
    for text in rest:
        line = lines.decode(text)
        if bytes(line.cycle):
            cycles[line.partition].append([])
        cycles[line.partition][-1].append(text)
    turns = [cycle for turn in range(max(map(len, cycles.values()))) for of in cycles.values() for cycle in of[turn : turn + 1]]
    summary = replayed(tmp_path, b"".join([head, *[text for cycle in turns for text in cycle], end]))
    assert said(tmp_path, "balances") == balances
    assert not any(one.different for one in summary.partitions)


def test_another_program_is_noticed_cycle_by_cycle(tmp_path: Path) -> None:
    run = a_run(300, seed=6)
    other = programs(club=everything.PROGRAMS["club"].replace("applications: [pos]", "applications: [kiosk]"))
    assert any(one.different for one in replayed(tmp_path, run.exported(), catalog=other).partitions)


def _without(content: bytes, word: bytes) -> bytes:
    texts = content.splitlines(keepends=True)
    texts.remove(next(text for text in texts if text.startswith(word)))
    return b"".join(texts)


def _swapped(content: bytes) -> bytes:
    """Two records of one topic that follow upon each other, the other way round."""
    texts = content.splitlines(keepends=True)
    records = [text.startswith(b'{"topic":"purchases"') for text in texts]
    first = next(at for at, both in enumerate(itertools.pairwise(records)) if all(both))
    texts[first], texts[first + 1] = texts[first + 1], texts[first]
    return b"".join(texts)


DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut off": (lambda run: run.rsplit(b"\n", 2)[0], "the file is cut off"),
    "cut off, and another one": (lambda run: run.rsplit(b"\n", 2)[0] + b"\n" + run, "the file is cut off"),
    "cut inside of a line": (lambda run: run[: len(run) // 2], "run-0.jsonl:"),
    "a line of something else": (
        lambda run: run.replace(b"\n", b'\n{"hello":1}\n', 1),
        "run-0.jsonl:2: is no line of an exported run",
    ),
    "a cycle is missing": (
        lambda run: _without(run, b'{"cycle"'),
        "run-0.jsonl:2: the line is of partition 0, and stands in no cycle",
    ),
    "begins with its second cycle": (
        lambda run: run.replace(b'{"cycle":{"cycle":1,', b'{"cycle":{"cycle":2,', 1),
        "goes on with cycle 2, and the state stands at cycle 0",
    ),
    "two records changed places": (_swapped, "the lines were put in another order"),
    "a newer format": (lambda run: run.replace(b'{"export":2', b'{"export":9', 1), "format 9"),
    "no offset": (
        lambda run: run.replace(b'"offset":', b'"offsite":').replace(b"offsite", b"offset", 1),
        "must have partition, offset",
    ),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_file_that_is_no_whole_run_is_refused_with_its_place(tmp_path: Path, case: str) -> None:
    damage, sentence = DAMAGED[case]
    content = damage(a_run(60, seed=7).exported())
    with pytest.raises(WrongUsage) as refused:
        replayed(tmp_path, content)
    assert sentence in refused.value.message
    assert list((tmp_path / "out").iterdir()) == []


def test_a_run_goes_on_where_its_state_stands_and_nowhere_else(tmp_path: Path) -> None:
    run = a_run(100, seed=8)
    replayed(tmp_path, run.exported(), state=tmp_path / "state")
    with pytest.raises(WrongUsage, match="the state stands at cycle"):
        replayed(tmp_path, run.exported(), state=tmp_path / "state")


def test_states_of_records_and_of_runs_are_not_mixed(tmp_path: Path) -> None:
    record = json.dumps({"topic": PURCHASES, "value": {}}).encode()
    run = a_run(60, seed=9).exported()
    replayed(tmp_path, record, state=tmp_path / "of-records")
    replayed(tmp_path, run, state=tmp_path / "of-a-run")
    with pytest.raises(WrongUsage, match="is the state of records"):
        replayed(tmp_path, run, state=tmp_path / "of-records")
    with pytest.raises(WrongUsage, match="is the state of an exported run"):
        replayed(tmp_path, record, state=tmp_path / "of-a-run")


def test_what_a_cycle_names_must_be_there(tmp_path: Path) -> None:
    run = a_run(60, seed=10)
    del run.topics.records[PURCHASES, 1][0]
    with pytest.raises(WrongUsage, match="retention has deleted"):
        run.exported()
    run = a_run(60, seed=10)
    del run.topics.records[PURCHASES, 1][-1]
    with pytest.raises(WrongUsage, match="purchases partition 1 has no record at offset"):
        run.exported()
    run = a_run(60, seed=10)
    del run.topics.records[PURCHASES, 1][2]
    with pytest.raises(WrongUsage, match=r"cycle \d+ of partition 1 applied"):
        run.exported()
    run = a_run(60, seed=10)
    del run.topics.records[CYCLES, 1][0]
    with pytest.raises(WrongUsage, match="is cycle 2: retention has deleted those before it"):
        run.exported()
    run = a_run(60, seed=10)
    del run.topics.records[CYCLES, 1][1]
    with pytest.raises(WrongUsage, match="is cycle 3 and comes after cycle 1"):
        run.exported()


class Flushes(Mark):
    """Counts how often a state is about to be written."""

    count = 0

    def set(self) -> None:
        self.count += 1


def test_what_falls_due_is_written_now_and_then_as_what_comes_is_and_does_not_gather_in_memory(tmp_path: Path) -> None:
    catalog = build_catalog([read_document(shop.PROGRAM, "shop.yaml")])
    run = Worker(catalog, PARTITIONS, seed=1, backfill=False)
    for n in range(300):
        run.send(PURCHASES, f"p{n}", json.dumps(shop.sale(f"R{n}", "2024-03-01T07:00:00Z", f"p{n}")).encode())
    run.work()
    written = []
    for name, days in (("sold", 0), ("expired", 6)):
        run.now_ms += days * 86_400_000
        for _ in range(60):  # whether a tick comes is drawn
            run.work()
        mark = Flushes(None)
        with Output(tmp_path / name) as output:
            replaying = RecordedRun(catalog, tmp_path / name, mark, output, 64 * 1024 * 1024, 400, kept=False)
            replaying.read([Block("run.jsonl", 1, run.exported().splitlines())])
            replaying.close()
        written.append(mark.count)
    assert written[0] == PARTITIONS, "of each when it is left, for none has 400 records"
    assert written[1] > PARTITIONS


class Told(NobodyWatches):
    def __init__(self) -> None:
        self.foreign: list[tuple[int, int]] = []

    def passed_over(self, foreign: Any) -> None:
        self.foreign.append((foreign.partition, foreign.offset))


@pytest.mark.parametrize(
    "value", [None, b"", b"\xff", b"hello", b"[1]", b'{"cycles": 3}', b"[" * 2_000], ids=lambda value: repr(value)[:20]
)
def test_a_record_of_cycles_that_no_worker_wrote_is_told_and_is_nothing_of_the_run(value: bytes | None) -> None:
    run = a_run(60, seed=10)
    before, foreign = run.exported(), []
    for number in range(PARTITIONS):
        there = run.topics.records[CYCLES, number]
        for place in (1, len(there)):  # gaps between offsets leave room for it
            offset = there[place].offset() - 1 if place < len(there) else there[-1].offset() + 1
            there.insert(place, Recorded(offset, b"somebody", value, START_MS))
            foreign.append((number, offset))
    told = Told()
    assert run.exported(watch=told) == before
    assert told.foreign == foreign


def test_one_that_another_version_wrote_is_something_of_the_run(tmp_path: Path) -> None:
    run = a_run(60, seed=10)
    there = run.topics.records[CYCLES, 1]
    there[1] = Recorded(there[1].offset(), None, b'{"cycle": 2, "steps": "in other words"}', START_MS)
    with pytest.raises(
        WrongUsage, match=r"offset \d+ cannot be read .*: another version of pointstream wrote it; export with that one"
    ):
        run.exported()


TEXTS = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=40).map(str.encode),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), st.lists, max_leaves=6).map(
        lambda value: json.dumps(value).encode()
    ),
)


@given(key=st.none() | TEXTS, value=st.none() | TEXTS, offset=st.integers(0, 2**62), at_ms=st.integers(0, 2**41))
def test_a_record_comes_back_as_it_was_in_one_line(key: bytes | None, value: bytes | None, offset: int, at_ms: int) -> None:
    line = lines.record(PURCHASES, 5, offset, at_ms, key, value)
    assert b"\n" not in line
    found = lines.decode(line)
    assert (found.topic, found.partition) == (PURCHASES, 5)
    back = lines.recorded(found)
    assert (back.offset(), back.key(), back.value(), back.timestamp()[1]) == (offset, key, value, at_ms)
