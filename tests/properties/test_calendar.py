"""Every schedule, at any instant of sixty years, in zones with hard rules: the product and the standard library's calendar agree."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.schedules import parse_schedule
from tests.properties.harness import instant
from tests.properties.naive.calendar import EDGES, UNITS, falls_on

ZONES = (
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # its days began at one o'clock once a year
    "America/Havana",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Africa/Casablanca",  # DST backwards
    "Australia/Lord_Howe",
    "Pacific/Apia",  # it left out a day
    "Pacific/Kiritimati",
    "Antarctica/Troll",  # two hours
)


@st.composite
def schedules(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(("relative", "relative", "relative", "date", "every")))
    if kind == "date":
        return draw(st.dates(datetime(1990, 1, 1).date(), datetime(2050, 1, 1).date())).isoformat()  # noqa: DTZ001
    if kind == "every":
        return draw(st.dates(datetime(2024, 1, 1).date(), datetime(2024, 12, 31).date())).strftime("every %m-%d")  # noqa: DTZ001
    count, unit = draw(st.integers(0, 40)), draw(st.sampled_from(UNITS))
    text = f"{count} {unit}" + draw(st.sampled_from(("", "s")))
    edge = draw(st.sampled_from(("", *EDGES)))
    return f"{text}, {edge}" if edge else text


ANCHORS = st.builds(
    lambda start, seconds, micros: start + timedelta(seconds=seconds, microseconds=micros),
    st.just(datetime(1990, 1, 1, tzinfo=UTC)),
    st.integers(0, 60 * 365 * 86_400),
    st.sampled_from((0, 0, 1, 999_999)),
)


@given(schedules(), ANCHORS, st.sampled_from(ZONES), st.sampled_from(("feb-28", "mar-1")))
@settings(max_examples=2_000)
@example("1 day", datetime(2011, 12, 29, 20, tzinfo=UTC), "Pacific/Apia", "feb-28")  # 30 December 2011 never was
@example("0 days, end of day", datetime(2018, 11, 4, 4, tzinfo=UTC), "America/Sao_Paulo", "feb-28")
@example("1 year", datetime(2024, 2, 29, 12, tzinfo=UTC), "Asia/Tokyo", "mar-1")
@example("1 day", datetime(2024, 10, 26, 0, 30, tzinfo=UTC), "Europe/London", "feb-28")
def test_the_product_and_the_standard_calendar_agree(text: str, anchor: datetime, zone: str, leap_day: str) -> None:
    schedule, where = parse_schedule(text), ZoneInfo(zone)
    assert leap_day in {"feb-28", "mar-1"}
    for through, found in (
        (False, schedule.activates_at(instant(anchor), where, leap_day)),  # type: ignore[arg-type]
        (True, schedule.expires_at(instant(anchor), where, leap_day)),  # type: ignore[arg-type]
    ):
        due = falls_on(text, anchor, where, leap_day, through=through)
        assert found == (None if due is None else instant(due))
