"""What the real receipts are worth after their returns, reckoned without a line of the product.

usage: returns_oracle.py RECORDS.jsonl > expected.csv

Standard library only, and run by a bare interpreter (`python -I -S`), so that nothing else could be imported. The rule is the one of
shop.yaml: 1 point per full 1.00 of a receipt, its sum of quantity x unit_price rounded down once; a receipt with returns is worth
what remains of it, rounded down once. Points never expire and are active at once. A return of a receipt that has not come yet
waits for it, without end; one whose receipt never comes does nothing. A redemption takes all that it asks for, or nothing.

One row a customer: `worth` is that sum of floors; then the balance under each policy for returns, told as active less debt.
`unknown` and `over` count returns that did nothing: their receipt never came, or they ask for more than it has left.
"""

import csv
import json
import sys
from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal
from typing import Any

COLUMNS = ("profile_id", "worth", "pending_only", "within_balance", "allow_debt", "receipts", "returns", "unknown", "over")


class Receipt:
    """What is left of each line."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self.lines = [
            [str(line.get("line_id", number)), line["sku"], Decimal(line["unit_price"]), Decimal(line["quantity"])]
            for number, line in enumerate(lines, 1)
        ]

    def worth(self) -> int:
        total = sum((price * left for _, _, price, left in self.lines), Decimal(0))
        return int(total.to_integral_value(ROUND_FLOOR))

    def give_back(self, wanted: list[dict[str, Any]]) -> bool:
        """Take units off the lines; False, and nothing taken, where a line has fewer left."""
        before = [line[3] for line in self.lines]
        for line in wanted:
            quantity = Decimal(line["quantity"])
            for found in self.lines:
                if found[0] == line["line_id"] if "line_id" in line else found[1] == line["sku"]:
                    taken = min(quantity, found[3])
                    found[3] -= taken
                    quantity -= taken
            if quantity:
                for found, left in zip(self.lines, before, strict=True):
                    found[3] = left
                return False
        return True


class Customer:
    """The receipts of one customer, and one balance for each policy."""

    def __init__(self) -> None:
        self.receipts: dict[str, Receipt] = {}
        self.waiting: dict[str, list[dict[str, Any]]] = {}
        self.returns = self.over = 0
        self.pending_only = self.within_balance = self.allow_debt = 0

    def sale(self, record: dict[str, Any]) -> None:
        receipt = self.receipts[record["receipt_id"]] = Receipt(record["lines"])
        points = receipt.worth()
        self.pending_only += points
        self.within_balance += points
        self.allow_debt += points
        for earlier in self.waiting.pop(record["receipt_id"], ()):
            self.give_back(earlier)

    def give_back(self, record: dict[str, Any]) -> None:
        receipt = self.receipts.get(record["receipt_id"])
        if receipt is None:
            self.waiting.setdefault(record["receipt_id"], []).append(record)
            return
        before = receipt.worth()
        if not receipt.give_back(record["lines"]):
            self.over += 1
            return
        self.returns += 1
        owed = before - receipt.worth()
        self.within_balance = max(self.within_balance - owed, 0)
        self.allow_debt -= owed

    def redeem(self, points: int) -> None:
        self.pending_only -= points * (self.pending_only >= points)
        self.within_balance -= points * (self.within_balance >= points)
        self.allow_debt -= points * (self.allow_debt >= points)

    def row(self) -> list[int]:
        worth = sum(receipt.worth() for receipt in self.receipts.values())
        unknown = sum(map(len, self.waiting.values()))
        balances = [self.pending_only, self.within_balance, self.allow_debt]
        return [worth, *balances, len(self.receipts), self.returns, unknown, self.over]


def reckon(lines: Iterable[str]) -> dict[str, Customer]:
    """All records in order; the same record again does nothing."""
    customers: dict[str, Customer] = {}
    seen: set[tuple[str, str]] = set()
    for text in lines:
        record = json.loads(text, parse_float=Decimal)["value"]
        kind = "redemption" if "redemption_id" in record else record.get("kind", "sale")
        identity = (kind, record.get("return_id") or record.get("redemption_id") or record["receipt_id"])
        if "profile_id" not in record or identity in seen:
            continue
        seen.add(identity)
        customer = customers.setdefault(record["profile_id"], Customer())
        if kind == "sale":
            customer.sale(record)
        elif kind == "return":
            customer.give_back(record)
        else:
            customer.redeem(int(record["points"]))
    return customers


def main(path: str) -> None:
    with open(path, encoding="utf-8") as lines:  # noqa: PTH123  nothing but what is needed
        customers = reckon(lines)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(COLUMNS)
    out.writerows([name, *customer.row()] for name, customer in sorted(customers.items()))


if __name__ == "__main__":
    main(sys.argv[1])
