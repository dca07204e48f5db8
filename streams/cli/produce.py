"""`pointstream produce`: push JSON Lines to an input topic, and wait for the broker's word."""

from typing import TYPE_CHECKING, Final

import click

from schemas.topics import INPUTS
from streams.cli.broker import to_broker
from streams.errors import DONE, FOUND_WRONG
from streams.settings import Finite, setting

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from streams.brokers import Cluster
    from streams.produce import Result

_SHOWN_MAX: Final = 10


@click.command(short_help="Push records of a file to an input topic.")
@click.argument("topic", type=click.Choice(INPUTS))
@click.argument("files", nargs=-1, type=click.Path(allow_dash=True), metavar="[FILE]...")
@to_broker()
@setting(
    "--rate",
    type=Finite(min=0, min_open=True),
    metavar="N",
    show_default="as fast as it goes",
    help="At most so many records a second.",
)
def command(topic: str, files: tuple[str, ...], broker: "Cluster", rate: float | None) -> int:
    """Push JSON Lines of records to TOPIC, keyed and partitioned by profile; without a FILE from standard input.

    A line is a record, or {topic, value, timestamp?} of one, as `replay` reads it. Waits until the broker has every record, also after
    Ctrl-C, and says how many; ends with 1 if one of them was refused or did not arrive.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from streams.produce import produce
    from streams.replay.lines import check_readable, total_bytes

    paths = files or ("-",)
    check_readable(paths)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        result = produce(broker, topic, paths, rate, _Watch(topic, progress, progress.add_task(topic, total=total_bytes(paths))))
    return FOUND_WRONG if result.failed or result.refused else DONE


class _Watch:
    def __init__(self, topic: str, progress: "Progress", task: "TaskID") -> None:
        self._topic = topic
        self._progress = progress
        self._task = task
        self._refused = 0

    def advanced(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def refused(self, file: str, line: int, why: str) -> None:
        self._refused += 1
        if self._refused <= _SHOWN_MAX:
            click.echo(f"pointstream: {file}:{line}: {why}", err=True)

    def ended(self, result: "Result") -> None:
        if self._refused > _SHOWN_MAX:
            click.echo(f"pointstream: and {self._refused - _SHOWN_MAX} more", err=True)
        pushed = f"{result.sent:,} records sent to {self._topic} in {result.seconds:.1f} s"
        missed = [f"{result.failed:,} did not arrive"] if result.failed else []
        missed += [f"{result.refused:,} lines are no record of it"] if result.refused else []
        missed += [f"{result.ticks:,} ticks left out"] if result.ticks else []
        click.echo(", ".join([pushed, *missed]), err=True)
