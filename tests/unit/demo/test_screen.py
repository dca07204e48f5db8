"""The terminal's picture: whole at every size, with every figure in its place, and an SVG that needs no network."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from streams.demo.audit import Sent, audit
from streams.demo.closing import Closing, close
from streams.demo.screen import Frame, Rates, draw
from streams.demo.story import Story
from tests.unit.demo.offline import offline_demo

FRAME = Frame(
    title="High Street Club",
    subtitle="five shops and a webshop",
    clock=datetime(2024, 5, 14, 15, 42, tzinfo=UTC),
    day=16,
    days=42,
    progress=0.37,
    rates=[0.0, 100.0, 800.0, 1_000.0],
    backlog=12,
    phase="running",
    notice="embedded broker on 127.0.0.1:1: for demos and smoke tests only",
)


@pytest.fixture(scope="module")
def told() -> tuple[Sent, Story]:
    return offline_demo(records=4_000, per_day=95)


def _drawn(story: Story, width: int, height: int, frame: Frame = FRAME) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    with console.capture() as capture:
        console.print(draw(frame, story, width, height), height=height)
    return capture.get().rstrip("\n").split("\n")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (120, 36), (200, 60)])
def test_the_picture_fills_the_terminal_and_no_more(told: tuple[Sent, Story], width: int, height: int) -> None:
    lines = _drawn(told[1], width, height)
    assert len(lines) == height
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 36)])
def test_the_picture_shows_what_the_demo_is_about(told: tuple[Sent, Story], width: int, height: int) -> None:
    _, story = told
    picture = "\n".join(_drawn(story, width, height))
    for wanted in (
        "Tue 14 May 2024  16:42",
        "applied",
        "anonymous",
        "sent twice",
        "dead letters",
        "points issued",
        "Silver",
        "earns",
    ):
        assert wanted in picture
    for figure in (
        story.outcomes["applied"],
        story.outcomes["anonymous"],
        story.totals["lifetime"],
        story.dead_letters["not-json"],
    ):
        assert f"{figure:,}" in picture
    assert "✓" in picture


def test_an_empty_story_can_be_drawn() -> None:
    assert "Throughput" in "\n".join(_drawn(Story(), 100, 30, FRAME._replace(clock=None, rates=[], progress=None, days=None)))


def test_points_that_do_not_add_up_are_shown_at_once() -> None:
    _, story = offline_demo(records=500, per_day=95)
    story.totals["active"] += 1
    assert "does not add up" in "\n".join(_drawn(story, 120, 36))


def test_rates_are_differences_of_totals() -> None:
    rates = Rates()
    for now, total in ((0.0, 0), (0.5, 100), (1.5, 600)):
        rates.add(now, total)
    assert list(rates.values) == [200.0, 500.0]


def test_the_svg_needs_nothing_from_the_network(told: tuple[Sent, Story], tmp_path: Path) -> None:
    sent, story = told
    console = Console(file=io.StringIO(), width=100)
    closing = Closing(FRAME, sent, story, audit(sent, story), 42.0, kills=0, live=False)
    assert close(console, as_json=False, svg=tmp_path / "demo.svg", closing=closing) == 0
    svg = (tmp_path / "demo.svg").read_text(encoding="utf-8")
    assert svg.count("http") == 1  # the name of SVG itself
    assert "url(http" not in svg
    assert "High&#160;Street&#160;Club" in svg


def test_a_failed_check_is_loud(told: tuple[Sent, Story]) -> None:
    _, story = told
    output = io.StringIO()
    closing = Closing(FRAME, Sent(), story, audit(Sent(), story), 42.0, kills=0, live=False)
    assert close(Console(file=output, width=100), as_json=False, svg=None, closing=closing) == 1
    assert "The figures do NOT add up." in output.getvalue()
    assert "✗" in output.getvalue()
