"""What a receipt is worth before any rule: the basis of each line and of the whole, exactly.

Pure. Amounts are `Exact` in units of 10^-18 of the program's currency (a quantity times a price, both times 10^9).

`gross` = sum of (quantity x unit_price - discount) less the header discount; `net` = gross less tax; `total` = the record's
total, else gross plus shipping. What belongs to the receipt and not to a line (header discount, header tax, shipping, what was
paid by points) is spread over the lines by amount. Tax is the lines' where any line has it, else the header's.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from msgspec import Struct

from schemas.amounts import NANO
from schemas.outcomes import Refused
from schemas.program import Program
from schemas.records import Sale
from tables.rounding import Exact

ATTO: Final = NANO * NANO
_TOTAL_TOLERANCE_PERCENT: Final = 1


class Basis(Struct, gc=False, frozen=True):
    """`amounts`: each line's share of the basis, by position; `counted`: the positions that count (no voided lines).

    `consistent`: the record's total agrees with its lines to within one per cent.
    """

    gross: Exact
    net: Exact
    total: Exact
    amounts: Sequence[Exact]
    counted: Sequence[int]
    consistent: bool

    def of(self, lines: Sequence[int]) -> Exact:
        """The basis of some lines together."""
        amounts = self.amounts
        return sum(amounts) if lines is self.counted else sum([amounts[line] for line in lines])


def basis_of(sale: Sale, program: Program) -> Basis:
    """Raises `Refused` with `wrong-currency` where the program has no rate for the sale's currency."""
    lines = sale.lines
    amounts: list[int] = [line.quantity * line.unit_price for line in lines]  # nothing for a voided line
    counted: Sequence[int] = range(len(lines))
    taxed = False
    for number, line in enumerate(lines):
        if line.discount is not None and line.quantity:
            amounts[number] -= line.discount * NANO
        if line.tax is not None:
            taxed = True
        if not line.quantity:
            counted = [number for number, line in enumerate(lines) if line.quantity]
    before_discount = gross = sum(amounts)
    if sale.discount is not None:
        gross -= sale.discount * NANO
    net = gross - (sum(line.tax or 0 for line in lines if line.quantity) if taxed else sale.tax or 0) * NANO
    computed = gross if sale.shipping is None else gross + sale.shipping * NANO
    total = computed if sale.total is None else sale.total * NANO
    if sale.currency == program.currency and program.basis == "gross" and gross == before_discount and not sale.paid_by_points:
        return Basis(gross, net, total, amounts, counted, _consistent(total, computed))  # what most receipts are

    rate: Exact = 1 if sale.currency == program.currency else _rate(sale, program)
    scale: Exact = rate
    if sale.paid_by_points and not program.earn_on_paid_by_points and total > 0:
        scale = scale * Fraction(max(total - sale.paid_by_points * NANO, 0), total)
    spread: Exact = scale if gross == before_discount else scale * _ratio(gross, before_discount)
    if program.basis == "total" and total != gross:
        spread = spread * _ratio(total, gross)
    elif program.basis == "net" and not taxed and net != gross:
        spread = spread * _ratio(net, gross)
    shares: list[Exact] = [amount * spread for amount in amounts]
    if program.basis == "net" and taxed:
        shares = [
            share - (line.tax or 0) * NANO * scale if line.quantity else 0 for share, line in zip(shares, lines, strict=True)
        ]
    return Basis(gross * rate, net * rate, total * rate, shares, counted, _consistent(total, computed))


def _consistent(total: int, computed: int) -> bool:
    return total == computed or abs(total - computed) * 100 <= abs(computed) * _TOTAL_TOLERANCE_PERCENT


def _rate(sale: Sale, program: Program) -> Exact:
    rate_nano = program.rates_nano.get(sale.currency)
    if rate_nano is None:
        accepted = ", ".join((program.currency, *sorted(program.rates_nano)))
        raise Refused("wrong-currency", f"{sale.currency} is not a currency of {program.program} ({accepted})", "currency")
    return Fraction(rate_nano, NANO)


def _ratio(part: int, whole: int) -> Exact:
    """A share by amount; where the whole is nothing, nothing is spread."""
    return Fraction(part, whole) if whole else 0
