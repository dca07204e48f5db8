"""Writes worth-one-sale.yaml: whatever is done to a receipt between two closings, the last closing leaves it worth one sale.

Run `python -m tests.checks.worth_one_sale` after a change here; `test_checks.py` says when the file is stale. LEDGER, Returns: "no sequence of
cancel, reopen and close is worth more than one sale; complete, cancel, complete again is worth one". The figures are the claim itself: 20 points,
and 5 fewer to spend where 5 were spent; no policy leaves a debt behind once the receipt is closed again.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

FILE = Path(__file__).with_name("worth-one-sale.yaml")

HEAD = """\
# No sequence of cancel, reopen, return and close is worth more than one sale, under any policy: written by worth_one_sale.py.
program: programs/shop.yaml
defaults:
  purchase: {application: pos, profile_id: p1, currency: EUR, receipt_id: R}
  redemption: {profile_id: p1, program: shop, redemption_id: D, points: "5", requested_at: "2024-07-01T12:30:00Z"}
tests:
"""

POLICIES = ("pending-only", "within-balance", "allow-debt")
MOVES = {
    "a cancel": "kind: cancel, revision: %d",
    "a reopen": "kind: reopen, revision: %d",
    "a return": "kind: return, return_id: X%d, lines: [{sku: A, quantity: 1}]",
    "nothing": "",
}
LINES = '[{sku: A, quantity: 2, unit_price: "10.00"}]'


def purchase(hour: int, rest: str) -> str:
    return f'      - purchase: {{closed_at: "2024-07-01T{hour:02}:00:00Z", {rest}}}'


def case(policy: str, moves: tuple[str, ...], spent: bool, waits: bool) -> Iterator[str]:
    how = " some of it spent," if spent else " all of it pending," if waits else ""
    yield f"  - name: {policy},{how} {' and then '.join(moves)}"
    activation = ", points.0.activation: 5 days" if waits else ""
    yield f"    with: {{points.0.returns: {policy}{activation}}}"
    yield "    steps:"
    yield purchase(12, f"lines: {LINES}")
    if spent:
        yield "      - redemption: {}"
    for number, move in enumerate(moves, start=1):
        if MOVES[move]:
            yield purchase(11 + 2 * number, MOVES[move] % number)
        yield purchase(12 + 2 * number, f"revision: {number + 1}, lines: {LINES}")
    active, pending, redeemed = ("15", "0", "5") if spent else ("0", "20", "0") if waits else ("20", "0", "0")
    balance = f'profile_id: p1, active: "{active}", pending: "{pending}", redeemed: "{redeemed}", debt: "0"'
    yield f"      - expect: {{dead_letters: [], balance: {{{balance}}}}}"


def document() -> str:
    lines: list[str] = []
    for policy, first, second in product(POLICIES, MOVES, MOVES):
        for spent, waits in ((False, False), (True, False), (False, True)):
            lines += case(policy, (first, second), spent, waits)
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
