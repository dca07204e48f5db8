"""`pointstream profile release`: let a profile go on that was stopped after an error."""

import json
from typing import Final

import click

from streams.errors import DONE
from streams.settings import setting

_WAIT_SECONDS: Final = 10


@click.group(short_help="Let a stopped profile go on.")
def command() -> None:
    """A profile at which an exception was met is stopped, and its later records wait. `release` lets it go on."""


@command.command(
    short_help="Let a stopped profile go on.",
    epilog="Example: pointstream profile release p-1043 --broker kafka://127.0.0.1:9092",
)
@click.argument("profile_id", metavar="ID")
@setting("--broker", required=True, metavar="URL", help="kafka://HOST:PORT[,HOST:PORT]")
@setting(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(0, 3_600),
    default=_WAIT_SECONDS,
    metavar="SECONDS",
    help="Wait so long for a worker to follow; 0 does not wait.",
)
@setting("--json", "as_json", is_flag=True, help="Print what became of it, for a machine.")
def release(*, profile_id: str, broker: str, wait_seconds: float, as_json: bool) -> int:
    """Let the stopped profile ID go on: what has waited for it is applied, in order of arrival.

    Put right first what stopped it, else it stops again. A profile that is not stopped stays as it is. The record that failed is
    put back by `pointstream dead-letters replay --reason internal-error`.
    """
    from schemas.records import check_profile_id
    from streams.errors import WrongUsage
    from streams.release import release as send

    wrong = check_profile_id(profile_id)
    if wrong is not None:
        raise WrongUsage(wrong)
    released = send(broker, profile_id, wait_seconds)
    place = f"partition {released.partition}"
    if as_json:
        click.echo(json.dumps(released._asdict()))
    elif released.applied:
        click.echo(f"the worker of {place} has released it", err=True)
    elif wait_seconds:
        click.echo(f"no worker has taken it within {wait_seconds:g} s: it is released when one applies {place}", err=True)
    else:
        click.echo(f"it is released when a worker applies {place}", err=True)
    return DONE
