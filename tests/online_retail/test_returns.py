"""The real returns: 11,571 sales and 2,618 returns of a shop, under each policy, against an independent reckoning.

`returns_oracle.py` says what every customer must have; a bare interpreter runs it. The auditor adds the entries up again. Points
of this program never expire, so a receipt's own points are always there to be taken: the debt and the limits of the balance only
show where customers spend in between, which `spent` makes them do.
"""

import csv
import json
import random
import sys
from collections import Counter, defaultdict
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from streams.audit.accounts import Accounts
from streams.audit.auditor import Auditor
from streams.audit.books import ACTIVE, PENDING, TERMS
from tests.online_retail.test_replay import (
    DATA,
    HERE,
    PROGRAM,
    TOOLS,
    program,
    pytestmark,  # noqa: F401  # skips where the data is not there
    write,
)

UNTIL = "2011-09-01T00:00:00Z"  # a month after the last record, so whatever was parked has met its deadline
POLICIES = ("pending-only", "within-balance", "allow-debt")
BOTH = """
points: [{sid: pts, returns: RETURNS, expiration: 90 days}]
tiers:
  definitions: [{name: Silver, threshold: "500"}, {name: Gold, threshold: "5000"}]
  window: 365 days
"""


class Ran(NamedTuple):
    """The files of a replay by name, and its summary."""

    files: dict[str, bytes]
    summary: dict[str, Any]

    @property
    def balances(self) -> dict[str, dict[str, Any]]:
        return {row["profile_id"]: row for row in rows(self.files, "balances")}

    @property
    def worth(self) -> dict[str, int]:
        """Active less debt, of those who have points or owe some."""
        worth = {name: int(row["active"]) - int(row["debt"]) for name, row in self.balances.items()}
        return {name: points for name, points in worth.items() if points}


def rows(written: dict[str, bytes], name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written[f"{name}.jsonl"].splitlines()]


