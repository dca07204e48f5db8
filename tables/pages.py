"""Lots in pages: so that a profile with thousands of open lots costs no more to update than one with fifty.

A ledger's own record holds the lots that are next to be asked for; what comes later in the order of expiry lies in pages of its
own, of which the ledger knows the sums and bounds. A move needs some of the lots: the next to be spent, those that are due, those of one
receipt. Whoever makes the move opens the pages that may hold them first; the moves themselves (`ledger.py`) only ever see lots.

Pure: a page is fetched by the function that the caller hands in, which also forgets where it lay.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Final

from schemas.instants import Instant
from tables.state import Ledger, Lot, LotPage, PageRef

HEAD_MAX: Final = 96
"""More open lots than so many in a ledger's own record are put into pages, two thirds of so many each."""
_NEVER: Final = 1 << 62

Fetch = Callable[[PageRef], Sequence[Lot]]
Key = tuple[int, int, str]


def open_where(ledger: Ledger, wanted: Callable[[PageRef], bool], fetch: Fetch) -> None:
    """Put the lots of these pages back among the ledger's own."""
    opened = [page for page in ledger.pages if wanted(page)]
    if opened:
        ledger.pages = tuple([page for page in ledger.pages if not wanted(page)])
        for page in opened:
            ledger.lots.extend(fetch(page))


def open_all(ledger: Ledger, fetch: Fetch) -> None:
    for page in ledger.pages:
        ledger.lots.extend(fetch(page))
    ledger.pages = ()


def open_due(ledger: Ledger, until: Instant, fetch: Fetch) -> None:
    """What is due up to and including an instant."""
    open_where(ledger, lambda page: page.due_at is not None and page.due_at <= until, fetch)


def open_earned(ledger: Ledger, at: Collection[Instant], fetch: Fetch) -> None:
    """Lots that were earned at one of these instants, such as those of one receipt."""
    open_where(ledger, lambda page: any(page.earned_from <= instant <= page.earned_to for instant in at), fetch)


def open_pending(ledger: Ledger, fetch: Fetch) -> None:
    """Lots that are not active yet."""
    open_where(ledger, lambda page: page.pending > 0, fetch)


def open_for_spending(ledger: Ledger, points: int, key: Callable[[Lot], Key], fetch: Fetch) -> None:
    """The first active lots in spending order, enough of them for so many points; `key` is the order (`lots.spending_key`)."""
    while ledger.pages:
        pages = [page for page in ledger.pages if page.active]
        if not pages:
            return
        first = min(pages, key=lambda page: _bound(page, key))
        bound = _bound(first, key)
        if sum([lot.remaining for lot in ledger.lots if lot.active and key(lot) < bound]) >= points:
            return
        open_where(ledger, lambda page, first=first: page is first, fetch)  # type: ignore[misc]


def _bound(page: PageRef, key: Callable[[Lot], Key]) -> Key:
    """No lot of the page comes before this one in spending order."""
    expires_at = None if page.first_expiry == _NEVER else page.first_expiry
    return key(Lot("", 1, 1, True, page.earned_from, None, expires_at))


def seal(ledger: Ledger, head_max: int = HEAD_MAX) -> list[tuple[PageRef, LotPage]]:
    """Put what is asked for last into pages, where the ledger's own record has grown too large. Returns the new pages, to be stored."""
    if ledger.lots_count <= head_max:
        return []
    size = max(head_max * 2 // 3, 1)
    held = [lot for lot in ledger.lots if lot.reserved]
    free = sorted([lot for lot in ledger.lots if not lot.reserved], key=_expiry_order)
    kept = len(free) - max(len(free) - (head_max - size), 0) // size * size
    made: list[tuple[PageRef, LotPage]] = []
    for start in range(kept, len(free), size):
        lots = free[start : start + size]
        made.append((_ref(ledger.pages_made, lots), LotPage(tuple(lots))))
        ledger.pages_made += 1
    ledger.lots[:] = held + free[:kept]
    ledger.pages = (*ledger.pages, *[ref for ref, _ in made])
    return made


def _expiry_order(lot: Lot) -> Key:
    return _NEVER if lot.expires_at is None else lot.expires_at, lot.earned_at, lot.lot_id


def _ref(number: int, lots: Sequence[Lot]) -> PageRef:
    due = [at for lot in lots for at in (None if lot.active else lot.activates_at, lot.expires_at) if at is not None]
    return PageRef(
        number,
        len(lots),
        sum([lot.remaining for lot in lots if lot.active]),
        sum([lot.remaining for lot in lots if not lot.active]),
        min(due, default=None),
        min([_NEVER if lot.expires_at is None else lot.expires_at for lot in lots]),
        min([lot.earned_at for lot in lots]),
        max([lot.earned_at for lot in lots]),
    )
