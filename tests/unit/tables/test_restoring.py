"""A restore leaves the index of what is due exactly as the states say, however it was cut up, and looks up only what may be there."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.instants import Instant
from tables.due_keys import due_key, due_keys, split_due_key
from tables.keys import profile_key
from tables.memory import MemoryStore
from tables.rocks import RocksStore
from tables.state import Profile
from tables.store import Store
from tables.stored import FORMAT, StateFormatError, decode, due_of, encode
from tables.table import Table
from tables.unseen import Unseen
from tests.conftest import ROOT

LATE = 1 << 62
INSTANTS = st.one_of(
    st.none(), st.sampled_from([0, 1, 127, 128, 1 << 16, 1 << 32, 1 << 33, 1_700_000_000_000_000]), st.integers(-LATE, LATE)
)
PROFILES = st.builds(Profile, st.integers(-LATE, LATE), INSTANTS, st.none() | st.just("internal-error"))
BATCHES = st.lists(st.dictionaries(st.sampled_from("abcdefgh"), PROFILES, max_size=5), max_size=8)
THEN = st.sampled_from(["go on", "open anew", "flush"])


def indexed(store: Store) -> list[tuple[Instant, str]]:
    return [*store.due(LATE, None)]


def said_by(profiles: dict[str, Profile]) -> list[tuple[Instant, str]]:
    return sorted((it.due_at, name) for name, it in profiles.items() if it.due_at is not None and it.stopped is None)


class Asked(MemoryStore):
    """Counts the keys that are looked up many at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.keys_asked = 0

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        self.keys_asked += len(keys)
        return super().get_many(keys)


@given(BATCHES, st.lists(THEN, min_size=8, max_size=8), st.sampled_from([0, 1 << 20]), st.none() | st.integers(0, 9))
def test_the_index_is_what_the_states_say_wherever_a_restore_was_cut_off(
    batches: list[dict[str, Profile]], then: list[str], cache_bytes: int, at_most: int | None
) -> None:
    store = MemoryStore()
    table = Table(store, cache_bytes)
    newest: dict[str, Profile] = {}
    for batch, what in zip(batches, then, strict=False):
        others: dict[bytes, bytes | None] = {b"ra\x00pos\x00R1": b"no profile", b"qa\x00club\x00pts\x001": None}
        table.restore(others | {profile_key(name): encode(profile) for name, profile in batch.items()}, {}, at_most)
        newest |= batch
        if what == "flush":
            newest["a"] = Profile(1, 2)
            table.put_profile("a", newest["a"])
            table.flush({})
        if what == "open anew":
            table = Table(store, cache_bytes)
        assert indexed(store) == said_by(newest)
        assert table.next_due(LATE) == min(said_by(newest), default=None)


def test_a_restore_that_a_restart_has_cut_off_goes_on_in_what_it_left(tmp_path: Path) -> None:
    first = {profile_key(f"p{n}"): encode(Profile(1, 10 + n)) for n in range(100)}
    second = {profile_key(f"p{n}"): encode(Profile(2, 500 - n)) for n in range(50, 150)}
    for newest in (first, first, second):  # what the position did not speak of yet is read again
        table = Table(RocksStore(tmp_path, logged=False))
        table.restore(newest, {})
        table.close()
    store = RocksStore(tmp_path)
    assert indexed(store) == sorted([(10 + n, f"p{n}") for n in range(50)] + [(500 - n, f"p{n}") for n in range(50, 150)])
    store.close()


