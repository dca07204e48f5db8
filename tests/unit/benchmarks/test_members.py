"""Who comes next in a benchmark: evenly, or by Zipf's law; the same each time."""

from collections import Counter

from benchmarks.latency import _at
from benchmarks.receipts import receipts, receipts_of, uniform, zipf
from benchmarks.states import made_profiles
from tables.state import Profile
from tables.stored import decode


def test_by_zipf_the_first_comes_about_twice_as_often_as_the_second() -> None:
    often = [count for _, count in Counter(zipf(50_000, 1_000, 1.1)).most_common(2)]
    assert 1.9 < often[0] / often[1] < 2.4


def test_every_rank_has_a_member_of_its_own() -> None:
    assert len(set(zipf(20_000, 50, 0.0))) == 50


def test_evenly_is_evenly() -> None:
    counts = Counter(uniform(50_000, 50))
    assert len(counts) == 50
    assert max(counts.values()) < 1.2 * min(counts.values())


def test_the_same_members_buy_the_same_each_time() -> None:
    members = [f"m{number}" for number in uniform(5, 10)]
    assert [*receipts_of(members)] == [*receipts_of(members)]


def test_a_receipt_that_is_fed_now_differs_in_its_time_alone() -> None:
    (sent,) = receipts(1)
    assert _at(sent.value, b"2026-11-22T13:00:00Z") == sent.value.replace(b"2024-01-01T08:00:00Z", b"2026-11-22T13:00:00Z")


def test_made_profiles_are_what_the_core_stores_and_as_large_as_asked() -> None:
    made = made_profiles(500)
    assert 450 < sum(map(len, made)) / len(made) < 550
    assert {type(decode(Profile, value)) for value in made} == {Profile}
