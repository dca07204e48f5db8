"""Nothing of a person gets into metrics or logs: every field of every record is a mark, and no mark is found outside."""

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.logs import configure, say
from tables.memory import MemoryStore
from tests.unit.metrics.scene import PROGRAM, Scene
from tests.unit.metrics.test_events import now_ms, sale

MARK = "c4n4ry"
CONSENTED = PROGRAM.replace("currency: EUR", "currency: EUR\nmembership: {consent: loyalty}\nreceipts: claimed")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, ours = root.handlers, root.level, logging.getLogger("streams").level
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.getLogger("streams").setLevel(ours)


def marked(**record: Any) -> bytes:
    return json.dumps(record).encode()


def records() -> list[tuple[str, bytes]]:
    """Good ones, wrong ones and torn ones, on every input."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    who = f"{MARK}-who"
    fields = {"first_name": f"{MARK}-name", "phone": f"{MARK}-phone", "loyalty": True}
    return [
        ("profiles", marked(kind="update", profile_id=who, updated_at=at, fields=fields)),
        ("profiles", marked(kind="update", profile_id=who, updated_at=f"{MARK}-time", fields={})),
        ("purchases", sale(f"{MARK}-receipt", who)),
        ("purchases", sale(f"{MARK}-other", who, f"{MARK}-price")),
        ("purchases", sale(f"{MARK}-far", who, application=f"{MARK}-till")),
        ("purchases", sale(f"{MARK}-where", who, currency="XXX")),
        ("purchases", f'{{"receipt_id": "{MARK}'.encode()),
        ("pixels", marked(type=f"{MARK}-type", event_id=f"{MARK}-event", profile_id=who, occurred_at=at)),
        (
            "redemptions",
            marked(kind="redeem", redemption_id=f"{MARK}-r", profile_id=who, program=f"{MARK}-p", points="1", requested_at=at),
        ),
        (
            "adjustments",
            marked(adjustment_id=f"{MARK}-a", profile_id=who, program="club", reason=f"{MARK}-why", actor=f"{MARK}-actor"),
        ),
    ]


@pytest.mark.parametrize("program", [PROGRAM, CONSENTED], ids=["plain", "consent and claims"])
def test_no_mark_is_in_the_metrics(program: str, tmp_path: Path) -> None:
    scene = Scene(tmp_path, program)
    for topic, value in records():
        scene.apply(topic, [value], now_ms())
    assert sum(scene.partitions[0].work.outcomes.values()) == len(records())
    scene.keep()
    scene.sweep()
    exposed = scene.exposed()
    assert scene.total("pointstream_dead_letters_total") > 3
    assert scene.total("pointstream_profiles") > 0
    assert MARK not in exposed


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_exception_is_told_by_its_type_and_place_alone(form: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure(form)
    scene = Scene(tmp_path, store=Broken)
    scene.apply("purchases", [sale(f"{MARK}-receipt", f"{MARK}-who")], now_ms())
    errors = scene.partitions[0].reactions.outbox.errors
    assert [MARK in str(error) for error in errors] == [True]
    logging.getLogger("streams.worker.engine").error("partition 0: applying a record failed", exc_info=errors[0])
    said = capsys.readouterr().err
    assert MARK not in said
    assert "KeyError at tables/table.py:" in said
    assert "Traceback" not in said


def test_what_a_library_says_of_an_exception_is_told_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text")
    error = KeyError(f"{MARK}-who")
    logging.getLogger("mode.services").error("[%s] Crashed reason=%r", "service", error, exc_info=error)
    text = f"Task exception was never retrieved\nfuture: {error!r}"
    logging.getLogger("asyncio").error(text, exc_info=error)
    said = capsys.readouterr().err
    assert MARK not in said
    assert "Crashed" in said
    assert "Task exception was never retrieved: KeyError" in said


class Broken(MemoryStore):
    """Fails at every receipt, and says which."""

    def get(self, key: bytes) -> bytes | None:
        if key.startswith(b"r"):
            raise KeyError(key)
        return super().get(key)


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    say("started", "two words\nand a line", partitions=4)
    logging.getLogger("faust").warning("a %s", "word")
    logging.getLogger("faust").info("not told")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["level"], line["event"], line["message"]) for line in lines] == [
        ("info", "started", "two words\nand a line"),
        ("warning", "log", "a word"),
    ]
    assert lines[0]["partitions"] == 4
    assert lines[1]["logger"] == "faust"
    assert lines[0]["timestamp"].endswith("Z")


def test_a_line_that_is_said_again_and_again_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text")
    for _ in range(1_000):
        logging.getLogger("librdkafka").error("connection refused")
    assert capsys.readouterr().err == "worker: connection refused\n"
