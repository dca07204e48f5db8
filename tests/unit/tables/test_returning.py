"""What came back of a receipt, and what is owed for it: tables of cases, reckoned by hand. Where it is taken from is not known here."""

import json
from fractions import Fraction
from typing import Any

import pytest

from schemas import records
from schemas.outcomes import Refused
from schemas.records import Return, Sale
from tables.basis import ATTO, basis_of, rest_of
from tables.earning import Rulebook
from tables.returning import Reckoning, come_back, left_of
from tables.state import Earned, Receipt, Saw
from tests.unit.schemas.shop import program

ONE = 10**9
BONUS = {"rule": "fifty", "when": {"gross": {"at_least": "50.00"}}, "fixed": {"points": "100", "per": "receipt"}}
HEAD = {"application": "pos", "profile_id": "p1", "closed_at": "2024-07-01T12:00:00Z", "receipt_id": "R"}


def sale(*lines: dict[str, Any], **more: Any) -> Sale:
    bought = [{"sku": "A", "quantity": 1, "unit_price": "10.00", **line} for line in lines]
    record = records.decode("purchases", json.dumps({**HEAD, "currency": "EUR", "lines": bought, **more}).encode())
    assert isinstance(record, Sale)
    return record


def returned(*lines: dict[str, Any], **more: Any) -> Return:
    content = {"lines": list(lines)} if lines else {}
    record = records.decode("purchases", json.dumps({**HEAD, "kind": "return", "return_id": "X", **content, **more}).encode())
    assert isinstance(record, Return)
    return record


def known(back: dict[int, int] | None = None, refunded: int = 0) -> Receipt:
    return Receipt(1, 0, {}, sale=b"{}", returned=back or {}, refunded=refunded)


def after(bought: Sale, record: Return, back: dict[int, int] | None = None, refunded: int = 0) -> tuple[dict[int, int], int]:
    return come_back(bought, known(back, refunded), record, [program({})])


BOUGHT = sale({"quantity": 2}, {"sku": "B", "line_id": "b"}, {"quantity": 3}, {"sku": "V", "quantity": 0})

CAME_BACK = [
    ("by the position of the line", [{"line_id": "1", "quantity": 1}], {}, {0: 1}),
    ("by its own id", [{"line_id": "b", "quantity": 1}], {}, {1: 1}),
    ("by sku, its lines in order", [{"sku": "A", "quantity": 4}], {}, {0: 2, 2: 2}),
    ("by sku, what is left of its lines", [{"sku": "A", "quantity": 2}], {0: 1}, {0: 2, 2: 1}),
    ("named twice adds up", [{"line_id": "1", "quantity": 1}, {"line_id": "1", "quantity": 1}], {}, {0: 2}),
    (
        "a line that is named is not taken for its sku",
        [{"sku": "A", "quantity": 3}, {"line_id": "1", "quantity": 2}],
        {},
        {0: 2, 2: 3},
    ),
    ("a line_id goes before a sku beside it", [{"line_id": "b", "sku": "A", "quantity": 1}], {}, {1: 1}),
    ("nothing of a line", [{"sku": "A", "quantity": 0}], {1: 1}, {1: 1}),
    ("nothing of a voided line", [{"sku": "V", "quantity": 0}], {}, {}),
]


@pytest.mark.parametrize(("name", "lines", "before", "expected"), CAME_BACK, ids=[case[0] for case in CAME_BACK])
def test_units_come_back(name: str, lines: list[dict[str, Any]], before: dict[int, int], expected: dict[int, int]) -> None:
    found, _ = after(BOUGHT, returned(*lines), {line: units * ONE for line, units in before.items()})
    assert found == {line: units * ONE for line, units in expected.items()}


TOO_MUCH = [
    ("more than was bought", [{"line_id": "1", "quantity": 3}], {}, "lines.0"),
    ("more than is left", [{"line_id": "1", "quantity": 2}], {0: 1}, "lines.0"),
    ("more than all lines of a sku have", [{"sku": "A", "quantity": 6}], {}, "lines.0"),
    ("a line that is not there", [{"sku": "B", "quantity": 1}, {"line_id": "5", "quantity": 1}], {}, "lines.1"),
    ("nothing of a line that is not there", [{"sku": "C", "quantity": 0}], {}, "lines.0"),
    ("a line whose own id is another", [{"line_id": "2", "quantity": 1}], {}, "lines.0"),
    ("a voided line", [{"sku": "V", "quantity": 1}], {}, "lines.0"),
]


