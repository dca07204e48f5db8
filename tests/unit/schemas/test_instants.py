"""Instants: RFC 3339 in and out, and the wall clock of zones (CONTRACT 1; LEDGER, Time)."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.instants import (
    DAY_US,
    EARLIEST,
    HOUR_US,
    LATEST,
    MICROSECOND,
    Period,
    days_before,
    end_of,
    format_instant,
    from_local,
    next_time_of_day,
    parse_instant,
    parse_moment,
    start_of,
    start_of_period,
    to_local,
    zone,
    zone_names,
)

ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo", "America/Havana", "Asia/Kathmandu")
instants = st.integers(EARLIEST, LATEST)
recent = st.integers(parse_instant("1990-01-01T00:00:00Z"), parse_instant("2060-01-01T00:00:00Z"))


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-10-12T07:20:50Z", "2024-10-12T07:20:50Z"),
        ("2024-10-12t07:20:50z", "2024-10-12T07:20:50Z"),
        ("2024-10-12T09:20:50+02:00", "2024-10-12T07:20:50Z"),
        ("2024-10-11T23:50:50-07:30", "2024-10-12T07:20:50Z"),
        ("2024-10-12T07:20:50-00:00", "2024-10-12T07:20:50Z"),
        ("2024-10-12T07:20:50.1Z", "2024-10-12T07:20:50.1Z"),
        ("2024-10-12T07:20:50.120000Z", "2024-10-12T07:20:50.12Z"),
        ("2024-10-12T07:20:50.000000Z", "2024-10-12T07:20:50Z"),
        ("2024-10-12T07:20:50.1234569Z", "2024-10-12T07:20:50.123456Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2017-01-01T00:59:60+01:00", "2017-01-01T00:00:00Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
    ],
)
def test_a_time_with_an_offset_is_read_and_told_in_utc(text: str, utc: str) -> None:
    assert format_instant(parse_instant(text)) == utc


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2024-10-12T07:20:50", "must have an offset"),
        ("2024-10-12", "must be an RFC 3339 time"),
        ("2024-10-12 07:20:50Z", "must be an RFC 3339 time"),
        ("2024-10-12T07:20Z", "must be an RFC 3339 time"),
        ("2024-10-12T07:20:50+0200", "must be an RFC 3339 time"),
        ("2024-10-12T07:20:50.Z", "must be an RFC 3339 time"),
        ("20241012T072050Z", "must be an RFC 3339 time"),
        (" 2024-10-12T07:20:50Z", "must be an RFC 3339 time"),
        ("2024-10-12T07:20:50Z\n", "must be an RFC 3339 time"),
        ("٢٠٢٤-10-12T07:20:50Z", "must be an RFC 3339 time"),
        ("", "must be an RFC 3339 time"),
        ("1728717650", "must be an RFC 3339 time"),
        ("2023-02-29T00:00:00Z", "must be a time that exists"),
        ("2024-13-01T00:00:00Z", "must be a time that exists"),
        ("2024-10-12T24:00:00Z", "must be a time that exists"),
        ("2024-10-12T07:20:60Z", "must be a time that exists"),
        ("2024-10-12T07:20:50+24:00", "must have an offset of less than 24:00"),
        ("2024-10-12T07:20:50+02:60", "must have an offset of less than 24:00"),
        ("0001-01-01T00:00:00+01:00", "must lie in the years 1 to 9999"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_instant(text)


@given(instants)
def test_what_is_told_is_read_back(at: int) -> None:
    assert parse_instant(format_instant(at)) == at


@pytest.mark.parametrize("second", ["60Z", "5xZ", "50z", "50+01:00", "50.5Z", "5Z", "50", ""])
def test_a_minute_that_was_read_before_vouches_for_no_second(second: str) -> None:
    fresh, known = "2031-03-03T03:03:", "2031-03-03T03:04:"
    assert parse_instant(f"{known}50Z") == parse_instant(f"{fresh}50Z") + 60_000_000
    assert _read(known + second, known) == _read(fresh + second, fresh)


def _read(text: str, minute: str) -> object:
    """What is read within a minute, or what is said of it."""
    try:
        return parse_instant(text) - parse_instant(f"{minute}00Z")
    except ValueError as error:
        return str(error).replace(minute, "")


@given(recent)
def test_an_instant_is_told_again_as_it_was_first_told(at: int) -> None:
    whole = at - at % 1_000_000
    assert format_instant(at) == format_instant(at)
    assert parse_instant(format_instant(whole)) == parse_instant(format_instant(whole)) == whole


def test_more_days_and_minutes_than_are_kept_are_told_as_the_calendar_has_them() -> None:
    first = datetime(2020, 1, 1, tzinfo=UTC)
    for number in range(9_000):
        at = first + number * timedelta(days=1, minutes=7, seconds=13)
        assert format_instant((at - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND) == f"{at:%Y-%m-%dT%H:%M:%S}Z"


@given(instants, st.sampled_from(ZONES))
def test_no_instant_overflows_a_calendar(at: int, name: str) -> None:
    local = to_local(at, zone(name))
    assert EARLIEST <= from_local(local, zone(name)) <= LATEST
    for period in get_args(Period):
        assert EARLIEST <= start_of_period(at, zone(name), period) <= LATEST
        assert EARLIEST <= end_of(period, local.date(), zone(name)) <= LATEST


@given(recent, st.sampled_from(ZONES), st.sampled_from(get_args(Period)))
def test_a_period_holds_its_instant_and_ends_where_the_next_begins(at: int, name: str, period: Period) -> None:
    day = to_local(at, zone(name)).date()
    start, end = start_of(period, day, zone(name)), end_of(period, day, zone(name))
    assert start == start_of_period(at, zone(name), period)
    assert start <= at < end
    assert start_of_period(end, zone(name), period) == end
    assert start_of_period(end - 1, zone(name), period) == start


@pytest.mark.parametrize(
    ("name", "local", "utc"),
    [
        # forward by the gap
        ("Europe/Berlin", "2024-03-31T02:30:00", "2024-03-31T01:30:00Z"),
        ("Europe/Berlin", "2024-03-31T02:00:00", "2024-03-31T01:00:00Z"),
        ("Australia/Lord_Howe", "2024-10-06T02:10:00", "2024-10-05T15:40:00Z"),  # by half an hour
        ("America/Sao_Paulo", "2018-11-04T00:00:00", "2018-11-04T03:00:00Z"),  # at midnight
        ("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T22:00:00Z"),  # a day that was left out
        # the first of two
        ("Europe/Berlin", "2024-10-27T02:30:00", "2024-10-27T00:30:00Z"),
        ("Australia/Lord_Howe", "2024-04-07T01:45:00", "2024-04-06T14:45:00Z"),
        ("America/Havana", "2024-11-03T00:30:00", "2024-11-03T04:30:00Z"),
        # neither
        ("Asia/Kathmandu", "2024-01-01T00:00:00", "2023-12-31T18:15:00Z"),
        ("Europe/London", "2024-07-01T00:00:00", "2024-06-30T23:00:00Z"),
    ],
)
def test_a_local_time_is_one_instant(name: str, local: str, utc: str) -> None:
    """LEDGER, Time: a local time that does not exist moves forward, one that exists twice is the first."""
    assert format_instant(from_local(datetime.fromisoformat(local), zone(name))) == utc


def test_days_have_as_many_hours_as_the_wall_clock_gives_them() -> None:
    def hours(name: str, day: str) -> float:
        date = datetime.fromisoformat(day).date()
        return (end_of("day", date, zone(name)) - start_of("day", date, zone(name))) / HOUR_US

    assert hours("Europe/Berlin", "2024-03-31") == 23
    assert hours("Europe/Berlin", "2024-10-27") == 25
    assert hours("Australia/Lord_Howe", "2024-04-07") == 24.5
    assert hours("America/Sao_Paulo", "2018-11-04") == 23
    assert hours("UTC", "2024-10-27") == DAY_US / HOUR_US


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("day", "2024-08-15T00:00:00Z", "2024-08-16T00:00:00Z"),
        ("week", "2024-08-12T00:00:00Z", "2024-08-19T00:00:00Z"),
        ("month", "2024-08-01T00:00:00Z", "2024-09-01T00:00:00Z"),
        ("quarter", "2024-07-01T00:00:00Z", "2024-10-01T00:00:00Z"),
        ("year", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
    ],
)
def test_periods_are_those_of_the_calendar_and_weeks_begin_on_monday(period: Period, start: str, end: str) -> None:
    day = datetime(2024, 8, 15).date()  # noqa: DTZ001  a Thursday, of whatever zone
    assert (format_instant(start_of(period, day, zone("UTC"))), format_instant(end_of(period, day, zone("UTC")))) == (start, end)


def test_a_bare_date_is_its_first_local_instant() -> None:
    assert format_instant(parse_moment("2024-07-01", zone("Europe/London"))) == "2024-06-30T23:00:00Z"
    assert format_instant(parse_moment("2024-07-01T00:00:00Z", zone("Europe/London"))) == "2024-07-01T00:00:00Z"
    with pytest.raises(ValueError, match="must be a date that exists"):
        parse_moment("2023-02-29", zone("Europe/London"))


@pytest.mark.parametrize(
    "name", ["", "europe/london", "../../etc/passwd", "/etc/localtime", "right/UTC", "localtime", "UTC+1", "GMT "]
)
def test_only_names_of_the_iana_database_are_zones(name: str) -> None:
    with pytest.raises(ValueError, match="must be an IANA time zone"):
        zone(name)


def test_every_zone_of_the_database_opens() -> None:
    for name in zone_names():
        assert zone(name).key == name
        assert to_local(0, zone(name)) - datetime(1970, 1, 1) < timedelta(days=1)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("zone_name", "at", "days", "expected"),
    [
        ("UTC", "2024-03-01T10:40:00Z", 1, "2024-02-29T10:40:00Z"),
        ("UTC", "2024-03-01T10:40:00Z", 365, "2023-03-02T10:40:00Z"),
        ("Europe/Berlin", "2024-04-10T10:00:00Z", 30, "2024-03-11T11:00:00Z"),  # the clock shows 12 on both days
        ("Europe/Berlin", "2024-04-30T00:30:00Z", 30, "2024-03-31T01:30:00Z"),  # 2:30 does not exist there, and is 3:30
        ("Europe/Berlin", "2024-10-28T01:30:00Z", 1, "2024-10-27T00:30:00Z"),  # 2:30 happens twice there, and is the first
        ("Europe/Berlin", "2024-03-31T10:00:00Z", 1, "2024-03-30T11:00:00Z"),
    ],
)
def test_days_before_are_days_of_the_calendar(zone_name: str, at: str, days: int, expected: str) -> None:
    assert format_instant(days_before(parse_instant(at), zone(zone_name), days)) == expected


@pytest.mark.parametrize(
    ("zone_name", "at", "time_of_day", "expected"),
    [
        ("UTC", "2024-03-01T10:00:00Z", "10:00", "2024-03-01T10:00:00Z"),  # that instant included
        ("UTC", "2024-03-01T10:00:00.000001Z", "10:00", "2024-03-02T10:00:00Z"),
        ("UTC", "2024-12-31T23:59:59Z", "00:00", "2025-01-01T00:00:00Z"),
        ("Europe/Berlin", "2024-03-30T23:00:00Z", "02:30", "2024-03-31T01:30:00Z"),  # does not exist, and is 3:30
        ("Europe/Berlin", "2024-03-31T01:30:00Z", "02:30", "2024-03-31T01:30:00Z"),
        ("Europe/Berlin", "2024-03-31T01:30:01Z", "02:30", "2024-04-01T00:30:00Z"),
        ("Europe/Berlin", "2024-10-26T22:00:00Z", "02:30", "2024-10-27T00:30:00Z"),  # happens twice, and is the first
        ("Europe/Berlin", "2024-10-27T00:30:01Z", "02:30", "2024-10-28T01:30:00Z"),
        ("America/Sao_Paulo", "2018-11-03T12:00:00Z", "00:00", "2018-11-04T03:00:00Z"),  # that day begins at 1:00
        ("Pacific/Apia", "2011-12-29T22:00:00Z", "10:00", "2011-12-30T20:00:00Z"),  # there was no 30 December
        ("Australia/Lord_Howe", "2024-10-05T14:00:00Z", "02:15", "2024-10-05T15:45:00Z"),  # half an hour is left out
    ],
)
def test_the_next_time_of_day_is_what_the_clocks_show(zone_name: str, at: str, time_of_day: str, expected: str) -> None:
    hours, minutes = time_of_day.split(":")
    found = next_time_of_day(int(hours) * 60 + int(minutes), parse_instant(at), zone(zone_name))
    assert format_instant(found) == expected


def test_the_next_time_of_day_stands_still_at_the_end_of_the_calendar() -> None:
    assert next_time_of_day(600, LATEST, zone("UTC")) <= LATEST
