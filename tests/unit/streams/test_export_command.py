"""`export` and `state-hash` as a user meets them, on a broker that holds a run of which every byte is known."""

import gzip
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from schemas.topics import CYCLES
from streams.embedded import PARTITIONS, embedded_broker
from streams.errors import WrongUsage
from streams.export.log import Log
from tables.fingerprint import Fingerprint, fingerprint, together
from tests.kafka import everything
from tests.unit.streams.in_memory import Worker
from tests.unit.streams.test_cli import Caller
from tests.unit.streams.test_export import CLAIMED, a_run, programs


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(capsys)


@pytest.fixture(scope="module")
def run() -> Worker:
    return a_run(400, seed=31, catalog=programs(CLAIMED), partitions=PARTITIONS, gaps=False)


@pytest.fixture(scope="module")
def broker(run: Worker) -> Iterator[str]:
    """Holds what the worker in memory has left, at the same offsets."""
    with embedded_broker(announce=lambda _: None) as running:
        producer = Producer({"bootstrap.servers": running.address, "enable.idempotence": True, "linger.ms": 5})
        for (topic, number), records in run.topics.records.items():
            for record in records:
                producer.produce(topic, record.value(), record.key(), number, timestamp=record.timestamp()[1])
                producer.poll(0)
        assert producer.flush(30) == 0
        yield running.url


@pytest.fixture
def program(tmp_path: Path) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    for name, text in everything.PROGRAMS.items():
        (folder / f"{name}.yaml").write_text(text + CLAIMED)
    return folder


def states(run: Worker) -> list[Fingerprint]:
    return [fingerprint(store, position.forgotten) for store, position in zip(run.stores, run.ends(), strict=True)]


def test_an_export_holds_what_the_broker_has_byte_for_byte(say: Caller, broker: str, run: Worker, tmp_path: Path) -> None:
    said = say("export", "--broker", broker, "--output", tmp_path / "run.jsonl", "--json")
    assert (said.code, said.err) == (0, "")
    assert (tmp_path / "run.jsonl").read_bytes() == run.exported()
    told = json.loads(said.out)
    assert told["bytes"] == len(run.exported())
    assert [row["partition"] for row in told["partitions"]] == list(range(PARTITIONS))
    assert sum(row["messages"] for row in told["partitions"]) > 100
    assert say("export", "--broker", broker, "--output", tmp_path / "run.jsonl.gz").code == 0
    packed = (tmp_path / "run.jsonl.gz").read_bytes()
    assert gzip.decompress(packed) == run.exported()
    assert say("export", "--broker", broker, "--output", tmp_path / "again.jsonl.gz").code == 0
    assert (tmp_path / "again.jsonl.gz").read_bytes() == packed, "no name and no time of writing"


def test_some_partitions(say: Caller, broker: str, run: Worker, tmp_path: Path) -> None:
    said = say("export", "--broker", broker, "--output", tmp_path / "run.jsonl", "--partitions", "3,0-1")
    assert said.code == 0
    assert "of 3 partitions" in said.err
    assert (tmp_path / "run.jsonl").read_bytes() == run.exported([0, 1, 3])


