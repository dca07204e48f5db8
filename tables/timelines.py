"""Time lines: what the fields of a profile held at any instant, and when a ledger was renewed, as long as a late record may ask.

Pure. A value holds from its instant on; None: the field was removed. Of two values of one instant the later arrival wins. A value
that arrives late takes its own place in the line and changes nothing of what was said for later.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from schemas.instants import EARLIEST, Instant
from tables.state import TimeLine

VALUES_MAX: Final = 256
BYTES_MAX: Final = 8_192
"""Of one field, all its values together. A profile's state is written with every change, as one message; beyond that the oldest values
are forgotten before their time."""


def value_at(line: TimeLine, at: Instant) -> Any:
    """The value at an instant; None where there was none."""
    found = None
    for since, value in line:
        if since > at:
            break
        found = value
    return found


def since_at(line: TimeLine, at: Instant) -> Instant:
    """Since when the value at an instant holds."""
    return max([since for since, _ in line if since <= at], default=EARLIEST)


def with_value(line: TimeLine, at: Instant, value: Any, before: Instant) -> TimeLine:
    """The line with one more value. What no instant from `before` on can ask for is forgotten."""
    earlier = [entry for entry in line if entry[0] < at]
    later = [entry for entry in line if entry[0] > at]
    entries = [*earlier, (at, value), *later]
    first = max([position for position, entry in enumerate(entries) if entry[0] <= before], default=0)
    first = max(first, len(entries) - VALUES_MAX)
    taken = sum([size_of(value) for _, value in entries[first:]])
    while taken > BYTES_MAX and first < len(entries) - 1:
        taken -= size_of(entries[first][1])
        first += 1
    return tuple(entries[first:])


def size_of(value: object) -> int:
    """About how many bytes a value takes; of what lies in it each takes one more, for there may be any number that are empty."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode())
    if isinstance(value, dict):
        return 1 + sum([2 + size_of(key) + size_of(inner) for key, inner in value.items()])
    if isinstance(value, list):
        return 1 + sum([1 + size_of(inner) for inner in value])
    return 1 + value.bit_length() // 8 if isinstance(value, int) else 1


def field_at(fields: Mapping[str, TimeLine], name: str, at: Instant) -> Any:
    """A field by its name; `address.city` is also the key `city` inside the field `address`: of the two what was said last."""
    line = fields.get(name)
    if "." not in name:
        return None if line is None else value_at(line, at)
    outer, *path = name.split(".")
    inside = fields.get(outer, ())
    if line is not None and since_at(inside, at) <= since_at(line, at):
        return value_at(line, at)
    whole = found = value_at(inside, at)
    for key in path:
        if not isinstance(found, dict) or key not in found:
            return None if line is None or whole is None else value_at(line, at)
        found = found[key]
    return found


# sliding expiry

Runs = tuple[tuple[Instant, Instant], ...]
"""Times in which something renewed a ledger again and again: first and last. Whatever was born within one lived at the next renewal
of it, so that the instants between need not be kept."""

RUNS_MAX: Final = 256
"""Of one ledger. Beyond that the two oldest are taken for one."""

Joined = Callable[[Instant, Instant], bool]
"""Whether all that was born from a renewal on lived at the next one, and by that lives no shorter."""


def renewed(runs: Runs, at: Instant, joined: Joined, before: Instant = EARLIEST) -> Runs:
    """Renewed at an instant, in whatever order. What ended before `before` is forgotten."""
    place = bisect_right(runs, at, key=_first)
    first = last = at
    start, end = place, place
    if start and (runs[start - 1][1] >= at or joined(runs[start - 1][1], at)):
        start -= 1
        first, last = runs[start][0], max(at, runs[start][1])
    if end < len(runs) and joined(last, runs[end][0]):
        last = runs[end][1]
        end += 1
    found = (*runs[:start], (first, last), *runs[end:])
    if found[0][1] < before:
        found = tuple([run for run in found if run[1] >= before])
    return found if len(found) <= RUNS_MAX else ((found[0][0], found[1][1]), *found[2:])


def last_renewal(
    runs: Iterable[tuple[Instant, Instant]], born_at: Instant, expiry: Instant, expires_at: Callable[[Instant], Instant | None]
) -> Instant | None:
    """The renewal that a lot would live by, that was born at an instant and comes late; None where nothing renewed it.

    `runs` in order, of one way to renew the ledger or of several; `expires_at`: when what is renewed at an instant expires.
    """
    found = None
    for first, last in runs:
        if last <= born_at:
            continue
        if first >= expiry:
            break
        lasts = expires_at(last)
        if lasts is not None and (lasts > expiry or (lasts == expiry and found is not None)):  # a renewal shortens nothing
            found, expiry = max(last, found or last), lasts  # a run may have begun before another one and ended after it
    return found


def _first(run: tuple[Instant, Instant]) -> Instant:
    return run[0]
