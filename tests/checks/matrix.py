"""Writes schedules-matrix.yaml: every unit with every edge, as activation and as expiration, at anchors that hurt.

Run `python -m tests.checks.matrix` after a change here; `test_checks.py` says when the file is stale. The instants come from
tests/properties/naive/calendar.py, which knows nothing of the product.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.properties.naive.calendar import EDGES, UNITS, falls_on, rfc3339

FILE = Path(__file__).with_name("schedules-matrix.yaml")

HEAD = """\
# Every unit with every edge, as activation and as expiration: written by matrix.py, whose calendar knows nothing of the product.
# A start of a period that already began before the sale activates at once; one that would expire before the sale is left out.
program: programs/shop.yaml
defaults:
  purchase: {application: pos, profile_id: p1, currency: EUR, receipt_id: R, lines: [{sku: A, quantity: 1, unit_price: "10.00"}]}
tests:
"""

SOME = ("start of day", "end of day", "end of month")
PLAIN = "2024-10-12T07:20:50Z"

# (zone, closed_at, count, edges): the eve of DST gaps and overlaps; the last of January in a leap year; 29 February
ANCHORS = (
    ("UTC", PLAIN, 5, EDGES),
    ("Europe/London", "2024-03-30T01:30:00Z", 1, SOME),
    ("Europe/London", "2024-10-26T01:30:00+01:00", 1, SOME),
    ("Europe/Berlin", "2024-10-26T02:30:00+02:00", 1, SOME),
    ("America/New_York", "2024-03-09T02:30:00-05:00", 1, SOME),
    ("America/New_York", "2024-01-31T23:30:00-05:00", 13, SOME),
    ("Australia/Lord_Howe", "2024-10-05T02:15:00+10:30", 1, SOME),
    ("Europe/Berlin", "2024-02-29T12:00:00+01:00", 1, SOME),
)

# (zone, closed_at, leap_day) for bare dates and `every MM-DD`
DATES = (
    ("UTC", "2024-10-12T07:20:50Z", "feb-28"),
    ("America/New_York", "2024-12-31T20:00:00-05:00", "feb-28"),
    ("Asia/Tokyo", "2025-02-28T10:00:00+09:00", "feb-28"),
    ("Asia/Tokyo", "2025-02-28T10:00:00+09:00", "mar-1"),
    ("Europe/Berlin", "2025-03-01T00:30:00+01:00", "mar-1"),
)
DAYS = ("01-01", "02-28", "02-29", "03-01", "10-11", "10-12", "10-13", "12-31")


def texts(count: int, edges: tuple[str, ...]) -> Iterator[str]:
    for unit in UNITS:
        counted = f"{count} {unit}{'' if count == 1 else 's'}"
        yield counted
        yield from (f"{counted}, {edge}" for edge in edges)


def row(role: str, text: str, closed_at: str, zone: str, leap_day: str) -> str | None:
    sold = datetime.fromisoformat(closed_at)
    due = falls_on(text, sold, ZoneInfo(zone), leap_day, through=role == "expires")
    assert due is not None
    key = "activation" if role == "active" else "expiration"
    laid = f'timezone: {zone}, leap_day: {leap_day}, points.0.{key}: "{text}"'
    sale = f'{{purchase: {{closed_at: "{closed_at}"}}}}'
    if due <= sold:
        if role == "expires":
            return None
        expected = 'balance: {profile_id: p1, active: "10", pending: "0"}'
    else:
        state = 'balance: {profile_id: p1, active: "0", pending: "10"}, ' if role == "active" else ""
        expected = f'{state}lots: [{{profile_id: p1, {role.removesuffix("s")}s_at: "{rfc3339(due)}"}}]'.replace(
            "actives_at", "activates_at"
        )
    name = f"{role}, {text}, from {closed_at} in {zone}" + (f" ({leap_day})" if leap_day == "mar-1" else "")
    return f'  - {{name: "{name}", with: {{{laid}}}, steps: [{sale}, {{expect: {{{expected}}}}}]}}\n'


def document() -> str:
    rows = []
    for period in UNITS[2:]:
        for text in (f"0 {period}s", f"0 {period}s, start of {period}", f"0 {period}s, end of {period}"):
            rows += [row("active", text, PLAIN, "UTC", "feb-28"), row("expires", text, PLAIN, "UTC", "feb-28")]
    for zone, closed_at, count, edges in ANCHORS:
        for text in texts(count, edges):
            rows += [row("active", text, closed_at, zone, "feb-28"), row("expires", text, closed_at, zone, "feb-28")]
    for zone, closed_at, leap_day in DATES:
        year = int(closed_at[:4])
        for day in DAYS:
            rows += [
                row("active", f"every {day}", closed_at, zone, leap_day),
                row("expires", f"every {day}", closed_at, zone, leap_day),
            ]
        for text in (f"{year}-12-31", f"{year + 1}-01-01", f"{year + 1}-06-30", f"{year}-01-01"):
            rows += [row("active", text, closed_at, zone, leap_day), row("expires", text, closed_at, zone, leap_day)]
    return HEAD + "".join(text for text in rows if text)


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
