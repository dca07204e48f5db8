"""Stored profiles by the hundred thousand, quickly: a few hundred that the core has made of receipts, given to ever new members.

A stored profile does not say whose it is, so one that was made for one member is another's as well.
"""

from typing import Final

from agents.core import Core
from agents.incoming import Incoming
from agents.outbox import Outbox
from benchmarks.measure import PROGRAM
from benchmarks.receipts import receipts
from schemas.program_file import load_catalog
from schemas.topics import PURCHASES
from tables.keys import profile_key
from tables.memory import MemoryStore
from tables.table import Table

_MADE: Final = 400


def made_profiles(bytes_each: int | None = None, receipts_each: int = 6) -> list[bytes]:
    """Some hundred stored profiles of members who have bought about so often; or those whose size is nearest to so many bytes."""
    core, outbox = Core(load_catalog([PROGRAM])), Outbox()
    store = MemoryStore()
    table = Table(store)
    greatest = 0
    for number, sent in enumerate(receipts(_MADE * receipts_each, profiles=_MADE, seed=3)):
        incoming = Incoming(PURCHASES, 0, number, sent.key, sent.value, 0)
        greatest = max(greatest, core.event_time(incoming) or 0)
        incoming.arrived_at = greatest
        if core.apply(table, incoming, outbox) != "applied":
            raise RuntimeError(f"the receipt was not applied: {outbox.effects}")
        outbox.clear()
        table.flush({})
    found = sorted(value for _, value in store.states(profile_key("")))
    if bytes_each is None:
        return found
    return sorted(found, key=lambda value: abs(len(value) - bytes_each))[: _MADE // 4]


def member(number: int) -> str:
    return f"member-{number:07d}"
