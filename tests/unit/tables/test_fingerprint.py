"""A fingerprint is equal where the states say the same, however they lie or came there, and unequal where one point is another."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tables.counted import Count
from tables.drafts import add
from tables.fingerprint import Fingerprint, fingerprint, together
from tables.keys import claim_key, count_key, identity_key, planned_key
from tables.memory import MemoryStore
from tables.pages import HEAD_MAX
from tables.rocks import RocksStore
from tables.state import Claim, Ledger, Lot, Membership, Planned, Profile, Seen
from tables.stored import FORMAT, encode
from tables.table import Table
from tests.unit.agents.test_lots_in_pages import Shop

STATES = {
    b"p" + name.encode(): encode(
        Profile(7, None, None, {"club": Membership(7, 1, 1, {"pts": Ledger(active=points, issued=points)})})
    )
    for name, points in {"ann": 5, "bob": 9, "cid": 9}.items()
} | {claim_key("pos", "R1"): encode(Claim("ann", 7)), identity_key("ann", "pixel", "app", "E1"): encode(Seen(b"x", 3))}


def of(states: dict[bytes, bytes], forgotten: int | None = None) -> Fingerprint:
    store = MemoryStore()
    store.write(states.items(), [], {})
    return fingerprint(store, forgotten)


def test_it_is_one_number_of_64_digits_and_counts_states() -> None:
    assert len(of(STATES).text) == 64
    assert of(STATES).states == 5
    assert of({}) == Fingerprint(0, 0)


def test_rocksdb_and_memory_say_the_same_in_whatever_order_it_was_written(tmp_path: Path) -> None:
    store = RocksStore(tmp_path)
    states = list(STATES.items())
    Random(1).shuffle(states)
    for state in states:
        store.write([state], [], {})
    assert fingerprint(store, None) == of(STATES)
    store.close()


@given(st.sets(st.sampled_from(sorted(STATES))))
def test_partitions_add_up(here: set[bytes]) -> None:
    one = {key: value for key, value in STATES.items() if key in here}
    other = {key: value for key, value in STATES.items() if key not in here}
    assert together([of(one), of(other)]) == of(STATES)


@pytest.mark.parametrize("key", sorted(STATES))
def test_a_state_that_is_missing_or_another_is_seen(key: bytes) -> None:
    assert of({other: value for other, value in STATES.items() if other != key}) != of(STATES)
    changed = {b"p": encode(Profile(8)), b"c": encode(Claim("bob", 7)), b"i": encode(Seen(b"y", 3))}
    assert of(STATES | {key: changed[key[:1]]}).number != of(STATES).number


def test_two_profiles_that_change_places_are_seen() -> None:
    ann, bob = STATES[b"pann"], STATES[b"pbob"]
    assert of(STATES | {b"pann": bob, b"pbob": ann}).number != of(STATES).number


def test_a_format_of_before_says_the_same() -> None:
    states = STATES | {
        planned_key("club"): encode(Planned(7, 3, "ann")),
        count_key("budget/club/gift"): encode(Count(5)),
    }
    before = {key: bytes([FORMAT - 1]) + value[1:] for key, value in states.items()}
    assert of(before) == of(states)


def test_a_table_that_was_swept_sooner_is_equal() -> None:
    old, young = identity_key("ann", "pixel", "app", "old"), identity_key("ann", "pixel", "app", "young")
    tables = [Table(MemoryStore()), Table(MemoryStore())]
    stores = []
    for table, at_most in zip(tables, (0, 1_000), strict=True):
        table.put(old, Seen(b"", 10))
        table.put(young, Seen(b"", 20))
        table.flush({})
        if at_most:
            table.sweep(20, at_most)
            table.flush({})
        stores.append(table._store)
    swept, unswept = stores[1], stores[0]
    assert (unswept.get(old) is None, swept.get(old) is None) == (False, True)
    assert tables[1].forgotten == 20
    assert fingerprint(swept, 20) == fingerprint(unswept, 20)
    assert fingerprint(swept, 20).states == 1
    assert fingerprint(swept, None) != fingerprint(unswept, None)


@pytest.mark.parametrize(
    "point", [{"expiration": "30 days"}, {"expiration": "30 days", "renew_on": ["earning"]}, {"activation": "9 hours"}], ids=str
)
def test_how_lots_lie_in_pages_is_not_seen(point: dict[str, Any]) -> None:
    found = []
    for head_lots in (3, 10, HEAD_MAX):
        shop = Shop(head_lots, **point)
        for n in range(60):
            shop.sale(n)
        shop.flush()
        found.append(fingerprint(shop.store, None))
    assert found[0] == found[1] == found[2]


def test_a_page_that_is_missing_is_said() -> None:
    shop = Shop(3)
    for n in range(20):
        shop.sale(n)
    shop.flush()
    page = next(iter(shop.store.keys(b"q", b"r")))
    shop.store.write([(page, None)], [], {})
    with pytest.raises(OSError, match="a page of lots is not there"):
        fingerprint(shop.store, None)


def test_a_lot_is_part_of_it() -> None:
    lot = Lot("L1", 5, 5, True, 7, None, None)
    ledger = Ledger(active=5, issued=5)
    add(ledger, lot)
    with_lot = encode(Profile(7, None, None, {"club": Membership(7, 1, 1, {"pts": ledger})}))
    assert of(STATES | {b"pann": with_lot}) != of(STATES)
