"""Time lines: values at an instant whatever the order they were said in, and runs of renewals as a model keeps them."""

from hypothesis import given
from hypothesis import strategies as st

from tables.timelines import (
    BYTES_MAX,
    RUNS_MAX,
    VALUES_MAX,
    field_at,
    last_renewal,
    renewed,
    value_at,
    with_value,
)

said = st.lists(st.tuples(st.integers(0, 20), st.sampled_from(["a", "b", None])), max_size=12)


@given(said, st.integers(-1, 21))
def test_the_last_value_by_its_time_holds_and_of_two_the_later_arrival(values: list[tuple[int, str | None]], at: int) -> None:
    line: tuple[tuple[int, object], ...] = ()
    for since, value in values:
        line = with_value(line, since, value, -1)
    expected = None
    for instant in range(at + 1):
        for since, value in values:
            if since == instant:
                expected = value
    assert value_at(line, at) == expected


@given(said, st.integers(0, 20))
def test_what_is_forgotten_cannot_be_asked_for(values: list[tuple[int, str | None]], before: int) -> None:
    line: tuple[tuple[int, object], ...] = ()
    kept: tuple[tuple[int, object], ...] = ()
    for since, value in sorted(values, key=lambda entry: entry[0]):
        line, kept = with_value(line, since, value, -1), with_value(kept, since, value, min(before, since))
    assert [value_at(line, at) for at in range(before, 21)] == [value_at(kept, at) for at in range(before, 21)]


def test_a_line_is_bounded() -> None:
    line: tuple[tuple[int, object], ...] = ()
    for at in range(2 * VALUES_MAX):
        line = with_value(line, at, at, -1)
    assert (len(line), value_at(line, 10_000)) == (VALUES_MAX, 2 * VALUES_MAX - 1)
    for at in range(20):
        line = with_value(line, 20_000 + at, {"text": ["ä" * 1_000]}, -1)
    assert 3 <= len(line) <= BYTES_MAX // 2_000
    assert len(with_value(line, 30_000, "x" * 10 * BYTES_MAX, -1)) == 1


def test_a_field_inside_of_a_field() -> None:
    fields = {"address": ((5, {"city": "Riga", "geo": {"lat": "57"}}),), "a.b": ((0, "whole"),), "a": ((0, {"b": "inside"}),)}
    assert [field_at(fields, name, 5) for name in ("address.city", "address.geo.lat", "address.city.x", "a.b", "none", "no.ne")] == [
        "Riga", "57", None, "whole", None, None,
    ]  # fmt: skip
    assert [field_at(fields, name, 4) for name in ("address.city", "a.b")] == [None, "whole"]


renewals_of = st.lists(st.integers(0, 60), min_size=1, max_size=10)
two_lives = st.lists(st.integers(1, 12), min_size=2, max_size=2)


@given(renewals_of, renewals_of, st.integers(0, 60), two_lives, st.data())
def test_a_late_lot_lives_as_one_that_was_there(
    sales: list[int], visits: list[int], born_at: int, lives: list[int], data: st.DataObject
) -> None:
    """Renewed in two ways, under two versions, each with its own expiration, by which later is not always longer (`over`: months
    clamp); and the lot may have a shorter life of its own, which one rule of its version gives.
    """
    border = data.draw(st.integers(0, 60))
    shortest = [data.draw(st.integers(1, life)) for life in lives]
    over = data.draw(st.sampled_from([(0,), (0, 3), (2, 0, 1)]))
    if len(over) > 1:
        sales.sort()
        visits.sort()

    def version(at: int) -> int:
        return 0 if at < border else 1

    def expires_at(at: int) -> int:
        return at + lives[version(at)] + over[at % len(over)]

    def joined(last: int, first: int) -> bool:
        return (
            version(last) == version(first) and last + shortest[version(last)] > first and expires_at(last) <= expires_at(first)
        )

    by_sales: tuple[tuple[int, int], ...] = ()
    by_visits: tuple[tuple[int, int], ...] = ()
    for at in sales:  # in any order
        by_sales = renewed(by_sales, at, joined)
    for at in visits:
        by_visits = renewed(by_visits, at, joined)
    born_for = data.draw(st.sampled_from([shortest[version(born_at)], expires_at(born_at) - born_at]))
    expiry, last = born_at + born_for, None
    for at in sorted([*sales, *visits]):
        if born_at < at < expiry < expires_at(at):
            last, expiry = at, expires_at(at)
    found = last_renewal(sorted([*by_sales, *by_visits]), born_at, born_at + born_for, expires_at)
    assert (found is None, found and expires_at(found)) == (last is None, last and expires_at(last))


def test_what_is_over_before_any_late_record_is_forgotten_and_of_very_many_the_oldest_are_one() -> None:
    runs: tuple[tuple[int, int], ...] = ()
    for at in range(RUNS_MAX + 2):
        runs = renewed(runs, 10 * at, lambda last, first: False)
    assert runs[:2] == ((0, 20), (30, 30))
    assert len(runs) == RUNS_MAX
    assert renewed(((0, 20), (30, 30)), 40, lambda last, first: False, 25) == ((30, 30), (40, 40))


def test_of_renewals_that_make_it_last_as_long_the_last_one_counts_whichever_way_it_came() -> None:
    end_of_ten = lambda at: (at // 10 + 2) * 10  # noqa: E731
    by_sales, by_visits = (18, 23), (22, 22)
    assert last_renewal([by_sales, by_visits], 15, 30, end_of_ten) == 23
