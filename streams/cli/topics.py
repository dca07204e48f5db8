"""`pointstream topics`: create and verify all topics; 0 all is well, 2 something is not as it must be."""

import json
from typing import TYPE_CHECKING

import click

from streams.cli.broker import to_broker
from streams.errors import DONE, WRONG_USAGE
from streams.settings import setting

if TYPE_CHECKING:
    from streams.brokers import Cluster


@click.command(short_help="Create and verify all topics.")
@to_broker()
@setting(
    "--partitions",
    type=click.IntRange(1, 10_000),
    show_default="as the inputs have, else 24",
    help="Of every topic. It never changes: a profile's partition is a function of it.",
)
@setting(
    "--replication",
    type=click.IntRange(1, 10),
    show_default="3, or as many as there are brokers",
    help="Copies of each topic. With 3, two acknowledge each record, and any one broker may die.",
)
@setting("--verify-only", is_flag=True, help="Create nothing.")
@setting("--json", "as_json", is_flag=True, help="Print the topics for a machine.")
def command(*, broker: "Cluster", partitions: int | None, replication: int | None, verify_only: bool, as_json: bool) -> int:
    """Create the topics that are missing, and verify all of them.

    Nothing that exists is changed: where a topic is not as it must be, a sentence says what to do. Ends with 2 then.
    """
    from streams.topics import ensure

    states = ensure(broker, partitions, replication, verify_only)
    if as_json:
        click.echo(json.dumps([state._asdict() for state in states], indent=2))
    else:
        for state in states:
            word = "created" if state.created else "missing" if state.partitions is None else "wrong" if state.faults else "ok"
            colour = {"ok": "green", "created": "green"}.get(word, "red")
            count = "" if state.partitions is None else f"{state.partitions:>5} partitions {state.replication or 0:>3} copies"
            click.echo(f"{state.topic:<22}{click.style(f'{word:<8}', fg=colour)}{count}")
    for state in states:
        for fault in state.faults:
            click.echo(f"pointstream: topics: {state.topic} {fault}", err=True)
    return WRONG_USAGE if any(state.faults for state in states) else DONE
