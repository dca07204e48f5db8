"""`pointstream replay`: the same agents over files, with no broker."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from streams.errors import DONE, FOUND_WRONG
from streams.settings import ManyValues, Named, Size, Time, setting

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from schemas.outcomes import Refused
    from streams.replay.summary import Summary

_BROKEN_SHOWN_MAX: Final = 10


@click.command(
    short_help="Records of files through the programs, with no broker.",
    cls=ManyValues,
    many=("--program", "--input", "--without"),
)
@setting(
    "--program",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH...",
    show_default="those of an exported run",
    help="Program files, or folders of them. An exported run brings its own; these count instead.",
)
@setting(
    "--input",
    "inputs",
    multiple=True,
    required=True,
    type=click.Path(allow_dash=True),
    metavar="FILE...",
    help="JSON Lines of {topic, value, timestamp?} or {tick}, in arrival order, or what `export` wrote; - is standard input, gzip is read as it is.",
)
@setting(
    "--output",
    required=True,
    type=Named(path_type=Path),
    metavar="DIR",
    help="Where the output goes: one .jsonl a topic, and balances.jsonl. Files of an earlier run are replaced.",
)
@setting(
    "--state",
    type=Named(path_type=Path),
    metavar="DIR",
    show_default="a temporary one, removed at the end",
    help="Keep the state there; a later run with the same directory goes on from it, unless this one was broken off.",
)
@setting(
    "--until",
    type=Time(),
    metavar="TIME",
    show_default="the greatest event time",
    help="Settle up to this time at the end, if it is later than the records.",
)
@setting(
    "--without",
    multiple=True,
    metavar="PATH...",
    show_default="nothing",
    help="Run without these parts of the program, which are not in force yet.",
)
@setting("--memory", default="512MiB", type=Size(), help="What state and caches may take; whatever the number of receipts.")
@setting("--json", "as_json", is_flag=True, help="Print the summary on standard output, for a machine.")
def command(
    program: tuple[Path, ...],
    inputs: tuple[str, ...],
    output: Path,
    state: Path | None,
    until: int | None,
    without: tuple[str, ...],
    memory: int,
    as_json: bool,
) -> int:
    """Run records of files through the programs and write what comes out.

    No broker is needed. The same input gives the same bytes. A file without ticks is settled at its greatest event time. A file of
    `pointstream export` gives what its run gave, partition after partition. Ends with 1 if a line of the input is no record, an error
    stopped a profile, or a cycle of an exported run came out otherwise than it did there.
    """
    from schemas.program import Catalog
    from streams.programs import programs_in_force
    from streams.replay.run import ReplaySettings, replay

    catalog = programs_in_force(program, without) if program else Catalog([])
    settings = ReplaySettings(inputs, output, state, until, memory)
    with _watch(inputs) as watch:
        summary = replay(catalog, settings, watch)
    watch.sum_up_broken()
    for error in summary.errors[:_BROKEN_SHOWN_MAX]:
        click.echo(f"pointstream: an error stopped a profile: {error}", err=True)
    if as_json:
        click.echo(json.dumps(summary.for_machines(), ensure_ascii=False, indent=2))
    else:
        _print(summary, output)
    different = _tell_different(summary)
    return FOUND_WRONG if summary.broken or summary.errors or different else DONE


class _Watch:
    """A progress bar where there is a terminal, and the first few broken lines in words."""

    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self._progress = progress
        self._task = task
        self._broken = 0

    def advanced(self, count: int) -> None:
        self._progress.advance(self._task, count)

    def broken(self, file: str, line: int, refused: "Refused") -> None:
        self._broken += 1
        if self._broken <= _BROKEN_SHOWN_MAX:
            click.echo(f"pointstream: {file}:{line}: {refused.reason}: {refused.message}", err=True)

    def closing(self) -> None:
        self._progress.update(self._task, description="balances")

    def sum_up_broken(self) -> None:
        if self._broken > _BROKEN_SHOWN_MAX:
            more = self._broken - _BROKEN_SHOWN_MAX
            click.echo(f"pointstream: and {more} more lines that are no record; all are in dead-letters.jsonl", err=True)


@contextmanager
def _watch(inputs: tuple[str, ...]) -> Iterator[_Watch]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from streams.replay.lines import check_readable, total_bytes

    check_readable(inputs)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield _Watch(progress, progress.add_task("receipts", total=total_bytes(inputs)))


def _tell_different(summary: "Summary") -> bool:
    different = [replayed for replayed in summary.partitions if replayed.different]
    for replayed in different[:_BROKEN_SHOWN_MAX]:
        first, count = replayed.different[0], len(replayed.different)
        click.echo(
            f"pointstream: partition {replayed.number}: {count:,} of {replayed.cycles:,} cycles came out otherwise than in the run, the first "
            f"is cycle {first}: other programs or another version of pointstream ran there",
            err=True,
        )
    return bool(different)


def _print(summary: "Summary", output: Path) -> None:
    def say(text: str) -> None:
        click.echo(text, err=True)

    rate = summary.records / summary.seconds if summary.seconds else 0
    say(f"{summary.records:,} records in {summary.seconds:.1f} s ({rate:,.0f} a second), {summary.profiles:,} profiles")
    for outcome, count in sorted(summary.outcomes.items()):
        say(f"  {outcome:<16}{count:>14,}")
    if summary.parked:
        say("of those that waited: " + ", ".join(f"{outcome} {count:,}" for outcome, count in summary.parked.items()))
    if summary.broken:
        say(f"  {'no record':<16}{summary.broken:>14,}")
    if summary.reasons:
        say("dead letters: " + ", ".join(f"{reason} {count:,}" for reason, count in sorted(summary.reasons.items())))
    for program, point, kind, count, points in summary.entries():
        of = f"{program} {point}".rstrip()
        say(f"  {of:<24}{kind:<22}{count:>12,}" + (f"{points:>18} points" if points is not None else ""))
    for replayed in summary.partitions:
        say(
            f"  partition {replayed.number:<6}{replayed.cycles:>10,} cycles {replayed.state.states:>12,} states  {replayed.state.text}"
        )
    say(f"written to {output}")
