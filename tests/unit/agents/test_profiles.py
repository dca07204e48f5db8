"""Profile records: what they may hold, how it is kept, and that each counts once."""

from typing import Any

import pytest

from agents.profiles import FIELDS_MAX, NAME_MAX
from tables.timelines import BYTES_MAX, value_at
from tests.unit.agents.scene import Scene


def kept(scene: Scene) -> dict[str, Any]:
    """The newest value of every field."""
    profile = scene.table.profile("p1")
    assert profile is not None
    return {name: value_at(line, 1 << 62) for name, line in profile.fields.items()}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"date_of_birth": "1990-02-30"}, "fields.date_of_birth"),
        ({"date_of_birth": "30.1.1990"}, "fields.date_of_birth"),
        ({"date_of_birth": 1990}, "fields.date_of_birth"),
        ({"timezone": "Europe/Nowhere"}, "fields.timezone"),
        ({"timezone": ["UTC"]}, "fields.timezone"),
        ({"first_name": {"given": "Ada"}}, "fields.first_name"),
        ({"email": 7}, "fields.email"),
        ({"notes": "x" * (BYTES_MAX + 1)}, "fields.notes"),
        ({"notes": [""] * BYTES_MAX}, "fields.notes"),
        ({"notes": {f"{number}": "" for number in range(BYTES_MAX // 4)}}, "fields.notes"),
        ({"notes": [1 << 62] * (BYTES_MAX // 8)}, "fields.notes"),
        ({"notes": [10**4_000, 10**4_000, 10**4_000]}, "fields.notes"),
        ({"": 1}, "fields"),
        ({"a\nb": 1}, "fields"),
        ({"x" * (NAME_MAX + 1): 1}, "fields"),
        ({f"f{number}": 1 for number in range(FIELDS_MAX + 1)}, "fields"),
        ({"deep": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}, "fields"),
    ],
)  # fmt: skip
def test_what_a_field_may_not_hold(fields: dict[str, Any], field: str) -> None:
    scene = Scene()
    scene.write(1, fine=1)
    assert scene.write(2, **fields) == "dead-letter"
    assert [(letter.reason, letter.field) for letter in scene.letters] == [("invalid-field", field)]
    assert kept(scene) == {"fine": 1}


def test_anything_else_is_kept_as_it_is_and_null_removes() -> None:
    scene = Scene()
    free = {
        "date_of_birth": "1990-01-31",
        "timezone": "Europe/Riga",
        "vip": True,
        "size": 1.50,
        "n": 10**30,
        "tags": ["a", {"b": None}],
    }
    assert scene.write(1, **free) == "applied"
    scene.table.flush({})
    scene.table.drop_changes()
    assert kept(scene) == free | {"size": "1.5", "n": kept(scene)["n"]}
    scene.write(2, vip=None, tags=None)
    assert {name for name, value in kept(scene).items() if value is not None} == {"date_of_birth", "timezone", "size", "n"}


@pytest.mark.parametrize(
    "value", [["x"] * 4_000, [1 << 62] * 800, {f"{number:03}": 7 for number in range(1_000)}, "x" * BYTES_MAX]
)
def test_a_profile_of_fields_as_large_as_may_be_is_one_message(value: object) -> None:
    scene = Scene()
    for first in range(0, FIELDS_MAX, 50):
        names = [f"{number:0{NAME_MAX}}" for number in range(first, first + 50)]
        assert scene.write(1, **dict.fromkeys(names, value)) == "applied"
    scene.table.freeze()
    assert max(len(stored or b"") for _, stored in scene.table.changes()) < 3 * 1024 * 1024


def test_a_record_counts_once_and_another_of_the_same_instant_is_no_conflict() -> None:
    scene = Scene()
    assert [scene.write(1, city="Riga"), scene.write(1, city="Oslo"), scene.write(1, city="Riga")] == [
        "applied",
        "applied",
        "duplicate",
    ]
    assert kept(scene) == {"city": "Oslo"}
    assert scene.send("profiles", 1, fields={"city": "Rome"}, application="pos") == "applied"


def test_what_is_not_built_yet_and_who_is_not_known() -> None:
    scene = Scene()
    assert [scene.send("profiles", 1, kind=kind) for kind in ("merge", "alias")] == ["dead-letter"] * 2
    scene.send("profiles", 1, fields={}, application="nobody")
    assert [letter.reason for letter in scene.letters] == ["not-supported-yet", "not-supported-yet", "unknown-application"]


def test_a_rule_asks_what_the_field_was_when_the_receipt_was_closed() -> None:
    rule = {"rule": "vip", "rate": {"points": "1", "per": "1.00"}, "when": {"profile.address.city": ["Riga", "Oslo"]}}
    scene = Scene({"earning": [rule]})
    scene.write(2, address={"city": "Riga"})
    scene.write(4, address={"city": "Rome"})
    for day in (1, 2, 3, 4, 5):
        scene.sell(day, f"R{day}", day)
    assert [points for _, kind, points in scene.told() if kind == "accrued"] == ["2", "3"]


def test_when_one_registered_is_a_time_line_too() -> None:
    scene = Scene()
    scene.send("profiles", 3, registered_at="2020-01-01T00:00:00Z")
    scene.send("profiles", 2, registered_at="2019-01-01T00:00:00Z")
    profile = scene.table.profile("p1")
    assert profile is not None
    assert [at for _, at in profile.registered_at] == [1_546_300_800_000_000, 1_577_836_800_000_000]


def test_when_one_registered_goes_by_its_name_among_the_fields_in_rules_and_segments() -> None:
    known = {"profile.registered_at": {"exists": "true"}}
    rule = {"rule": "known", "rate": {"points": "1", "per": "1.00"}, "when": known}
    scene = Scene({"earning": [rule], "segments": [{"segment": "known", "where": known}]})
    scene.sell(1, "R1", 10)
    scene.send("profiles", 2, registered_at="2020-01-01T00:00:00Z")
    scene.sell(3, "R2", 20)
    scene.sell(1.5, "R3", 30)  # late: nobody knew it then
    assert [points for _, kind, points in scene.told() if kind == "accrued"] == ["20"]
    profile = scene.table.profile("p1")
    assert profile is not None
    assert [value for _, value in profile.engagements["club"].segments["known"]] == [True]
