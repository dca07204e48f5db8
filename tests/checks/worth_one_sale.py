"""Writes worth-one-sale.yaml: whatever is done to a receipt between two closings, the last closing leaves it worth one sale.

Run `python -m tests.checks.worth_one_sale` after a change here; `test_checks.py` says when the file is stale. LEDGER, Returns: "no sequence of
cancel, reopen and close is worth more than one sale; complete, cancel, complete again is worth one". The figures are the claim itself: 20 points,
and 5 fewer to spend where 5 were spent; no policy leaves a debt behind once the receipt is closed again.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

HERE = Path(__file__).parent
FILE = HERE / "worth-one-sale.yaml" if (HERE / "worth-one-sale.yaml").exists() else HERE / "ahead" / "worth-one-sale.yaml"

HEAD = """\
# No sequence of cancel, reopen, return and close is worth more than one sale, under any policy: written by worth_one_sale.py.
program: {up}programs/shop.yaml
defaults:
  purchase: {{application: pos, profile_id: p1, currency: EUR, receipt_id: R}}
  redemption: {{profile_id: p1, program: shop, redemption_id: D, points: "5", requested_at: "2024-07-01T12:30:00Z"}}
tests:
"""

POLICIES = ("pending-only", "within-balance", "allow-debt")
MOVES = {
    "a cancel": "{{kind: cancel, revision: {revision}, closed_at: {at}}}",
    "a reopen": "{{kind: reopen, revision: {revision}, closed_at: {at}}}",
    "a return": "{{kind: return, return_id: X{revision}, closed_at: {at}, lines: [{{sku: A, quantity: 1}}]}}",
    "nothing": "",
}
LINES = '[{sku: A, quantity: 2, unit_price: "10.00"}]'


def at(hour: int) -> str:
    return f'"2024-07-01T{hour:02}:00:00Z"'


def test(policy: str, moves: tuple[str, ...], spent: bool, waits: bool) -> Iterator[str]:
    how = ", some of it spent," if spent else ", all of it pending," if waits else ","
    yield f"  - name: {policy}{how} {' and then '.join(moves)}"
    activation = ', points.0.activation: "5 days"' if waits else ""
    yield f"    with: {{points.0.returns: {policy}{activation}}}"
    yield "    steps:"
    yield f"      - purchase: {{closed_at: {at(12)}, lines: {LINES}}}"
    if spent:
        yield "      - redemption: {}"
    for number, move in enumerate(moves, start=1):
        if MOVES[move]:
            yield f"      - purchase: {MOVES[move].format(revision=number, at=at(12 + 2 * number - 1))}"
        yield f"      - purchase: {{revision: {number + 1}, closed_at: {at(12 + 2 * number)}, lines: {LINES}}}"
    active, pending, redeemed = ("15", "0", "5") if spent else ("0", "20", "0") if waits else ("20", "0", "0")
    balance = f'{{profile_id: p1, active: "{active}", pending: "{pending}", redeemed: "{redeemed}", debt: "0"}}'
    yield f"      - expect: {{dead_letters: [], balance: {balance}}}"


def document() -> str:
    head = HEAD.format(up="../" if FILE.parent.name == "ahead" else "")
    lines: list[str] = []
    for policy, first, second in product(POLICIES, MOVES, MOVES):
        for spent, waits in ((False, False), (True, False), (False, True)):
            lines += test(policy, (first, second), spent, waits)
    return head + "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