WRONG = {
    "a partition that is not there": (["--partitions", "2,9"], "--partitions 9: the topics have partitions 0 to 3"),
    "no numbers": (["--partitions", "first"], "'first' names no partitions; write 0,3,5-7"),
    "a range that ends before it begins": (["--partitions", "3-1"], "'3-1' is no range of partitions"),
    "a summary into the file": (["--json", "--output", "-"], "--json and --output - both want standard output"),
    "a folder": (["--output", "."], "--output .: is a folder"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_is_one_line(say: Caller, broker: str, tmp_path: Path, case: str) -> None:
    flags, sentence = WRONG[case]
    said = say("export", "--broker", broker, "--output", tmp_path / "run.jsonl", *flags)
    assert (said.code, said.out) == (2, "")
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [], "no half a file"


def test_a_pipe_or_a_device_is_not_replaced_by_the_file(say: Caller, broker: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    said = say("export", "--broker", broker, "--output", tmp_path / "pipe")
    assert (said.code, said.out) == (2, "")
    assert said.err.endswith("pipe: is no file; name one, or - for standard output\n")
    assert [path.name for path in tmp_path.iterdir() if path.is_fifo()] == ["pipe"]


@pytest.mark.parametrize("there_already", [True, False])
def test_a_link_stays_a_link_and_what_it_names_holds_the_run(
    say: Caller, broker: str, run: Worker, tmp_path: Path, there_already: bool
) -> None:
    kept, link = tmp_path / "kept", tmp_path / "run.jsonl.gz"
    link.symlink_to(kept)
    if there_already:
        kept.write_text("an older run")
    assert say("export", "--broker", broker, "--output", link).code == 0
    assert link.is_symlink()
    assert gzip.decompress(kept.read_bytes()) == run.exported()


def test_standard_output_that_is_closed_takes_no_export(say: Caller, broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    said = say("export", "--broker", broker, "--output", "-")
    assert (said.code, said.err) == (2, "pointstream: --output -: standard output is closed; name a file\n")


def test_a_record_of_cycles_that_no_worker_wrote_is_told_and_ends_it_with_1(say: Caller, tmp_path: Path) -> None:
    with embedded_broker(announce=lambda _: None) as running:
        producer = Producer({"bootstrap.servers": running.address})
        producer.produce(CYCLES, b"hello", b"somebody", 2)
        assert producer.flush(30) == 0
        told = say("export", "--broker", running.url, "--output", tmp_path / "run.jsonl")
        assert told.code == 1
        assert "`cycles` partition 2 offset 0 is no record of a cycle, and is passed over: JSON is malformed" in told.err
        shown = say("export", "--broker", running.url, "--output", tmp_path / "run.jsonl", "--json")
        assert (shown.code, shown.err) == (1, "")
        assert [(one["partition"], one["offset"]) for one in json.loads(shown.out)["passed_over"]] == [(2, 0)]


def test_a_broker_on_which_nothing_has_run(say: Caller, tmp_path: Path) -> None:
    with embedded_broker(["purchases"], announce=lambda _: None) as running:
        for command in (["export", "--output", tmp_path / "run.jsonl"], ["state-hash"]):
            said = say(*command, "--broker", running.url)
            assert said.code == 2
            assert "has no topic" in said.err
            assert "no worker has run there" in said.err


@pytest.mark.slow
def test_a_broker_that_is_not_there(say: Caller, tmp_path: Path) -> None:
    said = say("export", "--broker", "kafka://127.0.0.1:1", "--output", tmp_path / "run.jsonl")
    assert said.code == 2
    assert "does not answer" in said.err


def test_a_broker_that_goes_away_meanwhile_is_said_and_one_that_has_less_than_before_is(tmp_path: Path) -> None:
    with embedded_broker(["purchases"], announce=lambda _: None) as running:
        producer = Producer({"bootstrap.servers": running.address})
        for n in range(10):
            producer.produce("purchases", b"{}", b"p", 1, timestamp=1 + n)
        assert producer.flush(10) == 0
        log = Log(running.url, "purchases", away_seconds=1.0)
        assert log.bounds(1) == (0, 10)
        with pytest.raises(WrongUsage, match="ends at offset 10, and is wanted from 11: it was made anew"):
            log.begin(1, 11)
        log.begin(1, 4)
        assert [message.offset() for message in log.upto(7, whole=True)] == [4, 5, 6]
        assert [message.offset() for message in log.upto(20, whole=False)] == [7, 8, 9]
        os.kill(running.pid, signal.SIGKILL)
        with pytest.raises(
            WrongUsage, match="has given no more of purchases partition 1 for 1 s: try again when the broker is back"
        ):
            list(log.upto(20, whole=True))
        log.close()


def test_its_replay_is_the_run_and_its_state_that_of_the_changelog(
    say: Caller, broker: str, run: Worker, program: Path, tmp_path: Path
) -> None:
    file, out, state = tmp_path / "run.jsonl", tmp_path / "out", tmp_path / "state"
    say("export", "--broker", broker, "--output", file)
    said = say("replay", "--program", program, "--input", file, "--output", out, "--state", state)
    assert said.code == 0, said.err
    assert (out / "ledger-entries.jsonl").read_bytes().splitlines() == run.topics.values("ledger-entries", PARTITIONS)
    for one in states(run):
        assert one.text in said.err
    said = say("state-hash", "--state", state, "--broker", broker, "--json")
    assert (said.code, said.err) == (0, "")
    for told in json.loads(said.out):
        assert [row["state_hash"] for row in told["partitions"]] == [one.text for one in states(run)]
        assert [row["cycle"] for row in told["partitions"]] == [position.cycle for position in run.ends()]
        assert told["state_hash"] == together(states(run)).text
    said = say("state-hash", "--state", state)
    assert together(states(run)).text in said.out
    (state / "partition-0002-of-0004").rename(state / "gone")
    (state / "process-1").mkdir()
    (state / "gone").rename(state / "process-1" / "partition-0002-of-0004")
    assert say("state-hash", "--state", state).out == said.out, "of several processes' directories, too"


def test_another_program_is_said_with_the_cycle(say: Caller, broker: str, program: Path, tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    say("export", "--broker", broker, "--output", file)
    club = program / "club.yaml"
    club.write_text(club.read_text().replace("applications: [pos]", "applications: [kiosk]"))
    said = say("replay", "--program", program, "--input", file, "--output", tmp_path / "out", "--state", tmp_path / "state")
    assert said.code == 1
    assert "partition 0: " in said.err
    assert "came out otherwise than in the run, the first is cycle" in said.err
    said = say("state-hash", "--state", tmp_path / "state", "--broker", broker)
    assert said.code == 1
    assert f"is not that of {tmp_path / 'state'}" in said.err


def test_a_state_hash_of_nothing(say: Caller, tmp_path: Path) -> None:
    assert "name a --state directory, or a --broker" in say("state-hash").err
    assert "holds no state" in say("state-hash", "--state", tmp_path).err


def test_an_export_is_nothing_to_produce(say: Caller, broker: str, tmp_path: Path) -> None:
    say("export", "--broker", broker, "--output", tmp_path / "run.jsonl")
    said = say("produce", "purchases", tmp_path / "run.jsonl", "--broker", broker)
    assert said.code == 2
    assert "is an exported run" in said.err
