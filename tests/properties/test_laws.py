"""Laws of the ledger that hold for every program and every stream: the books balance, and nothing but records, their order and
the ticks matters.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.properties.harness import TERMS, Json, Product, Step, Told, dead_letters, entries, events, sent
from tests.properties.streams import START, busy_streams, histories, moments, programs, sales

END = START + timedelta(days=60)


def figure(record: Json, name: str) -> Fraction:
    return Fraction(record.get(name) or "0")


def without_recorded_at(records: Sequence[Json]) -> list[Json]:
    return [{name: value for name, value in record.items() if name != "recorded_at"} for record in records]


@given(programs(), busy_streams())
@settings(max_examples=100)
def test_the_books_balance_after_every_entry(program: Json, steps: list[Step]) -> None:
    product = Product(program)
    told = product.run(steps)
    lots: dict[str, dict[str, Any]] = {}
    last: dict[tuple[str, str], Json] = {}
    for entry in entries(told):
        if entry["type"] == "membership.joined":
            continue
        balance = entry["balance"]
        assert sum(figure(balance, term) for term in TERMS) == figure(balance, "lifetime"), entry
        assert all(figure(balance, term) >= 0 for term in (*TERMS, "debt")), entry
        assert not (figure(balance, "debt") and figure(balance, "active")), entry
        assert figure(entry, "points") > 0 or figure(entry, "debt_added") > 0, entry
        assert sum(figure(lot, "points") for lot in entry["lots"]) == figure(entry, "points"), entry
        if entry.get("rules"):
            assert sum(figure(row, "points") for row in entry["rules"]) == figure(entry, "points") + figure(entry, "withheld"), (
                entry
            )
        follow(lots, entry)
        of_ledger = [lot for lot in lots.values() if lot["ledger"] == (entry["profile_id"], entry["point"])]
        for state in ("active", "pending"):
            assert sum(lot["left"] for lot in of_ledger if lot["state"] == state) == figure(balance, state), entry
        last[entry["profile_id"], entry["point"]] = balance
    for row in product.balances():
        written = last[row["profile_id"], row["point"]]
        assert {name: row[name] for name in written} == written
        remaining = Counter({lot["lot_id"]: Fraction(lot["remaining"]) for lot in row["lots"]})
        open_lots = {name: lot["left"] for name, lot in lots.items() if lot["ledger"] == (row["profile_id"], row["point"])}
        assert remaining == Counter({name: left for name, left in open_lots.items() if left})


def follow(lots: dict[str, dict[str, Any]], entry: Json) -> None:
    """An auditor's own fold over the entries: every lot, what is left of it, and in which state."""
    for part in entry["lots"]:
        lot = lots.setdefault(part["lot_id"], {"ledger": (entry["profile_id"], entry["point"]), "left": Fraction(0)})
        if entry["type"] == "points.accrued":
            lot["left"] += Fraction(part["points"])
            lot["state"] = part["state"]
        elif entry["type"] == "points.activated":
            lot["state"] = "active"
        else:
            lot["left"] -= Fraction(part["points"])
        assert lot["left"] >= 0, entry


@given(programs(), busy_streams())
@settings(max_examples=60)
def test_output_is_numbered_without_gaps_and_ids_are_unique(program: Json, steps: list[Step]) -> None:
    told = Product(program).run(steps)
    records = events(told)
    ids = [record["id"] for record in records]
    assert len(set(ids)) == len(ids)
    for profile_id in {record["profile_id"] for record in records}:
        own = [record for record in records if record["profile_id"] == profile_id]
        assert [record["sequence"] for record in own] == list(range(1, len(own) + 1))
        numbered = [record["entry"] for record in own if "entry" in record]
        assert numbered == list(range(1, len(numbered) + 1))


@given(programs(), busy_streams())
@settings(max_examples=60)
def test_within_one_step_what_was_due_fires_in_the_order_of_time(program: Json, steps: list[Step]) -> None:
    for step in Product(program).run(steps):
        for profile_id in {record["profile_id"] for _, record in step.sent if "profile_id" in record}:
            due = [
                (record["occurred_at"], record["type"] != "points.activated")
                for record in entries([step])
                if record["profile_id"] == profile_id and came_due(record)
            ]
            before, after = split_at_the_record(step, profile_id, due)
            assert before == sorted(before, key=moment_first)
            assert after == sorted(after, key=moment_first)


