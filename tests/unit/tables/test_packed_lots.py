"""A packed list grows at its end, and reads as if it had been encoded whole."""

import msgspec
import pytest
from msgspec import Raw

from tables import packed_lots
from tables.drafts import add, close_ledger, draft_of_ledger
from tables.state import Ledger, Lot

BORDERS = [0, 1, 14, 15, 16, 17, 65_534, 65_535, 65_536]


@pytest.mark.parametrize("length", BORDERS)
def test_one_more_reads_as_if_encoded_whole(length: int) -> None:
    packed = Raw(msgspec.msgpack.encode([7] * length))
    assert packed_lots.count(bytes(packed)) == length
    number, longer = packed_lots.added(packed, msgspec.msgpack.encode(8))
    assert number == packed_lots.count(bytes(longer)) == length + 1
    assert bytes(longer) == msgspec.msgpack.encode([7] * length + [8])


def lot(number: int) -> Lot:
    return Lot(f"lot-{number}", 10, 10, True, number, None, None)


def test_a_lot_is_added_without_a_look_at_the_others_and_with_one_alike() -> None:
    unseen, seen = Ledger(), Ledger()
    for number in range(40):
        add(unseen, lot(number))
        assert seen.lots == seen.lots
        assert add(seen, lot(number)) == number + 1
    assert unseen.opened is None
    assert unseen.lots_count == seen.lots_count == 40
    close_ledger(seen)
    assert bytes(seen.packed) == bytes(unseen.packed)
    assert seen == unseen


def test_a_look_opens_nothing_and_a_draft_is_apart() -> None:
    ledger = Ledger()
    add(ledger, lot(1))
    assert ledger.look() == [lot(1)]
    assert ledger.opened is None
    draft = draft_of_ledger(ledger)
    draft.lots.append(lot(2))
    again = draft_of_ledger(draft)
    again.lots.pop()
    assert (ledger.lots_count, draft.lots_count, again.lots_count) == (1, 2, 1)
