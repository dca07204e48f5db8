"""Compiled code reads a Struct's field by its place, and nobody can tell (`deploy/compiled/struct_reads.h`).

Each claim runs in the compiled tree, and in the sources, where it is Python's own word.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

GIVEN = """
from tables import drafts, lots
from tables.state import Ledger, Lot

def lot(kind=Lot, earned_at=5):
    return kind("L1", 10, 10, True, earned_at, None, None)

class Longer(Lot, frozen=True):
    more: int = 0

class Other(Lot, frozen=True):
    pass

for _ in range(3):
    assert lots.age(lot()) == (5, "L1")  # from here on its place is known
"""
CLAIMS = {
    "types come by turns": "assert [lots.age(lot(kind))[0] for kind in (Longer, Lot, Other, Lot, Longer)] == [5] * 5",
    "one place that reads fields by turns": """
from schemas.records import Line
from tables.facts import _field_of_line

line = Line(sku="A", quantity=1, unit_price=2, category="tea")
for _ in range(3):
    assert [_field_of_line(line, 0, name) for name in ("sku", "category", "sku")] == ["A", "tea", "A"]
    assert _field_of_line(line, 0, "".join(("cate", "gory"))) == "tea"
""",
    "a type that gets a property in place of a field": """
assert lots.age(lot(Other)) == lots.age(lot(Other)) == (5, "L1")
Other.earned_at = property(lambda self: 7)
assert lots.age(lot(Other)) == (7, "L1")
assert lots.age(lot()) == (5, "L1")
del Other.earned_at
assert lots.age(lot(Other)) == (5, "L1")
""",
    "a type whose parent gets one": """
class Child(Other, frozen=True):
    pass
assert lots.age(lot(Child)) == lots.age(lot(Child)) == (5, "L1")
Other.lot_id = property(lambda self: "L2")
assert lots.age(lot(Child)) == (5, "L2")
""",
    "a field that is not set, or not set any more": """
ledger = Ledger()
for _ in range(3):
    drafts.close_ledger(ledger)
del ledger.opened
try:
    drafts.close_ledger(ledger)
except AttributeError as error:
    assert "opened" in str(error), error
else:
    raise AssertionError("it read what is not there")
""",
    "what is read stays alive after its record is gone": """
import gc, sys
text = "L" * 50
before = sys.getrefcount(text)
for _ in range(1_000):
    found = lots.age(Lot(text, 10, 10, True, 5, None, None))
    assert found[1] is text
del found
assert sys.getrefcount(text) == before
""",
}


def run(home: Path, claim: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(home), "PYTHONSAFEPATH": "1"}
    where = f"import tables.lots; assert tables.lots.__file__.startswith({str(home)!r}), tables.lots.__file__"
    command = [sys.executable, "-c", f"{where}\n{GIVEN}\n{CLAIMS[claim]}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_field_is_read_as_ever(claim: str, tree: Path) -> None:
    run(ROOT, claim)
    run(tree, claim)
