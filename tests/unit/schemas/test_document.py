"""Files as text that knows its line, and overlays of it (CONTRACT 4 and 5)."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.document import Document, read_document
from schemas.program_faults import ProgramFileError
from schemas.yaml_tree import MAX_FAULTS, MAX_KEY

TEXT = """\
a: 1.00
b:
  - x: 10:00
    y: NO
  - {x: null, y: "null", z: ~}
c:
d: ''
e: 2024-01-01
"""


def faults(text: str) -> list[str]:
    with pytest.raises(ProgramFileError) as caught:
        read_document(text, "f")
    return [str(fault) for fault in caught.value.faults]


def test_every_scalar_is_the_text_that_was_written() -> None:
    assert read_document(TEXT, "f").value == {
        "a": "1.00",
        "b": [{"x": "10:00", "y": "NO"}, {"x": None, "y": "null", "z": None}],
        "c": None,
        "d": "",
        "e": "2024-01-01",
    }


def test_every_value_knows_its_line() -> None:
    document = read_document(TEXT, "f")
    lines = {("a",): 1, ("b",): 2, ("b", "0"): 3, ("b", "0", "y"): 4, ("b", "1", "z"): 5, ("e",): 8}
    assert {path: document.line(path) for path in lines} == lines
    assert document.line(("b", "0", "not", "there")) == 3


def test_json_is_read_as_it_is() -> None:
    text = '{\n\t"a": 1.50,\n\t"b": [true, null, "null", "\\u00e9\\/"],\n\t"c": {}\n}\n'
    document = read_document(text, "f.json")
    assert document.value == {"a": "1.50", "b": ["true", None, "null", "é/"], "c": {}}
    assert document.line(("b", "3")) == 3


def test_json_escapes_of_two_halves_are_one_sign() -> None:
    assert read_document('{"a": "\\ud83d\\ude00", "b": "\\\\ud83d\\\\ude00"}', "f").value == {
        "a": "\U0001f600",
        "b": "\\ud83d\\ude00",
    }
    assert read_document("a: '\\ud83d\\ude00'", "f").value == {"a": "\\ud83d\\ude00"}
    assert "must be YAML or JSON" in faults('{"a": "\\ud83d"}')[0]


def test_aliases_are_values_of_their_own() -> None:
    document = read_document("a: &a {x: 1}\nb: *a\nc: [*a, *a]\n", "f")
    changed = document.overlay({"b.x": "2", "c.0.x": "3"})
    assert changed.value == {"a": {"x": "1"}, "b": {"x": "2"}, "c": [{"x": "3"}, {"x": "1"}]}
    assert document.line(("b", "x")) == 1
    assert document.line(("c", "1")) == 3


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: 2\na: 3", "f:3: a: must not stand twice, stands in line 1 already"),
        ("x:\n  - {a: 1, a: 2}", "f:2: x.0.a: must not stand twice, stands in line 2 already"),
        ("a: !!int 3", "f:1: a: must have no tag, has !!int"),
        ("a: !!python/object:os.system {}", "f:1: a: must have no tag, has !!python/object:os.system"),
        ("b: &b {x: 1}\na:\n  <<: *b", "f:3: a.<<: must not be a merge key; write the keys out"),
        ("a: *b", "f:1: must name an anchor that stands before it, is *b"),
        ("a: &a [*a]", "f:1: must not hold itself: *a stands inside of &a"),
        ("? [a, b]\n: 1", "f:1: must be text: a key of a mapping"),
        ("--- 1\n--- 2", "f:2: must hold one document, has a second one"),
        ("a: [1, }", "f:1: must be YAML or JSON:"),
        ("a: 1\n b: 2", "f:2: must be YAML or JSON:"),
        ("\x00", "f:1: must be YAML or JSON: control characters"),
        ("a: 1\nb: \x00", "f:2: must be YAML or JSON:"),
        ("a: \ud800", "f: must be YAML or JSON:"),
        ("[" * 1_000, "f:1: must not be nested deeper than 64"),
        ("[" * 100_000, "f:1: must not be nested deeper than 64"),
        ("x" * (1 << 20) + "y", "f: must be at most 1 MiB"),
    ],
)
def test_a_file_that_is_not_plain_is_refused(text: str, fault: str) -> None:
    assert faults(text)[0].startswith(fault)


def test_faults_of_form_are_told_all_at_once() -> None:
    assert len(faults("a: 1\na: 2\nb: !!int 3\nc: {d: 1, d: 2}")) == 3


def test_aliases_cannot_blow_a_file_up() -> None:
    laughs = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "must hold at most 200000 values" in faults("\n".join(laughs))[0]


def test_many_faults_below_long_keys_do_not_fill_the_memory() -> None:
    long = "k" * (MAX_KEY - 24)
    digging = "\n".join([" " * depth + long + ":" for depth in range(60)])
    found = faults(digging + "\n" + "\n".join([" " * 60 + "x: 1"] * 5_000))
    assert len(found) == MAX_FAULTS + 1
    assert "what follows was not read" in found[-1]
    assert faults(f"? {'k' * (MAX_KEY + 1)}\n: 1") == ["f:1: must have keys of at most 1024 characters, has one of 1025"]


def test_aliases_cannot_dig_a_file_deep() -> None:
    deep = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 100)]
    assert "must not be nested deeper" in faults("\n".join(deep))[0]


def test_an_overlay_adds_keys_replaces_lists_and_reaches_into_what_came_before() -> None:
    document = read_document("points:\n  - {sid: a, scale: 0}\ntiers:\n  definitions: [{name: A}]\nempty:\n", "f")
    changed = document.overlay(
        {
            "timezone": "UTC",
            "points.0.scale": 2,
            "points.0.limit": {"points": "5"},
            "points.0.limit.per": "day",
            "points.1": {"sid": "b"},
            "tiers.definitions": [{"name": "B", "threshold": 1}, {"name": "C"}],
            "tiers.definitions.1.threshold": True,
            "membership.join": "explicit",
            "empty.x": None,
        }
    )
    assert changed.value == {
        "points": [{"sid": "a", "scale": "2", "limit": {"points": "5", "per": "day"}}, {"sid": "b"}],
        "tiers": {"definitions": [{"name": "B", "threshold": "1"}, {"name": "C", "threshold": "true"}]},
        "empty": {"x": None},
        "timezone": "UTC",
        "membership": {"join": "explicit"},
    }
    assert (
        document.value
        == read_document("points:\n  - {sid: a, scale: 0}\ntiers:\n  definitions: [{name: A}]\nempty:\n", "f").value
    )
    assert changed.line(("points", "0", "scale")) == 0
    assert changed.line(("points", "0", "sid")) == 2


def test_an_overlay_finds_keys_that_hold_dots() -> None:
    document = read_document("where: {purchases.count: {at_least: 3}}", "f")
    assert document.overlay({"where.purchases.count.at_least": "5"}).value == {"where": {"purchases.count": {"at_least": "5"}}}


@pytest.mark.parametrize("path", ["a.b", "list.5", "list.x", "list.-1", "list.0.x"])
def test_an_overlay_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(ProgramFileError) as caught:
        read_document("a: 1\nlist: [1, 2]", "f").overlay({path: "x"})
    assert [fault.path for fault in caught.value.faults] == [path]


def test_values_laid_over_are_copied() -> None:
    shared = {"x": ["1"]}
    document = Document({}, "f").overlay({"a": shared, "b": shared})
    changed = document.overlay({"a.x.0": "2"})
    assert changed.value == {"a": {"x": ["2"]}, "b": {"x": ["1"]}}
    assert shared == {"x": ["1"]}


def test_a_part_is_a_document_with_its_lines() -> None:
    part = read_document("program:\n  points:\n    - sid: a\n      scale: 9\n", "check.yaml").part("program")
    assert part.value == {"points": [{"sid": "a", "scale": "9"}]}
    assert part.line(("points", "0", "scale")) == 4


@given(st.text(max_size=200))
def test_no_text_does_anything_but_read_or_be_refused(text: str) -> None:
    with suppress(ProgramFileError):
        assert isinstance(read_document(text, "f"), Document)
