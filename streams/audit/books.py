"""Books: what an entry of each type may change in a ledger, and by how much; and whether that is what it states.

Pure, and independent of the ledger that wrote the entries. Each entry is booked onto the balance that the one before it stated, term by
term and lot by lot. What comes out must be what it states itself, and what it states must prove itself: issued points are all
somewhere, none is below nothing, and nobody owes points while having some.

A ledger's books hold its open lots. Of lots that are used up those stay from which something was redeemed, for that may come back: the
newest few hundred each by itself, older ones as one sum.
"""

from typing import Final

from msgspec import Struct, field

from streams.audit.entries import Balance, Entry, Extended, Part, Violation, minor, scale_of

TERMS: Final = (
    "active",
    "pending",
    "reserved",
    "redeemed",
    "expired",
    "reversed",
    "written_off",
    "debt_paid",
    "debt",
    "lifetime",
)
ACTIVE, PENDING, RESERVED, REDEEMED, EXPIRED, REVERSED, WRITTEN_OFF, DEBT_PAID, DEBT, LIFETIME = range(10)
_ISSUED: Final = slice(0, 8)  # what `lifetime` is the sum of; `debt` stands beside it
_STATES: Final = {"active": ACTIVE, "pending": PENDING}
_SPENT_MAX: Final = 256


class Kind(Struct, frozen=True):
    """A type of entry: where its points were (None: in the state that the lot says; -1: nowhere, it issues them), and where they
    are then. `whole`: of each of its lots it takes all.
    """

    source: int | None
    target: int | None
    whole: bool = False


_ISSUE: Final = -1
KINDS: Final = {
    "points.accrued": Kind(_ISSUE, None),
    "points.adjusted credit": Kind(_ISSUE, None),
    "points.activated": Kind(PENDING, ACTIVE, whole=True),
    "points.redeemed": Kind(ACTIVE, REDEEMED),
    "points.redeemed commit": Kind(RESERVED, REDEEMED),
    "points.reserved": Kind(ACTIVE, RESERVED),
    "points.released": Kind(RESERVED, ACTIVE),
    "points.reinstated": Kind(REDEEMED, ACTIVE),
    "points.expired": Kind(None, EXPIRED, whole=True),
    "points.reversed": Kind(None, REVERSED),
    "points.adjusted debit": Kind(None, WRITTEN_OFF),
    "points.cancelled": Kind(PENDING, WRITTEN_OFF, whole=True),
    "points.extended": Kind(None, None),
}


class Ledger(Struct, array_like=True):
    """What is known of one point type and subledger, in smallest units.

    `lots`: of each open lot how much is active, pending, reserved and redeemed; `expires`: when, of those that do; `spent`: of lots that are used up, how much was
    redeemed, and of those too many to remember `spent_before` in one sum. `adrift`: something was wrong, and lots are not followed any more.
    """

    scale: int
    terms: list[int] = field(default_factory=lambda: [0] * len(TERMS))
    lots: dict[str, list[int]] = field(default_factory=dict)
    expires: dict[str, str] = field(default_factory=dict)
    spent: dict[str, int] = field(default_factory=dict)
    spent_before: int = 0
    adrift: bool = False
    texts: tuple[str, ...] = ()


def of_scale_of(balance: Balance) -> Ledger:
    """The empty books of a ledger of which this is the first balance."""
    return Ledger(scale_of(balance.lifetime))


def book(ledger: Ledger, entry: Entry, balance: Balance) -> None:
    """Book an entry, and compare. Raises `Violation`; `resume` then."""
    stated = _stated(ledger, balance)
    _prove(stated, ledger.scale)
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
        total += _extended(ledger, entry.extended, entry.points or "")
    if entry.points is None or total != minor(entry.points, ledger.scale):
        raise Violation(f"is about {entry.points} points, and its lots sum to {_text(total, ledger.scale)}")
    if entry.rules:
        _check_rules(entry, total, ledger.scale)
    _book_debt(ledger, entry, kind, before, became_active)
    if stated != expected:
        place = next(place for place in range(len(TERMS)) if stated[place] != expected[place])
        raise Violation(
            f"states {TERMS[place]} {_text(stated[place], ledger.scale)}, and the balance before it and its own points make "
            f"{_text(expected[place], ledger.scale)}"
        )
    ledger.texts = _texts(balance)


def resume(ledger: Ledger, balance: Balance) -> None:
    """After a violation: go on from what the entry states, as far as that can be read, so that one mistake is told once."""
    ledger.adrift = True
    ledger.lots.clear()
    ledger.expires.clear()
    ledger.spent.clear()
    ledger.spent_before = 0
    ledger.texts = ()
    try:
        ledger.scale = scale_of(balance.lifetime)
        ledger.terms = _stated(ledger, balance)
    except Violation:
        pass


def _texts(balance: Balance) -> tuple[str, ...]:
    return (
        balance.active,
        balance.pending,
        balance.reserved,
        balance.redeemed,
        balance.expired,
        balance.reversed,
        balance.written_off,
        balance.debt_paid,
        balance.debt,
        balance.lifetime,
    )


def _stated(ledger: Ledger, balance: Balance) -> list[int]:
    """The terms as integers; a text that stands where it stood is not read again."""
    scale, texts = ledger.scale, _texts(balance)
    if not ledger.texts:
        return [minor(text, scale) for text in texts]
    stated = ledger.terms.copy()
    for place, (text, known) in enumerate(zip(texts, ledger.texts, strict=True)):
        if text != known:
            stated[place] = minor(text, scale)
    return stated


