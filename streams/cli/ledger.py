"""`pointstream ledger`: one profile's ledger out of a replay's output, with where every point came from and went."""

import json
from pathlib import Path
from typing import Final

import click

from streams.cli.process import width
from streams.errors import DONE, FOUND_WRONG
from streams.settings import Name, Named, ProfileId, setting

_WIDTH: Final = 160  # where there is no terminal to ask


@click.command(short_help="Where a profile's points came from and went.")
@click.argument("profile_id", metavar="PROFILE", type=ProfileId())
@setting(
    "--output",
    multiple=True,
    required=True,
    type=Named(path_type=Path),
    metavar="DIR",
    help="The folder that `replay --output` wrote; its ledger-entries.jsonl is read. Several in order, where a run went on from another's state.",
)
@setting(
    "--program",
    type=Name(),
    metavar="NAME|PATH",
    show_default="all that the profile has entries in",
    help="Entries of this program only, by its name or its file.",
)
@setting("--lot", type=Name(), metavar="ID", show_default="all", help="This lot only; the beginning of its id will do.")
@setting("--entry", type=click.IntRange(min=1), metavar="NUMBER", show_default="all", help="This entry and its lots only.")
@setting("--json", "as_json", is_flag=True, help="Print it for a machine.")
def command(
    profile_id: str, output: tuple[Path, ...], program: str | None, lot: str | None, entry: int | None, as_json: bool
) -> int:
    """Show a profile's ledger: its entries with the running balance, and each lot with where it came from and went.

    Everything is read off the entries themselves and added up again. Ends with 1 where the profile (or what else was asked for)
    is not there, or where the sums show that something is missing.
    """
    from streams.provenance.entries import entries_of
    from streams.provenance.machines import as_json as for_machines
    from streams.provenance.machines import faults
    from streams.provenance.select import NothingThereError, Wanted, select
    from streams.provenance.trace import trace

    programs = trace(entry for folder in output for entry in entries_of(folder, profile_id))
    if not programs:
        click.echo(f"pointstream: ledger: {' '.join(map(str, output))} has no entry of a profile {profile_id}", err=True)
        return FOUND_WRONG
    try:
        shown = select(programs, Wanted(_names(program), lot, entry))
    except NothingThereError as error:
        click.echo(f"pointstream: ledger: {profile_id} has {error}", err=True)
        return FOUND_WRONG
    if as_json:
        click.echo(json.dumps(for_machines(profile_id, shown, programs), ensure_ascii=False, indent=2))
    else:
        from rich.console import Console

        from streams.cli.plain import Plain
        from streams.provenance.people import draw

        Console(width=width(_WIDTH), highlight=False).print(Plain(draw(profile_id, shown)))
    wrong = faults(programs)
    for fault in wrong:
        click.echo(f"pointstream: ledger: {fault}", err=True)
    return FOUND_WRONG if wrong else DONE


def _names(program: str | None) -> tuple[str, ...] | None:
    """A program's name; of a file or folder, as the other commands take, those that are in it."""
    if program is None or not Path(program).exists():
        return None if program is None else (program,)
    from streams.programs import read_programs

    return tuple(read_programs([Path(program)]).programs)
