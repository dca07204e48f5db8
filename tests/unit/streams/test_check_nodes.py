"""What a scalar of a check file becomes on its way into a record, and what the reader of check files refuses to swallow."""

import pytest

from streams.check.nodes import VALUES_MAX, YamlError, json_bytes, lines_of, plain, read_yaml

SPELLINGS = {
    "1": "1",
    "-1": "-1",
    "0": "0",
    "1.10": "1.10",
    "0.333333333": "0.333333333",
    "123456789012.123456789": "123456789012.123456789",
    "1e400": "1e400",
    "12E-3": "12E-3",
    "true": "true",
    "False": "false",
    "null": "null",
    "~": "null",
    "": "null",
    "'1'": '"1"',
    '"1.10"': '"1.10"',
    "'null'": '"null"',
    '"true"': '"true"',
    '""': '""',
    "2024-01-01": '"2024-01-01"',
    "2024-01-01T00:00:00Z": '"2024-01-01T00:00:00Z"',
    "10:30": '"10:30"',
    "NO": '"NO"',
    "yes": '"yes"',
    "off": '"off"',
    "007": '"007"',
    "0x1F": '"0x1F"',
    "1_000": '"1_000"',
    "+1": '"+1"',
    ".5": '".5"',
    "1.": '"1."',
    "NaN": '"NaN"',
    ".inf": '".inf"',
    "٣": '"٣"',
    "say \\ it": '"say \\\\ it"',
    '"a\\nb"': '"a\\nb"',
}


@pytest.mark.parametrize(("written", "sent"), SPELLINGS.items())
def test_a_scalar_is_sent_as_it_is_spelled(written: str, sent: str) -> None:
    assert json_bytes(read_yaml(f"field: {written}")) == f'{{"field":{sent}}}'.encode()


def test_keys_keep_their_order_and_may_be_anything() -> None:
    assert json_bytes(read_yaml('{z: 1, "a b": [2, {c: 3}], null: x}')) == b'{"z":1,"a b":[2,{"c":3}],"null":"x"}'


def test_a_plain_value_is_its_text_and_null_is_none() -> None:
    assert plain(read_yaml("{a: 1.10, b: null, c: 'null', d: [yes, ~]}")) == {
        "a": "1.10",
        "b": None,
        "c": "null",
        "d": ["yes", None],
    }


def test_every_path_knows_its_line() -> None:
    assert lines_of(read_yaml("a:\n  b:\n    - 1\n    - 2\n")) == {
        (): 1,
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "b", "0"): 3,
        ("a", "b", "1"): 4,
    }


def test_an_alias_is_a_copy() -> None:
    value = plain(read_yaml("a: &x {k: [1]}\nb: *x\n"))
    assert isinstance(value, dict)
    assert isinstance(value["a"], dict)
    value["a"]["k"] = None
    assert value["b"] == {"k": ["1"]}


def test_what_is_merged_lies_under_what_is_written() -> None:
    assert plain(read_yaml("a: &x {k: 1, m: 2}\nb: {<<: *x, m: 3}\nc: {<<: [*x, {n: 4}]}\n")) == {
        "a": {"k": "1", "m": "2"},
        "b": {"k": "1", "m": "3"},
        "c": {"k": "1", "m": "2", "n": "4"},
    }


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
)
REFUSED = {
    "aliases that would fill the memory": (LAUGHS, f"holds more than {VALUES_MAX:,} values"),
    "an alias that holds itself": ("a: &a [*a]", "nested deeper"),
    "what is nested too deep": ("[" * 100 + "]" * 100, "nested deeper"),
    "what is nested so deep that it would end the process": ("[" * 300_000 + "]" * 300_000, "nested deeper"),
    "mappings as deep as that": ("{a: " * 300_000 + "}" * 300_000, "nested deeper"),
    "more than is kept in memory": ("- a\n" * 500_000, f"holds more than {VALUES_MAX:,} values"),
    "a key that stands twice": ("a: 1\na: 2", "the key 'a' is there twice"),
    "a key that is no word": ("? [a]\n: 1", "a key must be a word"),
    "an alias of nothing": ("a: *x", "is not YAML"),
    "what is not closed": ("a: [1", "is not YAML"),
    "two documents": ("a: 1\n---\nb: 2", "is not YAML"),
    "nothing": ("", "is empty"),
    "a merge of a text": ("a: {<<: word}", "`<<` takes a mapping"),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(YamlError, match=r".") as caught:
        read_yaml(text)
    assert said in caught.value.message
    assert caught.value.line >= 1
