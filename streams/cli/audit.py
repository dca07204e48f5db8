"""`pointstream audit`: check the books from the ledger's entries alone; 0 they hold, 1 they do not."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli.broker import to_broker
from streams.errors import DONE, FOUND_WRONG
from streams.settings import PORT_MAX, ManyValues, Named, Size, gives_way, setting

if TYPE_CHECKING:
    from streams.audit.auditor import Found
    from streams.audit.run import Audited, Place
    from streams.brokers import Cluster


@click.command(
    short_help="Check the books from the ledger's entries alone.",
    cls=ManyValues,
    many=("--input",),
    epilog="Examples: pointstream audit --broker kafka://127.0.0.1:9092 --follow --state var/audit --metrics-port 9101; "
    "pointstream audit --input var/replayed/ledger-entries.jsonl",
)
@to_broker(required=False, address="kafka://HOST:PORT[,HOST:PORT]: the topic ledger-entries there.", show_default="none")
@setting(
    "--input",
    "inputs",
    multiple=True,
    type=click.Path(allow_dash=True),
    metavar="FILE...",
    show_default="none",
    help="In place of a broker: ledger-entries.jsonl of a replay, of several runs in order; - is standard input.",
)
@setting("--follow", is_flag=True, help="Run on: tell each violation, count it and go on, until asked to end.")
@setting(
    "--state",
    type=Named(path_type=Path, file_okay=False),
    metavar="DIR",
    show_default="a temporary one, removed at the end",
    help="Keep there what is known; a later run with the same directory goes on from it.",
)
@setting("--stop-profiles", is_flag=True, help="With --follow and --state: stop each profile by which the books do not hold.")
@setting("--memory", default="256MiB", type=Size(), help="What is known of profiles may take so much; the rest lies on disk.")
@setting("--metrics-port", type=click.IntRange(1, PORT_MAX), metavar="PORT", show_default="none", help="Serve /metrics there.")
@setting("--metrics-address", default="0.0.0.0", metavar="ADDRESS", help="Of which address; :: is every one of IPv6.")  # noqa: S104  # as the worker's
@setting("--json", "as_json", is_flag=True, help="Print violations and the sum on standard output, a JSON object a line.")
def command(
    *,
    broker: "Cluster | None",
    inputs: tuple[str, ...],
    follow: bool,
    state: Path | None,
    stop_profiles: bool,
    memory: int,
    metrics_port: int | None,
    metrics_address: str,
    as_json: bool,
) -> int:
    """Add the ledger's entries up again, and check that each is what the one before it and its own points make.

    In every entry: the invariant, the numbers without a gap, each term of the balance by what this type of entry may change, what
    each lot holds, and that an id does not come again with other content. It shares no code with the ledger. Ends with 1 at the
    first violation, with 0 at the end of the topic as it was when it began.
    """
    from streams.audit.run import AuditSettings, audit_files, audit_topic
    from streams.replay.lines import check_readable

    broker = None if gives_way("broker_address", to="inputs") else broker
    inputs = () if gives_way("inputs", to="broker_address") else inputs
    if (broker is None) == (not inputs):
        raise click.UsageError("name either --broker or --input")
    if inputs and (follow or metrics_port is not None):
        raise click.UsageError("--follow and --metrics-port go with --broker")
    if stop_profiles and not (follow and state):
        raise click.UsageError("--stop-profiles goes with --follow and --state: else old violations would stop profiles again")
    stop = _stop(broker) if broker and stop_profiles else None
    settings = AuditSettings(state, memory, follow, metrics_port, stop, _say, metrics_address)

    def tell(place: "Place", found: "Found") -> None:
        if as_json:
            click.echo(json.dumps({"violation": _without_none(found), "at": _without_none(place)}))
        else:
            _say(f"{place}: {found}")

    if broker is None:
        check_readable(inputs)
        audited = audit_files(inputs, settings, tell)
    else:
        audited = audit_topic(broker, settings, tell, _asked_to_end if follow else lambda: lambda: False)
    if as_json:
        click.echo(json.dumps(_sum(audited)))
    else:
        _print(audited, follow=follow)
    return FOUND_WRONG if audited.violations else DONE


def _say(sentence: str) -> None:
    """A record of the topic may hold anything, and what is wrong with it is said with words of its own."""
    from schemas.instants import printable

    click.echo(f"pointstream: audit: {printable(sentence)}", err=True)


def _stop(broker: "Cluster") -> Callable[[bytes], None]:
    """How a profile is ordered to stop; the worker that owns it follows."""
    from streams.orders import order

    def stop(key: bytes) -> None:
        order(broker, "stop", key.decode(errors="replace"), 0)

    return stop


def _asked_to_end() -> Callable[[], bool]:
    """From now on, whether SIGTERM or Ctrl-C has come: what is checked is kept before it ends."""
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _frame: asked.append(got))
    return lambda: bool(asked)


def _without_none(told: Any) -> dict[str, Any]:
    return {name: value for name in told.__struct_fields__ if (value := getattr(told, name)) is not None}


def _sum(audited: "Audited") -> dict[str, Any]:
    found = {
        "entries": audited.entries,
        "repeated": audited.repeated,
        "violations": audited.violations,
        "behind": audited.behind,
        "seconds": round(audited.seconds, 3),
    }
    return found | {"earlier": audited.earlier, "earliest": audited.earliest} if audited.earlier else found


def _print(audited: "Audited", *, follow: bool) -> None:
    told = f"{audited.entries:,} entries checked in {audited.seconds:.1f} s"
    if audited.repeated:
        told += f", {audited.repeated:,} of them told again"
    if audited.behind:
        told += f"; about {audited.behind:,} {'are still to check' if follow else 'have come since'}"
    click.echo(f"{told}: {_verdict(audited)}", err=True)


def _verdict(audited: "Audited") -> str:
    if not audited.violations:
        return "the books hold"
    found = f"{audited.violations:,} violation{'s' if audited.violations > 1 else ''}"
    if audited.earlier:
        found += f", {'all' if audited.earlier == audited.violations else f'{audited.earlier:,}'} found by earlier runs"
        if audited.earliest is not None:
            found += f"; the first of all: {audited.earliest}"
    return found
