"""What is read of a changelog is taken up to its last position, whatever polls it came in."""

from hypothesis import given
from hypothesis import strategies as st

from streams.worker.newest import Newest
from streams.worker.position import POSITION_KEY

KEYS = st.sampled_from([b"pa", b"pb", b"rc", POSITION_KEY])
RECORDS = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=2)), max_size=12)


def taken(newest: Newest, records: list[tuple[bytes, bytes | None]]) -> int:
    return newest.take([key for key, _ in records], [value for _, value in records])


@given(st.lists(RECORDS), st.sets(st.integers(0, 5)))
def test_it_is_the_newest_of_each_key_up_to_the_last_position(
    polls: list[list[tuple[bytes, bytes | None]]], restored_after: set[int]
) -> None:
    newest = Newest()
    found: dict[bytes, bytes | None] = {}
    read: list[tuple[bytes, bytes | None]] = []
    for number, poll in enumerate(polls):
        read += poll
        cut = taken(newest, poll)
        assert cut == max((place for place, (key, _) in enumerate(poll, 1) if key == POSITION_KEY), default=0)
        if number in restored_after:
            found |= newest.whole()
            assert (len(newest), newest.read) == (0, 0)
    last = max((place for place, (key, _) in enumerate(read, 1) if key == POSITION_KEY), default=0)
    assert found | newest.whole() == dict(read[:last])


def test_what_stands_behind_the_last_position_waits_for_the_next() -> None:
    newest = Newest()
    assert taken(newest, [(b"pa", b"1"), (POSITION_KEY, b"x"), (b"pa", b"2")]) == 2
    assert (len(newest), newest.read) == (2, 3)
    assert newest.whole() == {b"pa": b"1", POSITION_KEY: b"x"}
    assert taken(newest, [(b"pb", None), (POSITION_KEY, b"y")]) == 2
    assert newest.whole() == {b"pa": b"2", b"pb": None, POSITION_KEY: b"y"}
