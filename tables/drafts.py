"""Drafts: a profile to be changed while the one in the table stays as it is, and lots that are added without a look at the others.

Whoever changes a profile works on a draft and puts it back whole, so that an exception half-way changes nothing. Every record makes
one, so this stands apart from the types (`state.py`): here it is compiled where anything is.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from tables import packed_lots
from tables.state import Ledger, Lot, Membership, Profile

_copy: Final[Callable[[Any], Any]] = Struct.__copy__  # type: ignore[attr-defined]  # what `copy.copy` comes to for a Struct, without its questions
_encode: Final = msgspec.msgpack.Encoder().encode


def draft_of(profile: Profile) -> Profile:
    draft: Profile = _copy(profile)
    engagements = draft.engagements
    if engagements:
        draft.engagements = {name: _copy(engagement) for name, engagement in engagements.items()}
    programs: dict[str, Membership] = {}
    for name, membership in profile.programs.items():
        drafted: Membership = _copy(membership)
        drafted.ledgers = {key: draft_of_ledger(ledger) for key, ledger in membership.ledgers.items()}
        drafted.tiers = membership.tiers.copy()
        drafted.usage = membership.usage.copy()
        programs[name] = drafted
    draft.programs = programs
    return draft


def draft_of_ledger(ledger: Ledger) -> Ledger:
    draft: Ledger = _copy(ledger)
    opened = draft.opened
    if opened is not None:
        draft.opened = opened.copy()
    return draft


def close(profile: Profile) -> None:
    """Nobody looks at the lots any more: they lie in their ledgers as they are stored."""
    for membership in profile.programs.values():
        for ledger in membership.ledgers.values():
            close_ledger(ledger)


def close_ledger(ledger: Ledger) -> None:
    opened = ledger.opened
    if opened is not None:
        ledger.packed, ledger.opened = Raw(_encode(opened)), None


def add(ledger: Ledger, lot: Lot) -> int:
    """One more open lot, behind the others. Returns how many lie in the ledger's own record now."""
    opened = ledger.opened
    if opened is None:
        number, ledger.packed = packed_lots.added(ledger.packed, _encode(lot))
        return number
    opened.append(lot)
    return len(opened)
