"""`pointstream demo`: everything at once, shown."""

from pathlib import Path

import click

from streams.settings import Named, setting


@click.command(short_help="Everything at once, shown in the terminal.")
@setting("--forever", is_flag=True, help="Run on until Ctrl-C; else it ends by itself with a summary.")
@setting("--seed", type=int, default=7, help="Another seed, other receipts.")
@setting("--receipts", type=click.IntRange(min=1), show_default="what a minute holds", help="Stop after so many receipts.")
@setting("--plain", is_flag=True, help="Lines instead of a picture, as where there is no terminal.")
@setting(
    "--svg", type=Named(what="a file", dir_okay=False, path_type=Path), metavar="FILE", help="Keep the last picture as an SVG."
)
@setting("--crash", is_flag=True, help="Kill -9 the worker half-way and start it again; the figures still add up.")
@setting("--json", "as_json", is_flag=True, help="Print the summary for a machine.")
def command(*, forever: bool, seed: int, receipts: int | None, plain: bool, svg: Path | None, crash: bool, as_json: bool) -> int:
    """Show everything at once on the embedded broker: a till feed, a worker, live figures, a summary that adds up.

    Ends with 0 if the figures add up and 1 if they do not.
    """
    from streams.demo.run import DemoSettings, run_demo

    return run_demo(DemoSettings(seed, receipts, forever, plain, svg, as_json, crash))
