"""Every check file once more, disturbed: what it claims must hold with a restart after every step, and with every record delivered twice.

The files are changed as YAML nodes, so that each scalar stays as it was written. Tests that speak of what is delivered again themselves (`repeat`), or of
refusals, which a second delivery is told again, are left out of the second disturbance.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.check.run import check_file

HERE = Path(__file__).parent
FILES = tuple(sorted(HERE.glob("*.yaml")))
RECORDS = frozenset({"purchase", "pixel", "profile", "adjustment"})


def word(text: str) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", text)


def entries(node: yaml.MappingNode) -> dict[str, Any]:
    return {key.value: value for key, value in node.value}


def words_in(node: yaml.Node) -> set[str]:
    """Every scalar below a node, keys too."""
    found: set[str] = set()
    waiting, seen = [node], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, yaml.ScalarNode):
            found.add(one.value)
        else:
            waiting += [part for item in one.value for part in (item if isinstance(item, tuple) else (item,))]
    return found


def restarted(steps: list[yaml.Node]) -> list[yaml.Node]:
    return [node for step in steps for node in (step, word("restart"))]


def delivered_twice(steps: list[yaml.Node]) -> list[yaml.Node]:
    return [
        node
        for step in steps
        for node in ((step, word("repeat")) if isinstance(step, yaml.MappingNode) and set(entries(step)) & RECORDS else (step,))
    ]


def speaks_of_deliveries(steps: yaml.Node) -> bool:
    return bool({"repeat", "dead_letters"} & words_in(steps))


def disturbed(
    path: Path, change: Callable[[list[yaml.Node]], list[yaml.Node]], leave_out: Callable[[yaml.Node], bool]
) -> str | None:
    """The file with `change` made to the steps of each test, or None where no test is left."""
    root = yaml.compose(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    assert isinstance(root, yaml.MappingNode)
    program, tests = entries(root)["program"], entries(root)["tests"]
    for node in program.value if isinstance(program, yaml.SequenceNode) else [program]:
        if isinstance(node, yaml.ScalarNode):
            node.value = str(path.parent / node.value)
    tests.value = [test for test in tests.value if "steps" in entries(test) and not leave_out(entries(test)["steps"])]
    for test in tests.value:
        steps = entries(test)["steps"]
        steps.value = change(steps.value)
    return str(yaml.serialize(root)) if tests.value else None


def failures(text: str | None, path: Path) -> dict[str, str]:
    if text is None:
        pytest.skip("no test of this file can be disturbed so")
    path.write_text(text, encoding="utf-8")
    checked = check_file(path, path.name)
    assert not checked.faults, [str(fault) for fault in checked.faults]
    return {result.name: result.message or "failed" for result in checked.results if not result.passed}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_restart_after_every_step_changes_nothing(path: Path, tmp_path: Path) -> None:
    assert failures(disturbed(path, restarted, lambda steps: False), tmp_path / path.name) == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_record_delivered_twice_changes_nothing(path: Path, tmp_path: Path) -> None:
    assert failures(disturbed(path, delivered_twice, speaks_of_deliveries), tmp_path / path.name) == {}
