"""The lots of a record of `balances` are put in as text; it is the same, byte for byte, as what its type encodes to."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.balances import balances_record, profile_balances
from agents.programs import Programs
from agents.shown_lots import ShownLots
from schemas.events import encode
from schemas.program_file import build_catalog, read_document
from tables.drafts import add
from tables.state import Ledger, Lot, Membership, PageRef, Profile, TierState

TIERS = """
tiers:
  definitions: [{name: "Grün \\"A\\"", threshold: "10"}, {name: Gold, threshold: "200"}]
  MEASURE
"""


def programs(tiers: str) -> Programs:
    """Three programs: of whole points, of points with two decimals, and with subledgers."""
    documents = []
    for name, points in (("a", "{sid: pts}"), ("b", "{sid: pts, scale: 2}, {sid: x, scale: 7, spend_order: earliest-earned}")):
        text = f"""
program: {name}
timezone: UTC
environment: sandbox
effective_from: 2020-01-01T00:00:00Z
applications: [pos]
currency: EUR
points: [{points}]
subledgers: {{enabled: true}}
{tiers}
"""
        documents.append(read_document(text, f"{name}.yaml"))
    return Programs(build_catalog(documents))


ALL = [
    programs(""),
    programs(TIERS.replace("MEASURE", "window: lifetime")),
    programs(TIERS.replace("MEASURE", "window: lifetime\n  measure: spend")),
]
NAMES = st.sampled_from(["p1", 'q"\\', "Zoë", "\U0001f3c5", "a/b"])
TEXTS = st.none() | NAMES
FIGURES = st.integers(0, 5_000) | st.integers(0, 9 * 10**18)
INSTANTS = st.integers(-(10**15), 2 * 10**15)
LOTS = st.builds(
    Lot,
    NAMES,
    FIGURES,
    FIGURES,
    st.booleans(),
    INSTANTS,
    st.none() | INSTANTS,
    st.none() | INSTANTS,
    reserved=st.integers(0, 3),
    receipt_id=TEXTS,
    legal_entity=TEXTS,
    description=TEXTS,
)
PAGES = st.lists(st.builds(PageRef, st.just(1), st.integers(1, 9), *[st.just(0)] * 6), max_size=2).map(tuple)


FIGURES_OF = ("active", "pending", "reserved", "redeemed", "expired", "reversed", "written_off", "debt_paid", "debt", "issued")


def _ledger(figures: list[int], lots: list[Lot], pages: tuple[PageRef, ...]) -> Ledger:
    ledger = Ledger(pages=pages)
    for name, figure in zip(FIGURES_OF, figures, strict=True):
        setattr(ledger, name, figure)
    for lot in lots:
        add(ledger, lot)
    return ledger


LEDGERS = st.builds(
    _ledger, st.lists(FIGURES, min_size=len(FIGURES_OF), max_size=len(FIGURES_OF)), st.lists(LOTS, max_size=4), PAGES
)
STATES = st.builds(
    TierState, st.sampled_from([None, "Gold", 'Grün "A"']), st.integers(-(10**12), 10**15), review_at=st.none() | INSTANTS
)


def memberships(points: list[str]) -> st.SearchStrategy[Membership]:
    keys = st.sampled_from([f"{point}{subledger}" for point in points for subledger in ("", "/s", '/"t')])
    return st.builds(
        Membership,
        st.none() | INSTANTS,
        st.integers(0, 10**9),
        ledgers=st.dictionaries(keys, LEDGERS, max_size=3),
        tiers=st.dictionaries(st.sampled_from(["", "s", "u"]), STATES, max_size=2),
    )


PROFILES = st.fixed_dictionaries({}, optional={"a": memberships(["pts"]), "b": memberships(["pts", "x"])})


@given(st.sampled_from(ALL), NAMES, INSTANTS.map(lambda at: at + 2 * 10**15), st.lists(PROFILES, min_size=1, max_size=2))
def test_it_is_what_its_type_encodes_to(known: Programs, profile_id: str, at: int, profiles: list[dict[str, Any]]) -> None:
    shown = ShownLots()
    for found in profiles:
        profile = Profile(at, programs=found)
        assert balances_record(known, profile_id, profile, shown) == encode(profile_balances(known, profile_id, profile))
