"""Single values of the program file: parsers from the text that was written. Each raises ValueError with a sentence."""

import re
from collections.abc import Callable
from typing import Any, Final

from schemas.amounts import NANO, POINTS_MINOR_MAX, format_nano, format_points, parse_decimal, to_minor
from schemas.document import shown_value
from schemas.instants import DAY_US, zone, zone_names
from schemas.program_faults import did_you_mean
from schemas.schedules import Schedule, parse_duration, parse_length, parse_schedule

_PROGRAM: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_SID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
_INTEGER: Final = re.compile(r"-?[0-9]{1,9}")
_TIME_OF_DAY: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
ToInteger = Callable[[str], int]
NAME_MAX: Final = 128
TEXT_MAX: Final = 10_000


def choice(*words: str) -> Callable[[str], Any]:
    """One of a few words. `Any`: the word is one of the Literal that the caller's record wants."""

    def parse(text: str) -> str:
        if text in words:
            return text
        listed = f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
        raise ValueError(f"must be {listed}, is {shown_value(text)}{did_you_mean(text, words)}")

    return parse


def boolean(text: str) -> bool:
    if text in ("true", "false"):
        return text == "true"
    raise ValueError(f"must be true or false, is {shown_value(text)}")


def program_name(text: str) -> str:
    if _PROGRAM.fullmatch(text):
        return text
    raise ValueError(f"must be 1 to 63 of a-z, 0-9 and -, beginning with a letter, is {shown_value(text)}")


def sid(text: str) -> str:
    if _SID.fullmatch(text):
        return text
    raise ValueError(f"must be 1 to 63 letters, digits, -, _ and ., is {shown_value(text)}")


def name(text: str) -> str:
    """A name of something in the file: a rule, a tier, an application."""
    if 1 <= len(text) <= NAME_MAX and text.isprintable() and text == text.strip():
        return text
    raise ValueError(f"must be a name of 1 to {NAME_MAX} printable characters, is {shown_value(text)}")


def profile_field(text: str) -> str:
    """The name of a profile field, with or without `profile.` before it."""
    return name(text.removeprefix("profile."))


def prose(text: str) -> str:
    if len(text) <= TEXT_MAX:
        return text
    raise ValueError(f"must have at most {TEXT_MAX} characters, has {len(text)}")


def integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if _INTEGER.fullmatch(text) and low <= int(text) <= high:
            return int(text)
        raise ValueError(f"must be a whole number, {low} to {high}, is {shown_value(text)}")

    return parse


def nano(*, least: int = 0, more_than: int | None = None) -> Callable[[str], int]:
    """A decimal within a bound (both in nano)."""

    def parse(text: str) -> int:
        amount = parse_decimal(text)
        if more_than is not None and amount <= more_than:
            raise ValueError(f"must be more than {format_nano(more_than)}, is {text}")
        if more_than is None and amount < least:
            raise ValueError(f"must be {format_nano(least)} or more, is {text}")
        return amount

    return parse


def share(text: str) -> int:
    """A part of a whole: more than 0, at most 1."""
    amount = parse_decimal(text)
    if 0 < amount <= NANO:
        return amount
    raise ValueError(f"must be more than 0 and at most 1, is {text}")


def points(scale: int, *, zero: bool = False) -> Callable[[str], int]:
    """Points as minor units of a scale: more than 0, or with `zero` at least 0."""
    bounded = nano() if zero else nano(more_than=0)

    def parse(text: str) -> int:
        minor = to_minor(bounded(text), scale)
        if minor > POINTS_MINOR_MAX:
            raise ValueError(f"must be at most {format_points(POINTS_MINOR_MAX, scale)}, is {shown_value(text)}")
        return minor

    return parse


def duration(text: str) -> int:
    return parse_duration(text)


def positive_duration(text: str) -> int:
    length = parse_duration(text)
    if length <= 0:
        raise ValueError(f"must be longer than nothing, is {shown_value(text)}")
    return length


def length(text: str) -> Schedule:
    return parse_length(text)


def positive_length(text: str) -> Schedule:
    positive_duration(text)
    return parse_length(text)


def activation(text: str) -> Schedule:
    schedule = parse_schedule(text)
    if schedule.kind == "never":
        raise ValueError('must come some day, is "never"')
    return schedule


def expiration(text: str) -> Schedule:
    schedule = parse_schedule(text)
    if schedule.kind in ("immediately", "on event"):
        raise ValueError(f'must lie after the accrual, or be never, is "{schedule}"')
    return schedule


def recurring(text: str) -> Schedule:
    """A schedule that comes again and again; `0 years, end of year` does at each year's end."""
    schedule = parse_schedule(text)
    if schedule.kind == "every" or (schedule.kind == "after" and (schedule.count > 0 or schedule.edge == "end")):
        return schedule
    raise ValueError(f"must come again and again, like `1 year` or `every 12-31`, is {shown_value(text)}")


def reset(text: str) -> Schedule:
    """A schedule that comes again and again, or never."""
    schedule = parse_schedule(text)
    return schedule if schedule.kind == "never" else recurring(text)


def wait(text: str) -> Schedule:
    """A schedule that is some time after now: `0 days`, `1 hour`, `1 month, end of month`."""
    schedule = parse_schedule(text)
    if schedule.kind == "after":
        return schedule
    raise ValueError(f"must be a length of time, like `30 minutes` or `7 days`, is {shown_value(text)}")


def positive_wait(text: str) -> Schedule:
    """As `wait`, and longer than nothing."""
    schedule = wait(text)
    if schedule.count == 0 and schedule.edge != "end":
        raise ValueError(f"must be longer than nothing, is {shown_value(text)}")
    return schedule


def days(text: str) -> int:
    """A number of days, `365 days`; weeks are days too."""
    length = positive_duration(text)
    if length % DAY_US:
        raise ValueError(f"must be in whole days, is {shown_value(text)}")
    return length // DAY_US


def part(text: str) -> int:
    """A part of a whole in nano, more than nothing and less than all: `10%` or `0.1`."""
    plain = text.removesuffix("%").rstrip() if text.endswith("%") else text
    amount = parse_decimal(plain)
    if plain is not text:
        amount //= 100
    if 0 < amount < NANO:
        return amount
    raise ValueError(f"must be more than 0 and less than 1, like 0.1 or 10%, is {shown_value(text)}")


def time_of_day(text: str) -> int:
    """Minutes since midnight."""
    if _TIME_OF_DAY.fullmatch(text):
        return int(text[:2]) * 60 + int(text[3:])
    raise ValueError(f"must be a time of day like 10:00, is {shown_value(text)}")


def time_zone(text: str) -> Any:
    try:
        return zone(text)
    except ValueError as error:
        raise ValueError(f"{error}{did_you_mean(text, zone_names())}") from None