@pytest.mark.parametrize(("name", "lines", "before", "field"), TOO_MUCH, ids=[case[0] for case in TOO_MUCH])
def test_more_than_there_is_is_refused(name: str, lines: list[dict[str, Any]], before: dict[int, int], field: str) -> None:
    with pytest.raises(Refused) as refused:
        after(BOUGHT, returned(*lines), {line: units * ONE for line, units in before.items()})
    assert (refused.value.reason, refused.value.field) == ("over-returned", field)


class Asked(list[Any]):
    """The lines of a receipt, and how often one of them was asked for by its place."""

    times = 0

    def __getitem__(self, place: Any) -> Any:
        self.times += 1
        return super().__getitem__(place)


@pytest.mark.parametrize("named", ["line_id", "sku"])
def test_a_return_of_thousands_of_lines_does_not_look_at_all_of_them_for_each(named: str) -> None:
    units = 1_000
    bought = sale(*[{"sku": "A", "quantity": 1} for _ in range(units)])
    asked = bought.lines = Asked(bought.lines)
    each = [{"line_id": str(place + 1)} if named == "line_id" else {"sku": "A"} for place in range(units)]
    found, _ = after(bought, returned(*[{"quantity": 1, **line} for line in each]))
    assert found == dict.fromkeys(range(units), ONE)
    assert asked.times <= 3 * units


AMOUNTS = [  # (what the receipt has beside its 60.00, the program's basis, returned before, amount, whether it is too much)
    ({}, "gross", {}, "60.00", False),
    ({}, "gross", {}, "60.01", True),
    ({}, "gross", {0: 1}, "50.00", False),
    ({}, "gross", {0: 1}, "50.01", True),
    ({"discount": "6.00"}, "gross", {}, "54.00", False),
    ({"discount": "6.00"}, "gross", {}, "54.01", True),
    ({"shipping": "5.00"}, "gross", {}, "60.01", True),
    ({"shipping": "5.00"}, "total", {}, "65.00", False),
    ({"shipping": "5.00"}, "total", {}, "65.01", True),
    ({"total": "62.00"}, "total", {0: 6}, "0.01", True),
]


@pytest.mark.parametrize(("more", "basis", "before", "amount", "too_much"), AMOUNTS)
def test_money_comes_back_up_to_what_is_left(
    more: dict[str, Any], basis: str, before: dict[int, int], amount: str, too_much: bool
) -> None:
    bought = sale({"quantity": 6}, **more)
    receipt = known({line: units * ONE for line, units in before.items()})
    record = returned(amount=amount)
    if too_much:
        with pytest.raises(Refused, match="over-returned"):
            come_back(bought, receipt, record, [program({"basis": basis})])
    else:
        assert come_back(bought, receipt, record, [program({"basis": basis})])[1] == record.amount


RESTS = [  # (lines, header, basis, what is left of each line, the basis of what is left in hundredths)
    ([{"unit_price": "30.00"}, {"unit_price": "60.00"}], {"discount": "6.00"}, "gross", [0, 1], 5600),
    ([{"quantity": 2, "discount": "4.00"}], {}, "gross", [1], 800),
    ([{"unit_price": "30.00", "tax": "5.00"}, {"unit_price": "30.00"}], {}, "net", [0, 1], 3000),
    ([{"quantity": 2, "tax": "3.00"}], {}, "net", [1], 850),
    ([{"unit_price": "30.00"}, {"unit_price": "60.00"}], {"tax": "9.00"}, "net", [0, 1], 5400),
    ([{"unit_price": "20.00"}, {"unit_price": "40.00"}], {"shipping": "6.00"}, "total", [0, 1], 4400),
    ([{"unit_price": "20.00"}, {"unit_price": "40.00"}], {"total": "30.00"}, "total", [1, 0], 1000),
    ([{"unit_price": "30.00"}, {"unit_price": "30.00"}], {"paid_by_points": "20.00"}, "gross", [0, 1], 2000),
    ([{}, {"unit_price": "-10.00"}], {}, "gross", [1, 0], 1000),
    ([{}, {"quantity": 0, "discount": "5.00"}], {}, "gross", [1, 0], 1000),
]


