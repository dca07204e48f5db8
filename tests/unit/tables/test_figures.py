"""Figures over purchases and visits: windows to the instant, what comes back, and how little is kept of very many."""

import random

from schemas.instants import DAY_US, HOUR_US, zone
from tables.engagement import Figures
from tables.figures import (
    DAYS_MAX,
    LAST_KEPT,
    SINGLE_MAX,
    bought,
    came_back,
    count_of,
    last_purchase,
    last_visit,
    score,
    total_of,
    visited,
)

UTC = zone("UTC")
LONG_AGO = -(10**18)


def buy(*at: int, before: int = LONG_AGO) -> Figures:
    figures = Figures()
    for instant in at:
        figures = bought(figures, instant, 100, before, UTC)
    return figures


def test_what_comes_later_does_not_count_yet() -> None:
    figures = buy(10, 20, 30)
    assert (count_of(figures, 25), total_of(figures, 25)) == (2, 200)
    assert (count_of(figures, 30), total_of(figures, 30)) == (3, 300)


def test_purchases_that_come_out_of_order_stand_in_order() -> None:
    assert buy(30, 10, 20).purchases == buy(10, 20, 30).purchases


def test_what_comes_back_whole_was_no_purchase_and_a_part_of_it_is_taken_off_the_sum() -> None:
    figures = buy(10, 20)
    part = came_back(figures, 20, 40, False, UTC)
    assert (part.count, part.total, last_purchase(part, 99)) == (2, 160, 20)
    whole = came_back(part, 20, 60, True, UTC)
    assert (whole.count, whole.total, last_purchase(whole, 99)) == (1, 100, 10)


def test_what_was_bought_before_anybody_asked_takes_nothing_off() -> None:
    assert came_back(Figures(), 10, 100, True, UTC) == Figures()


def test_of_what_no_window_holds_any_more_the_last_few_are_kept() -> None:
    figures = buy(*range(100), before=95)
    assert len(figures.purchases) == LAST_KEPT
    assert (figures.count, last_purchase(figures, 99)) == (100, 99)


def test_very_many_are_put_together_by_day_and_windows_of_whole_days_stay_right() -> None:
    chance = random.Random(5)
    instants = sorted(chance.sample(range(0, 200 * DAY_US, HOUR_US), 900))
    figures = buy(*instants)
    assert len(figures.purchases) <= DAYS_MAX
    assert figures.count == 900
    for day in range(0, 200, 7):
        counted = sum(many for since, many, _ in figures.purchases if since >= day * DAY_US)
        assert counted == sum(instant >= day * DAY_US for instant in instants)


def test_one_by_one_while_there_are_few() -> None:
    assert len(buy(*range(0, SINGLE_MAX * HOUR_US, HOUR_US)).purchases) == SINGLE_MAX


def test_what_comes_back_of_a_day_that_was_put_together_is_taken_off_there() -> None:
    figures = buy(*range(0, 40 * DAY_US, 8 * HOUR_US))
    first = figures.purchases[0]
    assert first[1] == 3
    taken = came_back(figures, 0, 100, True, UTC)
    assert taken.purchases[0] == (first[0], 2, 200)


def test_visits_are_the_first_and_the_last_of_each_day() -> None:
    figures = Figures()
    for at in (1, 5, 3, DAY_US + 7, 2):
        figures = visited(figures, at, UTC)
    assert figures.visits == (1, 5, DAY_US + 7)
    assert (last_visit(figures, DAY_US), last_visit(figures, 4), last_visit(figures, 0)) == (5, 1, None)


def test_scores_begin_with_one() -> None:
    assert [score(value, (2, 5)) for value in (0, 1, 2, 4, 5, 99)] == [1, 1, 2, 2, 3, 3]
