"""A YAML text as a small tree that keeps the spelling and the line of everything.

Why not the usual loaders: a record in a check file is what a feed would send, so `1.10` must reach the core as the JSON number
1.10 and not as a float, `"1.10"` as text, and `2024-01-01` and `NO` as what they say. Every alias is copied, so that no test can
reach into another; how far aliases may grow a file is bounded.
"""

import json
import re
from collections.abc import Iterator
from typing import Final

import yaml

VALUES_MAX: Final = 200_000
DEPTH_MAX: Final = 60
FILE_BYTES_MAX: Final = 16 * 1024 * 1024
_TOO_MANY: Final = f"holds more than {VALUES_MAX:,} values once its aliases are written out"
_TOO_DEEP: Final = f"is nested deeper than {DEPTH_MAX} levels (does an alias hold itself?)"

Plain = dict[str, "Plain"] | list["Plain"] | str | None
"""A value without its spelling: every scalar is its text, a plain `null` is None."""

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL: Final = frozenset({"null", "Null", "NULL", "~", ""})
_BOOLEAN: Final = {"true": "true", "True": "true", "TRUE": "true", "false": "false", "False": "false", "FALSE": "false"}
_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class YamlError(Exception):
    """The text is no YAML, or more than is read. `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class Scalar:
    """One value as it was written. `plain`: without quotes, so `1` is a number, `null` is nothing and `true` is a truth."""

    __slots__ = ("line", "plain", "text")

    def __init__(self, line: int, text: str, plain: bool) -> None:
        self.line = line
        self.text = text
        self.plain = plain

    @property
    def is_null(self) -> bool:
        return self.plain and self.text in _NULL


class Mapping:
    """Keys in order."""

    __slots__ = ("items", "line")

    def __init__(self, line: int, items: dict[str, "Node"]) -> None:
        self.line = line
        self.items = items


class Sequence:
    __slots__ = ("items", "line")

    def __init__(self, line: int, items: list["Node"]) -> None:
        self.line = line
        self.items = items


Node = Scalar | Mapping | Sequence


def read_yaml(text: str) -> Node:
    """The tree of a YAML (or JSON) text. Raises `YamlError`."""
    try:
        _check_bounds(text)
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        raise YamlError(mark.line + 1 if mark else 1, f"is not YAML: {said}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise YamlError(1, f"is not YAML: {error}") from None
    if root is None:
        raise YamlError(1, "is empty")
    return _Copier().copy(root, 0)


def _check_bounds(text: str) -> None:
    """PyYAML puts a graph together by calls within calls, and a text that is deep enough would end the process itself."""
    depth = values = 0
    for event in yaml.parse(text, Loader=_LOADER):
        values += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        too_deep = depth > DEPTH_MAX + 1
        if too_deep or values > 2 * VALUES_MAX + 1:  # each with its key
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise YamlError(line, _TOO_DEEP if too_deep else _TOO_MANY)


class _Copier:
    """Turns PyYAML's graph, in which an alias is the same object again, into a tree."""

    def __init__(self) -> None:
        self._values = 0

    def copy(self, node: yaml.Node, depth: int) -> Node:
        line = node.start_mark.line + 1
        self._values += 1
        if self._values > VALUES_MAX:
            raise YamlError(line, _TOO_MANY)
        if depth > DEPTH_MAX:
            raise YamlError(line, _TOO_DEEP)
        if isinstance(node, yaml.ScalarNode):
            return Scalar(line, node.value, not node.style)
        if isinstance(node, yaml.SequenceNode):
            return Sequence(line, [self.copy(item, depth + 1) for item in node.value])
        return self._mapping(node, line, depth)

    def _mapping(self, node: yaml.Node, line: int, depth: int) -> Mapping:
        items: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise YamlError(key.start_mark.line + 1, "a key must be a word")
            if key.value == "<<" and not key.style:
                self._merge(value, merged, depth)
            elif key.value in items:
                raise YamlError(key.start_mark.line + 1, f"the key {key.value!r} is there twice")
            else:
                copied = items[key.value] = self.copy(value, depth + 1)
                copied.line = key.start_mark.line + 1  # a fault is looked for where its key stands
        if merged:
            items = {**{name: value for name, value in merged.items() if name not in items}, **items}
        return Mapping(line, items)

    def _merge(self, node: yaml.Node, into: dict[str, Node], depth: int) -> None:
        """YAML's merge key: what the named mappings hold, the first one that has a key wins."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for source in sources:
            copied = self.copy(source, depth + 1)
            if not isinstance(copied, Mapping):
                raise YamlError(source.start_mark.line + 1, "`<<` takes a mapping")
            for name, value in copied.items.items():
                into.setdefault(name, value)


def plain(node: Node) -> Plain:
    """A fresh value of every scalar's text, as the program file and an expectation want it."""
    match node:
        case Scalar():
            return None if node.is_null else node.text
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {name: plain(item) for name, item in node.items.items()}


def lines_of(node: Node, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    """The line of each path below a node, as `schemas.document.Document` keeps them."""
    lines = {path: node.line}
    if isinstance(node, Mapping):
        for name, item in node.items.items():
            lines |= lines_of(item, (*path, name))
    elif isinstance(node, Sequence):
        for number, item in enumerate(node.items):
            lines |= lines_of(item, (*path, str(number)))
    return lines


def json_bytes(node: Node) -> bytes:
    """The record that a feed would send: plain numbers as they are spelled, plain true, false and null, all else as text."""
    return "".join(_json(node)).encode("utf-8", "surrogatepass")


def _json(node: Node) -> Iterator[str]:
    match node:
        case Scalar():
            yield _json_scalar(node)
        case Sequence():
            yield "["
            for number, item in enumerate(node.items):
                if number:
                    yield ","
                yield from _json(item)
            yield "]"
        case Mapping():
            yield "{"
            for number, (name, item) in enumerate(node.items.items()):
                yield f"{',' if number else ''}{json.dumps(name, ensure_ascii=False)}:"
                yield from _json(item)
            yield "}"


def _json_scalar(scalar: Scalar) -> str:
    if scalar.plain:
        if scalar.is_null:
            return "null"
        if scalar.text in _BOOLEAN:
            return _BOOLEAN[scalar.text]
        if _JSON_NUMBER.fullmatch(scalar.text):
            return scalar.text
    return json.dumps(scalar.text, ensure_ascii=False)
