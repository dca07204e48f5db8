"""`pointstream profile`: let a profile go on that was stopped, or stop one."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import click

from streams.cli.broker import to_broker
from streams.errors import DONE
from streams.settings import Finite, ProfileId, setting

if TYPE_CHECKING:
    from streams.brokers import Cluster


_WAIT_SECONDS: Final = 10
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _settings(command: _Command) -> _Command:
    for option in (
        setting("--json", "as_json", is_flag=True, help="Print what became of it, for a machine."),
        setting(
            "--wait",
            "wait_seconds",
            type=Finite(0, 3_600),
            default=_WAIT_SECONDS,
            metavar="SECONDS",
            help="Wait so long for a worker to follow; 0 does not wait.",
        ),
        to_broker(),
        click.argument("profile_id", metavar="ID", type=ProfileId()),
    ):
        command = option(command)
    return command


@click.group(short_help="Let a stopped profile go on, or stop one.")
def command() -> None:
    """A profile at which an exception was met is stopped: its later records wait, and nothing of it falls due, until it is released."""


@command.command(
    short_help="Let a stopped profile go on.",
    epilog="Example: pointstream profile release p-1043 --broker kafka://127.0.0.1:9092",
)
@_settings
def release(*, profile_id: str, broker: "Cluster", wait_seconds: float, as_json: bool) -> int:
    """Let the stopped profile ID go on: what has waited for it is applied, in order of arrival.

    Put right first what stopped it, else it stops again. A profile that is not stopped stays as it is. The record that failed is
    put back by `pointstream dead-letters replay --reason internal-error`.
    """
    return _order("release", profile_id, broker, wait_seconds, as_json=as_json)


@command.command(
    short_help="Stop a profile until it is released.",
    epilog="Example: pointstream profile stop p-1043 --broker kafka://127.0.0.1:9092",
)
@_settings
def stop(*, profile_id: str, broker: "Cluster", wait_seconds: float, as_json: bool) -> int:
    """Stop the profile ID, as an error would: its records wait (at most 1,000) and nothing of it falls due, until it is released.

    For one of whom the books do not hold, while somebody looks. A profile that is not known stays unknown.
    """
    return _order("stop", profile_id, broker, wait_seconds, as_json=as_json)


def _order(what: Literal["stop", "release"], profile_id: str, broker: "Cluster", wait_seconds: float, *, as_json: bool) -> int:
    from streams.orders import order

    ordered = order(broker, what, profile_id, wait_seconds)
    place = f"partition {ordered.partition}"
    if as_json:
        click.echo(json.dumps(ordered._asdict()))
    elif ordered.applied:
        click.echo(f"the worker of {place} has followed: {what}", err=True)
    elif wait_seconds:
        click.echo(f"no worker has followed within {wait_seconds:g} s; the next one of {place} will: {what}", err=True)
    else:
        click.echo(f"the worker of {place} will follow: {what}", err=True)
    return DONE
