"""A state that another version has written, or that is broken, is a sentence for whichever command meets it, and 2."""

from pathlib import Path

import pytest
from confluent_kafka import Producer

from schemas.topics import CHANGELOG
from streams.embedded import embedded_broker
from streams.worker.position import POSITION_KEY
from tables.keys import profile_key
from tables.rocks import RocksStore
from tables.stored import FORMAT
from tests.unit.streams.shop import PROGRAM, line, program, sale, write_lines
from tests.unit.streams.test_cli import Caller

SEGMENTS = """\
segments: [{segment: regulars, where: {purchases.count: {within: 90 days, at_least: 1}}}]
"""
STORED = {
    "written by a newer version": (bytes([FORMAT + 1]), "run the version that wrote it, or a newer one"),
    "broken": (bytes([FORMAT]), "a stored Profile cannot be read"),
}
COMMANDS = {
    "replay": ["replay", "--input", "next.jsonl", "--program", "shop.yaml", "--output", "out", "--state", "state"],
    "state-hash": ["state-hash", "--state", "state"],
    "segment": ["segment", "--program", "shop.yaml", "--state", "state"],
}


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Caller:
    return Caller(capsys)


@pytest.mark.parametrize(("first", "sentence"), STORED.values(), ids=STORED.keys())
@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS.keys())
def test_it_says_which_state_it_is_and_what_to_do(
    say: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], first: bytes, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    program(tmp_path, PROGRAM + SEGMENTS)
    write_lines(tmp_path / "in.jsonl", line(sale("R1")))
    write_lines(tmp_path / "next.jsonl", line(sale("R2")))
    assert say("replay", "--input", "in.jsonl", *COMMANDS["replay"][3:]).code == 0
    store = RocksStore(tmp_path / "state")
    store.write([(profile_key("p1"), first + (store.get(profile_key("p1")) or b"")[1:9])], [], {})
    store.close()
    said = say(*arguments)
    assert said.code == 2
    assert said.err.startswith("pointstream: ")
    assert "state: " in said.err
    assert sentence in said.err
    assert "internal error" not in said.err


@pytest.mark.parametrize("position", [b"garbage", None], ids=["no position", "deleted"])
def test_a_position_that_nobody_can_read_is_told_by_its_place(say: Caller, tmp_path: Path, position: bytes | None) -> None:
    program(tmp_path, PROGRAM + SEGMENTS)
    with embedded_broker(announce=lambda _: None) as broker:
        producer = Producer({"bootstrap.servers": broker.address})
        for value in (b'{"cycle": 1}', position):
            producer.produce(CHANGELOG, value, POSITION_KEY, 1)
        assert producer.flush(10) == 0
        for arguments in (["state-hash"], ["segment", "--program", str(tmp_path / "shop.yaml")]):
            said = say(*arguments, "--broker", broker.url)
            assert said.code == 2
            assert "changelog partition 1: the newest position, at offset 1, cannot be read" in said.err
        assert say("state-hash", "--broker", broker.url, "--partitions", "0,2-3").code == 0
        producer.produce(CHANGELOG, b'{"cycle": 2}', POSITION_KEY, 1)
        assert producer.flush(10) == 0
        assert say("state-hash", "--broker", broker.url).code == 0, "the newest one counts"
