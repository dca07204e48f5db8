"""How long a commit cycle lasts: a period, and step by step longer for as long as there is more to read than can be applied."""

from streams.worker.pace import Pace

PERIOD_SECONDS = 0.25  # a fourth of it is exact, too


def lengths(behind: list[bool]) -> list[float]:
    """How long each of these cycles lasts, behind or not, where nothing else takes any time."""
    now = 0.0
    pace = Pace(PERIOD_SECONDS, lambda: now)
    found = []
    for is_behind in behind:
        began = now
        for pause_seconds in pace.pauses(began, lambda answer=is_behind: answer):  # type: ignore[misc]
            now += pause_seconds
        found.append(round(now - began, 3))
    return found


def test_a_cycle_lasts_a_period_while_nobody_is_behind() -> None:
    assert lengths([False] * 3) == [0.25, 0.25, 0.25]


def test_behind_each_lasts_twice_as_long_as_the_one_before_it_up_to_twenty_periods() -> None:
    assert lengths([True] * 7) == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]


def test_a_burst_that_is_gone_leaves_short_cycles_behind_it() -> None:
    assert lengths([True, True, False, True, False]) == [0.5, 1.0, 0.25, 0.5, 0.25]


def test_one_that_took_longer_than_its_period_is_followed_at_once_but_not_without_a_breath() -> None:
    pace = Pace(PERIOD_SECONDS, lambda: 10.0)
    assert list(pace.pauses(9.0, lambda: False)) == [0.005]
