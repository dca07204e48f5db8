"""How a module of the product looks: it opens with what it is, holds one idea, and the pure ones touch nothing outside."""

import ast
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from tests.style.tree import PRODUCT, PURE, name, under

LONGEST = 400
LONGER_WITH_A_REASON: dict[str, str] = {}
"""File: why it is still one idea at this length."""

OUTSIDE = {"open", "print", "input", "exec", "eval", "breakpoint", "__import__"}
CLOCKS = {"now", "utcnow", "today", "monotonic", "perf_counter"}
ZONES = {"ZoneInfo", "astimezone", "fromtimestamp", "utcfromtimestamp"}

READ_FILES = {"schemas/program_file.py"}
KNOW_ZONES = {"schemas/instants.py"}
KNOW_BYTES_ONLY = {"tables/rocks.py"}  # an option of RocksDB is a ratio; no amount ever gets there as a number


@cache
def _parsed(module: Path) -> ast.Module:
    return ast.parse(module.read_text(encoding="utf-8"))


def _called(node: ast.AST) -> str | None:
    """The bare name of what a node calls: `open(…)` and `datetime.now(…)` give `open` and `now`."""
    if not isinstance(node, ast.Call):
        return None
    return node.func.id if isinstance(node.func, ast.Name) else node.func.attr if isinstance(node.func, ast.Attribute) else None


def _found(modules: Iterable[Path], wrong: Callable[[ast.AST], str | None], but: Iterable[str] = ()) -> list[str]:
    """`file:line: what` for each node that is wrong."""
    return [
        f"{name(module)}:{getattr(node, 'lineno', 0)}: {what}"
        for module in modules
        if name(module) not in but
        for node in ast.walk(_parsed(module))
        if (what := wrong(node))
    ]


def test_every_module_opens_with_what_it_is() -> None:
    assert [name(module) for module in under(*PRODUCT, "benchmarks") if not ast.get_docstring(_parsed(module))] == []


def test_a_file_holds_one_idea() -> None:
    length = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in under(*PRODUCT, "tests", "benchmarks")}
    too_long = {path: lines for path, lines in length.items() if lines > LONGEST}
    assert {path: lines for path, lines in too_long.items() if path not in LONGER_WITH_A_REASON} == {}, "split it, or say why not"
    assert set(LONGER_WITH_A_REASON) <= set(too_long), "short enough by now: take it off the list"


def test_rules_call_nothing_outside() -> None:
    def wrong(node: ast.AST) -> str | None:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in OUTSIDE:
            return node.func.id
        return None

    assert _found(under(*PURE), wrong, but=READ_FILES) == []


def test_rules_look_at_no_clock() -> None:
    assert _found(under(*PURE), lambda node: called if (called := _called(node)) in CLOCKS else None) == []


def test_one_module_knows_time_zones() -> None:
    assert _found(under(*PURE), lambda node: called if (called := _called(node)) in ZONES else None, but=KNOW_ZONES) == []


def test_no_float_comes_near_money_or_points() -> None:
    """Mypy finds the third source of floats: a division of integers where an integer or a Fraction is wanted."""

    def wrong(node: ast.AST) -> str | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            return str(node.value)
        return "float()" if _called(node) == "float" else None

    assert _found(under(*PURE), wrong, but=KNOW_BYTES_ONLY) == []