@pytest.mark.parametrize(("lines", "header", "basis", "left", "expected"), RESTS)
def test_what_belongs_to_the_receipt_stays_spread_over_what_is_left(
    lines: list[dict[str, Any]], header: dict[str, Any], basis: str, left: list[int], expected: int
) -> None:
    terms = program({"basis": basis})
    bought = sale(*lines, **header)
    whole = basis_of(bought, terms)
    rest, worth = rest_of(bought, terms, whole, [units * ONE for units in left])
    assert sum(worth.amounts) * 100 / ATTO == expected
    assert [line.quantity for line in rest.lines] == [units * ONE for units in left]
    assert worth.of(worth.counted) == sum(worth.amounts)


def test_a_rest_of_everything_is_the_whole() -> None:
    bought = sale(
        {"quantity": "1.5", "tax": "1.11"}, {"discount": "0.37"}, discount="1.00", shipping="3.00", paid_by_points="5.00"
    )
    for basis in ("gross", "net", "total"):
        terms = program({"basis": basis})
        whole = basis_of(bought, terms)
        _, rest = rest_of(bought, terms, whole, left_of(bought, {}))
        assert (rest.gross, rest.net, rest.total) == (whole.gross, whole.net, whole.total)
        assert list(map(Fraction, rest.amounts)) == list(map(Fraction, whole.amounts))


def owed(
    changes: dict[str, Any],
    bought: Sale,
    back: dict[int, int],
    earned: Earned,
    saw: Saw | None = None,
    refunded: int = 0,
    by_amount: bool = False,
) -> int:
    terms = program(changes)
    units = {line: count * ONE for line, count in back.items()}
    reckoning = Reckoning(Rulebook(terms), bought, saw or Saw("shop"), units, refunded * ONE)
    return reckoning.owed(terms.points[0], earned, by_amount=by_amount)


def claim(points: int, given: int | None = None, kept_before: int = 0) -> Earned:
    return Earned("shop", "pts", "", points, given=points if given is None else given, kept=kept_before, kept_before=kept_before)


SIXTY = sale({"unit_price": "40.00"}, {"unit_price": "20.00"})
THREE = sale({"quantity": 3, "unit_price": "1.99"})
RECOMPUTE: dict[str, Any] = {"points.0.on_return": "recompute"}
PROPORTIONAL: dict[str, Any] = {"points.0.on_return": "proportional"}
BY_AMOUNT: dict[str, Any] = {"points.0.on_return": "by-amount"}
WITH_BONUS = {"earning.1": BONUS}
TWICE_THE_FIRST = {"earning.1": {"rule": "twice", "multiplier": "2", "lines": {"line_id": "1"}}}
DAILY = {"earning.0.limit": {"points": "50", "per": "day"}}
DAY = "rule:base:points:day:1719784800000000"  # 1 July in Berlin

