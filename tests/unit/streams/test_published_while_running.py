"""A version that is published while a fleet runs: it changes nothing before it begins, nothing has to be planned anew, and a replay knows it.

Everything that waits was fixed when it came about, by the version of that time: when a lot becomes active and expires, until when points
are held, when a review is. So a worker that learned of a version in time says the very bytes of one that knew it from the start.
"""

import json
from pathlib import Path

import pytest

from schemas.document import read_document
from schemas.program import Catalog
from schemas.program_file import build_catalog
from schemas.topics import BALANCES, CYCLES, LEDGER_ENTRIES, PROGRAMS
from streams.errors import WrongUsage
from streams.replay.run import ReplaySettings, replay
from streams.replay.summary import Summary
from streams.worker.position import POSITION_KEY
from tables.fingerprint import fingerprint
from tests.kafka import everything
from tests.unit.streams.in_memory import START_MS, NobodyWatches, Worker
from tests.unit.streams.test_export import PARTITIONS, SAID

FIRST = tuple(everything.PROGRAMS.values())
_ALL_NEW = {
    "2024-01-01T00:00:00Z": "2024-04-01T09:30:00Z",
    "activation: 1 day": "activation: 3 hours",
    "expiration: 20 days": "expiration: 9 days",
    "returns: allow-debt": "returns: within-balance",
    "hold: 2 days": "hold: 5 hours",
    'initial_balance: "25"': 'initial_balance: "40"',
    'limit: {points: "300", per: week}': 'limit: {points: "50", per: day}',
    "reinstate_expired: 3 days": "reinstate_expired: 0 days",
    "renew_on: [visit]": "renew_on: [earning]",
    'rate: {points: "1", per: "1.00"}': 'rate: {points: "2", per: "1.00"}',
    'multiplier: "2"': 'multiplier: "3"',
    "currency: EUR": "currency: EUR\nleap_day: mar-1\npark: 2 days\nbasis: net\nlate: reject after 10 days",
}
_DAYS = 60


def _second() -> str:
    """The club's program with everything in it changed that may change, from the middle of the two months on."""
    text = FIRST[0]
    for old, new in _ALL_NEW.items():
        assert old in text
        text = text.replace(old, new)
    return text


def _catalog(*texts: str) -> Catalog:
    return build_catalog([read_document(text, f"{n}.yaml") for n, text in enumerate(texts)])


def _run(seed: int, at_start: tuple[str, ...], later: dict[int, tuple[str, ...]], count: int = 600) -> Worker:
    """`later`: what is published on which day. What is `at_start` is published before anything else."""
    worker = Worker(Catalog([]), PARTITIONS, seed, backfill=True)
    worker.publish(*at_start)
    sent = everything.records(count, seed)
    for n, (topic, key, value) in enumerate(sent):
        day = n * _DAYS // len(sent)
        if day in later:
            worker.work()
            worker.publish(*later.pop(day))
        worker.now_ms = START_MS + 3_600_000 + n * _DAYS * 86_400_000 // len(sent)
        worker.send(topic, key, value)
        if n % 40 == 0 or day in later:
            worker.work()
    worker.work()
    assert not later
    return worker


def _said(run: Worker) -> dict[str, object]:
    balances = {
        (number, record.key()): record.value()
        for number in range(PARTITIONS)
        for record in run.topics.records[BALANCES, number]
        if record.key() != POSITION_KEY
    }
    held = [fingerprint(store, end.forgotten) for store, end in zip(run.stores, run.ends(), strict=True)]
    return {topic: run.topics.values(topic, PARTITIONS) for topic in SAID} | {"balances": balances, "held": held}


@pytest.mark.parametrize("day", [1, 15, 28])
@pytest.mark.parametrize("seed", [1, 2])
def test_who_learns_of_a_version_in_time_says_what_is_said_by_who_knew_it_from_the_start(seed: int, day: int) -> None:
    # the same is published twice in each run, so that both have as many cycles and the same dice
    knew = _run(seed, (*FIRST, _second()), {day: (FIRST[0],)})
    learned = _run(seed, FIRST, {day: (_second(),)})
    assert _said(learned) == _said(knew)
    never = _run(seed, FIRST, {day: (FIRST[0],)})
    assert _said(never) != _said(learned), "a version that changes nothing proves nothing"
    kinds = {json.loads(entry or b"")["type"] for entry in learned.topics.values(LEDGER_ENTRIES, PARTITIONS)}
    assert kinds >= {"points.activated", "points.expired", "points.released", "points.extended", "points.reinstated"}


