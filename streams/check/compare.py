"""What was expected against what there is: only the keys that the expectation names, at every depth.

Pure. Amounts are equal if they are the same number, times if they are the same instant, everything else if it is the same text.
An expected null stands for null and for absent. The differences are lines for a person: `=` agrees, `~` differs, `-` is
missing, `+` is too much.
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from schemas.amounts import is_decimal, parse_decimal
from schemas.instants import parse_instant
from streams.check.model import FIGURES, Listed
from streams.check.nodes import Plain

Got = dict[str, Any]
"""An output record as it was sent: JSON, read back."""

_AMOUNTS: Final = frozenset(
    {*FIGURES, "points", "money", "remaining", "issued", "withheld", "debt_added", "threshold"}
    | {"qualifying_points", "points_to_next", "points_to_keep"}
)
_TELLING: Final = (
    "type",
    "reason",
    "point",
    "points",
    "direction",
    "profile_id",
    "from",
    "to",
    "channel",
    "text",
    "message",
    "field",
)
_SHOWN_MAX: Final = 160
_ALIGNED_MAX: Final = 10_000  # pairs; beyond that, position by position


class Difference(NamedTuple):
    path: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.path or 'the value'}: expected {self.expected}, got {self.got}"


def differences(expected: Plain, got: object, path: str = "") -> list[Difference]:
    """Where they differ; empty if they agree."""
    if expected is None:
        return [] if got is None else [Difference(path, "nothing", show(got))]
    if isinstance(expected, dict):
        if not isinstance(got, dict):
            return [Difference(path, show(expected), show(got))]
        return [
            difference
            for name, wanted in expected.items()
            for difference in differences(wanted, got.get(name), f"{path}.{name}" if path else name)
        ]
    if isinstance(expected, list):
        found = [] if got is None else got  # an empty list is left out of a record
        if not isinstance(found, list) or len(found) != len(expected):
            return [Difference(path, show(expected), show(got))]
        return [
            difference
            for number, (wanted, item) in enumerate(zip(expected, found, strict=True))
            for difference in differences(wanted, item, f"{path}.{number}")
        ]
    if _same(path.rpartition(".")[2], expected, got):
        return []
    return [Difference(path, show(expected), show(got))]


def compare_list(what: str, listed: Listed, got: Sequence[Got]) -> list[str]:
    """Lines that say how the list differs; empty if it is as expected."""
    return _contained(what, listed.items, got) if listed.contain else _whole(what, listed.items, got)


def compare_whole(what: str, expected: list[dict[str, Plain]], got: Sequence[Got]) -> list[str]:
    """The whole list, in order."""
    return _whole(what, expected, got)


def _whole(what: str, expected: list[dict[str, Plain]], got: Sequence[Got]) -> list[str]:
    if len(expected) == len(got) and not any(differences(a, b) for a, b in zip(expected, got, strict=True)):
        return []
    named = _named(expected)
    lines = [f"{what}: expected {len(expected)}, got {len(got)}"]
    for wanted, item in _aligned(expected, got):
        if wanted is None:
            lines.append(f"  + {brief(item, named)}")
        elif item is None:
            lines.append(f"  - {show(wanted)}")
        elif found := differences(wanted, item):
            lines.append(f"  ~ {brief(item, named)}")
            lines.extend(f"      {difference}" for difference in found)
        else:
            lines.append(f"  = {brief(item, named)}")
    return lines


def _contained(what: str, expected: list[dict[str, Plain]], got: Sequence[Got]) -> list[str]:
    position = 0
    for number, wanted in enumerate(expected):
        found = next((at for at in range(position, len(got)) if not differences(wanted, got[at])), None)
        if found is None:
            behind = " behind what the others matched" if number else ""
            lines = [f"{what}: nothing{behind} is like", f"  - {show(wanted)}"]
            nearest = min(
                (item for item in got[position:] if _of_its_kind(wanted, item)),
                key=lambda item: len(differences(wanted, item)),
                default=None,
            )
            if nearest is not None:
                lines.append(f"  ~ {brief(nearest, _named(expected))}")
                lines.extend(f"      {difference}" for difference in differences(wanted, nearest))
            lines.append(f"  of these {len(got)}:" if got else "  there is none at all")
            lines.extend(f"  {'=' if at < position else '+'} {brief(item, _named(expected))}" for at, item in enumerate(got))
            return lines
        position = found + 1
    return []


def _of_its_kind(wanted: dict[str, Plain], item: Got) -> bool:
    """Whether it has what is wanted, only otherwise: worth telling how."""
    named = {name: value for name, value in wanted.items() if value is not None}
    return all(name in item for name in named) and ("type" not in named or named["type"] == item["type"])


def _aligned(expected: list[dict[str, Plain]], got: Sequence[Got]) -> list[tuple[dict[str, Plain] | None, Any]]:
    """Pairs, with None for what has no partner: as many agreements as possible, then what is of one type beside each other."""
    rows, columns = len(expected), len(got)
    if rows * columns > _ALIGNED_MAX:
        return list(zip_longest(expected, got))
    # best[i][j]: how well expected[i:] and got[j:] can be paired
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    worth = [[_likeness(wanted, item) for item in got] for wanted in expected]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], best[i + 1][j + 1] + worth[i][j] if worth[i][j] else 0)
    pairs: list[tuple[dict[str, Plain] | None, Any]] = []
    i = j = 0
    while i < rows and j < columns:
        if worth[i][j] and best[i][j] == best[i + 1][j + 1] + worth[i][j]:
            pairs.append((expected[i], got[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            pairs.append((expected[i], None))
            i += 1
        else:
            pairs.append((None, got[j]))
            j += 1
    pairs.extend((wanted, None) for wanted in expected[i:])
    pairs.extend((None, item) for item in got[j:])
    return pairs


def _likeness(wanted: dict[str, Plain], item: Got) -> int:
    if not differences(wanted, item):
        return 100
    kind = "reason" if "type" not in wanted and "type" not in item else "type"
    return 10 if kind not in wanted or not differences(wanted[kind], item.get(kind), kind) else 0


def _same(name: str, expected: str, got: object) -> bool:
    text = _text(got)
    if text is None or expected == text:
        return text is not None
    if name in _AMOUNTS and is_decimal(expected) and is_decimal(text):
        return parse_decimal(expected) == parse_decimal(text)
    if name.endswith("_at"):
        try:
            return parse_instant(expected) == parse_instant(text)
        except ValueError:
            return False
    return False


def _text(got: object) -> str | None:
    """A scalar of a record as text; None for what is none."""
    if isinstance(got, str):
        return got
    if isinstance(got, bool):
        return "true" if got else "false"
    return str(got) if isinstance(got, int) else None


def _named(expected: list[dict[str, Plain]]) -> set[str]:
    return {name for item in expected for name in item}


def brief(item: Got, named: set[str]) -> str:
    """A record on one line: what the expectation names, and what tells records apart."""
    return show({name: value for name, value in item.items() if name in named or name in _TELLING})


def show(value: object) -> str:
    """A value on one line, as a check file would write it."""
    text = _flow(value)
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 3] + "..."


def _flow(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    text = _text(value)
    if text is None:
        return str(value)
    if isinstance(value, str) and (
        is_decimal(text) or not text or any(mark in text for mark in ",:{}[]#\"'\n") or text != text.strip()
    ):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return text
