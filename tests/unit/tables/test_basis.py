"""The basis of a receipt: what is summed at once is what its lines sum to."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.amounts import NANO
from schemas.program_file import build_catalog, read_document
from schemas.records import Line, Sale
from tables.basis import basis_of

PROGRAM = """
program: club
timezone: UTC
environment: sandbox
effective_from: 2020-01-01T00:00:00Z
applications: [pos]
currency: EUR
basis: %s
points: [{sid: pts}]
"""
PROGRAMS = [
    build_catalog([read_document(PROGRAM % basis, "club.yaml")]).programs["club"][0] for basis in ("gross", "net", "total")
]
QUANTITIES = st.integers(0, 5).map(lambda pieces: pieces * NANO) | st.integers(0, 10 * NANO)
PRICES = st.integers(-50 * NANO, 500 * NANO) | st.integers(0, 9_999).map(lambda cents: cents * NANO // 100)
MONEY = st.none() | st.integers(0, 20).map(lambda whole: whole * NANO) | st.integers(0, NANO)
LINES = st.builds(Line, sku=st.just("A"), quantity=QUANTITIES, unit_price=PRICES, discount=MONEY, tax=MONEY)
AT_MOST_ONCE = {"discount": MONEY, "tax": MONEY, "shipping": MONEY}


@given(st.lists(LINES, max_size=5), st.fixed_dictionaries(AT_MOST_ONCE), st.sampled_from(PROGRAMS))
def test_what_counts_is_worth_what_its_lines_are_worth_one_by_one(lines: list[Line], head: dict[str, Any], program: Any) -> None:
    sale = Sale(receipt_id="R", application="pos", closed_at=0, currency="EUR", lines=lines, **head)
    basis = basis_of(sale, program)
    one_by_one = [basis.of([line]) for line in basis.counted]
    assert basis.of(basis.counted) == sum(one_by_one) == sum(basis.amounts)
    assert [line for line in range(len(lines)) if lines[line].quantity] == list(basis.counted)
    if program.basis == "gross" and not head["discount"]:
        assert basis.gross == sum(basis.amounts)
