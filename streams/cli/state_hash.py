"""`pointstream state-hash`: one number a partition for all that its state says, to compare."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli.broker import to_broker
from streams.cli.export import NUMBERS
from streams.errors import DONE, FOUND_WRONG
from streams.settings import setting

if TYPE_CHECKING:
    from streams.brokers import Cluster
    from streams.state_hash import StateHash


@click.command(short_help="One number a partition for all that its state says.")
@setting(
    "--state",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    show_default="none",
    help="The state directory of a stopped worker, or of a replay; may be said several times.",
)
@to_broker(
    required=False,
    address="kafka://HOST:PORT[,HOST:PORT]: what a rebuild from its changelog would hold.",
    show_default="none",
)
@setting(
    "--only-partitions",
    "--partitions",
    "partitions",
    type=NUMBERS,
    metavar="N,N-N",
    show_default="all",
    help="Of the broker, these partitions only: 0,3,5-7.",
)
@setting("--json", "as_json", is_flag=True, help="Print it for a machine.")
def command(*, state: tuple[Path, ...], broker: "Cluster | None", partitions: tuple[int, ...] | None, as_json: bool) -> int:
    """Print a hash of the state of each partition, and of all together.

    It depends on what the state says and not on how it lies there or came there: a worker's own, the one rebuilt from the changelog
    and that of a replay of the export are equal at the same cycle. Where several are named they are compared; ends with 1 where two
    differ at the same cycle.
    """
    from streams.state_hash import of_directory, unequal
    from tables.fingerprint import together

    if not state and broker is None:
        raise click.UsageError("name a --state directory, or a --broker")
    found: list[StateHash] = []
    for folder in state:
        found += of_directory(folder)
    if broker is not None:
        found += _of_broker(broker, partitions)
    sources = list(dict.fromkeys(one.source for one in found))
    told = []
    for source in sources:
        rows = [one for one in found if one.source == source]
        every = together(one.state for one in rows)
        told.append(
            {
                "source": source,
                "state_hash": every.text,
                "states": every.states,
                "partitions": [
                    {"partition": one.partition, "cycle": one.cycle, "states": one.state.states, "state_hash": one.state.text}
                    for one in rows
                ],
            }
        )
        if not as_json:
            click.echo(source)
            for one in rows:
                cycle = "" if one.cycle is None else f"cycle {one.cycle:<10,}"
                name = "all" if one.partition is None else one.partition
                click.echo(f"  partition {name:<6}{cycle}{one.state.states:>12,} states  {one.state.text}")
            click.echo(f"  together{'':<{22 if rows[0].cycle is not None else 6}}{every.states:>14,} states  {every.text}")
    if as_json:
        click.echo(json.dumps(told, indent=2))
    wrong = unequal(found)
    for sentence in wrong:
        click.echo(f"pointstream: state-hash: {sentence}", err=True)
    return FOUND_WRONG if wrong else DONE


def _of_broker(broker: "Cluster", partitions: tuple[int, ...] | None) -> "list[StateHash]":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from streams.state_hash import of_changelog

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("changelog", total=None)
        return list(of_changelog(broker, partitions, lambda count, total: progress.update(task, advance=count, total=total)))