def came_due(record: Json) -> bool:
    """Points that joining brings and that are past their date then are told at once, before the activation by which their profile joins."""
    return (record["type"], record["cause"].get("timer")) in {("points.activated", "activation"), ("points.expired", "expiry")}


def moment_first(due: tuple[str, bool]) -> tuple[datetime, bool]:
    return datetime.fromisoformat(due[0]), due[1]


def split_at_the_record(step: Told, profile_id: str, due: list[tuple[str, bool]]) -> tuple[list[Any], list[Any]]:
    """What fired before the record took effect, and what its own lots had coming if it was late."""
    count = 0
    for record in entries([step]):
        if record["profile_id"] == profile_id:
            if not record["cause"].get("timer"):
                break
            count += came_due(record)
    return due[:count], due[count:]


@given(programs(), busy_streams())
@settings(max_examples=40)
def test_the_same_stream_again_gives_the_same_bytes(program: Json, steps: list[Step]) -> None:
    assert Product(program).run(steps) == Product(program).run(steps)


@given(programs(), busy_streams(), st.data())
@settings(max_examples=60)
def test_flushes_restarts_and_a_tiny_cache_change_nothing(program: Json, steps: list[Step], data: st.DataObject) -> None:
    choices = data.draw(st.lists(st.sampled_from(("nothing", "flush", "restart")), min_size=len(steps), max_size=len(steps)))

    def between(product: Product, number: int) -> None:
        if choices[number] == "flush":
            product.flush()
        elif choices[number] == "restart":
            product.restart()

    plain, interrupted = Product(program), Product(program, cache=1)
    assert interrupted.run(steps, between) == plain.run(steps)
    assert interrupted.balances() == plain.balances()


@given(programs(), busy_streams())
@settings(max_examples=60)
def test_a_tick_cut_into_pieces_is_the_tick(program: Json, steps: list[Step]) -> None:
    whole, pieces = Product(program), Product(program)
    assert [whole.step(step) for step in steps] == [pieces.step(step, tick_size=1) for step in steps]


@given(programs(), busy_streams(), st.lists(moments(58), max_size=6))
@settings(max_examples=60)
def test_settling_in_one_step_is_settling_in_many(program: Json, steps: list[Step], ticks: list[datetime]) -> None:
    records = [step for step in steps if not isinstance(step, datetime)]
    once, often = Product(program), Product(program)
    one = events(once.run([*records, END]))
    many = events(often.run([*records, *sorted(ticks), END]))
    by_profile = [
        [record for record in without_recorded_at(told) if record["profile_id"] == profile_id]
        for told in (one, many)
        for profile_id in ("p1", "p2")
    ]
    assert by_profile[:2] == by_profile[2:]
    assert once.balances() == often.balances()


def _refused(told: Sequence[Told]) -> Counter[tuple[str, str]]:
    return Counter((letter["reason"], letter["value"]) for letter in dead_letters(told))


@given(programs(), busy_streams())
@settings(max_examples=60)
def test_delivering_everything_twice_changes_nothing(program: Json, steps: list[Step]) -> None:
    once, twice = Product(program), Product(program)
    told = once.run(steps)
    doubled: list[Step] = []
    for step in steps:
        doubled += [step] if isinstance(step, datetime) else [step, step]
    again = twice.run(doubled)
    assert events(again) == events(told)
    assert twice.balances() == once.balances()
    # What is refused is refused again; of what had waited for its sale in vain, the second is known to be the first.
    expected = Counter({letter: count * (1 if letter[0] == "unknown-receipt" else 2) for letter, count in _refused(told).items()})
    assert _refused(again) == expected


@given(programs(), busy_streams())
@settings(max_examples=60)
def test_the_whole_stream_again_at_the_end_changes_nothing(program: Json, steps: list[Step]) -> None:
    assume(program["late"] == "accept")  # else some would be too late the second time
    product = Product(program)
    product.run(steps)
    before = product.balances()
    again = product.run([step for step in steps if not isinstance(step, datetime)])
    assert not events(again)
    assert product.balances() == before
    assert {step.outcome for step in again} <= {"duplicate", "stale-revision", "anonymous", "not-a-member", "dead-letter"}


