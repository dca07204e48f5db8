"""The demo's terminal: one picture from figures. Pure: `draw` takes everything and returns what rich can print."""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from schemas.outcomes import ANONYMOUS, APPLIED, DEAD_LETTER, DUPLICATE, NOT_A_MEMBER, PARKED, STALE_REVISION
from streams.demo.audit import Check, Sent
from streams.demo.story import Story
from streams.demo.tills import ZONE
from streams.demo.words import TIER_STYLES, dead_letter_line, entry_line, tier_line

_OUTCOMES: Final = (
    (APPLIED, "applied", "bright_green"),
    (DUPLICATE, "sent twice", "cyan"),
    (STALE_REVISION, "outdated", "cyan"),
    (ANONYMOUS, "anonymous", "blue"),
    (NOT_A_MEMBER, "not a member", "blue"),
    (PARKED, "waited", "yellow"),
    (DEAD_LETTER, "dead letters", "bright_red"),
)
_TERMS: Final = (
    ("active", "bright_green"),
    ("pending", "cyan"),
    ("reserved", "blue"),
    ("redeemed", "magenta"),
    ("expired", "yellow"),
    ("reversed", "bright_red"),
    ("written_off", "red"),
    ("debt_paid", "bright_magenta"),
)
_EIGHTHS: Final = " ▁▂▃▄▅▆▇█"
_BORDER: Final = "grey37"
_CHART_ROWS: Final = 5


class Frame(NamedTuple):
    """What the screen shows beside the story itself. `rates` are records a second, oldest first; `day` counts from 1."""

    title: str
    subtitle: str
    clock: datetime | None
    day: int
    days: int | None
    progress: float | None
    rates: Sequence[float]
    backlog: int
    phase: str
    notice: str


