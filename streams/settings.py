"""How a setting reaches a command: a flag, else `POINTSTREAM_<NAME>`, else a default, and `--help` shows all three.

One helper, so that no flag can be forgotten in the environment or in the help; and the kinds of value that the flags take
(sizes, times, rates). Never reads a file and keeps no global state: what a command got, it hands on as arguments.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

PREFIX: Final = "POINTSTREAM"
_Command = TypeVar("_Command", bound=Callable[..., Any])
_SIZE = re.compile(r"(\d{1,15})\s*(B|KiB|MiB|GiB|KB|MB|GB)?", re.IGNORECASE)
LEAST_MEMORY: Final = 2**20
_MOST_MEMORY: Final = 2**44  # more than any machine has, and no more than RocksDB can be told
PORT_MAX: Final = 65_535
_UNITS: Final = {"b": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "kb": 10**3, "mb": 10**6, "gb": 10**9}


def setting(flag: str, *names: str, **rest: Any) -> Callable[[_Command], _Command]:
    """A flag `--flag` that is also `POINTSTREAM_FLAG`; the rest is what `click.option` takes."""
    variable = f"{PREFIX}_{flag.removeprefix('--').partition('/')[0].replace('-', '_').upper()}"
    return click.option(flag, *names, envvar=variable, show_envvar=True, **{"show_default": True, **rest})


def gives_way(name: str, to: str) -> bool:
    """Of two settings of the running command that exclude each other: whether this one is the environment's, and the other a flag."""
    source = click.get_current_context().get_parameter_source
    return source(name) is ParameterSource.ENVIRONMENT and source(to) is ParameterSource.COMMANDLINE


class Size(click.ParamType):
    """Bytes of memory: `512MiB`, `1GiB`, `300000000`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = _SIZE.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is not a size; write 512MiB or 1GiB", param, ctx)
        size = int(found[1]) * _UNITS[(found[2] or "B").lower()]
        if not LEAST_MEMORY <= size <= _MOST_MEMORY:
            self.fail(f"{value!r} is not in the range {LEAST_MEMORY // 2**20}MiB to {_MOST_MEMORY // 2**30}GiB", param, ctx)
        return size


class Finite(click.FloatRange):
    """A number in a range, which `nan` is not, though it compares with nothing, and `inf` neither."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{number} is not in the range {self._describe_range()}", param, ctx)
        return number


class Time(click.ParamType):
    """An instant: RFC 3339 with an offset, as in the records. Gives microseconds since 1970."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from schemas.instants import parse_instant

        if isinstance(value, int):
            return value
        try:
            return parse_instant(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time with an offset; write 2024-12-31T00:00:00Z", param, ctx)


class Named(click.Path):
    """A path that has a name: an empty one, as of a shell's variable that is not set, would be the current directory."""

    def __init__(self, *, what: str = "a folder", **path: Any) -> None:
        """`what` it names; the rest is what `click.Path` takes."""
        super().__init__(**path)
        self._what = what

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail(f"it is empty; name {self._what}", param, ctx)
        return super().convert(value, param, ctx)


class Name(click.ParamType):
    """A name that is one: an empty one, likewise, would be nobody's, or everybody's alike."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not str(value).strip():
            self.fail("it is empty; say a name, or leave the flag out", param, ctx)
        return str(value)


class ProfileId(click.ParamType):
    """The id of a profile, by the bounds that hold for records."""

    name = "profile id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from schemas.records import check_profile_id

        try:
            wrong = check_profile_id(str(value))
        except UnicodeEncodeError:  # bytes that are no text come as halves of pairs
            wrong = "profile_id is not UTF-8"
        if wrong is not None:
            self.fail(f"{value!r}: {wrong}", param, ctx)
        return str(value)


class ManyValues(click.Command):
    """A command whose options named in `many` take all values up to the next flag: `--input a.jsonl b.jsonl`.

    So that the shell's own `--input day-*.jsonl` works; saying the flag several times works too. Only for commands without
    positional arguments.
    """

    def __init__(self, *args: Any, many: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._many = frozenset(many)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spread: list[str] = []
        current, taken = "", 0
        for argument in args:
            if argument.startswith("-") and argument != "-":
                current, taken = argument, 0
            elif current in self._many:
                taken += 1
                if taken > 1:
                    spread.append(current)
            spread.append(argument)
        return super().parse_args(ctx, spread)
