"""Plain: what people and tills wrote is shown by a terminal, and never obeyed. A key or a receipt's number may hold anything."""

import re
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment

_ORDERS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal may take for an order, and marks that turn the direction of writing. Line ends are the table's own by then."""
_INSTEAD: Final = "\N{REPLACEMENT CHARACTER}"


class Plain:
    """The same, with a mark in the place of each character that no terminal should see."""

    def __init__(self, inside: RenderableType) -> None:
        self._inside = inside

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for text, style, control in console.render(self._inside, options):
            yield Segment(_ORDERS.sub(_INSTEAD, text), style, control)
