"""How deep a record may be nested is told by the record alone, and not by how deep in its own calls somebody asks."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from schemas import records
from schemas.nesting import NESTED_MAX, too_deep
from schemas.outcomes import Refused


def nested(depth: int, inside: Any = 1) -> Any:
    for level in range(depth):
        inside = [inside] if level % 2 else {"a": inside}
    return inside


def _said(value: bytes) -> str:
    try:
        records.decode("pixels", value)
    except Refused as refused:
        return str(refused)
    return "read"


def _deep_in_calls(calls: int, ask: Callable[[], str]) -> str:
    return ask() if calls == 0 else _deep_in_calls(calls - 1, ask)


@pytest.mark.parametrize("depth", [NESTED_MAX - 1, NESTED_MAX, 700, 850, 950, 5_000])
@pytest.mark.parametrize("end", ["", "}", "{{{"], ids=["whole", "closed once too often", "opened again"])
def test_a_record_is_read_or_refused_alike_however_deep_in_its_calls_the_reader_is(depth: int, end: str) -> None:
    opens, closes = '{"a":' * depth, "}" * depth
    value = (
        f'{{"event_id":"e","profile_id":"p","type":"t","occurred_at":"2026-01-01T00:00:00Z","x":{opens}1{closes}}}{end}'.encode()
    )
    said = _said(value)
    assert said == _deep_in_calls(400, lambda: _said(value))
    assert (said == "read") == (depth < NESTED_MAX and not end)


@pytest.mark.parametrize(
    ("value", "deep"),
    [
        (nested(NESTED_MAX), False),
        (nested(NESTED_MAX + 1), True),
        ([nested(NESTED_MAX - 1)] * 3, False),
        ([1, nested(NESTED_MAX), []], True),
        ([[]] * 5_000, False),
        (["[" * 500, "{" * 500], False),
        ([nested(NESTED_MAX - 1, "]" * 500)], False),
        (["]" * 500, nested(NESTED_MAX)], True),
        (['"' + "[" * 500, "\\", "\\\\" + '"[' * 500, '\\"'], False),
        (["\\" + '"' + "]" * 500, nested(NESTED_MAX)], True),
    ],
    ids=[
        "as deep as may be",
        "one deeper",
        "side by side",
        "deep beside shallow",
        "many and shallow",
        "brackets in texts open nothing",
        "nor close they anything",
        "nor do they hide what is deep",
        "what is escaped ends no text",
        "nor hides it anything",
    ],
)
def test_depth_is_counted_outside_of_texts(value: Any, deep: bool) -> None:
    assert too_deep(json.dumps(value).encode()) == deep
