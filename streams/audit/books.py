"""Books: what is known of one ledger, and whether a balance proves itself.

Pure, and independent of the ledger that wrote the entries. What an entry states must prove itself: issued points are all somewhere, none is
below nothing, and nobody owes points while having some. What an entry of each type may change is `booking`; what each lot holds is `lots`.
"""

from typing import Final

from msgspec import Struct, field

from streams.audit.entries import Balance, Violation, minor, scale_of

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


class Ledger(Struct, array_like=True):
    """What is known of one point type and subledger, in smallest units.

    `lots`: of each open lot how much is active, pending, reserved and redeemed; `expires`: when, of those that do; `spent`: of lots that are
    used up, how much was redeemed, and of those too many to remember `spent_before` in one sum; `of_the_sum`: lots that are open again by points
    out of this sum, in which lies all that was redeemed of them before; `gone`: marks of those of which nothing else is known. `adrift`: something was wrong, and lots are not followed any more.
    """

    scale: int
    terms: list[int] = field(default_factory=lambda: [0] * len(TERMS))
    lots: dict[str, list[int]] = field(default_factory=dict)
    expires: dict[str, str] = field(default_factory=dict)
    spent: dict[str, int] = field(default_factory=dict)
    spent_before: int = 0
    adrift: bool = False
    texts: tuple[str, ...] = ()
    of_the_sum: set[str] = field(default_factory=set)
    gone: bytes = b""


def of_scale_of(balance: Balance) -> Ledger:
    """The empty books of a ledger of which this is the first balance."""
    return Ledger(scale_of(balance.lifetime))


def resume(ledger: Ledger, balance: Balance) -> None:
    """After a violation: go on from what the entry states, as far as that can be read, so that one mistake is told once."""
    ledger.adrift = True
    ledger.lots.clear()
    ledger.expires.clear()
    ledger.spent.clear()
    ledger.spent_before = 0
    ledger.of_the_sum.clear()
    ledger.gone = b""
    ledger.texts = ()
    try:
        ledger.scale = scale_of(balance.lifetime)
        ledger.terms = stated_in(ledger, balance)
    except Violation:
        pass


def texts_of(balance: Balance) -> tuple[str, ...]:
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


def stated_in(ledger: Ledger, balance: Balance) -> list[int]:
    """The terms as integers; a text that stands where it stood is not read again."""
    scale, texts = ledger.scale, texts_of(balance)
    if not ledger.texts:
        return [minor(text, scale) for text in texts]
    stated = ledger.terms.copy()
    for place, (text, known) in enumerate(zip(texts, ledger.texts, strict=True)):
        if text != known:
            stated[place] = minor(text, scale)
    return stated


def prove(stated: list[int], scale: int) -> None:
    """The invariant, on the entry's own balance alone."""
    issued = sum(stated[_ISSUED])
    if stated[LIFETIME] != issued:
        raise Violation(f"states lifetime {text_of(stated[LIFETIME], scale)}, and its terms sum to {text_of(issued, scale)}")
    if min(stated) < 0:
        place = next(place for place in range(len(TERMS)) if stated[place] < 0)
        raise Violation(f"states {TERMS[place]} {text_of(stated[place], scale)}")
    if stated[DEBT] and stated[ACTIVE]:
        raise Violation(f"states debt {text_of(stated[DEBT], scale)} beside active {text_of(stated[ACTIVE], scale)}")


def text_of(amount: int, scale: int) -> str:
    if not scale:
        return f"{amount}"
    whole, fraction = divmod(abs(amount), 10**scale)
    return f"{'-' if amount < 0 else ''}{whole}.{fraction:0{scale}}"