KILLED = """
import os, random, signal, sys
from pathlib import Path
from tables.rocks import RocksShared, RocksStore
from tables.state import Profile
from tables.stored import encode
from tables.keys import profile_key
from tables.table import Table

table = Table(RocksStore(Path(sys.argv[1]), RocksShared(1 << 20, 1 << 20), logged=False))
for number in range(40):
    drawn = random.Random(number).sample(range(3_000), 300)
    states = {profile_key(f"p{n}"): encode(Profile(number, 1_000 + n + number)) for n in drawn}
    receipts = {b"r%d" % (number * 300 + n): os.urandom(300) for n in range(300)}
    table.restore(states | receipts, {b"changelog": b"%d" % number})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_restore_that_is_killed_leaves_states_index_and_position_of_one_moment(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    store = RocksStore(tmp_path, logged=False)
    profiles = {key[1:].decode(): decode(Profile, stored) for key, stored in store.states(b"p")}
    reached = store.meta(b"changelog")
    assert reached is not None, "of so much, something has gone to a file before the kill"
    assert max(it.settled_at for it in profiles.values()) == int(reached)
    assert indexed(store) == said_by(profiles)
    store.close()


def test_only_what_may_be_there_is_looked_up() -> None:
    store = Asked()
    table = Table(store)
    for start in range(0, 1_000, 100):
        table.restore({profile_key(f"p{n}"): encode(Profile(1, n)) for n in range(start, start + 100)}, {})
    few = store.keys_asked
    assert few < 10, "an empty store holds none of them; those few share a slot"
    table.restore({profile_key(f"p{n}"): encode(Profile(2, 7)) for n in range(100)}, {})
    assert store.keys_asked == few + 100, "these have come before"
    Table(store).restore({profile_key("p2000"): encode(Profile(1, 9))}, {})
    assert store.keys_asked == few + 101, "what a store holds that was filled before, it alone knows"


@given(st.lists(st.lists(st.binary(max_size=2), unique=True)), st.sampled_from([0, 100, 100_000]))
def test_no_key_that_was_given_before_is_held_for_unseen(batches: list[list[bytes]], slots: int) -> None:
    unseen = Unseen(slots)
    given_before: set[bytes] = set()
    for keys in batches:
        assert given_before.intersection(keys) <= set(unseen.but(keys))
        given_before.update(keys)


@given(PROFILES, st.sampled_from([FORMAT - 1, FORMAT]))
def test_when_something_is_due_is_read_as_the_whole_profile_says_it(profile: Profile, number: int) -> None:
    stored = bytes([number]) + encode(profile)[1:]
    assert due_of(stored) == (profile.due_at if profile.stopped is None else None)


@given(PROFILES, st.sampled_from([FORMAT - 1, FORMAT]), st.text(max_size=3))
def test_a_profile_s_first_entry_is_what_its_head_says(profile: Profile, number: int, name: str) -> None:
    key, due = profile_key(name), profile.due_at if profile.stopped is None else None
    entries = due_keys([key], {key: bytes([number]) + encode(profile)[1:]})
    assert [split_due_key(entry) for entry in entries] == ([] if due is None else [(due, name)])
    assert entries == ([] if due is None else [due_key(due, name.encode())])


@given(INSTANTS, INSTANTS)
def test_entries_sort_as_their_instants_do(one: Instant | None, other: Instant | None) -> None:
    if one is not None and other is not None:
        assert (due_key(one, b"a") < due_key(other, b"a")) == (one < other)


def test_one_that_was_erased_has_no_entry() -> None:
    assert due_keys([b"pa"], {b"pa": None}) == []


@pytest.mark.parametrize("number", [FORMAT - 2, FORMAT + 1])
def test_no_entry_is_made_of_another_format(number: int) -> None:
    stored = encode(Profile(1_700_000_000_000_000, 1_700_000_000_000_000))
    with pytest.raises(StateFormatError):
        due_keys([b"pa"], {b"pa": bytes([number]) + stored[1:]})


@pytest.mark.parametrize("number", [FORMAT - 2, FORMAT + 1])
def test_the_head_of_another_format_is_not_read(number: int) -> None:
    stored = encode(Profile(1_700_000_000_000_000, 1_700_000_000_000_000))
    with pytest.raises(StateFormatError):
        due_of(bytes([number]) + stored[1:])