OWED: list[tuple[str, dict[str, Any], Sale, dict[int, int], Earned, dict[str, Any], int]] = [
    ("the minimum is no longer reached", RECOMPUTE | WITH_BONUS, SIXTY, {1: 1}, claim(160), {}, 120),
    ("a bonus for the whole belongs to no unit", PROPORTIONAL | WITH_BONUS, SIXTY, {1: 1}, claim(160), {}, 20),
    ("the whole by what it is worth", BY_AMOUNT | WITH_BONUS, SIXTY, {1: 1}, claim(160), {}, 53),
    ("an amount is by amount", RECOMPUTE | WITH_BONUS, SIXTY, {}, claim(160), {"refunded": 20, "by_amount": True}, 53),
    ("an amount and units together", BY_AMOUNT, SIXTY, {1: 1}, claim(50, 60), {"refunded": 10}, 20),
    ("an amount after units that cost a bonus", RECOMPUTE | WITH_BONUS, SIXTY, {1: 1}, claim(40, 160), {"refunded": 10, "by_amount": True}, 10),
    ("an amount after units, rounded down", RECOMPUTE, THREE, {0: 1}, claim(3, 5), {"refunded": 1, "by_amount": True}, 0),
    ("an amount after units of their own", PROPORTIONAL | TWICE_THE_FIRST, SIXTY, {0: 1}, claim(20, 100), {"refunded": 15, "by_amount": True}, 20),
    ("an amount after units that earned less", PROPORTIONAL | TWICE_THE_FIRST, SIXTY, {1: 1}, claim(80, 100), {"refunded": 15, "by_amount": True}, 25),
    ("nothing is left, of units", RECOMPUTE, SIXTY, {0: 1, 1: 1}, claim(7, 60), {}, 7),
    ("nothing is left, of money", RECOMPUTE, SIXTY, {1: 1}, claim(7, 60), {"refunded": 40}, 7),
    ("rounded together, the first of three", PROPORTIONAL, THREE, {0: 1}, claim(5), {}, 1),
    ("rounded together, the second of three", PROPORTIONAL, THREE, {0: 2}, claim(4, 5), {}, 2),
    ("a return gives nothing", RECOMPUTE, sale({}, {"unit_price": "-5.00"}), {1: 1}, claim(5), {}, 0),
    ("never more than is claimed", PROPORTIONAL, sale({}, {"unit_price": "-5.00"}), {0: 1}, claim(5), {}, 5),
    ("what earlier revisions kept is of the rest", RECOMPUTE, SIXTY, {1: 1}, claim(25, kept_before=35), {}, 20),
    ("and all of it, where it is more", RECOMPUTE, SIXTY, {0: 1}, claim(15, kept_before=45), {}, 15),
    ("of the rest by what it is worth, too", BY_AMOUNT, SIXTY, {1: 1}, claim(25, kept_before=35), {}, 20),
    ("and all of it there, where it is more", BY_AMOUNT, SIXTY, {0: 1}, claim(15, kept_before=45), {}, 15),
    ("of the rest by units, and of what is still claimed", PROPORTIONAL, SIXTY, {1: 1}, claim(10, 25, kept_before=35), {}, 5),
    ("of the rest by an amount", RECOMPUTE, SIXTY, {}, claim(25, kept_before=35), {"refunded": 20, "by_amount": True}, 20),
    ("room that a limit had", RECOMPUTE | DAILY, SIXTY, {1: 1}, claim(30), {"saw": Saw("shop", room=((DAY, 20),))}, 0),
    ("and no more than that", RECOMPUTE | DAILY, SIXTY, {0: 1}, claim(30), {"saw": Saw("shop", room=((DAY, 20),))}, 10),
    ("room that the balance had", RECOMPUTE | {"points.0.max_balance": "100"}, SIXTY, {1: 1}, claim(45),
     {"saw": Saw("shop", room=(("pts", 55),))}, 5),
    ("the tier that it saw", RECOMPUTE | {"tiers": {"definitions": [{"name": "Gold", "threshold": "1"}]},
     "earning.1": {"rule": "gold", "when": {"tier": "Gold"}, "multiplier": "2"}}, SIXTY, {1: 1}, claim(120), {"saw": Saw("shop", "Gold")}, 40),
    ("the fields that it saw", RECOMPUTE | {"earning.1": {"rule": "staff", "when": {"profile.staff": True}, "multiplier": "3"}},
     SIXTY, {1: 1}, claim(180), {"saw": Saw("shop", fields={"staff": True})}, 60),
    ("nothing of an excluded line", BY_AMOUNT | {"exclude": {"sku": "G"}}, sale({"sku": "G"}, {"quantity": 2}), {0: 1}, claim(20), {}, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "changes", "bought", "back", "earned", "more", "expected"), OWED, ids=[case[0] for case in OWED]
)
def test_owed(
    name: str, changes: dict[str, Any], bought: Sale, back: dict[int, int], earned: Earned, more: dict[str, Any], expected: int
) -> None:
    assert owed(changes, bought, back, earned, **more) == expected


SPENT = [  # (returned units, refunded, what counts as spent in whole euros)
    ({}, 0, 60),
    ({1: 1}, 0, 40),
    ({1: 1}, 10, 30),
    ({}, 15, 45),
    ({1: 1}, 40, 0),
    ({0: 1, 1: 1}, 0, 0),
]


@pytest.mark.parametrize(("back", "refunded", "spent"), SPENT)
def test_what_was_spent_is_the_gross_of_the_rest(back: dict[int, int], refunded: int, spent: int) -> None:
    units = {line: count * ONE for line, count in back.items()}
    assert Reckoning(Rulebook(program({})), SIXTY, Saw("shop"), units, refunded * ONE).spend_nano == spent * ONE
