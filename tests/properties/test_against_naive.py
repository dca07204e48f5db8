"""The product against a naive model that keeps every fact and shares no code with it: random programs, random streams.

The same sales in the same order with the same ticks must come to the same outcomes, say the same things at each step, and leave
the same figures, lots, members and tiers.
"""

from collections import Counter

from hypothesis import given, settings

from tests.properties.harness import Json, Product, Step, Told
from tests.properties.naive.model import Model
from tests.properties.streams import Case, cases

Said = Counter[tuple[str, str, str, str]]


def said(told: Told) -> Said:
    found: Said = Counter()
    for topic, record in told.sent:
        if topic == "tier-changes":
            found[record["type"], record["to"], "", ""] += 1
        elif topic == "ledger-entries":
            found[record["type"], record.get("point", ""), record.get("points", ""), record["occurred_at"]] += 1
    return found


@given(cases())
@settings(max_examples=200)
def test_the_product_and_the_naive_model_agree(case: Case) -> None:
    compare(*case)


def compare(program: Json, steps: list[Step]) -> None:
    product, model = Product(program), Model(program)
    told = product.run(steps)
    expected = model.run(steps)
    for number, (step, was, should) in enumerate(zip(told, expected.outcomes, expected.said, strict=True)):
        assert step.outcome == was, (number, steps[number])
        came = said(step)
        assert came == should, f"step {number}: came {dict(came - should)}, should have come {dict(should - came)}"
    rows = {(row["profile_id"], row["point"]): row for row in product.balances()}
    for profile_id, person in expected.people.items():
        for sid in model.points:
            should_be = model.row(person, sid)
            row = rows.get((profile_id, sid))
            if row is None:
                assert not person.lots.get(sid), (profile_id, sid)
                continue
            lots = Counter((lot["remaining"], dated(lot["activates_at"]), dated(lot["expires_at"])) for lot in row["lots"])
            assert {
                **{name: row[name] for name in ("active", "pending", "expired", "lifetime", "tier")},
                "lots": lots,
            } == should_be


def dated(text: str | None) -> str | None:
    return text if text is None else text.replace("+00:00", "Z")
