"""What is wrong with a template, before it is ever rendered: every name in it that does not exist, and what has no place in a short text.

Other templates, macros, blocks and loops that call themselves have none: with them nobody could say how much a template does. Nor may a
template give another meaning to one of the variables, or take a whole profile where it wants a field of it.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from jinja2 import TemplateError, TemplateSyntaxError, meta, nodes

from schemas.program_faults import did_you_mean
from schemas.template_sandbox import BOUNDED, COUNTED, SHOWN, Sandbox
from schemas.templates import EXPIRING, ITEM, OWN, PARTS, Template, argument_of, is_own, path_of

_NEED_A_PART: Final = frozenset({"profile", "trigger", "entry"})
_HELPERS: Final = frozenset({"range", "dict", "namespace", "joiner", "cycler"})
_JINJAS_OWN: Final = "self"
_NO_PLACE: Final = (
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
    nodes.Extends,
    nodes.Block,
    nodes.Macro,
    nodes.CallBlock,
    nodes.ScopedEvalContextModifier,
)
_environment: Final = Sandbox(html=False)
_FILTERS: Final = frozenset(_environment.filters) - {BOUNDED, COUNTED, SHOWN}
_TESTS: Final = frozenset(_environment.tests)


def faults_of(text: str) -> Iterator[str]:
    """What is wrong with a template, each as a sentence; with the line of the template, where it has several."""
    lines = text.count("\n")
    try:
        tree = _environment.parse(text)
    except TemplateSyntaxError as error:
        yield f"must be a Jinja template: {error.message}{_in(error.lineno, lines)}"
        return
    found = False
    for line, reason in sorted({*_names(tree), *_places(tree), *_variables(tree), *_items(tree), *_calls(tree)}):
        found = True
        yield f"{reason}{_in(line, lines)}"
    if not found:
        try:
            Template(text).compile()
        except TemplateError as error:
            yield f"must be a Jinja template: {error.message}"


class Asked(NamedTuple):
    """A call of `loyalty_expiration_points` whose program is written down. `program` None: the template's own, which a number means as well,
    for other systems number theirs; `point` None: it is not written down.
    """

    program: str | None
    point: str | None
    where: str


def asked_of(text: str) -> Iterator[Asked]:
    """What a template asks of point types, by name."""
    try:
        tree = _environment.parse(text if EXPIRING in text else "")
    except TemplateSyntaxError:
        return  # told of elsewhere
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == EXPIRING:
            given = _given(call)
            program, point = given.get("program"), given.get("point")
            if isinstance(program, nodes.Const) or (program is not None and path_of(program) in OWN):
                name = str(program.value) if isinstance(program, nodes.Const) else None
                sid = str(point.value) if isinstance(point, nodes.Const) else None
                yield Asked(None if name is None or is_own(name) else name, sid, _in(call.lineno, text.count("\n")))


def no_such_point(asked: Asked, program: str, points: Iterable[str]) -> str | None:
    """What is wrong where a program has no such point type."""
    known = list(points)
    if asked.point is None or asked.point in known:
        return None
    hint = did_you_mean(asked.point, known) or f"; there are {', '.join(known)}"
    return f"must call {EXPIRING} with a point type of {program}; none is called {asked.point}{hint}{asked.where}"


def no_such_program(asked: Asked, programs: Iterable[str]) -> str:
    hint = did_you_mean(asked.program or "", programs)
    return f"must call {EXPIRING} with a program that is loaded; none is called {asked.program}{hint}{asked.where}"


def _in(line: int, lines: int) -> str:
    return f", in its line {line}" if lines else ""


def _names(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    known: tuple[tuple[Any, str, frozenset[str]], ...] = ((nodes.Filter, "filter", _FILTERS), (nodes.Test, "test", _TESTS))
    for kind, what, names in known:
        for node in list(tree.find_all(kind)):
            if node.name not in names:
                yield (
                    node.lineno,
                    f"must use filters and tests that there are; no {what} is called {node.name}{did_you_mean(node.name, names)}",
                )
                node.name = "string"  # there is a filter and a test of this name: the search for variables wants one
    found = meta.find_undeclared_variables(tree) | {name.name for name in tree.find_all(nodes.Name) if name.name == _JINJAS_OWN}
    for name in found - PARTS.keys() - _HELPERS:
        line = next((node.lineno for node in tree.find_all(nodes.Name) if node.name == name), 1)
        yield line, f"must use variables that there are; none is called {name}{did_you_mean(name, PARTS)}"


def _places(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    for node in tree.find_all(_NO_PLACE):
        what = "another template" if isinstance(node, _NO_PLACE[:4]) else "a block, a macro or `autoescape`"
        yield node.lineno, f"must stand alone, takes in {what}"
    for loop in tree.find_all(nodes.For):
        if loop.recursive:
            yield loop.lineno, "must not have a loop that calls itself"
    for name in tree.find_all(nodes.Name):
        if name.ctx != "load" and (name.name in PARTS or name.name.startswith("_")):
            yield name.lineno, f"must not give another meaning to {name.name}"
    for part in tree.find_all(nodes.Getattr):
        if part.attr.startswith("_"):
            yield part.lineno, f"must use what there is; nothing is called {part.attr}"


def _variables(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """Parts that a variable does not have, and variables without the part that they need."""
    inner: set[int] = set()  # what only begins a longer name
    called = {id(call.node) for call in tree.find_all(nodes.Call)}
    for node in (each for each in _all(tree) if isinstance(each, (nodes.Getattr, nodes.Getitem, nodes.Name))):
        if id(node) in inner:
            continue
        path = path_of(node)
        if path is not None:
            below: nodes.Node = node
            while isinstance(below, (nodes.Getattr, nodes.Getitem)):
                below = below.node
                inner.add(id(below))
            yield from _of_path(node, path, is_called=id(node) in called)


def _of_path(node: nodes.Node, path: str, *, is_called: bool) -> Iterator[tuple[int, str]]:
    variable, *parts = path.split(".")
    if is_called and isinstance(node, nodes.Getattr):
        parts = parts[:-1]  # `points.strip()`: the last is no part of it
    if variable == EXPIRING:
        if parts or not is_called:
            yield node.lineno, _CALLED
        return
    known = PARTS[variable]
    if not parts:
        if variable in _NEED_A_PART:
            yield node.lineno, f"must say what of {variable} it means, like {variable}.{_EXAMPLES[variable]}"
    elif known is not None and (parts[0] not in known or parts[1:]):
        hint = did_you_mean(parts[0], known) or (f"; it has {', '.join(sorted(known))}" if known else "")
        yield node.lineno, f"must use variables that there are; {variable} has no {'.'.join(parts)}{hint}"


def _items(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """Parts that no lot has, of an item that is surely one: taken out of a list of lots, or gone through in a loop."""
    loops = list(tree.find_all(nodes.For))
    lots = {loop.target.name for loop in loops if isinstance(loop.target, nodes.Name) and _is_list(loop.iter)}
    named = [name for name in tree.find_all(nodes.Name) if name.ctx != "load" and name.name in lots]
    in_loops = {id(loop.target) for loop in loops if _is_list(loop.iter)}
    others = {name.name for name in named if id(name) not in in_loops}  # they mean something else elsewhere
    parts: list[tuple[nodes.Expr, nodes.Expr, Any]] = [(node, node.node, node.attr) for node in tree.find_all(nodes.Getattr)]
    parts += [(node, node.node, getattr(node.arg, "value", None)) for node in tree.find_all(nodes.Getitem)]
    for node, item, part in parts:
        by_name = isinstance(item, nodes.Name) and item.name in lots - others
        if isinstance(part, str) and part.lower() not in ITEM and (by_name or _is_item(item)):
            hint = did_you_mean(part, ITEM) or f"; it has {', '.join(sorted(ITEM))}"
            yield node.lineno, f"must use variables that there are; a lot has no {part}{hint}"


def _is_list(node: nodes.Node) -> bool:
    """Whether it is a list of lots, also one that is sorted or cut."""
    if isinstance(node, nodes.Filter) and node.name in _OF_A_LIST and node.node is not None:
        return _is_list(node.node)
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
        return _is_list(node.node)
    if isinstance(node, nodes.Call):
        return isinstance(node.node, nodes.Name) and node.node.name == EXPIRING
    return isinstance(node, nodes.Name) and node.name == "lots"


def _is_item(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Filter) and node.name in ("first", "last") and node.node is not None:
        return _is_list(node.node)
    return (
        isinstance(node, nodes.Getitem)
        and isinstance(node.arg, nodes.Const)
        and isinstance(node.arg.value, int)
        and _is_list(node.node)
    )


_OF_A_LIST: Final = frozenset({"sort", "reverse", "list", "unique", "selectattr", "rejectattr"})


def _calls(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """A call that would fail with every rendering: too little said, or too much, or an order that is none."""
    for call in tree.find_all(nodes.Call):
        if not isinstance(call.node, nodes.Name) or call.node.name != EXPIRING or call.dyn_args or call.dyn_kwargs:
            continue
        said = [*_ARGUMENTS[: len(call.args)], *(argument_of(pair.key) for pair in call.kwargs)]
        if (
            len(call.args) > len(_ARGUMENTS)
            or len(set(said)) < len(said)
            or not set(_ARGUMENTS[:3]) <= set(said) <= set(_ARGUMENTS)
        ):
            yield call.lineno, _CALLED
            continue
        order = _given(call).get("order")
        if isinstance(order, nodes.Const) and order.value not in ("asc", "desc"):
            yield call.lineno, f'must call {EXPIRING} with the order "asc" or "desc", is "{order.value}"'


def _given(call: nodes.Call) -> dict[str, nodes.Node]:
    """What is written down of the arguments, by their names."""
    return {**dict(zip(_ARGUMENTS, call.args, strict=False)), **{argument_of(pair.key): pair.value for pair in call.kwargs}}


_ARGUMENTS: Final = ("program", "point", "days", "limit", "order")
_CALLED: Final = f"must call {EXPIRING}({', '.join(_ARGUMENTS)})"
_EXAMPLES: Final = {"profile": "first_name", "trigger": "milestone", "entry": "points"}


def _all(node: nodes.Node) -> Iterator[nodes.Node]:
    """Every node, the outer ones first."""
    for child in node.iter_child_nodes():
        yield child
        yield from _all(child)
