"""What is stored says which format it has: this one and the one before are read, and what cannot be read is nobody's record's fault."""

import msgspec
import pytest

from agents.core import FATAL, Core
from agents.programs import MissingProgramError
from schemas.events import encode as encode_record
from schemas.instants import LATEST, parse_instant
from tables.keys import profile_key
from tables.memory import MemoryStore
from tables.state import Lot, Profile, Receipt, UsedLot
from tables.stored import FORMAT, NewerFormatError, StateFormatError, decode, encode, last_at
from tables.table import Table
from tests.unit.agents.scene import Scene, moment

LOT = Lot("a.0", 10, 0, True, 1_000, 1_000, 2_000)


def _as_before(stored: bytes) -> bytes:
    """A profile as format 2 had it: of a page it is not known when its first lot activates or its last one expires."""
    profile = msgspec.msgpack.decode(stored[1:])
    for membership in profile[3].values():
        for ledger in membership[3].values():
            ledger[11] = [page[:8] for page in ledger[11]]
    return bytes([FORMAT - 1]) + msgspec.msgpack.encode(profile)


@pytest.mark.parametrize("named_lots", [2, 100])
def test_pages_of_the_format_before_are_renewed_like_any_other(named_lots: int) -> None:
    said = []
    for rewrite in (bytes, _as_before):
        store = MemoryStore()
        point = {"sid": "pts", "expiration": "20 days", "activation": "1 day", "renew_on": ["visit"]}
        scene = Scene({"points": [point]}, store=store)
        scene.core = Core(scene.catalog, head_lots=3, named_lots=named_lots)
        for number in range(12):
            scene.sell(1 + number / 4, f"R{number}")
        scene.table.flush({})
        key = profile_key("p1")
        stored = store.get(key)
        assert stored is not None
        assert decode(Profile, stored).programs["club"].ledgers["pts"].pages
        store.write([(key, rewrite(stored))], [], {})
        scene.table = Table(store)
        for day in (5, 6):
            scene.tell(day, f"E{day}", "visit")
        scene.tick(30)
        said.append([*map(encode_record, scene.said)])
    assert said[0] == said[1]


NO_TEXT = encode(Profile(0, stopped="failed")).replace(b"failed", b"\xffailed")


@pytest.mark.parametrize(
    "stored", [bytes([FORMAT + 1]), bytes([FORMAT]) + b"\xc1", encode(UsedLot(LOT, 1))[:-3], NO_TEXT], ids=repr
)
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


@pytest.mark.parametrize("at", [-1, 0, 127, 2**32, 2**32 - 1, 1_700_000_000_000_000, LATEST])
@pytest.mark.parametrize("revision", [1, 127, 128, 70_000])
def test_of_a_receipt_the_sweep_is_told_the_same_by_its_place_as_by_all_that_it_holds(revision: int, at: int) -> None:
    for receipt in (Receipt(revision, at, {"sale:1": b""}), Receipt(revision, at, {}, sale=b"{}", closed_at=at)):
        stored = encode(receipt)
        assert last_at(Receipt, stored) == decode(Receipt, stored).last_at == at


def test_a_receipt_that_a_newer_version_has_written_is_read_by_no_place() -> None:
    with pytest.raises(NewerFormatError):
        last_at(Receipt, bytes([FORMAT + 1]) + encode(Receipt(1, 1_700_000_000_000_000, {}))[1:])
