"""Conditions: structured, exact, with every fault by path (CONTRACT 4, Conditions)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.conditions import ConditionError, Mention, parse_condition

D = Decimal


def matches(condition: object, record: dict[str, object]) -> bool:
    return parse_condition(condition).matches(record.get)


@pytest.mark.parametrize(
    ("condition", "record", "holds"),
    [
        # equal
        ({"category": "ac-units"}, {"category": "ac-units"}, True),
        ({"category": "ac-units"}, {"category": "AC-units"}, False),
        ({"category": "ac-units"}, {}, False),
        ({"sku": "7"}, {"sku": "007"}, False),  # codes are text
        ({"store": "1.5"}, {"store": "1.50"}, False),
        ({"revision": "2"}, {"revision": 2}, True),
        ({"quantity": "1.5"}, {"quantity": D("1.50")}, True),
        ({"total": "0.1"}, {"total": D("0.1")}, True),
        ({"total": "50"}, {"total": "50.00"}, True),
        ({"member": "true"}, {"member": True}, True),
        ({"member": "false"}, {"member": True}, False),
        ({"member": True}, {"member": True}, True),
        ({"weekday": "monday"}, {"weekday": "monday"}, True),
        ({"hour": "9"}, {"hour": 9}, True),
        ({"tier": "Gold"}, {"tier": None}, False),
        # free fields: numbers where both spell one without idle zeros
        ({"attributes.size": "10"}, {"attributes.size": 10}, True),
        ({"attributes.size": "10"}, {"attributes.size": "10.0"}, True),
        ({"attributes.size": "1.5"}, {"attributes.size": D("1.50")}, True),
        ({"attributes.room": "7"}, {"attributes.room": "007"}, False),
        ({"attributes.gift": "true"}, {"attributes.gift": True}, True),
        ({"attributes.gift": "true"}, {"attributes.gift": "true"}, True),
        ({"attributes.gift": "1"}, {"attributes.gift": True}, False),  # a boolean is no number
        ({"attributes.gift": {"at_least": "0"}}, {"attributes.gift": True}, False),
        ({"profile.city": "Riga"}, {"profile.city": "Riga"}, True),
        # one of
        ({"channel": ["online", "in-store"]}, {"channel": "in-store"}, True),
        ({"channel": ["online", "in-store"]}, {"channel": None}, False),
        ({"quantity": ["1", "2.5"]}, {"quantity": D("2.50")}, True),
        ({"sku": ["A", "12"]}, {"sku": 12}, True),
        # comparisons
        ({"total": {"at_least": "50.00"}}, {"total": D(50)}, True),
        ({"total": {"at_least": "50.00"}}, {"total": D("49.999999999")}, False),
        ({"total": {"more_than": "50"}}, {"total": D(50)}, False),
        ({"total": {"at_most": "50"}}, {"total": 50}, True),
        ({"total": {"less_than": "50"}}, {"total": 50}, False),
        ({"total": {"at_least": "10", "less_than": "20"}}, {"total": 20}, False),
        ({"total": {"at_least": "0"}}, {}, False),
        ({"attributes.size": {"more_than": "9"}}, {"attributes.size": "10"}, True),  # by number, not by letter
        ({"attributes.size": {"more_than": "9"}}, {"attributes.size": "large"}, False),
        ({"gross": {"more_than": "0.3"}}, {"gross": D("0.1") + D("0.2")}, False),
        # not, exists
        ({"category": {"not": "gifts"}}, {"category": "ac-units"}, True),
        ({"category": {"not": "gifts"}}, {"category": "gifts"}, False),
        ({"category": {"not": "gifts"}}, {}, True),
        ({"category": {"not": "gifts", "exists": "true"}}, {}, False),
        ({"channel": {"not": ["online", "in-store"]}}, {"channel": "online"}, False),
        ({"category": {"exists": "true"}}, {"category": "x"}, True),
        ({"category": {"exists": "true"}}, {}, False),
        ({"category": {"exists": "false"}}, {}, True),
        ({"tags": {"exists": "true"}}, {"tags": []}, False),
        ({"total": {"not": "5"}}, {"total": D("5.00")}, False),
        # lists
        ({"tags": "vip"}, {"tags": ["new", "vip"]}, True),
        ({"tags": "vip"}, {"tags": []}, False),
        ({"tags": {"not": "vip"}}, {"tags": ["new", "vip"]}, False),
        ({"tags": {"not": "vip"}}, {"tags": []}, True),
        ({"tags": ["a", "b"]}, {"tags": ["b"]}, True),
        ({"unit_price": {"at_least": "10", "at_most": "20"}}, {"unit_price": [D(5), D(30)]}, False),  # of one and the same line
        ({"unit_price": {"at_least": "10", "at_most": "20"}}, {"unit_price": [D(5), D(15)]}, True),
        ({"category": "x"}, {"category": ["y", None, "x"]}, True),  # a line's field over the lines
        ({"tags": "vip"}, {"tags": [["new"], ["vip"], []]}, True),  # a line's list over the lines
        ({"promo_codes": "SPRING"}, {"promo_codes": ["SPRING"]}, True),
        # joined
        ({"category": "x", "sku": "y"}, {"category": "x", "sku": "z"}, False),
        ({"any": [{"category": "x"}, {"sku": "y"}]}, {"category": "x", "sku": "z"}, True),
        ({"all": [{"category": "x"}, {"sku": "y"}]}, {"category": "x", "sku": "z"}, False),
        ({"not": {"category": "x", "sku": "y"}}, {"category": "x", "sku": "z"}, True),
        ({"not": {"not": {"category": "x"}}}, {"category": "x"}, True),
        ({"any": [{"not": {"sku": "z"}}, {"all": [{"sku": "z"}, {"category": "x"}]}], "member": "true"},
         {"category": "x", "sku": "z", "member": True}, True),
    ],
)  # fmt: skip
def test_a_condition_means_what_it_says(condition: object, record: dict[str, object], holds: bool) -> None:
    assert matches(condition, record) is holds


@pytest.mark.parametrize(
    ("condition", "path", "reason"),
    [
        ({"categorie": "x"}, "categorie", "is not a field of a condition; did you mean category?"),
        ({"and": [{"category": "x"}]}, "and", "is not a field of a condition; did you mean all?"),
        ({"or": [{"category": "x"}]}, "or", "is not a field of a condition; did you mean any?"),
        ({"lines": "x"}, "lines", "is not a field"),
        ({"attributes": {"color": "red"}}, "attributes", "must name one field of it, like attributes.color"),
        ({"attributes.": "x"}, "attributes.", "is not a field"),
        ({"total": {"atleast": "1"}}, "total.atleast", "is not a comparison; did you mean at_least?"),
        ({"total": {"at_least": "a lot"}}, "total.at_least", "must be a decimal"),
        ({"total": {"at_least": "1e3"}}, "total.at_least", "must be a decimal"),
        ({"total": {"at_least": ["1"]}}, "total.at_least", "must be a decimal"),
        ({"total": "fifty"}, "total", "must be a decimal"),
        ({"total": {}}, "total", "must name at least one comparison"),
        ({"sku": {"at_least": "5"}}, "sku.at_least", "it is not a number"),
        ({"sku": None}, "sku", "must be a value"),
        ({"sku": []}, "sku", "must list at least one value"),
        ({"sku": ["a", None]}, "sku.1", "must be a value"),
        ({"sku": [{"not": "a"}]}, "sku.0", "must be one value"),
        ({"weekday": "mon"}, "weekday", "did you mean monday?"),
        ({"weekday": ["monday", "Tuesday"]}, "weekday.1", "must be monday"),
        ({"hour": "24"}, "hour", "must be 0 to 23"),
        ({"member": "yes"}, "member", "must be true or false"),
        ({"channel": "shop"}, "channel", "must be in-store or online"),
        ({"category": {"exists": "maybe"}}, "category.exists", "must be true or false"),
        ({"all": []}, "all", "must be a list of conditions"),
        ({"any": {"sku": "a"}}, "any", "must be a list of conditions"),
        ({"any": [{"sku": "a"}, "b"]}, "any.1", "must be a condition"),
        ({"not": [{"sku": "a"}]}, "not", "must be a condition"),
        ({"not": {"total": {"at_most": "x"}}}, "not.total.at_most", "must be a decimal"),
        ({"points_expiring": {"within": "soon"}}, "points_expiring.within", "must be a length of time"),
        ({}, "", "must name at least one field"),
        ("sku", "", "must be a condition"),
        (None, "", "must be a condition"),
        ([], "", "must be a condition"),
    ],
)
def test_a_fault_is_told_by_its_path(condition: object, path: str, reason: str) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition(condition)
    assert [".".join(fault.path) for fault in caught.value.faults] == [path]
    assert reason in caught.value.faults[0].reason


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(ConditionError) as caught:
        parse_condition({"skus": "a", "any": [{"total": "x"}, {"hour": {"more": "1"}}], "not": {"weekday": "x"}})
    assert [".".join(fault.path) for fault in caught.value.faults] == ["skus", "any.0.total", "any.1.hour.more", "not.weekday"]


def test_nesting_has_a_bound() -> None:
    condition: dict[str, Any] = {"sku": "a"}
    for _ in range(1_000):
        condition = {"not": condition}
    with pytest.raises(ConditionError, match="nested deeper"):
        parse_condition(condition)


def test_a_condition_knows_its_fields_and_what_it_takes_from_elsewhere() -> None:
    condition = parse_condition(
        {
            "any": [{"tier": ["Gold", "Silver"]}, {"not": {"segment": "new"}}],
            "points_expiring": {"point": "pts", "within": "10 days"},
            "profile.city": "Riga",
        }
    )
    assert condition.fields == {"tier", "segment", "points_expiring[point=pts,within=10 days]", "profile.city"}
    assert set(condition.mentions) == {
        Mention(("any", "0", "tier", "0"), "tier", "Gold"),
        Mention(("any", "0", "tier", "1"), "tier", "Silver"),
        Mention(("any", "1", "not", "segment"), "segment", "new"),
        Mention(("points_expiring", "point"), "point type", "pts"),
    }


def test_a_derived_figure_is_looked_up_with_its_parameters() -> None:
    condition = {"purchases.count": {"within": "30 days", "at_least": "3"}}
    assert matches(condition, {"purchases.count[within=30 days]": 3})
    assert not matches(condition, {"purchases.count[within=30 days]": 2})
    assert matches({"points_expiring": {"within": "10 days"}}, {"points_expiring[within=10 days]": D(1)})
    assert not matches({"points_expiring": {"within": "10 days"}}, {"points_expiring[within=10 days]": 0})


def test_conditions_are_equal_where_they_say_the_same() -> None:
    assert parse_condition({"sku": "a"}) == parse_condition({"sku": "a"})
    assert parse_condition({"sku": "a"}) != parse_condition({"sku": "b"})
    assert hash(parse_condition({"sku": "a"})) == hash(parse_condition({"sku": "a"}))


scalars = st.none() | st.booleans() | st.text(max_size=5) | st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
found = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
CONDITIONS = [
    parse_condition(condition)
    for condition in (
        {"sku": "1"}, {"sku": ["a", "1"]}, {"total": {"at_least": "1", "less_than": "2"}}, {"attributes.a": {"not": "1"}},
        {"tags": {"exists": "true"}}, {"member": "true"}, {"hour": ["1", "2"]}, {"not": {"attributes.a": ["1", "true"]}},
    )
]  # fmt: skip


@given(found)
def test_nothing_that_a_record_holds_breaks_a_condition(value: object) -> None:
    for condition in CONDITIONS:
        assert condition.matches(lambda _: value) in (True, False)
