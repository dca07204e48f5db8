"""`pointstream`: the list of commands, and the one place where an error becomes a line and an exit code.

A command's file is imported when the command is asked for, and imports what it needs when it runs, so that `--help` is there
at once and a machine without a broker's client can still check a program file. Every command returns its exit code (0 done,
1 something is wrong in the data, 2 wrong usage or configuration); an error is one line on standard error. Ctrl-C gives 130, SIGTERM 143
and a terminal that is closed 129; a reader that leaves before all is said (`| head`) 141.
"""

import importlib
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from streams.cli.process import (
    READER_LEFT,
    asked_to_end,
    exit_code,
    let_go_of_output,
    occupy_closed_streams,
    print_what_cannot_be_encoded,
)
from streams.errors import WRONG_USAGE, Stop, WrongFiles

_COMMANDS: Final = {
    "demo": "demo",
    "worker": "worker",
    "replay": "replay",
    "ledger": "ledger",
    "segment": "segment",
    "check": "check",
    "validate": "validate",
    "schema": "schema",
    "produce": "produce",
    "topics": "topics",
    "publish": "publish",
    "audit": "audit",
    "dead-letters": "dead_letters",
    "profile": "profile",
    "export": "export",
    "state-hash": "state_hash",
}
_PACKAGES: Final = ("agents", "tables", "schemas")


class _Commands(click.Group):
    """The commands in the order in which one meets them, each imported on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"streams.cli.{_COMMANDS[cmd_name]}").command
        return command


def _version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import PackageNotFoundError, version

        try:
            number = version("pointstream")
        except PackageNotFoundError:
            number = "(not installed: run from its source)"
        click.echo(f"pointstream {number}, {_core()}")
        ctx.exit()


def _core() -> str:
    """How the core runs here, and from where."""
    spec = importlib.util.find_spec("agents.core")
    place = "" if spec is None else spec.origin or ""
    compiled = place.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES))
    return f"{'compiled' if compiled else 'pure Python'} ({Path(place).parent.parent})"


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Every setting is a flag, else POINTSTREAM_<FLAG> in the environment, else its default; COMMAND --help shows all three. "
    "Exit codes: 0 done, 1 something is wrong in the data, 2 wrong usage or configuration.",
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version and exit.")
@click.pass_context
def group(ctx: click.Context) -> int:
    """A loyalty points ledger as a stream processor: receipts in, points out, exactly once."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        return WRONG_USAGE
    return 0


def run(arguments: Sequence[str], commands: click.Group = group) -> int:
    """Run a command line (without the program's name); the exit code. Prints, and never raises but for the interpreter's end."""
    with asked_to_end(arguments) as asked:
        try:
            return _run(arguments, commands, asked)
        except KeyboardInterrupt:
            return exit_code(asked)


def _run(arguments: Sequence[str], commands: click.Group, asked: Sequence[int]) -> int:
    try:
        _refuse_shadowed()
        colour = False if os.environ.get("NO_COLOR") else None  # None: as the terminal is
        code = commands.main(args=list(arguments), prog_name="pointstream", standalone_mode=False, color=colour)
    except click.Abort:
        return exit_code(asked)
    except click.exceptions.NoArgsIsHelpError as error:  # a group without one of its commands: its help is the answer
        click.echo(error.ctx.get_help(), err=True)
        return WRONG_USAGE
    except click.ClickException as error:
        return _say(_where(error) + error.format_message().rstrip("."), WRONG_USAGE)
    except WrongFiles as error:
        for line in error.lines:
            _tell(line)
        return _say(error.message, error.exit_code)
    except Stop as error:
        return _say(error.message, error.exit_code)
    except SystemExit as end:
        if isinstance(
            end.__context__, BrokenPipeError
        ):  # click's end for a reader that has left, with a code that says something else
            return _reader_left()
        raise
    except OSError as error:  # a terminal that is gone takes no last word either
        return exit_code(asked) if asked else _say(_of_system(error), WRONG_USAGE)
    except SystemError as error:  # a call of the broker's client that is interrupted may end so, and tell nothing of why
        return exit_code(asked) if asked else _say(_internal(error), WRONG_USAGE)
    except Exception as error:  # noqa: BLE001  the last line of defence: a person gets a sentence, a developer the variable
        return _say(_internal(error), WRONG_USAGE)
    return code if isinstance(code, int) else 0


def main() -> None:
    """What the console script (`streams.cli.entry`) goes on with."""
    occupy_closed_streams()
    print_what_cannot_be_encoded()
    code = run(sys.argv[1:])
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:  # all is done, and only the last words are not heard
        let_go_of_output()
    except OSError as error:
        let_go_of_output()
        code = _say(f"standard output: {_of_system(error)}", WRONG_USAGE)
    sys.exit(code)


def _say(message: str, code: int) -> int:
    _tell("pointstream: " + " ".join(message.split()))
    return code


def _tell(line: str) -> None:
    with suppress(OSError):  # a standard error that takes no more changes no exit code
        click.echo(line, err=True)


def _where(error: click.ClickException) -> str:
    """`replay: `, and for wrong usage where the help is."""
    context: click.Context | None = getattr(error, "ctx", None)
    names: list[str] = []
    while context is not None and context.parent is not None:
        names.insert(0, str(context.info_name))
        context = context.parent
    return f"{' '.join(names)}: " if names else ""


def _of_system(error: OSError) -> str:
    what = error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename else what


def _internal(error: Exception) -> str:
    if os.environ.get("POINTSTREAM_TRACEBACK"):
        import traceback

        traceback.print_exc()
    place = ""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f" ({Path(code.co_filename).name}:{trace.tb_lineno}, {code.co_name})"
        trace = trace.tb_next
    return f"internal error: {type(error).__name__}: {error}{place}; POINTSTREAM_TRACEBACK=1 shows how it came about"


def _reader_left() -> int:
    """Whoever read our output has closed it (`| head`): end quietly, and with no word about the data."""
    let_go_of_output()
    return READER_LEFT


def _refuse_shadowed() -> None:
    """Our packages have plain names; another distribution with one of them in the same environment would be imported instead."""
    home = Path(__file__).resolve().parents[2]
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise Stop(f"the package {name!r} of pointstream is missing; install pointstream into an environment of its own")
        found = [Path(place).resolve() for place in spec.submodule_search_locations or ()]
        if home / name not in found:
            where = found[0] if found else spec.origin
            raise Stop(
                f"the package {name!r} is shadowed by another one at {where}; install pointstream into an environment of its own"
            )