def _prove(stated: list[int], scale: int) -> None:
    """The invariant, on the entry's own balance alone."""
    issued = sum(stated[_ISSUED])
    if stated[LIFETIME] != issued:
        raise Violation(f"states lifetime {_text(stated[LIFETIME], scale)}, and its terms sum to {_text(issued, scale)}")
    if min(stated) < 0:
        place = next(place for place in range(len(TERMS)) if stated[place] < 0)
        raise Violation(f"states {TERMS[place]} {_text(stated[place], scale)}")
    if stated[DEBT] and stated[ACTIVE]:
        raise Violation(f"states debt {_text(stated[DEBT], scale)} beside active {_text(stated[ACTIVE], scale)}")


def _move(ledger: Ledger, kind: Kind, part: Part, points: int) -> int:
    """Book one lot's part of an entry. Returns how much became active by it."""
    terms, source, target = ledger.terms, kind.source, kind.target
    if source is None or source == _ISSUE:
        state = _STATES.get(part.state)
        if state is None:
            raise Violation(f"says of the lot {part.lot_id} that it is {part.state!r}")
        if source is None:
            source = state
        else:
            target = state
    if target is None:
        _check_held(ledger, part, points)
        return 0
    if source == _ISSUE:
        terms[LIFETIME] += points
    else:
        terms[source] -= points
    terms[target] += points
    if not ledger.adrift:
        if part.expires_at is not None:
            ledger.expires[part.lot_id] = part.expires_at
        _move_lot(ledger, part.lot_id, points, source, target, whole=kind.whole)
    return points if target == ACTIVE else 0


def _move_lot(ledger: Ledger, lot_id: str, points: int, source: int, target: int, *, whole: bool) -> None:
    lots = ledger.lots
    lot = lots.get(lot_id)
    if source == _ISSUE:
        if lot is not None or lot_id in ledger.spent:
            raise Violation(f"issues the lot {lot_id} again")
        lot = lots[lot_id] = [0, 0, 0, 0]
    else:
        if lot is None:
            lot = lots[lot_id] = _back(ledger, lot_id, points, source)
        held = lot[source]
        if held < points or (whole and held > points):
            word, scale = TERMS[source], ledger.scale
            raise Violation(f"takes {_text(points, scale)} {word} of the lot {lot_id}, of which {_text(held, scale)} is {word}")
        lot[source] = held - points
    if target <= REDEEMED:
        lot[target] += points
    elif not (lot[ACTIVE] or lot[PENDING] or lot[RESERVED]):
        _close(ledger, lot_id, lot)
        return
    if target == REDEEMED and not (lot[ACTIVE] or lot[PENDING] or lot[RESERVED]):
        _close(ledger, lot_id, lot)


def _back(ledger: Ledger, lot_id: str, points: int, source: int) -> list[int]:
    """A lot that was used up, and gets redeemed points back."""
    if source == REDEEMED:
        redeemed = ledger.spent.pop(lot_id, None)
        if redeemed is not None:
            return [0, 0, 0, redeemed]
        if ledger.spent_before >= points:  # of one that was used up too long ago to be known by itself
            ledger.spent_before -= points
            return [0, 0, 0, points]
    raise Violation(f"takes points of the lot {lot_id}, which no entry before it has made, or which is used up")


def _close(ledger: Ledger, lot_id: str, lot: list[int]) -> None:
    """Nothing of the lot is left; what was redeemed of it may come back."""
    del ledger.lots[lot_id]
    ledger.expires.pop(lot_id, None)
    if lot[REDEEMED]:
        spent = ledger.spent
        spent[lot_id] = lot[REDEEMED]
        if len(spent) > _SPENT_MAX:
            ledger.spent_before += spent.pop(next(iter(spent)))


def _check_held(ledger: Ledger, part: Part, points: int) -> None:
    """An entry that moves nothing names all that the lot holds."""
    if ledger.adrift:
        return
    lot = ledger.lots.get(part.lot_id, [0, 0, 0, 0])
    held = lot[ACTIVE] + lot[PENDING] + lot[RESERVED]
    if held != points:
        raise Violation(f"says that the lot {part.lot_id} holds {part.points}, and it holds {_text(held, ledger.scale)}")
    if part.expires_at is not None:
        ledger.expires[part.lot_id] = part.expires_at


def _extended(ledger: Ledger, rule: Extended, named: str) -> int:
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


def _check_rules(entry: Entry, total: int, scale: int) -> None:
    """The rows of the rules sum to the points and what was withheld of them."""
    rows = sum([minor(row.points, scale) for row in entry.rules])
    withheld = minor(entry.withheld, scale) if entry.withheld is not None else 0
    if rows != total + withheld:
        raise Violation(
            f"has rules that gave {_text(rows, scale)}, for {_text(total, scale)} points and {_text(withheld, scale)} withheld"
        )


def _book_debt(ledger: Ledger, entry: Entry, kind: Kind, before: int, became_active: int) -> None:
    """Only a return makes debt, and whatever becomes active pays debt first: all that it can."""
    scale, terms = ledger.scale, ledger.terms
    if entry.debt_added is not None:
        if kind.target != REVERSED:
            raise Violation(f"adds {entry.debt_added} of debt, and is no return")
        terms[DEBT] += minor(entry.debt_added, scale)
    paid = minor(entry.debt_paid, scale) if entry.debt_paid is not None else 0
    due = min(before, became_active)
    if paid != due:
        raise Violation(
            f"pays {_text(paid, scale)} of a debt of {_text(before, scale)}, and {_text(became_active, scale)} became active"
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
        if not (lot[ACTIVE] or lot[PENDING] or lot[RESERVED]):
            _close(ledger, part.lot_id, lot)


def _text(amount: int, scale: int) -> str:
    if not scale:
        return f"{amount}"
    whole, fraction = divmod(abs(amount), 10**scale)
    return f"{'-' if amount < 0 else ''}{whole}.{fraction:0{scale}}"
