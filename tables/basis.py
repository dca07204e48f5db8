"""What a receipt is worth before any rule: the basis of each line and of the whole, exactly.

Pure. Amounts are `Exact` in units of 10^-18 of the program's currency (a quantity times a price, both times 10^9).

`gross` = sum of (quantity x unit_price - discount) less the header discount; `net` = gross less tax; `total` = the record's
total, else gross plus shipping. What belongs to the receipt and not to a line (header discount, header tax, shipping, what was
paid by points) is spread over the lines by amount. Tax is the lines' where any line has it, else the header's.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from msgspec import structs

from schemas.amounts import NANO
from schemas.outcomes import Refused
from schemas.program import Program
from schemas.records import Line, Sale
from tables.rounding import Exact

ATTO: Final = NANO * NANO
_TOTAL_TOLERANCE_PERCENT: Final = 1


class Basis:
    """`amounts`: each line's share of the basis, by position, and `whole` their sum; `counted`: the positions that count (no voided
    lines).

    `consistent`: the record's total agrees with its lines to within one per cent. `shares` None: each line's amount is its share, and
    is reckoned when it is asked for, which for most receipts is never.
    """

    __slots__ = ("consistent", "counted", "gross", "net", "total", "whole", "_sale", "_shares")

    def __init__(
        self,
        gross: Exact,
        net: Exact,
        total: Exact,
        whole: Exact,
        counted: Sequence[int],
        consistent: bool,
        sale: Sale,
        shares: Sequence[Exact] | None = None,
    ) -> None:
        self.gross = gross
        self.net = net
        self.total = total
        self.whole = whole
        self.counted = counted
        self.consistent = consistent
        self._sale = sale
        self._shares = shares

    @property
    def amounts(self) -> Sequence[Exact]:
        if self._shares is None:
            self._shares = _amounts(self._sale)
        return self._shares

    def of(self, lines: Sequence[int]) -> Exact:
        """The basis of some lines together."""
        if lines is self.counted:
            return self.whole  # what is voided adds nothing
        amounts = self.amounts
        return sum([amounts[line] for line in lines])


def basis_of(sale: Sale, program: Program) -> Basis:
    """Raises `Refused` with `wrong-currency` where the program has no rate for the sale's currency."""
    lines = sale.lines
    whole_nano = parts_atto = 0  # whole pieces are summed apart: their numbers are small, and most receipts have no others
    taxed = voided = False
    for line in lines:
        quantity, discount = line.quantity, line.discount
        if quantity % NANO:
            parts_atto += quantity * line.unit_price
        else:
            whole_nano += quantity // NANO * line.unit_price  # nothing for a voided line
        if discount is not None and quantity:
            whole_nano -= discount
        if line.tax is not None:
            taxed = True
        if not quantity:
            voided = True
    before_discount = whole_nano * NANO + parts_atto
    counted: Sequence[int] = [number for number, line in enumerate(lines) if line.quantity] if voided else range(len(lines))
    gross = before_discount
    off, shipping, told = sale.discount, sale.shipping, sale.total
    if off is not None and before_discount:  # over nothing there is nothing to take off
        gross -= off * NANO
    tax = sum([line.tax or 0 for line in lines if line.quantity]) if taxed else sale.tax
    net = gross - tax * NANO if tax else gross
    computed = gross if shipping is None else gross + shipping * NANO
    total = computed if told is None else told * NANO
    consistent = _consistent(total, computed)
    if sale.currency == program.currency and program.basis == "gross" and gross == before_discount and not sale.paid_by_points:
        return Basis(gross, net, total, before_discount, counted, consistent, sale)  # what most receipts are

    rate = rate_of(sale, program)
    scale: Exact = rate
    if sale.paid_by_points and not program.earn_on_paid_by_points and total > 0:
        scale = scale * Fraction(max(total - sale.paid_by_points * NANO, 0), total)
    spread: Exact = scale if gross == before_discount else scale * _ratio(gross, before_discount)
    if program.basis == "total" and total != gross:
        spread = spread * _ratio(total, gross)
    elif program.basis == "net" and not taxed and net != gross:
        spread = spread * _ratio(net, gross)
    shares: list[Exact] = [amount * spread for amount in _amounts(sale)]
    if program.basis == "net" and taxed:
        shares = [
            share - (line.tax or 0) * NANO * scale if line.quantity else 0 for share, line in zip(shares, lines, strict=True)
        ]
    return Basis(gross * rate, net * rate, total * rate, sum(shares), counted, consistent, sale, shares)