@given(programs(), busy_streams())
@settings(max_examples=60)
def test_a_profile_is_nobody_elses_business(program: Json, steps: list[Step]) -> None:
    assume(program["late"] == "accept")  # arrival is the one thing that profiles of a file share
    together = events(Product(program).run(steps))
    for profile_id in ("p1", "p2"):
        own = [step for step in steps if isinstance(step, datetime) or step.get("profile_id") == profile_id]
        alone = events(Product(program).run(own))
        assert without_recorded_at(alone) == without_recorded_at([r for r in together if r["profile_id"] == profile_id])


@given(programs(), st.lists(st.integers(0, 10), min_size=1, max_size=6), st.data())
@settings(max_examples=60)
def test_without_limits_and_tiers_the_order_of_arrival_does_not_matter(
    program: Json, sizes: list[int], data: st.DataObject
) -> None:
    for point in program["points"]:
        point.pop("limit", None)
        point.pop("max_balance", None)
        point["initial_balance"] = "0"
    for rule in program["earning"]:
        rule.pop("limit", None)
        rule.pop("when", None)
    program.pop("tiers", None)
    program["late"] = "accept"
    made: list[Step] = [data.draw(sales(number)) for number in range(len(sizes))]
    shuffled = data.draw(st.permutations(made))
    one, other = Product(program), Product(program)
    one.run([*made, END])
    other.run([*shuffled, END])
    assert one.balances() == other.balances()


@given(programs(), histories())
@settings(max_examples=100)
def test_no_sequence_of_cancel_reopen_and_close_is_worth_more_than_one_sale(program: Json, said: list[Json]) -> None:
    """The revisions are worth the same: no limits, no tiers. What stays with the profile is never more than one of them."""
    for point in program["points"]:
        point.pop("limit", None)
        point.pop("max_balance", None)
        point["initial_balance"] = "0"
    for rule in program["earning"]:
        rule.pop("limit", None)
        rule.pop("when", None)
    program.pop("tiers", None)
    single, many = Product(program), Product(program)
    single.run([said[0], END])
    told = many.run([*said, END])
    worth = {(row["point"]): figure(row, "lifetime") for row in single.balances()}
    for row in many.balances():
        kept = figure(row, "lifetime") - figure(row, "reversed") - figure(row, "expired")  # what has expired counts as given back
        assert kept <= worth.get(row["point"], 0), row
        assert figure(row, "debt") == 0
        if not figure(row, "expired") and told[-2].outcome == "applied" and said[-1].get("kind", "sale") == "sale":
            assert kept == worth.get(row["point"], 0), row


@given(programs(), busy_streams())
@settings(max_examples=40)
def test_every_record_comes_to_one_outcome_and_every_dead_letter_to_one_record(program: Json, steps: list[Step]) -> None:
    told = Product(program).run(steps)
    outcomes = Counter(step.outcome for step in told if step.outcome is not None)
    assert sum(outcomes.values()) == sum(not isinstance(step, datetime) for step in steps)
    letters = dead_letters(told)
    assert len({letter["offset"] for letter in letters}) == len(letters)
    assert 0 <= len(letters) - outcomes["dead-letter"] <= outcomes["parked"]  # what waited for its sale in vain
    for step in told:
        if step.outcome in {"duplicate", "stale-revision", "anonymous", "not-a-member"}:
            assert not sent([step]) or step.outcome == "not-a-member"
    assert all(one["entry"] < two["entry"] for one, two in pairwise(entries(told)) if one["profile_id"] == two["profile_id"])


def test_a_lot_still_expires_where_its_profile_changed_after_a_flush_and_its_next_instant_did_not() -> None:
    program = {
        "program": "club",
        "timezone": "UTC",
        "environment": "sandbox",
        "effective_from": "2020-01-01T00:00:00Z",
        "applications": ["pos"],
        "currency": "EUR",
        "points": [{"sid": "pts", "expiration": "3 days"}],
        "earning": [{"rule": "visit", "fixed": {"points": "5", "per": "receipt"}}],
    }
    sale = {
        "application": "pos",
        "profile_id": "p1",
        "currency": "EUR",
        "closed_at": "2024-03-01T00:00:00Z",
        "lines": [{"sku": "A", "quantity": 1, "unit_price": "1.00"}],
    }
    product = Product(program)
    product.step({**sale, "receipt_id": "R1"})
    product.flush()
    product.step({**sale, "receipt_id": "R2"})
    expired = entries([product.step(END)])
    assert [entry["points"] for entry in expired if entry["type"] == "points.expired"] == ["5", "5"]
