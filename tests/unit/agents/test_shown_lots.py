"""What `balances` tells of lots is the same whether or not anything was told before."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agents.shown_lots import SHOWN_MAX, ShownLots, lot_balance, open_lots
from schemas.events import encode
from schemas.program import PointType
from schemas.program_file import build_catalog, read_document
from tables.drafts import add, close_ledger, draft_of_ledger
from tables.state import Ledger, Lot

PLACE = ("p1", "club", "pts")


def point(order: str) -> PointType:
    text = f"""
program: club
timezone: UTC
environment: sandbox
effective_from: 2020-01-01T00:00:00Z
applications: [pos]
currency: EUR
points: [{{sid: pts, scale: 1, spend_order: {order}}}]
"""
    return build_catalog([read_document(text, "club.yaml")]).programs["club"][0].points[0]


POINTS = [point("earliest-expiry"), point("earliest-earned")]
INSTANTS = st.integers(0, 5).map(lambda day: day * 86_400_000_000)
LOTS = st.builds(
    lambda number, active, earned, activates, expires, receipt: Lot(
        f"{number:04d}", 25, 25, active, earned, activates, expires, receipt_id=receipt
    ),
    st.integers(0, 9_999),
    st.booleans(),
    INSTANTS,
    st.none() | INSTANTS,
    st.none() | INSTANTS,
    st.sampled_from([None, "R1", 'R"\u00e9\\']),
)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["add", "add", "add", "drop", "use", "cut", "nothing"]), LOTS, st.integers(0, 1)), max_size=30
)
MANY = [Lot(f"m{number:03d}", 25, 25, True, 0, None, number * 17_280_000_000) for number in range(SHOWN_MAX + 5)]


@given(st.integers(0, len(MANY)), CHANGES)
def test_it_is_told_as_if_afresh(before: int, changes: list[tuple[str, Lot, int]]) -> None:
    shown, ledger = ShownLots(), Ledger()
    for lot in MANY[:before]:
        add(ledger, lot)
    for what, lot, number in changes:
        ledger = draft_of_ledger(ledger)
        if what == "add":
            add(ledger, lot)
        elif what == "drop" and ledger.lots:
            ledger.lots.pop(0)
        elif what == "cut":  # as lots that are put into a page
            del ledger.lots[SHOWN_MAX - 1 + int(lot.lot_id) % 4 :]
        elif what == "use" and ledger.lots:
            ledger.lots[-1] = msgspec.structs.replace(ledger.lots[-1], remaining=5)
        close_ledger(ledger)
        point = POINTS[number]
        expected = [encode(lot_balance(lot, point.scale)) for lot in open_lots(ledger.look(), point.spend_order)]
        assert shown.show(PLACE, ledger, point) == (b",".join(expected[:SHOWN_MAX]), max(len(expected) - SHOWN_MAX, 0))


def test_what_it_keeps_is_bounded() -> None:
    shown, ledger = ShownLots(at_most_bytes=10_000), Ledger()
    for number in range(500):
        ledger = draft_of_ledger(ledger)
        add(ledger, Lot(f"{number:04d}", 10, 10, True, number, None, None))
        shown.show(("p", "club", str(number)), ledger, POINTS[0])
    kept = [*shown._young.values(), *shown._old.values()]
    assert len(kept) < 100