def line_worth(sale: Sale, program: Program) -> list[Exact]:
    """What each line was worth in the receipt's own currency, with its share of what belongs to the whole: of the record's `total`
    where that is the program's basis, else of gross.
    """
    amounts = _amounts(sale)
    before_discount = sum(amounts)
    worth = gross = before_discount - (sale.discount or 0) * NANO
    if program.basis == "total":
        worth = gross + (sale.shipping or 0) * NANO if sale.total is None else sale.total * NANO
    factor: Exact = 1 if worth == before_discount else _ratio(worth, before_discount)
    return [amount * factor for amount in amounts]


def rest_of(sale: Sale, program: Program, basis: Basis, left: Sequence[int]) -> tuple[Sale, Basis]:
    """A sale with the quantities (nano) that are left of its lines, and what that is worth; `basis` is that of the whole sale.

    What belongs to the receipt stays spread as it was: each line takes its share along. A line's discount and tax are its units'.
    """
    shares: list[Exact] = [
        Fraction(quantity, line.quantity) if line.quantity else 0 for quantity, line in zip(left, sale.lines, strict=True)
    ]
    rate = rate_of(sale, program)
    amounts = _amounts(sale)
    before_discount = sum(amounts)
    gross: Exact = sum([amount * share for amount, share in zip(amounts, shares, strict=True)])
    gross *= rate if basis.gross == before_discount * rate else _ratio(basis.gross, before_discount)
    if any([line.tax is not None for line in sale.lines]):
        net = gross - sum([(line.tax or 0) * NANO * share for line, share in zip(sale.lines, shares, strict=True)]) * rate
    else:
        net = gross if basis.net == basis.gross else gross * _ratio(basis.net, basis.gross)
    total = gross if basis.total == basis.gross else gross * _ratio(basis.total, basis.gross)
    amounts_left: list[Exact] = [amount * share for amount, share in zip(basis.amounts, shares, strict=True)]
    counted = [number for number, quantity in enumerate(left) if quantity]
    lines = [_line_left(line, quantity, share) for line, quantity, share in zip(sale.lines, left, shares, strict=True)]
    rest = structs.replace(sale, lines=lines)
    return rest, Basis(gross, net, total, sum(amounts_left), counted, basis.consistent, rest, amounts_left)


def _line_left(line: Line, quantity: int, share: Exact) -> Line:
    discount = None if line.discount is None else int(line.discount * share)
    return structs.replace(line, quantity=quantity, discount=discount, tax=None if line.tax is None else int(line.tax * share))


def _amounts(sale: Sale) -> list[int]:
    """Each line by itself: nothing for a voided one."""
    return [line.quantity * line.unit_price - (line.discount or 0) * NANO if line.quantity else 0 for line in sale.lines]


def _consistent(total: int, computed: int) -> bool:
    return total == computed or abs(total - computed) * 100 <= abs(computed) * _TOTAL_TOLERANCE_PERCENT


def knows_currency(program: Program, sale: Sale) -> bool:
    """Whether the program counts sales in this currency."""
    return sale.currency == program.currency or sale.currency in program.rates_nano


def rate_of(sale: Sale, program: Program) -> Exact:
    """What an amount of the sale is multiplied by. Raises `Refused` with `wrong-currency` where the program has no such rate."""
    if sale.currency == program.currency:
        return 1
    rate_nano = program.rates_nano.get(sale.currency)
    if rate_nano is None:
        accepted = ", ".join((program.currency, *sorted(program.rates_nano)))
        raise Refused("wrong-currency", f"{sale.currency} is not a currency of {program.program} ({accepted})", "currency")
    return Fraction(rate_nano, NANO)


def _ratio(part: Exact, whole: Exact) -> Exact:
    """A share by amount; where the whole is nothing, nothing is spread."""
    return Fraction(part) / whole if whole else 0
