"""Schedules: the tables of R104 and R105, clock changes, month ends, leap days (CONTRACT 4; LEDGER, Time)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.instants import DAY_US, HOUR_US, LATEST, format_instant, parse_instant, zone
from schemas.schedules import NEVER, LeapDay, parse_duration, parse_schedule

SESSION = "2024-10-12T07:20:50Z"  # R104, the misprinted year read as 2024
R104 = [
    ("10 minutes", "2024-10-12T07:30:50Z"),
    ("1 hour", "2024-10-12T08:20:50Z"),
    ("5 days", "2024-10-17T07:20:50Z"),
    ("5 days, start of day", "2024-10-17T00:00:00Z"),
    ("5 days, end of day", "2024-10-18T00:00:00Z"),
    ("1 week", "2024-10-19T07:20:50Z"),
    ("1 week, end of week", "2024-10-21T00:00:00Z"),
    ("1 month", "2024-11-12T07:20:50Z"),
    ("1 month, end of month", "2024-12-01T00:00:00Z"),
]


def activates(text: str, anchor: str, name: str = "UTC", leap_day: LeapDay = "feb-28") -> str:
    at = parse_schedule(text).activates_at(parse_instant(anchor), zone(name), leap_day)
    assert at is not None
    return format_instant(at)


def expires(text: str, anchor: str, name: str = "UTC", leap_day: LeapDay = "feb-28") -> str:
    at = parse_schedule(text).expires_at(parse_instant(anchor), zone(name), leap_day)
    assert at is not None
    return format_instant(at)


@pytest.mark.parametrize(("text", "at"), R104)
def test_r104_r105_both_tables_have_the_same_nine_rows(text: str, at: str) -> None:
    assert activates(text, SESSION) == at
    assert expires(text, SESSION) == at


@pytest.mark.parametrize(
    ("text", "anchor", "at"),
    [
        ("0 days, end of day", SESSION, "2024-10-13T00:00:00Z"),
        ("0 weeks, end of week", "2024-10-13T23:59:59Z", "2024-10-14T00:00:00Z"),  # C8: a Sunday is the end of its week
        ("1 week, end of week", "2024-10-13T00:00:00Z", "2024-10-21T00:00:00Z"),
        ("0 months, end of month", SESSION, "2024-11-01T00:00:00Z"),
        ("0 months, start of month", SESSION, "2024-10-01T00:00:00Z"),
        ("0 days", SESSION, SESSION),
        ("1 month, end of day", SESSION, "2024-11-13T00:00:00Z"),
        ("1 month, start of year", SESSION, "2024-01-01T00:00:00Z"),
        ("1 quarter, end of quarter", SESSION, "2025-04-01T00:00:00Z"),
        ("1 year, end of year", SESSION, "2026-01-01T00:00:00Z"),
        ("10 minutes, end of day", "2024-10-12T23:55:00Z", "2024-10-14T00:00:00Z"),
        ("3 hours, start of day", "2024-10-12T22:00:00Z", "2024-10-13T00:00:00Z"),
        ("2 quarters", SESSION, "2025-04-12T07:20:50Z"),
        ("999999 years", SESSION, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_any_unit_goes_with_any_edge(text: str, anchor: str, at: str) -> None:
    assert expires(text, anchor) == at


def test_a_date_is_its_first_instant_as_activation_and_lasts_through_it_as_expiration() -> None:
    assert activates("2026-12-31", SESSION, "Europe/Berlin") == "2026-12-30T23:00:00Z"
    assert expires("2026-12-31", SESSION, "Europe/Berlin") == "2026-12-31T23:00:00Z"
    assert expires("2020-01-01", SESSION) == "2020-01-02T00:00:00Z"


@pytest.mark.parametrize(
    ("anchor", "active", "gone"),
    [
        (SESSION, "2024-12-31T00:00:00Z", "2025-01-01T00:00:00Z"),
        ("2024-12-31T12:00:00Z", "2024-12-31T00:00:00Z", "2025-01-01T00:00:00Z"),  # today included
        ("2025-01-01T00:00:00Z", "2025-12-31T00:00:00Z", "2026-01-01T00:00:00Z"),
    ],
)
def test_every_day_of_the_year_is_the_next_one_today_included(anchor: str, active: str, gone: str) -> None:
    assert (activates("every 12-31", anchor), expires("every 12-31", anchor)) == (active, gone)


@pytest.mark.parametrize(
    ("text", "anchor", "at"),
    [
        ("1 month", "2023-01-31T10:00:00Z", "2023-02-28T10:00:00Z"),
        ("1 month", "2024-01-31T10:00:00Z", "2024-02-29T10:00:00Z"),
        ("1 month", "2024-02-29T10:00:00Z", "2024-03-29T10:00:00Z"),
        ("1 month", "2024-03-31T10:00:00Z", "2024-04-30T10:00:00Z"),
        ("1 quarter", "2023-11-30T10:00:00Z", "2024-02-29T10:00:00Z"),
        ("13 months", "2024-01-31T10:00:00Z", "2025-02-28T10:00:00Z"),
        ("1 month, end of month", "2024-01-31T10:00:00Z", "2024-03-01T00:00:00Z"),
        ("12 months", "2024-12-31T10:00:00Z", "2025-12-31T10:00:00Z"),
        ("4 years", "2024-02-29T10:00:00Z", "2028-02-29T10:00:00Z"),
    ],
)
def test_months_clamp_to_the_months_end(text: str, anchor: str, at: str) -> None:
    assert expires(text, anchor) == at
    assert expires(text, anchor, leap_day="mar-1") == at


@pytest.mark.parametrize("text", ["1 year", "12 months", "4 quarters"])
def test_the_leap_day_rule_rules_whole_years_however_they_are_spelled(text: str) -> None:
    assert expires(text, "2024-02-29T10:00:00Z", leap_day="feb-28") == "2025-02-28T10:00:00Z"
    assert expires(text, "2024-02-29T10:00:00Z", leap_day="mar-1") == "2025-03-01T10:00:00Z"


def test_a_move_that_is_not_whole_years_clamps_whatever_the_leap_day_rule() -> None:
    for day in ("28", "29", "30", "31"):
        assert expires("1 month", f"2023-01-{day}T10:00:00Z", leap_day="mar-1") == "2023-02-28T10:00:00Z"


@pytest.mark.parametrize(
    ("text", "after", "then"),
    [
        ("1 month", "2025-01-29T10:00:00Z", "2025-02-28T10:00:00Z"),
        ("1 month, end of month", "2025-02-01T00:00:00Z", "2025-03-01T00:00:00Z"),
        ("1 quarter", "2024-11-29T10:00:00Z", "2025-02-28T10:00:00Z"),
        ("12 months", "2024-02-29T10:00:00Z", "2025-03-01T10:00:00Z"),
        ("1 year", "2024-02-29T10:00:00Z", "2025-03-01T10:00:00Z"),
    ],
)
def test_what_comes_each_month_leaves_out_none_and_what_comes_each_year_goes_by_the_leap_day_rule(
    text: str, after: str, then: str
) -> None:
    anchor = parse_instant("2024-02-29T10:00:00Z")
    following = parse_schedule(text).next_after(anchor, zone("UTC"), "mar-1", parse_instant(after))
    assert following == parse_instant(then)


@pytest.mark.parametrize(
    ("leap_day", "anchor", "gone"),
    [
        ("feb-28", "2023-01-01T00:00:00Z", "2023-03-01T00:00:00Z"),
        ("mar-1", "2023-01-01T00:00:00Z", "2023-03-02T00:00:00Z"),
        ("feb-28", "2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("feb-28", "2023-03-01T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("mar-1", "2023-03-01T12:00:00Z", "2023-03-02T00:00:00Z"),
    ],
)
def test_every_29_february_goes_by_the_leap_day_rule(leap_day: LeapDay, anchor: str, gone: str) -> None:
    assert expires("every 02-29", anchor, leap_day=leap_day) == gone


@pytest.mark.parametrize(
    ("text", "name", "anchor", "at"),
    [
        # days keep the local time, hours are elapsed
        ("1 day", "Europe/Berlin", "2024-03-30T09:00:00Z", "2024-03-31T08:00:00Z"),
        ("24 hours", "Europe/Berlin", "2024-03-30T09:00:00Z", "2024-03-31T09:00:00Z"),
        ("1 day", "Europe/Berlin", "2024-10-26T08:00:00Z", "2024-10-27T09:00:00Z"),
        ("24 hours", "Europe/Berlin", "2024-10-26T08:00:00Z", "2024-10-27T08:00:00Z"),
        # 02:30 does not exist on 31 March, and exists twice on 27 October
        ("1 day", "Europe/Berlin", "2024-03-30T01:30:00Z", "2024-03-31T01:30:00Z"),
        ("1 day", "Europe/Berlin", "2024-10-26T00:30:00Z", "2024-10-27T00:30:00Z"),
        ("1 day", "Europe/Berlin", "2024-10-27T01:30:00Z", "2024-10-28T01:30:00Z"),  # from the second 02:30
        ("0 days", "Europe/Berlin", "2024-10-27T01:30:00Z", "2024-10-27T01:30:00Z"),  # which stays the second
        ("1 month", "Europe/Berlin", "2024-02-29T01:30:00Z", "2024-03-29T01:30:00Z"),
        # edges
        ("1 day, end of day", "Europe/Berlin", "2024-03-30T09:00:00Z", "2024-03-31T22:00:00Z"),
        ("0 days, end of day", "Europe/Berlin", "2024-10-27T00:00:00Z", "2024-10-27T23:00:00Z"),
        ("1 day, start of day", "America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z"),  # midnight is skipped
        ("1 day, end of day", "Pacific/Apia", "2011-12-28T12:00:00-10:00", "2011-12-30T10:00:00Z"),  # to the day left out
        ("1 day", "Pacific/Apia", "2011-12-29T12:00:00-10:00", "2011-12-30T22:00:00Z"),
        ("2 days", "Pacific/Apia", "2011-12-29T12:00:00-10:00", "2011-12-30T22:00:00Z"),
        ("30 minutes", "Australia/Lord_Howe", "2024-04-06T14:45:00Z", "2024-04-06T15:15:00Z"),
        ("1 day", "Australia/Lord_Howe", "2024-10-04T15:40:00Z", "2024-10-05T15:40:00Z"),
        # which local day it is decides
        ("0 days, end of day", "Asia/Tokyo", "2024-06-30T15:30:00Z", "2024-07-01T15:00:00Z"),
        ("0 months, end of month", "America/Los_Angeles", "2024-07-01T06:59:59Z", "2024-07-01T07:00:00Z"),
    ],
)
def test_days_are_the_local_calendar_and_hours_are_elapsed(text: str, name: str, anchor: str, at: str) -> None:
    assert expires(text, anchor, name) == at


def test_what_waits_for_an_event_or_never_ends_has_no_instant() -> None:
    on_event = parse_schedule("on event")
    assert on_event.activates_at(0, zone("UTC"), "feb-28") is None
    assert NEVER.expires_at(0, zone("UTC"), "feb-28") is None
    assert activates("immediately", SESSION) == SESSION
    with pytest.raises(ValueError, match="no activation"):
        NEVER.activates_at(0, zone("UTC"), "feb-28")
    with pytest.raises(ValueError, match="no expiration"):
        on_event.expires_at(0, zone("UTC"), "feb-28")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1 days", "1 day"), ("5 day", "5 days"), ("1 week,end of week", "1 week, end of week"), ("2  hours", "2 hours"), ("05 days", "5 days"),
        ("never", "never"), ("on event", "on event"), ("every 02-29", "every 02-29"), ("2024-02-29", "2024-02-29"),
    ],
)  # fmt: skip
def test_a_schedule_tells_its_canonical_text(text: str, canonical: str) -> None:
    assert str(parse_schedule(text)) == canonical
    assert parse_schedule(canonical) == parse_schedule(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "tomorrow", "days", "5", "5days", "-1 days", "+1 day", "1.5 days", "5 fortnights", "5 days end of day", "5 days, middle of day",
        "5 days, end of minute", "every 13-01", "every 00-10", "every 02-30", "every 1-1", "every day", "2023-02-29", "2024-1-1", "31-12-2024",
        "Immediately", " 5 days", "5 days ", "5 days\n", "٥ days", "1000000 days", "5 days, end of day, end of week",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="must "):
        parse_schedule(text)


schedules = st.builds(
    "{} {}s{}".format,
    st.integers(1, 400),
    st.sampled_from(("minute", "hour", "day", "week", "month", "quarter", "year")),
    st.sampled_from(("", ", end of day", ", end of week", ", end of month", ", end of quarter", ", end of year")),
).map(parse_schedule)
anchors = st.integers(parse_instant("1990-01-01T00:00:00Z"), parse_instant("2060-01-01T00:00:00Z"))
zones = st.sampled_from(("UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "America/Havana")).map(zone)
leap_days = st.sampled_from(("feb-28", "mar-1"))


@given(schedules, anchors, zones, leap_days)
def test_time_only_goes_forward(schedule, anchor, zone_, leap_day) -> None:  # type: ignore[no-untyped-def]
    assert parse_schedule(str(schedule)) == schedule
    assert schedule.expires_at(anchor, zone_, leap_day) > anchor


@given(schedules, anchors, st.integers(0, 40 * HOUR_US), zones, leap_days)
def test_who_comes_later_never_ends_sooner(schedule, anchor, later, zone_, leap_day) -> None:  # type: ignore[no-untyped-def]
    """But for what the calendar itself puts back: a clock that is set back (an hour at most in these zones), and days that
    the skipped one of Apia swallows.
    """
    first = schedule.expires_at(anchor, zone_, leap_day)
    second = schedule.expires_at(anchor + later, zone_, leap_day)
    assert second >= first - HOUR_US


@given(schedules, anchors, zones, leap_days, st.integers(1, 5))
def test_repeats_rise_and_none_is_left_out(schedule, anchor, zone_, leap_day, steps) -> None:  # type: ignore[no-untyped-def]
    at = anchor
    for _ in range(steps):
        following = schedule.next_after(anchor, zone_, leap_day, at)
        if following is None:
            assert at == LATEST or schedule.unit == "year"
            break
        assert following > at
        assert schedule.next_after(anchor, zone_, leap_day, following - 1) == following
        at = following


def test_repeats_are_reckoned_from_the_anchor_and_not_chained() -> None:
    """LEDGER, Time: the 31st comes back in long months."""
    monthly, anchor, at = parse_schedule("1 month"), parse_instant("2024-01-31T10:00:00Z"), None
    found = []
    for _ in range(4):
        at = monthly.next_after(anchor, zone("UTC"), "feb-28", at)
        assert at is not None
        found.append(format_instant(at)[:10])
    assert found == ["2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]


def test_what_does_not_repeat_has_no_next() -> None:
    anchor = parse_instant(SESSION)
    for text in ("immediately", "never", "on event", "0 days", "0 days, start of day", "2020-01-01"):
        assert parse_schedule(text).next_after(anchor, zone("UTC"), "feb-28") is None
    for text, at in (
        ("2030-01-01", "2030-01-01T00:00:00Z"),
        ("every 10-12", "2025-10-12T00:00:00Z"),
        ("every 10-13", "2024-10-13T00:00:00Z"),
        ("0 days, end of day", "2024-10-13T00:00:00Z"),
        ("0 years, end of year", "2025-01-01T00:00:00Z"),
    ):
        following = parse_schedule(text).next_after(anchor, zone("UTC"), "feb-28")
        assert following is not None
        assert format_instant(following) == at


@pytest.mark.parametrize(("text", "hours"), [("60 minutes", 1), ("1 hour", 1), ("2 days", 48), ("1 week", 168), ("0 days", 0)])
def test_a_duration_is_elapsed_time(text: str, hours: int) -> None:
    assert parse_duration(text) == hours * HOUR_US


@pytest.mark.parametrize("text", ["1 month", "1 year", "2 quarters", "5", "", "5 days, end of day", "immediately", "-1 days"])
def test_a_duration_has_a_fixed_length(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["every 02-29", "every 12-31", "1 year", "1 year, end of year", "0 months, end of month"])
@pytest.mark.parametrize("name", ["UTC", "Pacific/Kiritimati", "Pacific/Honolulu"])
def test_nothing_repeats_beyond_the_calendar(text: str, name: str) -> None:
    anchor = parse_instant("2024-01-31T10:00:00Z")
    for at in (LATEST - 40 * DAY_US, LATEST - DAY_US, LATEST - 1, LATEST):
        following = parse_schedule(text).next_after(anchor, zone(name), "feb-28", at)
        assert following is None or following > at
