"""`pointstream segment`: who is in a segment, by what the state says; a preview of one that is still being written."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.broker import to_broker
from streams.errors import DONE
from streams.settings import ManyValues, Time, gives_way, setting

if TYPE_CHECKING:
    from streams.brokers import Cluster
    from streams.preview import Member, Told, Wanted


@click.command(
    short_help="Who is in a segment, by what the state says.",
    cls=ManyValues,
    many=("--program", "--state"),
    epilog="Examples: pointstream segment birthday-soon --program club.yaml --state var/state; "
    "pointstream segment --program club.yaml --broker kafka://127.0.0.1:9092 --count",
)
@click.argument("name", required=False)
@setting(
    "--program",
    multiple=True,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH...",
    help="Program files, or folders of them. Their conditions count, also where no worker runs them yet.",
)
@setting(
    "--state",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR...",
    show_default="none",
    help="The state directory of a stopped worker, or of a replay; may be said several times.",
)
@to_broker(
    required=False,
    address="kafka://HOST:PORT[,HOST:PORT]: what a rebuild from its changelog would hold.",
    show_default="none",
)
@setting("--at", type=Time(), metavar="TIME", show_default="as far as the state has been settled", help="Judge at this instant.")
@setting("--count", is_flag=True, help="Only how many there are.")
@setting("--json", "as_json", is_flag=True, help="Print it for a machine, a JSON object a line.")
def command(
    *,
    name: str | None,
    program: tuple[Path, ...],
    state: tuple[Path, ...],
    broker: "Cluster | None",
    at: int | None,
    count: bool,
    as_json: bool,
) -> int:
    """List the profiles that are in the segment NAME, with the time since when the workers have them in it.

    Without NAME, all segments with the number of their members. Every profile of the state is judged by the conditions in the program
    files at one instant; nothing is changed. A segment with nobody in it ends with 0 like any other.
    """
    from streams.preview import counted, wanted
    from streams.programs import read_programs

    broker = None if gives_way("broker_address", to="state") else broker
    state = () if gives_way("state", to="broker_address") else state
    if (broker is None) == (not state):
        raise click.UsageError("name either --state directories or a --broker")
    looked_for = wanted(read_programs(program), name, at)
    with _progress() as told:
        for one in looked_for:
            found = _found(one, state, broker, told)
            if name is None or count:
                _print_counts(one, counted(found, one.segments), as_json=as_json)
            else:
                _print_members(found, as_json=as_json)
    return DONE


def _found(one: "Wanted", state: tuple[Path, ...], broker: "Cluster | None", told: "Told") -> "Iterator[tuple[str, Member]]":
    from streams.preview import of_broker, of_directories

    return of_directories(state, one, told) if broker is None else of_broker(broker, one, told)


def _print_counts(one: "Wanted", counts: dict[str, int], *, as_json: bool) -> None:
    width = max(map(len, counts))
    for segment, number in counts.items():
        if as_json:
            click.echo(json.dumps({"program": one.program, "segment": segment, "members": number}))
        else:
            click.echo(f"{one.program}  {segment:<{width}}  {number:>12,}")


def _print_members(found: "Iterator[tuple[str, Member]]", *, as_json: bool) -> None:
    """As they are found: there may be millions."""
    from schemas.instants import printable

    for _, member in found:
        if as_json:
            click.echo(json.dumps(member._asdict(), ensure_ascii=False))
        else:
            click.echo(f"{printable(member.profile_id):<40}  {member.since or '-'}")


@contextmanager
def _progress() -> "Iterator[Told]":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("states", total=None)
        yield lambda count, total: progress.update(task, advance=count, total=total)
