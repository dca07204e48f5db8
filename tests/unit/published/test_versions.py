"""What the topic comes to: whatever is in it, every reader comes to the same, and no record can take what is right out of force."""

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from schemas.instants import parse_instant
from streams.published.versions import Published
from tests.unit.published.fleet import Fleet, day, raw, text

FIRST, SECOND, INSTEAD = text(), text("2024-06-01", "2"), text("2024-06-01", "3")


def _rate(fleet: Fleet, date: str) -> int:
    program = fleet.versions.catalog.in_force("club", day(date))
    assert program is not None
    rate = program.earning[0].rate
    assert rate is not None
    return rate.points_nano // 1_000_000_000


def test_the_newest_text_of_a_version_counts_and_an_older_one_may_come_back() -> None:
    fleet = Fleet()
    seen = []
    for content in (SECOND, INSTEAD, SECOND):
        assert fleet.take(raw("club/2024-06-01", content), raw("club/2024-01-01", FIRST)) == []
        seen.append((fleet.versions.offset, len(fleet.versions.texts), _rate(fleet, "2024-07-01")))
    assert seen == [(2, 2, 2), (3, 3, 3), (5, 3, 2)], "the first program came again, and that is no change"
    assert [_rate(fleet, date) for date in ("2024-05-31", "2024-06-01")] == [1, 2]


def test_what_was_in_force_at_an_offset_is_known_by_its_texts() -> None:
    fleet = Fleet()
    for content in (SECOND, INSTEAD):
        fleet.take(raw("club/2024-06-01", content))
    before, after = fleet.versions.keys_at(1), fleet.versions.keys_at(2)
    assert (len(before), len(after), fleet.versions.keys_at(0)) == (1, 1, [])
    assert [source.text for source in fleet.versions.sources(before + after)] == [
        source for _, source in sorted(zip(before + after, [SECOND, INSTEAD], strict=True))
    ]


WRONG: dict[str, tuple[str, Published | bytes]] = {
    "no program at all": raw("club/2024-06-01", "a word"),
    "another time zone": raw("club/2024-06-01", text("2024-06-01", timezone="Europe/Paris")),
    "tiers that become others": raw("club/2023-01-01", text("2023-01-01", currency="USDX")),
    "a key of another kind": ("club", b"{}"),
    "a key without a date": ("club/soon/1", b"{}"),
    "a value that is no JSON": ("club/2024-06-01T00:00:00Z/1", b"program: club"),
    "nothing": ("club/2024-01-01T00:00:00Z/1", b""),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "read from the start"])
def test_a_record_that_is_not_right_is_passed_over(case: str, at_once: bool) -> None:
    fleet = Fleet()
    records = [raw("club/2024-01-01", FIRST), WRONG[case], raw("club/2024-08-01", text("2024-08-01", "4"))]
    said = fleet.take(*records) if at_once else [why for record in records for why in fleet.take(record)]
    assert len(said) == 1
    assert "passed over" in said[0]
    assert [_rate(fleet, date) for date in ("2024-05-31", "2024-07-01", "2024-08-01")] == [1, 1, 4]
    assert fleet.versions.end == 3
    assert [identity.effective_from for identity in fleet.versions.current] == [
        parse_instant(f"{date}T00:00:00Z") for date in ("2024-01-01", "2024-08-01")
    ]


def test_files_that_are_right_only_together_count_together() -> None:
    fleet = Fleet(text("2024-06-01"))
    changed = [text("2024-05-01", timezone="Europe/Paris"), text("2024-06-01", timezone="Europe/Paris")]
    assert fleet.write(fleet.plan(*changed)) == []
    assert [version.timezone.key for version in fleet.versions.catalog.programs["club"]] == ["Europe/Paris"] * 2


def test_what_was_passed_over_does_not_come_into_force_with_what_comes_later() -> None:
    """Neither for who reads both at once: two workers would go by different programs from the same offset on."""
    records = [
        raw("club/2024-01-01", FIRST),
        raw("club/2024-06-01", text("2024-06-01", timezone="Europe/Paris")),  # not right beside the first
        raw("club/2024-01-01", text(timezone="Europe/Paris")),  # in the place of the first: now it would be
    ]
    at_once, one_by_one = Fleet(), Fleet()
    said = [at_once.take(*records), [why for record in records for why in one_by_one.take(record)]]
    assert said[0] == said[1]
    assert len(said[0]) == 1
    assert at_once.versions.current == one_by_one.versions.current
    assert [identity.effective_from for identity in at_once.versions.current] == [day("2024-01-01")]


def test_what_a_command_publishes_counts_with_its_last_record_or_not_at_all() -> None:
    fleet = Fleet(FIRST)
    (first, a), (second, b) = raw("club/2024-05-01", text("2024-05-01")), raw("club/2024-06-01", SECOND)
    both = [(f"{key}/x", structs.replace(one, batch="x", of=2)) for key, one in ((first, a), (second, b))]
    assert fleet.take(both[0]) == []
    assert (len(fleet.versions.current), fleet.versions.offset) == (1, 1), "whoever wrote it may be cut off here"
    fleet.take(raw("club/2024-08-01", text("2024-08-01")))  # somebody else's comes between
    assert len(fleet.versions.current) == 2
    assert fleet.take(both[1]) == []
    assert (len(fleet.versions.current), fleet.versions.offset) == (4, 4)
    assert (len(fleet.versions.keys_at(2)), len(fleet.versions.keys_at(4))) == (1, 4)


_DATES = ("2024-01-01", "2024-05-01", "2024-06-01")
_ZONES = ("UTC", "Europe/Paris")


@given(
    written=st.lists(
        st.lists(
            st.tuples(st.sampled_from(_DATES), st.sampled_from(_ZONES), st.booleans()),
            min_size=1,
            max_size=3,
            unique_by=lambda one: one[0],
        ),
        min_size=1,
        max_size=5,
    ),
    order=st.randoms(use_true_random=False),
    cuts=st.sets(st.integers(0, 15)),
)
def test_what_counts_follows_from_the_records_and_not_from_which_are_read_together(
    written: list[list[tuple[str, str, bool]]], order: Random, cuts: set[int]
) -> None:
    records = []
    for number, command in enumerate(written):
        for date, zone, waived in command:
            key, published = raw(f"club/{date}", text(date, timezone=zone))
            without = ("scenarios",) if waived else ()
            records.append((f"{key}/{number}", structs.replace(published, without=without, batch=f"{number}", of=len(command))))
    order.shuffle(records)  # commands that publish at the same time
    at_once, in_pieces = Fleet(), Fleet()
    at_once.take(*records)
    edges = [0, *sorted(cut for cut in cuts if cut < len(records)), len(records)]
    for start, end in itertools.pairwise(edges):
        in_pieces.take(*records[start:end])
    found = [(one.current, one.texts, one.offset, one.end) for one in (at_once.versions, in_pieces.versions)]
    assert found[0] == found[1]
    assert all(at_once.versions.keys_at(offset) == in_pieces.versions.keys_at(offset) for offset in range(len(records) + 1))