def _replayed(folder: Path, run: Worker, catalog: Catalog | None = None) -> Summary:
    (folder / "run.jsonl").write_bytes(run.exported())
    settings = ReplaySettings((str(folder / "run.jsonl"),), folder / "out")
    return replay(catalog or Catalog([]), settings, NobodyWatches())


def test_the_replay_of_a_run_goes_by_the_programs_that_the_run_tells(tmp_path: Path) -> None:
    instead = _second().replace('points: "2"', 'points: "4"')
    run = _run(3, FIRST, {20: (_second(),), 25: (instead,)})
    summary = _replayed(tmp_path, run)
    assert [one.different for one in summary.partitions] == [[]] * PARTITIONS
    for topic in SAID:
        assert (tmp_path / "out" / f"{topic}.jsonl").read_bytes().splitlines() == run.topics.values(topic, PARTITIONS), topic
    assert [one.state for one in summary.partitions] == _said(run)["held"]


def test_files_that_are_named_count_instead_of_what_the_run_tells(tmp_path: Path) -> None:
    run = _run(3, FIRST, {20: (_second(),)}, count=300)
    same = _replayed(tmp_path, run, _catalog(*FIRST, _second()))
    assert [one.different for one in same.partitions] == [[]] * PARTITIONS
    assert (tmp_path / "out" / f"{LEDGER_ENTRIES}.jsonl").read_bytes().splitlines() == run.topics.values(
        LEDGER_ENTRIES, PARTITIONS
    )
    _replayed(tmp_path, run, _catalog(*FIRST))
    assert (tmp_path / "out" / f"{LEDGER_ENTRIES}.jsonl").read_bytes().splitlines() != run.topics.values(
        LEDGER_ENTRIES, PARTITIONS
    )


def test_what_compaction_leaves_is_enough(tmp_path: Path) -> None:
    run = _run(4, FIRST, {5: (_second(),), 9: (_second().replace("9 days", "8 days"),), 12: (_second(),)}, count=200)
    there = run.topics.records[PROGRAMS, 0]
    newest = {record.key(): record.offset() for record in there}
    assert len(newest) == 4
    run.topics.records[PROGRAMS, 0] = [record for record in there if newest[record.key()] == record.offset()]
    assert [one.different for one in _replayed(tmp_path, run).partitions] == [[]] * PARTITIONS


def test_records_bring_no_programs(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text('{"tick": "2024-01-01T00:00:00Z"}\n')
    with pytest.raises(WrongUsage, match="--program: name the program files"):
        replay(Catalog([]), ReplaySettings((str(tmp_path / "records.jsonl"),), tmp_path / "out"), NobodyWatches())


def test_a_run_without_its_programs_is_refused_with_what_to_do(tmp_path: Path) -> None:
    run = _run(5, FIRST, {}, count=60)
    content = run.exported()
    run.topics.records[PROGRAMS, 0].clear()
    with pytest.raises(WrongUsage, match=r"the topic programs has no .*, by which a cycle went: it was made anew"):
        run.exported()
    lines = [line for line in content.splitlines() if not line.startswith(b'{"programs"')]
    (tmp_path / "old.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    settings = ReplaySettings((str(tmp_path / "old.jsonl"),), tmp_path / "out")
    with pytest.raises(WrongUsage, match=r"the run tells no programs: .* --program must name"):
        replay(Catalog([]), settings, NobodyWatches())
    damaged = content.replace(b"club", b"c!ub")
    (tmp_path / "old.jsonl").write_bytes(damaged)
    with pytest.raises(WrongUsage, match=r"the run went by a program that is not right here: a.yaml:1: program"):
        replay(Catalog([]), settings, NobodyWatches())
    assert run.topics.values(CYCLES, PARTITIONS)
