"""While a cycle is being committed its changes are frozen in the table, and the next one is applied on top of them.

Whoever reads finds the same as if the cycle had been flushed at once; and what becomes of it afterwards is all or nothing.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tables.keys import identity_key
from tables.memory import MemoryStore
from tables.state import Profile, Seen
from tables.table import Table

NAMES = ("a", "b", "c")
WHEN = st.none() | st.integers(0, 5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("profile"), st.sampled_from(NAMES), WHEN),
        st.tuples(st.just("seen"), st.sampled_from(NAMES), st.none() | st.integers(0, 9)),
        st.tuples(st.just("freeze"), st.none(), st.none()),
        st.tuples(st.just("write"), st.none(), st.none()),
        st.tuples(st.just("settle"), st.none(), st.none()),
    ),
    max_size=25,
)


def key(name: str) -> bytes:
    return identity_key(name, "adjustment", "", "x")


class Frozen:
    """A table whose cycles are frozen, written and settled one after another, as far as the steps say so."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.table = Table(self.store, 4_000)
        self.changes: list[Any] | None = None
        self.is_written = False

    def freeze(self) -> None:
        if self.changes is None:
            self.table.freeze()
            self.changes = self.table.changes()

    def write(self) -> None:
        if self.changes is not None and not self.is_written:
            self.table.write({b"n": b"1"}, self.changes)
            self.is_written = True

    def settle(self) -> None:
        if self.changes is not None:
            self.write()
            self.table.settle(self.changes)
            self.changes, self.is_written = None, False


def change(table: Table, what: str, name: str, value: int | None) -> None:
    if what == "profile":
        known = table.profile(name)
        table.put_profile(name, Profile((0 if known is None else known.settled_at) + 1, value))
    else:
        table.put(key(name), None if value is None else Seen(b"%d" % value, value))


def seen(table: Table) -> object:
    """All that can be read."""
    due = []
    for until in range(6):
        due.append(table.next_due(until))
    return (
        [table.profile(name) for name in NAMES],
        [table.find(Seen, key(name)) for name in NAMES],
        [list(table.keys_of(name)) for name in NAMES],
        sorted(table.glance(NAMES)) if not table.changed_profiles() else [],
        [table.next_profiles(after, 2) for after in (None, "a")],
        due,
    )


@given(STEPS)
def test_it_reads_as_if_every_cycle_had_been_flushed_at_once(steps: list[tuple[str, Any, Any]]) -> None:
    frozen, flushed = Frozen(), Table(MemoryStore())
    for what, name, value in steps:
        if what in ("profile", "seen"):
            change(frozen.table, what, name, value)
            change(flushed, what, name, value)
        else:
            if what == "freeze" and frozen.changes is None:
                flushed.flush({})
            getattr(frozen, what)()
        assert seen(frozen.table) == seen(flushed)
    frozen.settle()
    frozen.freeze()
    frozen.settle()
    flushed.flush({})
    assert seen(frozen.table) == seen(flushed)
    again = Table(frozen.store)
    assert seen(again) == seen(flushed)


def test_what_is_dropped_takes_with_it_what_was_built_on_it() -> None:
    frozen = Frozen()
    change(frozen.table, "profile", "a", 1)
    frozen.freeze()
    frozen.settle()
    change(frozen.table, "profile", "a", 2)
    change(frozen.table, "seen", "a", 2)
    frozen.freeze()
    change(frozen.table, "profile", "a", 3)
    change(frozen.table, "profile", "b", 3)
    frozen.table.drop_changes()
    assert frozen.table.profile("a") == Profile(1, 1)
    assert frozen.table.profile("b") is None
    assert frozen.table.find(Seen, key("a")) is None
    assert frozen.table.next_due(9) == (1, "a")


def test_two_cycles_are_never_frozen_at_once() -> None:
    table = Table(MemoryStore())
    table.freeze()
    with pytest.raises(RuntimeError, match="neither settled nor dropped"):
        table.freeze()
