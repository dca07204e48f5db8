"""How long a commit cycle lasts: a period, and step by step longer for as long as there is more to read than can be applied."""

from streams.worker.pace import LONGEST, Pace

PERIOD_SECONDS = 0.25  # a fourth of it is exact, too


def lengths(cycles: list[tuple[bool, float]]) -> list[float]:
    """How long each of these cycles lasts, behind or not, where so much of every second is work and nothing else takes any time."""
    now = worked = 0.0
    pace = Pace(PERIOD_SECONDS, lambda: worked, lambda: now)
    found = []
    for is_behind, share in cycles:
        began = now
        pace.begin()
        for pause_seconds in pace.pauses(lambda answer=is_behind: answer):  # type: ignore[misc]
            now += pause_seconds
            worked += pause_seconds * share
        found.append(round(now - began, 3))
    return found


BEHIND, JUST_UP, AT_EASE = (True, 1.0), (False, 0.9), (False, 0.3)


def test_a_cycle_lasts_a_period_while_nobody_is_behind() -> None:
    assert lengths([AT_EASE] * 3) == [0.25] * 3
    assert lengths([JUST_UP] * 3) == [0.25] * 3


def test_behind_each_lasts_twice_as_long_as_the_one_before_it_up_to_a_bound() -> None:
    longest = LONGEST * PERIOD_SECONDS
    assert lengths([BEHIND] * 7) == [0.5, 1.0, 2.0, 4.0, longest, longest, longest]


def test_a_length_that_just_keeps_up_is_given_up_slowly() -> None:
    assert lengths([BEHIND] * 4 + [JUST_UP] * 3) == [0.5, 1.0, 2.0, 4.0, 3.25, 2.562, 2.062]


def test_with_time_to_spare_a_cycle_ends_after_its_period_whatever_was_before() -> None:
    assert lengths([BEHIND] * 4 + [AT_EASE] * 2) == [0.5, 1.0, 2.0, 4.0, 0.25, 0.25]


def test_what_kept_up_is_forgotten_by_halves() -> None:
    assert lengths([BEHIND, BEHIND, AT_EASE, JUST_UP, AT_EASE, JUST_UP]) == [0.5, 1.0, 0.25, 0.438, 0.25, 0.25]


def test_one_that_took_longer_than_its_period_is_followed_at_once_but_not_without_a_breath() -> None:
    now = 10.0
    pace = Pace(PERIOD_SECONDS, lambda: 0.0, lambda: now)
    now = 11.0
    assert list(pace.pauses(lambda: False)) == [0.005]
