"""Where the demo's frames go: a live terminal, plain lines (pipes, CI), or nowhere (`--json`)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from rich.console import Console
from rich.live import Live

from streams.demo.screen import Frame, draw
from streams.demo.story import Story
from streams.demo.tills import ZONE

_PLAIN_EVERY_SECONDS: Final = 5.0


class Display(Protocol):
    """Takes a frame several times a second."""

    def show(self, frame: Frame, story: Story) -> None: ...


class LiveDisplay:
    """The whole terminal, for as long as the demo runs; what was there before comes back afterwards."""

    def __init__(self, console: Console, live: Live) -> None:
        self._console = console
        self._live = live

    def show(self, frame: Frame, story: Story) -> None:
        self._live.update(draw(frame, story, self._console.width, self._console.height), refresh=True)


class PlainDisplay:
    """A line every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = time.monotonic()

    def show(self, frame: Frame, story: Story) -> None:
        now = time.monotonic()
        if now - self._last < _PLAIN_EVERY_SECONDS:
            return
        self._last = now
        clock = f"{frame.clock.astimezone(ZONE):%d %b %Y %H:%M}" if frame.clock else "-"
        rate = frame.rates[-1] if frame.rates else 0.0
        self._console.print(
            f"{clock}  {story.accounted:>7,} records ({rate:,.0f}/s)  {story.entries.total():>7,} entries  "
            f"{story.points['points.accrued']:,} points accrued  {story.points['points.expired']:,} expired  "
            f"{len(story.tiers):,} in a tier  {story.dead_letters.total():,} dead letters",
            highlight=False,
            soft_wrap=True,
        )


class NoDisplay:
    def show(self, frame: Frame, story: Story) -> None:
        """Nothing: the figures come at the end, as JSON."""


@contextmanager
def live_display(console: Console) -> Iterator[Display]:
    with Live(console=console, screen=True, auto_refresh=False, transient=True, vertical_overflow="crop") as live:
        yield LiveDisplay(console, live)
