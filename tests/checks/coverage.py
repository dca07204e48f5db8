"""Which check file speaks of which key of the program file: `python -m tests.checks.coverage` writes the table into README.md.

A key counts as spoken of where a test lays it over its program, by path or within a mapping or list that it lays: that is where a claim about it can
fail. Positions in lists are `*`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
README = HERE / "README.md"
SETTINGS = HERE.parent.parent.parent / "shared" / "checks" / "settings.yaml"
FREE = frozenset({  # below these the words are the user's own
    "earning.*.when", "earning.*.lines", "exclude", "rates", "segments.*.where", "scenarios.*.trigger",
    "scenarios.*.steps.*.if", "templates",
})  # fmt: skip
BEGIN, END = "<!-- keys: begin -->\n", "<!-- keys: end -->\n"
FILES_A_KEY_MAX = 3


BRANCHES = re.compile(r"(?<=scenarios\.\*\.steps\.\*)(\.(then|else)\.\*)+")  # a step is the same step in a branch


def check_files() -> list[Path]:
    return sorted(HERE.glob("*.yaml"))


def keys_of(value: Any, path: str = "") -> Iterator[str]:
    """Every path in a program file or a part of one, the path itself included."""
    if path:
        yield path
    if path in FREE:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            name = ".".join("*" if part.isdigit() else part for part in str(key).split("."))
            yield from keys_of(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner, BRANCHES.sub("", f"{path}.*"))


def keys_of_settings() -> list[str]:
    """The keys that a claim is owed for, in the file's order; `*` alone is no key."""
    program = yaml.load(SETTINGS.read_text(encoding="utf-8"), yaml.CSafeLoader)
    found = dict.fromkeys(keys_of(program))
    return [key for key in found if not key.endswith("*")]


def spoken_of() -> dict[str, Counter[str]]:
    """Key -> file name -> how many tests of it lay that key over their program."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for path in check_files():
        for test in yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)["tests"]:
            for key in set(keys_of(test.get("with") or {})):
                for upto in _and_above(key):
                    found[upto][path.name] += 1
    return found


def _and_above(key: str) -> Iterator[str]:
    parts = key.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1) if parts[count - 1] != "*")


def table() -> str:
    spoken = spoken_of()
    rows = ["| key | claims in |", "|---|---|"]
    for key in keys_of_settings():
        most = sorted(spoken[key].items(), key=lambda item: (-item[1], item[0]))[:FILES_A_KEY_MAX]
        rows.append(f"| `{key}` | {', '.join(name for name, _ in most)} |")
    return "\n".join(rows) + "\n"


def rows_of_readme() -> dict[str, list[str]]:
    text = README.read_text(encoding="utf-8")
    rows = text[text.index(BEGIN) + len(BEGIN) : text.index(END)].splitlines()[2:]
    cells = [row.strip("| ").split(" | ") for row in rows]
    return {key.strip("`"): files.split(", ") if files else [] for key, files in cells}


def main() -> None:
    text = README.read_text(encoding="utf-8")
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    README.write_text(before + table() + after, encoding="utf-8")


if __name__ == "__main__":
    main()
