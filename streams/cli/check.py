"""`pointstream check`: run check files, a line a test; 0 all passed, 1 one failed, 2 a file is wrong."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from streams.errors import DONE, FOUND_WRONG, WRONG_USAGE
from streams.settings import Named, setting

if TYPE_CHECKING:
    from streams.check.run import FileResult, Result

_COLOURS: Final = {"+": "red", "-": "green", "~": "yellow", "=": "bright_black"}


@click.command(short_help="Run check files: unit tests for a program.")
@click.argument("files", nargs=-1, required=True, type=Named(what="a file", path_type=Path), metavar="FILE...")
@setting("--json", "as_json", is_flag=True, help="Print the results for a machine: {tests: [{file, name, passed, message}]}.")
def command(files: tuple[Path, ...], as_json: bool) -> int:
    """Run check files: unit tests for a program, with no broker.

    Prints a line a test, and what was expected and what came where one fails. Ends with 0 if all passed, 1 if a test failed,
    2 if a file is wrong.
    """
    started = time.monotonic()
    checked = []
    for path in files:
        checked.append(_checked(path))
        if not as_json:
            _print(checked[-1])
    if as_json:
        click.echo(json.dumps(_for_machines(checked), ensure_ascii=False, indent=2))
    else:
        _sum_up(checked, time.monotonic() - started)
    for file in checked:
        for fault in file.faults:
            click.echo(f"pointstream: {fault}", err=True)
    if any(file.faults for file in checked):
        return WRONG_USAGE
    return DONE if all(result.passed for file in checked for result in file.results) else FOUND_WRONG


def _checked(path: Path) -> "FileResult":
    """What became of a file. One that cannot be read is wrong like any other, and keeps nobody from the next."""
    from schemas.program_faults import Fault
    from streams.check.run import FileResult, check_file

    try:
        return check_file(path)
    except OSError as error:
        return FileResult(str(path), [], [Fault(str(path), 0, "", error.strerror or str(error))], [])


def _print(file: "FileResult") -> None:
    for result in file.results:
        _print_result(result)
    if file.not_in_force:
        click.secho(f"{file.file}: not in force yet: {', '.join(file.not_in_force)}", fg="yellow")


def _print_result(result: "Result") -> None:
    from schemas.instants import printable

    word = click.style("ok  ", fg="green") if result.passed else click.style("FAIL", fg="red", bold=True)
    click.echo(f"{word} {result.file}: {printable(result.name)}")
    for line in map(printable, result.message.splitlines()):
        colour = _COLOURS.get(line.strip()[:1])
        click.echo(click.style(f"       {line}", fg=colour) if colour else f"       {line}")


def _sum_up(checked: "list[FileResult]", seconds: float) -> None:
    results = [result for file in checked for result in file.results]
    passed = sum(result.passed for result in results)
    words = [f"{passed} passed", f"{len(results) - passed} failed"]
    if wrong := sum(bool(file.faults) for file in checked):
        words.append(f"{wrong} {'file' if wrong == 1 else 'files'} wrong")
    click.secho(f"{', '.join(words)} in {seconds:.2f} s", bold=True)


def _for_machines(checked: "list[FileResult]") -> dict[str, object]:
    return {
        "tests": [result._asdict() for file in checked for result in file.results],
        "faults": [fault._asdict() for file in checked for fault in file.faults],
        "not_in_force": {file.file: file.not_in_force for file in checked if file.not_in_force},
    }