def draw(frame: Frame, story: Story, width: int, height: int) -> RenderableType:
    """The whole picture, `width` by `height` characters; from 80 by 24."""
    layout = Layout()
    layout.split_column(
        Layout(_header(frame, width), name="header", size=2),
        Layout(name="figures", size=_CHART_ROWS + 4),
        Layout(name="records", ratio=1),
        Layout(_points(story, width), name="points", size=4),
        Layout(_footer(frame), name="footer", size=1),
    )
    half = max(38, width * 46 // 100)
    layout["figures"].split_row(
        Layout(_throughput(frame, story, width - half), name="throughput", size=width - half),
        Layout(_outcomes(story, half), name="outcomes"),
    )
    side = min(44, half)
    room = height - (2 + _CHART_ROWS + 4 + 4 + 1)
    layout["records"].split_row(
        Layout(_ledger(story, room - 2), name="ledger"),
        Layout(name="side", size=side),
    )
    tiers = max(5, room * 4 // 10)
    layout["side"].split_column(
        Layout(_tiers(story, tiers - 2), name="tiers", size=tiers),
        Layout(_dead_letters(story, room - tiers - 2), name="dead-letters"),
    )
    return layout


def _panel(content: RenderableType, title: str, right: str = "") -> Panel:
    return Panel(
        content,
        title=f"[bold white]{title}[/]",
        title_align="left",
        subtitle=right or None,
        subtitle_align="right",
        border_style=_BORDER,
        padding=(0, 1),
    )


def _header(frame: Frame, width: int) -> RenderableType:
    top = Table.grid(expand=True)
    top.add_column(ratio=1, no_wrap=True)
    top.add_column(justify="right", no_wrap=True)
    name = Text.assemble((" pointstream ", "bold black on bright_green"), (f"  {frame.title}", "bold"))
    if width >= 100:
        name.append(f" · {frame.subtitle}", "dim")
    clock = Text(f"{frame.clock.astimezone(ZONE):%a %d %b %Y  %H:%M} ", "bold bright_white") if frame.clock else Text("")
    if frame.days is not None:
        clock.append(f" day {frame.day} of {frame.days} ", "dim")
    elif frame.clock:
        clock.append(f" day {frame.day} ", "dim")
    top.add_row(name, clock)
    return Group(top, _progress(frame.progress, width))


def _progress(share: float | None, width: int) -> Text:
    if share is None:
        return Text("─" * width, _BORDER)
    done = int(max(0.0, min(1.0, share)) * width)
    return Text.assemble(("━" * done, "bright_green"), ("━" * (width - done), "grey23"))


def _throughput(frame: Frame, story: Story, width: int) -> Panel:
    now = frame.rates[-1] if frame.rates else 0.0
    peak = max(frame.rates, default=0.0)
    line = Text.assemble(
        (f"{now:,.0f}", "bold bright_green"),
        " records a second",
        (f"   backlog {frame.backlog:,}", "dim" if frame.backlog < 5_000 else "yellow"),
        (f"   peak {peak:,.0f}", "dim"),
        no_wrap=True,
        overflow="ellipsis",
    )
    total = Text.assemble(
        (f"{story.accounted:,}", "bold"), " in   ", (f"{story.entries.total():,}", "bold"), " entries out   ",
        (f"{story.cycles:,}", "bold"), " commits",
    )  # fmt: skip
    return _panel(Group(line, *_chart(frame.rates, width - 4), total), "Throughput")


def _chart(values: Sequence[float], width: int) -> Iterable[Text]:
    """Columns of eighths, `_CHART_ROWS` high, the newest on the right."""
    shown = list(values)[-width:]
    top = max([*shown, 1.0])
    levels = [0] * (width - len(shown)) + [round(value / top * _CHART_ROWS * 8) for value in shown]
    for row in range(_CHART_ROWS - 1, -1, -1):
        cells = "".join(_EIGHTHS[max(0, min(8, level - row * 8))] for level in levels)
        yield Text(cells, "green" if row < _CHART_ROWS - 1 else "bright_green")


def _outcomes(story: Story, width: int) -> Panel:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    total = max(1, story.accounted)
    room = width - 34  # what name, count, percentage and border leave
    for outcome, name, style in _OUTCOMES:
        count = story.outcomes[outcome]
        share = count / total
        table.add_row(
            name, Text(f"{count:,}", f"bold {style}" if count else "dim"), _bar(share, room, style), Text(f"{share:6.1%}", "dim")
        )
    return _panel(table, "What became of them")


def _bar(share: float, width: int, style: str) -> Text:
    eighths = round(share * width * 8)
    full, rest = divmod(eighths, 8)
    return Text("█" * full + ("▏▎▍▌▋▊▉"[rest - 1] if rest else ""), style)


def _ledger(story: Story, rows: int) -> Panel:
    lines = [entry_line(entry) for entry in list(story.latest_entries)[-max(1, rows) :]]
    return _panel(Group(*lines), "The ledger, as it is written")


def _tiers(story: Story, rows: int) -> Panel:
    heads = Text()
    held: dict[str, int] = {}
    for tier in story.tiers.values():
        if tier is not None:
            held[tier] = held.get(tier, 0) + 1
    for tier in sorted(held, key=lambda name: -held[name]):
        heads.append(f"{tier} ", TIER_STYLES.get(tier, "white"))
        heads.append(f"{held[tier]:,}   ", "bold")
    lines = [tier_line(change) for change in list(story.latest_tiers)[-max(1, rows - 1) :]]
    return _panel(Group(heads, *lines), "Tiers entered")


def _dead_letters(story: Story, rows: int) -> Panel:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(ratio=1, no_wrap=True)
    top = max([*story.dead_letters.values(), 1])
    latest = list(story.latest_dead_letters)[-1:]
    for reason, count in story.dead_letters.most_common(max(1, rows - 2 if rows > 5 else rows)):
        table.add_row(reason, Text(f"{count:,}", "bold bright_red"), _bar(count / top, 10, "red"))
    extra = [Text(""), dead_letter_line(latest[0])] if latest and rows > 5 else []
    return _panel(Group(table, *extra), "Dead letters")


def _points(story: Story, width: int) -> Panel:
    room = width - 4
    issued = story.totals["lifetime"]
    bar, legend = Text(no_wrap=True), Text(no_wrap=True, overflow="ellipsis")
    holds = issued == sum(story.totals[term] for term, _ in _TERMS)
    legend.append("✓ " if holds else "✗ does not add up: ", "bold bright_green" if holds else "bold bright_red")
    legend.append(f"{issued:,} points issued", "bold")
    joint = " = "
    edges = [0.0]
    for term, style in _TERMS:
        points = story.totals[term]
        edges.append(edges[-1] + (points / issued * room if issued else 0.0))
        bar.append("█" * (round(edges[-1]) - round(edges[-2])), style)
        if points:
            legend.append(joint, "dim")
            legend.append(f"{points:,} {term.replace('_', ' ')}", style)
            joint = " + "
    return _panel(Group(bar, legend), "Every point is somewhere")


def _footer(frame: Frame) -> Text:
    return Text.assemble((f" {frame.phase}", "bold"), (f"   {frame.notice}", "dim"), no_wrap=True, overflow="ellipsis")


def summary(checks: Sequence[Check], story: Story, sent: Sent, seconds: float, kills: int) -> RenderableType:
    """The closing summary: every check with its mark and figures."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_column()
    for check in checks:
        mark = Text("✓", "bold bright_green") if check.holds else Text("✗", "bold bright_red")
        table.add_row(mark, check.claim, Text(check.figures, "dim" if check.holds else "bright_red"))
    good = all(check.holds for check in checks)
    rate = story.accounted / seconds if seconds > 0 else 0.0
    verdict = Text.assemble(
        ("The figures add up. " if good else "The figures do NOT add up. ", "bold bright_green" if good else "bold bright_red"),
        f"{sent.records:,} records in {seconds:.0f} s ({rate:,.0f} a second), {story.entries.total():,} ledger entries, "
        f"{len(story.tiers):,} members in a tier.",
        (f" The worker was killed {'once' if kills == 1 else f'{kills} times'} on the way." if kills else "", "bold"),
    )
    return Panel(
        Group(table, Text(""), verdict),
        title="[bold]Summary[/]",
        title_align="left",
        border_style="bright_green" if good else "bright_red",
    )


class Rates:
    """Records a second, sampled: `add(now, total)` now and then; `values` holds the last samples."""

    def __init__(self, keep: int = 400) -> None:
        self.values: deque[float] = deque(maxlen=keep)
        self._last: tuple[float, int] | None = None

    def add(self, now: float, total: int) -> None:
        if self._last is not None and now > self._last[0]:
            self.values.append((total - self._last[1]) / (now - self._last[0]))
        self._last = (now, total)