def differences(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The first few of what is not as wanted; pytest would take minutes to lay thousands of rows side by side."""
    names = [name for name in sorted(found.keys() | wanted.keys()) if found.get(name) != wanted.get(name)]
    return {name: (found.get(name), wanted.get(name)) for name in names[:5]}


def replay(inputs: Path, output: Path, shop: Path) -> Ran:
    command = Path(sys.executable).with_name("pointstream")
    summary = json.loads(
        program(command, "replay", "--program", shop, "--input", inputs, "--output", output, "--until", UNTIL, "--json")
    )
    return Ran({path.name: path.read_bytes() for path in output.iterdir()}, summary)


class Shop:
    """Replays one file under one policy, once however many tests ask for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ran = cache(self._ran)

    def program(self, policy: str, points: str = "points: [{sid: pts, returns: RETURNS}]") -> Path:
        text = PROGRAM.read_text(encoding="utf-8")
        assert "points: [{sid: pts}]" in text
        folder = self._folder / f"program-{policy}-{len(points)}"
        folder.mkdir(exist_ok=True)
        path = folder / "shop.yaml"
        path.write_text(text.replace("points: [{sid: pts}]", points.replace("RETURNS", policy)), encoding="utf-8")
        return path

    def _ran(self, inputs: Path, policy: str) -> Ran:
        return replay(inputs, self._folder / f"{inputs.stem}-{policy}", self.program(policy))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("returns")


@pytest.fixture(scope="module")
def shop(folder: Path) -> Shop:
    return Shop(folder)


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return program(sys.executable, TOOLS / "online_retail.py", "--returns", DATA).splitlines(keepends=True)


@pytest.fixture(scope="module")
def everything(folder: Path, lines: list[str]) -> Path:
    return write(folder / "everything.jsonl", lines)


@pytest.fixture(scope="module")
def sales(folder: Path, lines: list[str]) -> Path:
    return write(folder / "sales.jsonl", [line for line in lines if not is_return(line)])


@pytest.fixture(scope="module")
def spent(folder: Path, lines: list[str]) -> Path:
    """The same, and after every other sale its customer spends what it was worth, or tries to spend twice as much."""
    chance = random.Random(7)
    mixed = []
    for number, line in enumerate(lines):
        mixed.append(line)
        sale = json.loads(line)["value"]
        if sale["kind"] == "sale" and "profile_id" in sale and chance.random() < 1 / 2:
            worth = int(sum(Decimal(bought["unit_price"]) * bought["quantity"] for bought in sale["lines"]))
            mixed.append(
                redemption(f"D{number}", sale["profile_id"], sale["closed_at"], max(worth, 1) * chance.choice((1, 1, 2)))
            )
    return write(folder / "spent.jsonl", mixed)


def redemption(name: str, profile_id: str, at: str, points: int) -> str:
    asked = {"redemption_id": name, "profile_id": profile_id, "program": "shop", "requested_at": at, "points": str(points)}
    return json.dumps({"topic": "redemptions", "value": asked}) + "\n"


def is_return(line: str) -> bool:
    kind: str = json.loads(line)["value"]["kind"]
    return kind == "return"


@cache
def oracle(inputs: Path) -> dict[str, dict[str, int]]:
    """A row a customer. Isolated and without site-packages, the oracle can import neither the product nor anything installed."""
    text = program(sys.executable, "-I", "-S", HERE / "returns_oracle.py", inputs)
    return {row.pop("profile_id"): {name: int(value) for name, value in row.items()} for row in csv.DictReader(text.splitlines())}


def expected(inputs: Path, column: str) -> dict[str, int]:
    return {name: row[column.replace("-", "_")] for name, row in oracle(inputs).items() if row[column.replace("-", "_")]}


def total(inputs: Path, column: str) -> int:
    return sum(row[column] for row in oracle(inputs).values())


def test_the_file_is_the_one_that_the_figures_are_about(everything: Path, lines: list[str]) -> None:
    returns = [json.loads(line)["value"] for line in lines if is_return(line)]
    assert (len(lines) - len(returns), len(returns)) == (11_571, 2_618)
    assert sum(record["receipt_id"].startswith("unknown-") for record in returns) == 658
    assert [total(everything, column) for column in ("receipts", "returns", "unknown", "over")] == [10_134, 1_960, 658, 0]
    assert [total(everything, column) for column in ("pending_only", "worth")] == [4_589_150, 4_406_750]


@pytest.mark.parametrize("policy", POLICIES)
def test_the_returns_of_unknown_receipts_are_parked_and_then_dead_letters(shop: Shop, everything: Path, policy: str) -> None:
    ran = shop.ran(everything, policy)
    assert ran.summary["outcomes"] == {"anonymous": 1_437, "applied": 10_134 + 1_960, "parked": 658}
    refused = rows(ran.files, "dead-letters")
    assert Counter(letter["reason"] for letter in refused) == {"unknown-receipt": 658}
    assert all(json.loads(letter["value"])["receipt_id"].startswith("unknown-") for letter in refused)


def test_under_allow_debt_every_customer_has_what_remains_of_the_receipts(shop: Shop, everything: Path) -> None:
    assert differences(shop.ran(everything, "allow-debt").worth, expected(everything, "worth")) == {}


def test_under_pending_only_with_everything_active_no_balance_changes(shop: Shop, everything: Path, sales: Path) -> None:
    with_returns, without = shop.ran(everything, "pending-only"), shop.ran(sales, "pending-only")
    assert differences(with_returns.balances, without.balances) == {}
    assert differences(with_returns.worth, expected(everything, "pending-only")) == {}
    types = {entry["type"] for entry in rows(with_returns.files, "ledger-entries")}
    assert types == {"membership.joined", "points.accrued"}


def test_under_within_balance_nothing_is_negative(shop: Shop, everything: Path) -> None:
    ran = shop.ran(everything, "within-balance")
    assert differences(ran.worth, expected(everything, "within-balance")) == {}
    assert_nothing_is_owed(ran)


def assert_nothing_is_owed(ran: Ran) -> None:
    for entry in rows(ran.files, "ledger-entries"):
        balance = entry.get("balance", {})
        assert "debt_added" not in entry, entry
        assert balance.get("debt", "0") == balance.get("debt_paid", "0") == "0", entry
        assert not any(value.startswith("-") for value in balance.values()), entry


@pytest.mark.parametrize("policy", POLICIES)
def test_where_customers_spend_in_between_every_balance_is_the_oracles(shop: Shop, spent: Path, policy: str) -> None:
    ran = shop.ran(spent, policy)
    assert differences(ran.worth, expected(spent, policy)) == {}
    if policy != "allow-debt":
        assert_nothing_is_owed(ran)


def test_spending_in_between_makes_debt_that_later_points_pay(shop: Shop, spent: Path) -> None:
    """Else the claim before would be about nothing."""
    entries = rows(shop.ran(spent, "allow-debt").files, "ledger-entries")
    assert sum("debt_added" in entry for entry in entries) > 20
    assert sum("debt_paid" in entry for entry in entries) > 20
    assert expected(spent, "allow-debt") != expected(spent, "within-balance") != expected(spent, "pending-only")
    decisions = Counter(decision["type"] for decision in rows(shop.ran(spent, "allow-debt").files, "redemption-decisions"))
    assert min(decisions["redemption.accepted"], decisions["redemption.declined"]) > 100


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("which", ["everything", "spent"])
def test_the_invariant_holds_in_every_entry_and_every_lot(
    shop: Shop, policy: str, which: str, request: pytest.FixtureRequest
) -> None:
    ran = shop.ran(request.getfixturevalue(which), policy)
    assert_the_books_add_up(ran)


def assert_the_books_add_up(ran: Ran) -> None:
    """Every entry, every lot; and `balances` says in the end what the entries sum to, with the same open lots."""
    auditor = Auditor(accounts := Accounts())
    faults = [str(found) for line in ran.files["ledger-entries.jsonl"].splitlines() if (found := auditor.check(line))]
    assert faults[:5] == []
    assert {entry["profile_id"] for entry in rows(ran.files, "ledger-entries")} == set(ran.balances)
    for profile_id, row in ran.balances.items():
        ledger = accounts.of(profile_id, row["program"]).ledgers[row["point"]]
        stated = dict(zip(TERMS, map(str, ledger.terms), strict=True))
        assert stated == {term: row[term] for term in TERMS}, profile_id
        held = {name: str(lot[ACTIVE] + lot[PENDING]) for name, lot in ledger.lots.items() if lot[ACTIVE] + lot[PENDING]}
        assert held == {lot["lot_id"]: lot["remaining"] for lot in row["lots"] if lot["remaining"] != "0"}, profile_id


@pytest.mark.parametrize("policy", POLICIES)
def test_the_books_add_up_with_expiry_and_tiers_too(shop: Shop, folder: Path, spent: Path, policy: str) -> None:
    ran = replay(spent, folder / f"expiring-{policy}", shop.program(policy, BOTH))
    assert_the_books_add_up(ran)
    types = Counter(entry["type"] for entry in rows(ran.files, "ledger-entries"))
    assert min(types["points.expired"], types["points.redeemed"]) > 1_000
    assert (types["points.reversed"] > 1_000) is (policy != "pending-only")
    assert rows(ran.files, "tier-changes")


def test_every_record_delivered_twice_gives_the_same_bytes(shop: Shop, folder: Path, spent: Path) -> None:
    doubled = [line for line in spent.read_text(encoding="utf-8").splitlines(keepends=True) for _ in range(2)]
    twice = shop.ran(write(folder / "twice.jsonl", doubled), "allow-debt").files
    once = shop.ran(spent, "allow-debt").files
    told_apart = {"redemption-decisions", "dead-letters"}
    assert {name for name in once if twice[name] != once[name]} == {f"{name}.jsonl" for name in told_apart}
    for name in told_apart:  # each decision is told again; a dead letter names its place in the file
        assert distinct(twice, name) ^ distinct(once, name) == set()


def distinct(files: dict[str, bytes], name: str) -> set[str]:
    return {json.dumps({**row, "offset": 0}) for row in rows(files, name)}


def test_shuffled_within_each_day_returns_wait_for_their_sales(
    shop: Shop, folder: Path, everything: Path, lines: list[str]
) -> None:
    shuffled = write(folder / "shuffled.jsonl", shuffled_by_day(lines, 1))
    ran = shop.ran(shuffled, "allow-debt")
    assert ran.summary["outcomes"]["parked"] > 658 + 20
    assert ran.summary["dead_letters"] == {"unknown-receipt": 658}
    assert differences(ran.worth, expected(everything, "worth")) == {}
    assert_the_books_add_up(ran)


def shuffled_by_day(lines: list[str], seed: int) -> list[str]:
    days: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        days[json.loads(line)["value"]["closed_at"][:10]].append(line)
    chance = random.Random(seed)
    for day in days.values():
        chance.shuffle(day)
    return [line for day in sorted(days) for line in days[day]]
