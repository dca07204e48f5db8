"""What a receipt is worth before any rule: the basis of each line and of the whole, exactly.

Pure. Amounts are `Exact` in units of 10^-18 of the program's currency (a quantity times a price, both times 10^9).

`gross` = sum of (quantity x unit_price - discount) less the header discount; `net` = gross less tax; `total` = the record's
total, else gross plus shipping. What belongs to the receipt and not to a line (header discount, header tax, shipping, what was
paid by points) is spread over the lines by amount. Tax is the lines' where any line has it, else the header's.
"""

from fractions import Fraction
from typing import Final

from msgspec import Struct, structs

from schemas.amounts import NANO
from schemas.outcomes import Refused
from schemas.program import Program
from schemas.records import Line, Sale
from tables.rounding import Exact

ATTO: Final = NANO * NANO
_TOTAL_TOLERANCE_PERCENT: Final = 1


class LineBasis(Struct, gc=False, frozen=True):
    """A line that counts (no voided one), its id, and its share of the basis."""

    line_id: str
    line: Line
    basis: Exact


class Basis(Struct, gc=False, frozen=True):
    """`lines` in the receipt's order; `consistent`: the record's total agrees with its lines to within one per cent."""

    gross: Exact
    net: Exact
    total: Exact
    lines: list[LineBasis]
    consistent: bool


def basis_of(sale: Sale, program: Program) -> Basis:
    """Raises `Refused` with `wrong-currency` where the program has no rate for the sale's currency."""
    lines: list[LineBasis] = []
    before_discount = line_tax = number = 0
    taxed = False
    for line in sale.lines:
        number += 1
        if not line.quantity:
            continue
        amount = line.quantity * line.unit_price
        if line.discount is not None:
            amount -= line.discount * NANO
        if line.tax is not None:
            taxed = True
            line_tax += line.tax
        before_discount += amount
        lines.append(LineBasis(line.line_id or str(number), line, amount))
    gross = before_discount - (sale.discount or 0) * NANO
    net = gross - (line_tax if taxed else sale.tax or 0) * NANO
    computed = gross + (sale.shipping or 0) * NANO
    total = computed if sale.total is None else sale.total * NANO
    consistent = total == computed or abs(total - computed) * 100 <= abs(computed) * _TOTAL_TOLERANCE_PERCENT

    rate: Exact = 1 if sale.currency == program.currency else _rate(sale, program)
    scale: Exact = rate
    if sale.paid_by_points and not program.earn_on_paid_by_points and total > 0:
        scale = scale * Fraction(max(total - sale.paid_by_points * NANO, 0), total)
    spread: Exact = scale if gross == before_discount else scale * _ratio(gross, before_discount)
    if program.basis == "total" and total != gross:
        spread = spread * _ratio(total, gross)
    elif program.basis == "net" and not taxed and net != gross:
        spread = spread * _ratio(net, gross)
    if program.basis == "net" and taxed:
        lines = [structs.replace(line, basis=line.basis * spread - (line.line.tax or 0) * NANO * scale) for line in lines]
    elif spread != 1:
        lines = [structs.replace(line, basis=line.basis * spread) for line in lines]
    return Basis(gross * rate, net * rate, total * rate, lines, consistent)


def _rate(sale: Sale, program: Program) -> Exact:
    rate_nano = program.rates_nano.get(sale.currency)
    if rate_nano is None:
        accepted = ", ".join((program.currency, *sorted(program.rates_nano)))
        raise Refused("wrong-currency", f"{sale.currency} is not a currency of {program.program} ({accepted})", "currency")
    return Fraction(rate_nano, NANO)


def _ratio(part: int, whole: int) -> Exact:
    """A share by amount; where the whole is nothing, nothing is spread."""
    return Fraction(part, whole) if whole else 0
