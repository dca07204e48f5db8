"""Booking: what an entry of each type may change in a ledger, and by how much; and whether that is what it states.

Pure. Each entry is booked onto the balance that the one before it stated, term by term and lot by lot. What comes out must be what it
states itself.
"""

from typing import Final

from msgspec import Struct

from streams.audit.books import (
    ACTIVE,
    DEBT,
    DEBT_PAID,
    EXPIRED,
    LIFETIME,
    PENDING,
    REDEEMED,
    RESERVED,
    REVERSED,
    TERMS,
    WRITTEN_OFF,
    Ledger,
    prove,
    stated_in,
    text_of,
    texts_of,
)
from streams.audit.entries import Balance, Entry, Part, Violation, given, minor
from streams.audit.lots import ISSUE, check_held, close_if_used_up, extend, move_lot

_STATES: Final = {"active": ACTIVE, "pending": PENDING}


class Kind(Struct, frozen=True):
    """A type of entry: where its points were (None: in the state that the lot says; -1: nowhere, it issues them), and where they
    are then. `whole`: of each of its lots it takes all. `state`: what its lots are, where there is no other way (None: as each lot says).
    """

    source: int | None
    target: int | None
    whole: bool = False
    state: str | None = None


KINDS: Final = {
    "points.accrued": Kind(ISSUE, None),
    "points.adjusted credit": Kind(ISSUE, None),
    "points.activated": Kind(PENDING, ACTIVE, whole=True, state="active"),
    "points.redeemed": Kind(ACTIVE, REDEEMED, state="active"),
    "points.redeemed commit": Kind(RESERVED, REDEEMED, state="active"),
    "points.reserved": Kind(ACTIVE, RESERVED, state="active"),
    "points.released": Kind(RESERVED, ACTIVE, state="active"),
    "points.reinstated": Kind(REDEEMED, ACTIVE, state="active"),
    "points.expired": Kind(None, EXPIRED, whole=True),
    "points.reversed": Kind(None, REVERSED),
    "points.adjusted debit": Kind(None, WRITTEN_OFF),
    "points.cancelled": Kind(PENDING, WRITTEN_OFF, whole=True, state="pending"),
    "points.extended": Kind(None, None),
}


def book(ledger: Ledger, entry: Entry, balance: Balance) -> None:
    """Book an entry, and compare. Raises `Violation`; `resume` then."""
    stated = stated_in(ledger, balance)
    prove(stated, ledger.scale)
    name = entry.type
    if name == "points.adjusted":
        name = f"{name} {entry.direction}"
    elif name == "points.redeemed" and entry.cause.kind == "commit":
        name = "points.redeemed commit"
    kind = KINDS.get(name)
    if kind is None:
        raise Violation(f"is of a type that the auditor does not know ({name})")
    expected = ledger.terms
    before = expected[DEBT]
    total = became_active = 0
    for part in entry.lots:
        points = minor(part.points, ledger.scale)
        if points <= 0:
            raise Violation(f"moves {part.points} of the lot {part.lot_id}")
        total += points
        became_active += _move(ledger, kind, part, points)
    if entry.extended is not None:
        total += extend(ledger, entry.extended, entry.points or "")
    if entry.points is None or total != minor(entry.points, ledger.scale):
        raise Violation(f"is about {entry.points} points, and its lots sum to {text_of(total, ledger.scale)}")
    if total <= 0 and entry.debt_added is None:  # a return may find nothing to take, and make debt alone
        raise Violation(f"is about {entry.points} points")
    _check_rules(entry, total, ledger.scale)
    _book_debt(ledger, entry, kind, before, became_active)
    if stated != expected:
        place = next(place for place in range(len(TERMS)) if stated[place] != expected[place])
        raise Violation(
            f"states {TERMS[place]} {text_of(stated[place], ledger.scale)}, and the balance before it and its own points make "
            f"{text_of(expected[place], ledger.scale)}"
        )
    ledger.texts = texts_of(balance)


def _move(ledger: Ledger, kind: Kind, part: Part, points: int) -> int:
    """Book one lot's part of an entry. Returns how much became active by it."""
    terms, source, target = ledger.terms, kind.source, kind.target
    if kind.state is not None and part.state != kind.state:
        raise Violation(f"says of the lot {part.lot_id} that it is {part.state!r}, and it is {kind.state}")
    if source is None or source == ISSUE:
        state = _STATES.get(part.state)
        if state is None:
            raise Violation(f"says of the lot {part.lot_id} that it is {part.state!r}")
        if source is None:
            source = state
        else:
            target = state
    if target is None:
        check_held(ledger, part, points)
        return 0
    if source == ISSUE:
        terms[LIFETIME] += points
    else:
        terms[source] -= points
    terms[target] += points
    if not ledger.adrift:
        if part.expires_at is not None:
            ledger.expires[part.lot_id] = part.expires_at
        move_lot(ledger, part.lot_id, points, source, target, whole=kind.whole)
    return points if target == ACTIVE else 0


def _check_rules(entry: Entry, total: int, scale: int) -> None:
    """The rows of the rules, where there are any, sum to the points and what was withheld of them."""
    withheld = given(entry.withheld, scale) if entry.withheld is not None else 0
    if withheld < 0:
        raise Violation(f"withholds {entry.withheld}")
    if not entry.rules:
        return
    rows = sum([given(row.points, scale) for row in entry.rules])
    if rows != total + withheld:
        raise Violation(
            f"has rules that gave {text_of(rows, scale)}, for {text_of(total, scale)} points and {text_of(withheld, scale)} withheld"
        )


def _book_debt(ledger: Ledger, entry: Entry, kind: Kind, before: int, became_active: int) -> None:
    """Only a return makes debt, and whatever becomes active pays debt first: all that it can."""
    scale, terms = ledger.scale, ledger.terms
    if entry.debt_added is not None:
        if kind.target != REVERSED:
            raise Violation(f"adds {entry.debt_added} of debt, and is no return")
        added = minor(entry.debt_added, scale)
        if added <= 0:
            raise Violation(f"adds {entry.debt_added} of debt")
        terms[DEBT] += added
    paid = minor(entry.debt_paid, scale) if entry.debt_paid is not None else 0
    due = min(before, became_active)
    if paid != due:
        raise Violation(
            f"pays {text_of(paid, scale)} of a debt of {text_of(before, scale)}, and {text_of(became_active, scale)} became active"
        )
    if not paid:
        return
    terms[ACTIVE] -= paid
    terms[DEBT_PAID] += paid
    terms[DEBT] -= paid
    if ledger.adrift:
        return
    for part in entry.lots:
        lot = ledger.lots.get(part.lot_id)
        if lot is None:
            continue
        taken = min(paid, lot[ACTIVE])
        paid -= taken
        lot[ACTIVE] -= taken
        close_if_used_up(ledger, part.lot_id, lot)
