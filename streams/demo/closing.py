"""The end of the demo: the last picture and the summary, on the terminal, as JSON, as SVG."""

import io
import json
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from streams.demo.audit import Check, Sent
from streams.demo.screen import Frame, draw, summary
from streams.demo.story import Story
from streams.errors import DONE, FOUND_WRONG

_HEIGHT: Final = 34
_SVG_WIDTH: Final = 118
_THEME: Final = TerminalTheme(
    (16, 20, 24),
    (208, 214, 220),
    [
        (30, 36, 42),
        (224, 85, 85),
        (87, 187, 120),
        (222, 178, 74),
        (88, 140, 224),
        (190, 110, 200),
        (80, 190, 200),
        (200, 206, 212),
    ],
    [
        (90, 98, 106),
        (255, 110, 110),
        (120, 220, 140),
        (255, 212, 100),
        (120, 170, 255),
        (225, 140, 235),
        (110, 225, 235),
        (245, 248, 250),
    ],
)
# rich's own template would fetch a font from the network
_SVG: Final = """\
<svg class="terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: {char_height}px;
  line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""


class Closing(NamedTuple):
    """Everything there is to say at the end. `kills`: how often the worker was killed on the way. `live`: the picture was on the screen and is repeated, so that it stays."""

    frame: Frame
    sent: Sent
    story: Story
    checks: list[Check]
    seconds: float
    kills: int
    live: bool

    @property
    def holds(self) -> bool:
        return all(check.holds for check in self.checks)


def close(console: Console, as_json: bool, svg: Path | None, closing: Closing) -> int:
    """Say it; 0 if every check holds, else 1."""
    if as_json:
        click.echo(json.dumps(figures(closing), indent=2))
    else:
        _print(console, closing, picture=closing.live)
    if svg is not None:
        write_svg(svg, closing)
        console.print(f"picture: {svg}", style="dim", highlight=False)
    return DONE if closing.holds else FOUND_WRONG


def _print(console: Console, closing: Closing, *, picture: bool) -> None:
    if picture:
        height = min(max(console.height - 1, 24), _HEIGHT)
        console.print(draw(closing.frame, closing.story, console.width, height), height=height)
    console.print(summary(closing.checks, closing.story, closing.sent, closing.seconds, closing.kills))


def write_svg(path: Path, closing: Closing) -> None:
    """The last picture and the summary as one SVG that needs nothing from the network."""
    recording = Console(
        record=True, width=_SVG_WIDTH, height=_HEIGHT, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    _print(recording, closing, picture=True)
    recording.save_svg(
        str(path), title="pointstream demo", theme=_THEME, code_format=_SVG, unique_id="pointstream", font_aspect_ratio=0.602
    )


def figures(closing: Closing) -> dict[str, Any]:
    """The summary for programs."""
    story = closing.story
    return {
        "holds": closing.holds,
        "records_in": closing.sent.records,
        "outcomes": dict(sorted(story.outcomes.items())),
        "till_deeds": dict(sorted(closing.sent.deeds.items())),
        "dead_letters": dict(sorted(story.dead_letters.items())),
        "entries": dict(sorted(story.entries.items())),
        "points": dict(sorted(story.totals.items())),
        "tiers_entered": dict(sorted(story.tier_changes.items())),
        "worker_killed": closing.kills,
        "announced_again": story.announced_again,
        "seconds": round(closing.seconds, 1),
        "checks": [check._asdict() for check in closing.checks],
    }
