"""`pointstream export`: a run out of a broker as one file."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from streams.cli.broker import to_broker
from streams.errors import DONE, FOUND_WRONG
from streams.settings import setting

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from streams.brokers import Cluster
    from streams.export.run import Foreign

_SHOWN_MAX: Final = 10


class _Numbers(click.ParamType):
    """`0,3,5-7`."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        found: set[int] = set()
        for part in str(value).split(","):
            first, dash, last = part.strip().partition("-")
            if not first.isdecimal() or not (last.isdecimal() if dash else not last) or len(part) > 20:
                self.fail(f"{value!r} names no partitions; write 0,3,5-7", param, ctx)
            numbers = range(int(first), int(last if dash else first) + 1)
            if len(numbers) > 10_000 or not numbers:
                self.fail(f"{part.strip()!r} is no range of partitions", param, ctx)
            found.update(numbers)
        return tuple(sorted(found))


NUMBERS = _Numbers()


@click.command(short_help="A run out of a broker as one file, for `replay`.")
@to_broker()
@setting(
    "--output",
    required=True,
    type=click.Path(allow_dash=True),
    metavar="FILE",
    help="Where it goes; compressed where the name ends in .gz; - is standard output.",
)
@setting(
    "--only-partitions",
    "--partitions",
    "partitions",
    type=NUMBERS,
    metavar="N,N-N",
    show_default="all",
    help="These partitions only: 0,3,5-7.",
)
@setting("--json", "as_json", is_flag=True, help="Print what the file holds on standard output, for a machine.")
def command(*, broker: "Cluster", output: str, partitions: tuple[int, ...] | None, as_json: bool) -> int:
    """Write what the workers have applied so far as one file: records and ticks of each partition, in their order.

    `replay` of that file gives what the run gave, byte for byte. Nothing is changed on the broker, and workers may go on meanwhile: the
    file ends with what was committed when its partition was read. It holds what people sent: keep it as you keep the topics.
    A record of `cycles` that no worker wrote is told, passed over, and ends it with 1; the file is whole.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from streams.export.run import STANDARD_OUTPUT, export

    if as_json and output == STANDARD_OUTPUT:
        raise click.UsageError("--json and --output - both want standard output; name a file")
    started = time.monotonic()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        watch = _Watch(progress, progress.add_task("cycles", total=None))
        runs = export(broker, output, partitions, watch)
    seconds = time.monotonic() - started
    if as_json:
        size = Path(output).stat().st_size
        told = {"file": output, "bytes": size, "partitions": [run._asdict() for run in runs], "seconds": round(seconds, 3)}
        told["passed_over"] = [each._asdict() for each in watch.foreign]
        click.echo(json.dumps(told, indent=2))
    else:
        cycles, records, messages, ticks = (sum(counts) for counts in list(zip(*runs, strict=True))[1:])
        asked = f", {messages:,} messages between keys" if messages else ""
        say = f"{records:,} records{asked} and {ticks:,} ticks in {cycles:,} cycles of {len(runs)} partitions"
        click.echo(f"{say}, in {seconds:.1f} s, written to {output}", err=True)
        for each in watch.foreign[:_SHOWN_MAX]:
            click.echo(f"pointstream: export: {each}", err=True)
        if len(watch.foreign) > _SHOWN_MAX:
            click.echo(f"pointstream: and {len(watch.foreign) - _SHOWN_MAX:,} more", err=True)
    return FOUND_WRONG if watch.foreign else DONE


class _Watch:
    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self._progress = progress
        self._task = task
        self.foreign: list[Foreign] = []

    def total(self, count: int) -> None:
        self._progress.update(self._task, total=count)

    def advanced(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def passed_over(self, foreign: "Foreign") -> None:
        self.foreign.append(foreign)
