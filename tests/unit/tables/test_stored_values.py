"""What is stored says which format it has: this one and the one before are read, and what cannot be read is nobody's record's fault."""

import msgspec
import pytest

from agents.core import FATAL
from agents.programs import MissingProgramError
from schemas.instants import parse_instant
from tables.memory import MemoryStore
from tables.state import Lot, Profile, UsedLot
from tables.stored import FORMAT, StateFormatError, decode, encode, last_at
from tests.unit.agents.scene import Scene, moment

LOT = Lot("a.0", 10, 0, True, 1_000, 1_000, 2_000)


def test_a_used_lot_of_the_format_before_stood_alone() -> None:
    stored = bytes([FORMAT - 1]) + msgspec.msgpack.encode(LOT)
    assert decode(UsedLot, stored) == UsedLot(LOT, 2_000)
    assert last_at(UsedLot, stored) == 2_000


@pytest.mark.parametrize("stored", [bytes([FORMAT + 1]), bytes([FORMAT]) + b"\xc1", encode(UsedLot(LOT, 1))[:-3]], ids=repr)
def test_what_cannot_be_read_ends_the_run_and_stops_no_profile(stored: bytes) -> None:
    with pytest.raises(StateFormatError):
        decode(Profile, stored)
    assert StateFormatError in FATAL


def test_a_program_whose_file_is_gone_ends_the_run_and_stops_no_profile() -> None:
    store = MemoryStore()
    point = {"points": [{"sid": "pts", "activation": "2 days"}]}
    before = Scene(point, point | {"program": "guild"}, store=store)
    before.sell(1, "R1")
    before.table.flush({})
    after = Scene({"program": "guild"}, store=store)
    with pytest.raises(MissingProgramError):
        after.core.tick(after.table, parse_instant(moment(9)), after.outbox)
    assert after.outbox.errors == []
