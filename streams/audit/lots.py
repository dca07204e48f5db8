"""Lots: what each lot of a ledger holds, and what may come back of those that are used up.

Pure. A ledger's books hold its open lots. Of lots that are used up those stay from which something was redeemed, for that may come back: the
newest few hundred each by itself, older ones as one sum. How much of the sum is one such lot's is not known: in parts it may give back
whatever the sum has, and what is redeemed of it anew goes into the sum again.

Of all others that are used up, the newest are known by a mark each, so that none is issued again: a mark is 64 bits of a hash of the lot's id, of
which two that are alike do not happen.
"""

from hashlib import blake2b
from typing import Final

from streams.audit.books import ACTIVE, PENDING, REDEEMED, RESERVED, TERMS, Ledger, text_of
from streams.audit.entries import Extended, Part, Violation, minor

ISSUE: Final = -1
"""In place of where points were: nowhere, the entry makes them."""
_SPENT_MAX: Final = 256
_GONE_MAX: Final = 128
_MARK_BYTES: Final = 8


def move_lot(ledger: Ledger, lot_id: str, points: int, source: int, target: int, *, whole: bool) -> None:
    lots = ledger.lots
    lot = lots.get(lot_id)
    if source == ISSUE:
        if lot is not None or lot_id in ledger.spent or _is_gone(ledger.gone, lot_id):
            raise Violation(f"issues the lot {lot_id} again")
        lot = lots[lot_id] = [0, 0, 0, 0]
    else:
        if lot is None:
            lot = lots[lot_id] = _back(ledger, lot_id, source)
        if source == REDEEMED and lot_id in ledger.of_the_sum:
            _draw(ledger, lot, points)
        held = lot[source]
        if held < points or (whole and held > points):
            word, scale = TERMS[source], ledger.scale
            raise Violation(
                f"takes {text_of(points, scale)} {word} of the lot {lot_id}, of which {text_of(held, scale)} is {word}"
            )
        lot[source] = held - points
    if target <= REDEEMED:
        lot[target] += points
    if target >= REDEEMED:
        close_if_used_up(ledger, lot_id, lot)


def _back(ledger: Ledger, lot_id: str, source: int) -> list[int]:
    """A lot that was used up, and gets redeemed points back."""
    if source == REDEEMED:
        redeemed = ledger.spent.pop(lot_id, None)
        if redeemed is not None:
            return [0, 0, 0, redeemed]
        if ledger.spent_before:
            ledger.of_the_sum.add(lot_id)
            return [0, 0, 0, 0]
    raise Violation(f"takes points of the lot {lot_id}, which no entry before it has made, or which is used up")


def _draw(ledger: Ledger, lot: list[int], points: int) -> None:
    """Out of the sum, what the lot gives back and is not known to have."""
    missing = points - lot[REDEEMED]
    if 0 < missing <= ledger.spent_before:
        ledger.spent_before -= missing
        lot[REDEEMED] = points


def close_if_used_up(ledger: Ledger, lot_id: str, lot: list[int]) -> None:
    """Where nothing of the lot is left: what was redeemed of it may come back."""
    if lot[ACTIVE] or lot[PENDING] or lot[RESERVED]:
        return
    del ledger.lots[lot_id]
    ledger.expires.pop(lot_id, None)
    if lot_id in ledger.of_the_sum:
        ledger.of_the_sum.remove(lot_id)
        ledger.spent_before += lot[REDEEMED]
        _mark(ledger, lot_id)
    elif lot[REDEEMED]:
        spent = ledger.spent
        spent[lot_id] = lot[REDEEMED]
        if len(spent) > _SPENT_MAX:
            oldest = next(iter(spent))
            ledger.spent_before += spent.pop(oldest)
            _mark(ledger, oldest)
    else:
        _mark(ledger, lot_id)


def _mark(ledger: Ledger, lot_id: str) -> None:
    ledger.gone = (ledger.gone + _mark_of(lot_id))[-_GONE_MAX * _MARK_BYTES :]


def _is_gone(gone: bytes, lot_id: str) -> bool:
    if not gone:
        return False
    mark = _mark_of(lot_id)
    place = gone.find(mark)
    while place % _MARK_BYTES and place >= 0:  # across two others
        place = gone.find(mark, place + 1)
    return place >= 0


def _mark_of(lot_id: str) -> bytes:
    return blake2b(lot_id.encode(), digest_size=_MARK_BYTES).digest()


def check_held(ledger: Ledger, part: Part, points: int) -> None:
    """An entry that moves nothing names all that the lot holds."""
    if ledger.adrift:
        return
    lot = ledger.lots.get(part.lot_id, [0, 0, 0, 0])
    held = lot[ACTIVE] + lot[PENDING] + lot[RESERVED]
    if held != points:
        raise Violation(f"says that the lot {part.lot_id} holds {part.points}, and it holds {text_of(held, ledger.scale)}")
    state = "pending" if lot[PENDING] else "active"
    if part.state != state:
        raise Violation(f"says of the lot {part.lot_id} that it is {part.state!r}, and it is {state}")
    if part.expires_at is not None:
        ledger.expires[part.lot_id] = part.expires_at


def extend(ledger: Ledger, rule: Extended, named: str) -> int:
    """Lots that are told of by a rule: those that it is about are found here, and must be as many. Returns what they hold."""
    if ledger.adrift:
        return minor(named, ledger.scale)
    after, until = _in_order(rule.expires_after), _in_order(rule.expires_at)
    found = [lot_id for lot_id, at in ledger.expires.items() if after < _in_order(at) < until]
    for lot_id in found:
        ledger.expires[lot_id] = rule.expires_at
    if len(found) != rule.lots_omitted:
        raise Violation(f"extends {rule.lots_omitted} lots, and by its rule these are {len(found)}")
    return sum([sum(ledger.lots[lot_id][:REDEEMED]) for lot_id in found])


def _in_order(instant: str) -> str:
    """Instants of records (UTC) as texts that sort by time: a fraction comes after the whole second."""
    return instant.removesuffix("Z")
