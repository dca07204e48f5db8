"""Returning: what came back of a receipt, what its rest is worth, and what of its points is owed.

Pure. A receipt is judged again as it was judged then (`Saw`); what it still holds, and where that is taken from, is not known here.
Over all returns of a receipt together:

- recompute: what it still claims less what its rest would have earned;
- proportional: what the returned units earned by themselves, in proportion to what was given;
- by amount: its points x returned basis / basis; always so where only an amount is known.

Units and amounts of one receipt go beside each other, in whatever order: of what the rest of the units keeps, the share that was paid
back in money is owed, too.

Nothing ever gives points, and the return after which nothing is left takes exactly the rest.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from schemas.amounts import COUNTED_MAX, NANO, format_nano
from schemas.outcomes import Refused
from schemas.program import PointType, Program, Rounding
from schemas.records import Return, ReturnedLine, Sale
from tables import limits
from tables.basis import basis_of, line_worth, rest_of
from tables.earning import Rulebook
from tables.facts import Facts, Situation
from tables.rounding import Exact, round_exact
from tables.state import Earned, Receipt, Saw

Returned = Mapping[int, int]
"""Quantities (nano) that came back, by position of the line."""


def come_back(sale: Sale, known: Receipt, record: Return, programs: Sequence[Program]) -> tuple[dict[int, int], int]:
    """What has come back of a receipt after this return: quantities by line, and an amount in the receipt's currency (nano).

    Raises `Refused` with `over-returned` where that is more than there is to any of these programs.
    """
    if record.amount is None:
        if any(line.quantity > COUNTED_MAX for line in sale.lines):
            raise Refused("invalid-field", "a line of so many units cannot be returned in parts; cancel the receipt", "lines")
        return _lines_after(sale, known.returned, record.lines or ()), known.refunded
    left = max([_left_worth(sale, program, known.returned) for program in programs], default=0) - known.refunded * NANO
    if record.amount * NANO > left:
        left_over = format_nano(int(max(left, 0) // NANO), 2)
        raise Refused("over-returned", f"no more than {left_over} is left of receipt {sale.receipt_id}", "amount")
    if known.refunded + record.amount > COUNTED_MAX:
        raise Refused("invalid-field", "so much money cannot be returned in parts; cancel the receipt", "amount")
    return dict(known.returned), known.refunded + record.amount


def _lines_after(sale: Sale, returned: Returned, lines: Sequence[ReturnedLine]) -> dict[int, int]:
    """A line that is named goes before one that is meant by its sku: the sku takes what others leave, in order."""
    left = left_of(sale, returned)
    by_id, by_sku = _places(sale)
    named = sorted(enumerate(lines), key=lambda entry: entry[1].line_id is None)
    for number, wanted in named:
        quantity = wanted.quantity
        places = by_sku.get(wanted.sku) if wanted.line_id is None else by_id.get(wanted.line_id)
        while places and quantity:
            taken = min(quantity, left[places[-1]])
            left[places[-1]] -= taken
            quantity -= taken
            if not left[places[-1]]:  # looked at once: a receipt may have thousands of lines, and a return may name them all
                places.pop()
        if quantity or places is None:
            what = f"line {wanted.line_id}" if wanted.line_id is not None else f"sku {wanted.sku}"
            message = f"receipt {sale.receipt_id} has no {what}" if places is None else f"less is left of {what}"
            raise Refused("over-returned", message, f"lines.{number}")
    return {place: line.quantity - left[place] for place, line in enumerate(sale.lines) if line.quantity != left[place]}


def _places(sale: Sale) -> tuple[dict[str, list[int]], dict[str | None, list[int]]]:
    """Where the lines are that an id means, and those that a sku means; the next one to take of is the last."""
    by_id: dict[str, list[int]] = {}
    by_sku: dict[str | None, list[int]] = {}
    for place in reversed(range(len(sale.lines))):
        line = sale.lines[place]
        by_id.setdefault(line.line_id or str(place + 1), []).append(place)
        by_sku.setdefault(line.sku, []).append(place)
    return by_id, by_sku


def left_of(sale: Sale, returned: Returned) -> list[int]:
    """The quantity that is left of each line."""
    return [line.quantity - returned.get(place, 0) for place, line in enumerate(sale.lines)]


def _left_worth(sale: Sale, program: Program, returned: Returned) -> Exact:
    """What the lines that are left are worth, in the receipt's currency (10^-18)."""
    worth = line_worth(sale, program)
    return sum([worth[place] * share for place, share in enumerate(_shares(sale, left_of(sale, returned)))])


