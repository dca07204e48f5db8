"""`pointstream dead-letters`: what was refused, and how it is put back once the cause is mended."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from heapq import nlargest
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from schemas.outcomes import REASONS
from streams.cli.broker import to_broker
from streams.cli.process import width
from streams.errors import DONE, FOUND_WRONG
from streams.settings import ManyValues, Time, setting

if TYPE_CHECKING:
    from rich.table import Table

    from streams.brokers import Cluster
    from streams.dead_letters.letters import Foreign, Letter
    from streams.dead_letters.put_back import PutBack

_SHOWN_MAX: Final = 10
_WIDTH: Final = 180  # where there is no terminal to ask
_KEY_SHOWN: Final = 128
_STOPPED: Final = ("internal-error", "profile-stopped")
_Command = TypeVar("_Command", bound=Callable[..., Any])


def _which(command: _Command) -> _Command:
    """The settings that say which dead letters."""
    for option in (
        setting("--since", type=Time(), metavar="TIME", show_default="the beginning", help="Refused then or later."),
        setting(
            "--reason",
            "reasons",
            multiple=True,
            type=click.Choice(REASONS),
            metavar="REASON...",
            show_default="all",
            help="Only these; docs/dead-letters.md explains each.",
        ),
        to_broker(),
    ):
        command = option(command)
    return command


@click.group(short_help="What was refused, and putting it back.")
def command() -> None:
    """Records that could not be used lie in the topic dead-letters: `list` shows them, `replay` puts them back."""


@command.command(
    "list",
    short_help="Show what was refused, and why.",
    cls=ManyValues,
    many=("--reason",),
    epilog="Example: pointstream dead-letters list --broker kafka://127.0.0.1:9092 --reason unknown-application --since 2026-03-01T00:00:00Z",
)
@_which
@setting("--limit", default=50, type=click.IntRange(0), metavar="N", help="Show the newest N; 0 shows all.")
@setting("--json", "as_json", is_flag=True, help="Print them for a machine, with their values.")
def list_letters(*, broker: "Cluster", reasons: tuple[str, ...], since: int | None, limit: int, as_json: bool) -> int:
    """Show the dead letters of a broker, oldest first, and how many there are of each reason.

    A record of the topic that is no dead letter is told, passed over, and ends it with 1.
    """
    from streams.dead_letters.letters import Foreign, Wanted, letters

    counts: Counter[str] = Counter()
    foreign: list[Foreign] = []

    def counted() -> "Iterator[Letter]":
        for letter in letters(broker, Wanted(reasons, since), foreign.append):
            counts[letter.letter.reason] += 1
            yield letter

    shown = nlargest(limit, counted(), key=attrgetter("at")) if limit else counted()
    in_order = sorted(shown, key=attrgetter("at", "partition", "offset"))
    if as_json:
        told = [_for_machines(letter) for letter in in_order]
        figures = {"count": counts.total(), "reasons": dict(sorted(counts.items()))}
        click.echo(json.dumps({"dead_letters": told, **figures, "passed_over": [each._asdict() for each in foreign]}, indent=2))
        return FOUND_WRONG if foreign else DONE
    if in_order:
        from rich.console import Console

        from streams.cli.plain import Plain

        Console(width=width(_WIDTH), highlight=False).print(Plain(_table(in_order)))
    more = f", the newest {len(in_order):,} of them above" if len(in_order) < counts.total() else ""
    click.echo(
        f"{counts.total():,} dead letters{more}" + "".join(f"; {reason} {n:,}" for reason, n in sorted(counts.items())), err=True
    )
    _print_foreign("list", foreign)
    return FOUND_WRONG if foreign else DONE


@command.command(
    short_help="Put refused records back to their topics.",
    cls=ManyValues,
    many=("--reason",),
    epilog="Example: pointstream dead-letters replay --broker kafka://127.0.0.1:9092 --reason unknown-application --dry-run",
)
@_which
@setting("--dry-run", is_flag=True, help="Say what would be put back, and send nothing.")
@setting("--json", "as_json", is_flag=True, help="Print what became of them, for a machine.")
def replay(*, broker: "Cluster", reasons: tuple[str, ...], since: int | None, dry_run: bool, as_json: bool) -> int:
    """Put refused records back to their input topics, with key and value exactly as they came.

    Mend the cause first, else they are refused again. Putting back twice is safe: what has been counted is a duplicate. What cannot be put
    back is said with the reason, and ends it with 1: a value that was cut, a person who was erased, what did not arrive, and a record of
    the topic that is no dead letter.
    """
    from streams.dead_letters.letters import Foreign, Wanted, letters
    from streams.dead_letters.put_back import PutBack, put_back

    told: list[dict[str, Any]] = []
    foreign: list[Foreign] = []
    done = PutBack()

    def tell(letter: "Letter", why: str) -> None:
        told.append({"at": letter.place, "reason": letter.letter.reason, "why": why})
        if not as_json and len(told) <= _SHOWN_MAX:
            click.echo(f"pointstream: dead-letters replay: {letter.place} ({letter.letter.reason}) is left out: {why}", err=True)

    def sum_up() -> None:
        if as_json:
            figures = {name: getattr(done, name) for name in ("put_back", "alike", "left_out", "failed")}
            by = {"topics": dict(sorted(done.topics.items())), "reasons": dict(sorted(done.reasons.items()))}
            passed_over = [each._asdict() for each in foreign]
            shown = {**figures, **by, "dry_run": dry_run, "not_put_back": told, "passed_over": passed_over}
            click.echo(json.dumps(shown, indent=2))
        else:
            _print(done, len(told), dry_run=dry_run)
            _print_foreign("replay", foreign)

    try:
        put_back(broker, letters(broker, Wanted(reasons, since), foreign.append), done, tell, dry_run=dry_run)
    except BaseException:
        if done.begun:  # what has been put back has been, whatever came then
            sum_up()
        raise
    sum_up()
    return FOUND_WRONG if done.failed or done.left_out or foreign else DONE


def _print(done: "PutBack", told: int, *, dry_run: bool) -> None:
    if told > _SHOWN_MAX:
        click.echo(f"pointstream: and {told - _SHOWN_MAX:,} more", err=True)
    parts = [f"{done.put_back:,} records {'would be' if dry_run else 'were'} put back"]
    if done.topics:
        parts[0] += " (" + ", ".join(f"{topic} {count:,}" for topic, count in sorted(done.topics.items())) + ")"
    parts += [f"{done.alike:,} letters were of a record among them"] if done.alike else []
    parts += [f"{done.left_out:,} left out"] if done.left_out else []
    parts += [f"{done.failed:,} did not arrive"] if done.failed else []
    click.echo(", ".join(parts), err=True)
    if any(done.reasons[reason] for reason in _STOPPED):
        click.echo("those of a stopped profile wait until `pointstream profile release ID` lets it go on", err=True)


def _print_foreign(name: str, foreign: "list[Foreign]") -> None:
    for each in foreign[:_SHOWN_MAX]:
        click.echo(f"pointstream: dead-letters {name}: {each}", err=True)
    if len(foreign) > _SHOWN_MAX:
        click.echo(f"pointstream: and {len(foreign) - _SHOWN_MAX:,} more", err=True)


def _table(letters: Iterable["Letter"]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    from schemas.instants import format_instant

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("refused", "reason", "field", "topic", "partition", "offset", "key", "message"):
        table.add_column(name, overflow="fold", justify="right" if name in {"partition", "offset"} else "left")
    for each in letters:
        letter = each.letter
        cells = (
            format_instant(each.at)[:19].replace("T", " "),
            letter.reason,
            letter.field or "",
            letter.topic or "",
            str(letter.partition),
            str(letter.offset),
            _beginning(letter.key or ""),
            letter.message,
        )
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _beginning(text: str) -> str:
    """A profile's id is never longer; a key that is none may be."""
    return text if len(text) <= _KEY_SHOWN else f"{text[:_KEY_SHOWN]}…"


def _for_machines(each: "Letter") -> dict[str, Any]:
    import msgspec

    from schemas.events import encode
    from schemas.instants import format_instant

    letter: dict[str, Any] = msgspec.json.decode(encode(each.letter))
    return {"refused_at": format_instant(each.at), "dead_letter": {"partition": each.partition, "offset": each.offset}, **letter}
