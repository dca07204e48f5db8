"""`pointstream publish`: program files into the topic from which the workers of a fleet take them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.cli.broker import to_broker
from streams.errors import DONE
from streams.settings import setting

if TYPE_CHECKING:
    from streams.brokers import Cluster
    from streams.published.rules import Offer, Plan
    from streams.published.versions import Versions


@click.command(short_help="Put program files in force in a fleet of workers.")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[FILE|DIR]...")
@to_broker()
@setting(
    "--late", is_flag=True, help="Also what begins before what the workers have settled: late records are judged by it then."
)
@setting("--dry-run", is_flag=True, help="Say what would be published, and publish nothing.")
@setting(
    "--without",
    multiple=True,
    metavar="PATH",
    show_default="nothing",
    help="Run it without this part, which is not in force yet.",
)
@setting("--list", "listed", is_flag=True, help="Print what is published.")
@setting("--json", "as_json", is_flag=True, help="Print it for a machine.")
def command(
    *,
    paths: tuple[Path, ...],
    broker: "Cluster",
    late: bool,
    dry_run: bool,
    without: tuple[str, ...],
    listed: bool,
    as_json: bool,
) -> int:
    """Check program files beside what is published, and publish those that are new; running workers take them at once.

    A version begins later than what the workers have settled, or it needs --late. Until then another text may take its place. Nothing
    is published where anything is wrong: every fault is told, by file, line and path, and it ends with 2.
    """
    from streams.published.run import publish, read, sources

    if listed:
        if paths:
            raise click.UsageError("--list shows what is published; it takes no files")
        _list(read(broker), as_json=as_json)
        return DONE
    if not paths:
        raise click.UsageError("name program files, or folders of them, or --list")
    planned = publish(broker, sources(paths), late=late, without=without, dry_run=dry_run)
    if as_json:
        told = {
            "published": [_told(offer) for offer in planned.new],
            "there": [_told(offer) for offer in planned.there],
            "dry_run": dry_run,
        }
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _print(planned, dry_run=dry_run)
    return DONE


def _print(planned: "Plan", *, dry_run: bool) -> None:
    from schemas.instants import format_instant

    new = {offer.identity for offer in planned.new}
    for versions in planned.catalog.programs.values():
        for version in versions:
            if (version.program, version.effective_from) in new:
                for warning in version.warnings:
                    click.secho(f"warning: {warning}", fg="yellow")
    for offer in planned.new:
        word = "would publish" if dry_run else "published"
        instead = "" if offer.replaces is None else ", in place of an earlier text"
        click.echo(
            f"{click.style(word, fg='green')} {offer.identity.program} from {format_instant(offer.identity.effective_from)} "
            f"({offer.published.file}){instead}"
        )
    for offer in planned.there:
        click.echo(
            f"there already: {offer.identity.program} from {format_instant(offer.identity.effective_from)} ({offer.published.file})"
        )


def _told(offer: "Offer") -> dict[str, Any]:
    from schemas.instants import format_instant

    return {
        "program": offer.identity.program,
        "effective_from": format_instant(offer.identity.effective_from),
        "file": offer.published.file,
        "key": offer.key,
        "replaces": None if offer.replaces == offer.key else offer.replaces,
    }


def _list(versions: "Versions", *, as_json: bool) -> None:
    from schemas.instants import format_instant, printable

    rows: list[dict[str, Any]] = [
        {
            "program": identity.program,
            "effective_from": format_instant(identity.effective_from),
            "file": versions.texts[key].file,
            "late": versions.texts[key].late,
            "without": list(versions.texts[key].without),
            "key": key,
            "text": versions.texts[key].text,
        }
        for identity, key in sorted(versions.current.items())
    ]
    if as_json:
        click.echo(json.dumps({"offset": versions.offset, "programs": rows}, ensure_ascii=False, indent=2))
        return
    for row in rows:
        marks = "".join([", late" if row["late"] else "", f", without {', '.join(row['without'])}" if row["without"] else ""])
        click.echo(
            f"{click.style(str(row['program']), bold=True)}  from {row['effective_from']} ({printable(row['file'])}{marks})"
        )
    if not rows:
        click.echo("nothing is published")
