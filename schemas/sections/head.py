"""The top of a program file: what the program is, which records it takes, who may join, and what a receipt is worth.

`effective_from` (and `from`, `until`, `cycle_start` elsewhere) may be a bare date: its first instant in the program's zone.
Lengths of time (`ahead`, `remember`, `park`, `late: reject after …`) are elapsed time, a day has 24 hours.
"""

from typing import Any, Final

from schemas.currencies import DECIMALS, currency
from schemas.document import shown_value
from schemas.instants import Instant, parse_moment, zone
from schemas.program import Join
from schemas.schedules import parse_duration
from schemas.sections import values
from schemas.sections.points import Calendar
from schemas.sections.section import Section

AHEAD_US: Final = parse_duration("10 minutes")
REMEMBER_US: Final = parse_duration("400 days")
PARK_US: Final = parse_duration("7 days")


def read_head(top: Section) -> tuple[dict[str, Any], Calendar]:
    """The fields of `Program` that stand at the top of the file, and the calendar that everything else is reckoned by."""
    name = top.required("program", values.program_name, "")
    timezone = top.required("timezone", values.time_zone, zone("UTC"))

    def moment(text: str) -> Instant:
        return parse_moment(text, timezone)

    effective_from = top.required("effective_from", moment, 0)
    leap_day = top.choice("leap_day", "feb-28", "mar-1")
    money = top.required("currency", currency, "EUR")
    head: dict[str, Any] = {
        "program": name,
        "title": top.value_or_none("title", values.name) or name,
        "description": top.value_or_none("description", values.prose),
        "timezone": timezone,
        "environment": top.required("environment", values.choice("live", "sandbox"), "sandbox"),
        "effective_from": effective_from,
        "status": top.choice("status", "active", "draft", "ended"),
        "applications": _read_applications(top),
        "currency": money,
        "currency_decimals": DECIMALS[money],
        "rates_nano": _read_rates(top, money),
        "late_us": top.value("late", _late, None),
        "ahead_us": top.value("ahead", values.duration, AHEAD_US),
        "remember_us": top.value("remember", values.positive_duration, REMEMBER_US),
        "park_us": top.value("park", values.duration, PARK_US),
        "receipts": top.choice("receipts", "per-profile", "claimed"),
        "leap_day": leap_day,
        "membership": _read_membership(top),
        "basis": top.choice("basis", "gross", "net", "total"),
        "exclude": top.condition("exclude"),
        "earn_on_paid_by_points": top.value("earn_on_paid_by_points", values.boolean, False),
        "choose": top.choice("choose", "sum", "best", "first"),
        "subledgers_enabled": _read_subledgers(top),
    }
    return head, Calendar(timezone, leap_day, effective_from)


def _read_applications(top: Section) -> frozenset[str]:
    applications = top.texts("applications", values.name)
    if not top.has("applications"):
        top.fault("applications", "must be given: a list of the feeds whose records count")
    elif top.raw("applications") == []:
        top.fault("applications", "must name at least one application, is an empty list")
    return frozenset(applications)


def _read_rates(top: Section, money: str) -> dict[str, int]:
    section = top.section("rates")
    found: dict[str, int] = {}
    for code in section.written():
        rate = section.required(code, values.nano(more_than=0), 0)
        try:
            currency(code)
        except ValueError as error:
            section.fault(code, str(error))
        if code == money:
            section.fault(code, "must be another currency than the program's own")
        found[code] = rate
    return found


def _read_membership(top: Section) -> Join:
    section = top.section("membership")
    join = Join(
        join=section.choice("join", "on-points-earned", "explicit", "on-points-activated"),
        consent=section.value_or_none("consent", values.profile_field),
        before_join=section.choice("before_join", "refuse", "park"),
    )
    section.done()
    return join


def _read_subledgers(top: Section) -> bool:
    section = top.section("subledgers")
    enabled = section.value("enabled", values.boolean, False)
    section.done()
    return enabled


def _late(text: str) -> int | None:
    """`accept` (None), or `reject after 30 days`."""
    if text == "accept":
        return None
    word, _, length = text.partition(" after ")
    if word != "reject" or not length:
        raise ValueError(f"must be `accept` or like `reject after 30 days`, is {shown_value(text)}")
    return parse_duration(length)