def _shares(sale: Sale, quantities: Sequence[int]) -> list[Exact]:
    return [
        Fraction(quantity, line.quantity) if line.quantity else 0 for quantity, line in zip(quantities, sale.lines, strict=True)
    ]


class Reckoning:
    """A receipt, after what came back of it, in the eyes of the program version that it was judged by."""

    def __init__(self, rulebook: Rulebook, sale: Sale, saw: Saw, returned: Returned, refunded: int) -> None:
        self._rulebook = rulebook
        self._sale = sale
        self._saw = saw
        self._situation = Situation(sale.closed_at, saw.tier, saw.member, saw.fields, saw.refused_codes, saw.figures)
        self._basis = basis_of(sale, rulebook.program)
        self._left = left_of(sale, returned)
        self._gone = _shares(sale, [returned.get(place, 0) for place in range(len(sale.lines))])
        worth = line_worth(sale, rulebook.program)
        self._worth = sum(worth)
        self._refunded = refunded * NANO
        came_back: Exact = sum([worth[place] * share for place, share in enumerate(self._gone)])
        self._worth_gone = self._refunded + came_back
        self._worth_of_rest: Exact = self._worth - came_back

    @property
    def nothing_left(self) -> bool:
        """Every unit came back, or all the money did."""
        return not any(self._left) or (self._refunded > 0 and self._worth_gone >= self._worth)

    @property
    def spend_nano(self) -> int:
        """What the receipt still adds to what was spent: the gross of its rest, in the program's currency, rounded down."""
        if self.nothing_left:
            return 0
        if self._refunded:
            return int(self._basis.gross * (1 - Fraction(self._worth_gone) / self._worth) // NANO)
        _, rest = rest_of(self._sale, self._rulebook.program, self._basis, self._left)
        return int(rest.gross // NANO)

    def owed(self, point: PointType, earned: Earned, *, by_amount: bool) -> int:
        """How many points (minor) of what the receipt still claims it has to give back now. `point`: as the return's time has it."""
        if self.nothing_left:
            return earned.points
        if point.on_return == "by-amount" or (by_amount and not any(self._gone)):
            owed = self._so_far(earned, self._share_by_amount())
        elif point.on_return == "proportional":
            owed = self._so_far(earned, self._share_of_own(point.sid))
        else:  # of an amount what is owed is rounded down, and so what is kept up
            keeps = self._rest_keeps(point.sid, "ceiling" if by_amount else point.rounding)
            owed = earned.points - max(keeps - earned.kept_before, 0)
        return min(max(owed, 0), earned.points)

    def _so_far(self, earned: Earned, share: Exact) -> int:
        """A share of all that the receipt earned, over all returns together and rounded down, less what was asked for before.

        The points that earlier revisions kept are some of those that the rest is worth, and were not given again.
        """
        whole = earned.given + earned.kept_before
        rest = whole - int(whole * share // 1)
        return earned.points - max(rest - earned.kept_before, 0)

    def _share_by_amount(self) -> Exact:
        facts = Facts(self._sale, self._basis, self._situation, self._rulebook.program)
        lines = self._rulebook.lines_of(facts)
        basis = self._basis.of(lines)
        share: Exact = 0
        if basis > 0:
            share = Fraction(sum([self._basis.amounts[line] * self._gone[line] for line in lines])) / basis
        return share + Fraction(self._refunded) / self._worth if self._refunded else share

    def _share_of_own(self, point: str) -> Exact:
        leaves = limits.asker(self._rulebook.program, dict(self._saw.room), self._sale.closed_at)
        by_line, whole = self._rulebook.own_points(self._sale, self._basis, self._situation, point, leaves)
        if whole <= 0:
            return 0
        share: Exact = Fraction(sum([points * self._gone[line] for line, points in by_line.items()])) / whole
        return share + Fraction(self._refunded) / self._worth if self._refunded else share

    def _rest_keeps(self, point: str, rounding: Rounding) -> int:
        """What the rest would have earned, less its share of the money that was paid back for it without naming a line."""
        rest = self.rest_earns(point)
        if not self._refunded:
            return rest
        return round_exact(rest * Fraction(self._worth_of_rest - self._refunded) / self._worth_of_rest, rounding)

    def rest_earns(self, point: str) -> int:
        """What is left of the receipt would have earned so much (minor), under the limits that it met."""
        program = self._rulebook.program
        sale, basis = rest_of(self._sale, program, self._basis, self._left)
        room = dict(self._saw.room)
        for award in self._rulebook.earn(sale, basis, self._situation, limits.asker(program, room, sale.closed_at)):
            if award.point.sid == point:
                return limits.grant(award, program, room, room.get(point, 0), sale.closed_at).total
        return 0
