"""`pointstream publish` on a broker that is away, or on which nothing has been made ready: one line, and soon."""

import time
from pathlib import Path

import pytest

from streams.cli.main import run
from streams.embedded import embedded_broker
from tests.unit.streams.shop import program


@pytest.mark.parametrize("listed", [True, False], ids=["listing", "publishing"])
def test_a_broker_without_the_topic_says_what_creates_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, listed: bool
) -> None:
    with embedded_broker(["purchases"], announce=lambda _: None) as broker:
        began = time.monotonic()
        assert run(["publish", "--list" if listed else str(program(tmp_path)), "--broker", broker.url]) == 2
        assert time.monotonic() - began < 10, "it does not wait for what will not come (it was 30 s)"
        said = f"pointstream: {broker.url} has no topic programs; `pointstream topics` creates it\n"
    assert capsys.readouterr().err == said


@pytest.mark.slow
def test_a_broker_that_is_away_says_why_as_for_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    assert run(["publish", "--list", "--broker", "kafka://127.0.0.1:1"]) == 2
    assert "does not answer within 10 s: " in (said := capsys.readouterr().err)
    assert "Connection refused" in said
    assert time.monotonic() - began < 20


def test_nothing_is_published_yet(capsys: pytest.CaptureFixture[str]) -> None:
    with embedded_broker(announce=lambda _: None) as broker:
        assert run(["publish", "--list", "--broker", broker.url]) == 0
    assert capsys.readouterr().out == "nothing is published\n"
