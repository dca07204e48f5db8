"""Lots in pages: so that a profile with thousands of open lots costs no more to update than one with fifty.

A ledger's own record holds the lots that are next to be asked for; what comes later in the order of expiry lies in pages of its
own, of which the ledger knows the sums and bounds. A move needs some of the lots: the next to be spent, those that are due, those of one
receipt. Whoever makes the move opens the pages that may hold them first; the moves themselves (`ledger.py`) only ever see lots. One
move is about all of them: an expiry that slides. A page of which all lots move stays as it lies, and the ledger knows their new date.

Pure: a page is fetched by the function that the caller hands in, which also forgets where it lay.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Final

from msgspec import structs

from schemas.instants import Instant
from tables.state import Ledger, Lot, LotPage, PageRef
from tables.store import DamagedError

HEAD_MAX: Final = 40
"""More open lots than so many in a ledger's own record are put into pages of half as many."""
SMALL_PAGES_MAX: Final = 24
"""Where there are so many of these, they are put together into pages of three times as many: a page costs each record some 50 bytes to know of."""
NAMED_MAX: Final = 100
"""Of a move of more lots than so many at once the entry says by a rule which they are."""
_NEVER: Final = 1 << 62

Fetch = Callable[[PageRef], Sequence[Lot]]
Key = tuple[int, int, str]


def open_where(ledger: Ledger, wanted: Callable[[PageRef], bool], fetch: Fetch) -> None:
    """Put the lots of these pages back among the ledger's own."""
    opened = [page for page in ledger.pages if wanted(page)]
    if opened:
        ledger.pages = tuple([page for page in ledger.pages if not wanted(page)])
        for page in opened:
            ledger.lots.extend(as_renewed(page, fetch(page)))


def as_renewed(page: PageRef, lots: Sequence[Lot]) -> Sequence[Lot]:
    """The lots of a page as they are: with the date to which they have been moved while they lay there."""
    return [structs.replace(lot, expires_at=page.first_expiry) for lot in lots] if page.renewed else lots


def missing(program: str, ledger_key: str, page: PageRef) -> DamagedError:
    """To be raised where a page that a ledger knows of is not there."""
    return DamagedError(
        f"a page of lots is not there ({program} {ledger_key} {page.number}): rebuild the state from the changelog"
    )


def open_all(ledger: Ledger, fetch: Fetch) -> None:
    open_where(ledger, lambda _: True, fetch)


def open_due(ledger: Ledger, until: Instant, fetch: Fetch) -> None:
    """What is due up to and including an instant."""
    open_where(ledger, lambda page: page.due_at is not None and page.due_at <= until, fetch)


def open_earned(ledger: Ledger, at: Collection[Instant], fetch: Fetch) -> None:
    """Lots that were earned at one of these instants, such as those of one receipt."""
    open_where(ledger, lambda page: any(page.earned_from <= instant <= page.earned_to for instant in at), fetch)


def open_pending(ledger: Ledger, fetch: Fetch) -> None:
    """Lots that are not active yet."""
    open_where(ledger, lambda page: page.pending > 0, fetch)


def moving(ledger: Ledger, after: Instant, before: Instant, fetch: Fetch) -> list[PageRef]:
    """Pages of which all lots expire after one instant and before another. Those of which only some do are opened; brought together
    and sorted again, few remain so.
    """

    def is_split(page: PageRef) -> bool:
        return page.first_expiry <= after or page.last_expiry is None or page.last_expiry >= before

    open_where(ledger, lambda page: page.first_expiry < before and is_split(page), fetch)
    return [page for page in ledger.pages if page.first_expiry < before]


def renewed(page: PageRef, expires_at: Instant) -> PageRef:
    """The same page, of which every lot expires at an instant."""
    activates_at = page.first_activation
    return PageRef(
        page.number,
        page.count,
        page.active,
        page.pending,
        expires_at if activates_at is None else min(activates_at, expires_at),
        expires_at,
        page.earned_from,
        page.earned_to,
        activates_at,
        expires_at,
        True,
    )


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


def open_first(ledger: Ledger, count: int, key: Callable[[Lot], Key], fetch: Fetch) -> None:
    """Enough pages for the first so many active lots in spending order."""
    while ledger.pages:
        pages = [page for page in ledger.pages if page.active]
        if not pages:
            return
        first = min(pages, key=lambda page: _bound(page, key))
        bound = _bound(first, key)
        if len([lot for lot in ledger.lots if lot.active and lot.remaining and key(lot) < bound]) >= count:
            return
        open_where(ledger, lambda page, first=first: page is first, fetch)  # type: ignore[misc]


def _bound(page: PageRef, key: Callable[[Lot], Key]) -> Key:
    """No lot of the page comes before this one in spending order."""
    expires_at = None if page.first_expiry == _NEVER else page.first_expiry
    return key(Lot("", 1, 1, True, page.earned_from, None, expires_at))


def seal(ledger: Ledger, fetch: Fetch, head_max: int = HEAD_MAX) -> list[tuple[PageRef, LotPage]]:
    """Put what is asked for last into pages, where the ledger's own record has grown too large. Returns the new pages, to be stored."""
    if ledger.lots_count <= head_max:
        return []
    size = max(head_max // 2, 1)
    full = size * 3
    if len([page for page in ledger.pages if page.count < full]) >= SMALL_PAGES_MAX:
        open_where(ledger, lambda page: page.count < full, fetch)
    held = [lot for lot in ledger.lots if lot.reserved]
    free = sorted([lot for lot in ledger.lots if not lot.reserved], key=_expiry_order)
    start = kept = len(free) - max(len(free) - (head_max - size), 0) // size * size
    made: list[tuple[PageRef, LotPage]] = []
    while start < len(free):
        lots = free[start : start + (full if start + full <= len(free) else size)]
        made.append((_ref(ledger.pages_made, lots), LotPage(tuple(lots))))
        ledger.pages_made += 1
        start += len(lots)
    ledger.lots[:] = held + free[:kept]
    ledger.pages = (*ledger.pages, *[ref for ref, _ in made])
    return made


def _expiry_order(lot: Lot) -> Key:
    return _NEVER if lot.expires_at is None else lot.expires_at, lot.earned_at, lot.lot_id


def _ref(number: int, lots: Sequence[Lot]) -> PageRef:
    activations = [lot.activates_at for lot in lots if not lot.active and lot.activates_at is not None]
    expiries = [lot.expires_at for lot in lots if lot.expires_at is not None]
    return PageRef(
        number,
        len(lots),
        sum([lot.remaining for lot in lots if lot.active]),
        sum([lot.remaining for lot in lots if not lot.active]),
        min([*activations, *expiries], default=None),
        min(expiries, default=_NEVER),
        min([lot.earned_at for lot in lots]),
        max([lot.earned_at for lot in lots]),
        min(activations, default=None),
        max(expiries) if len(expiries) == len(lots) else None,
    )
