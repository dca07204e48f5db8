"""YAML as a tree of text: every scalar is what was written, and every value knows its line.

Nothing is typed, so that `at: 10:00`, `per: 1.00` and `locale: NO` mean what they say; only a plain empty value, `~` or
`null` is None. The file is read as YAML events, one after the other and never by recursion, within bounds on depth and number
of values (aliases count as often as they are used), so that no file can hold up a start. Keys that stand twice, tags, merge
keys and keys that are not text are faults.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import yaml

from schemas.instants import shown
from schemas.program_faults import Fault

Value: TypeAlias = "dict[str, Value] | list[Value] | str | None"
Path = tuple[str, ...]

MAX_DEPTH: Final = 64
MAX_VALUES: Final = 200_000
MAX_KEY: Final = 1_024
MAX_FAULTS: Final = 1_000
"""Of form. Each tells its path: of many in a file of long keys they would take thousands of times what the file does."""

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_PLAIN_TAGS: Final = frozenset({None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})


def shown_value(value: object) -> str:
    """What stands there, in the words of a fault."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return shown(value)


class Stop(Exception):
    """Reading cannot go on."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class _Node:
    """A value being read. `size` counts itself and all below; an alias is the node that it names, once more."""

    __slots__ = ("depth", "line", "size", "value")

    def __init__(self, value: "str | list[_Node] | dict[str, _Node] | None", line: int) -> None:
        self.value = value
        self.line = line
        self.size = 1
        self.depth = 1  # of what hangs below, itself included


class _Open:
    """A mapping or list whose end has not come yet."""

    __slots__ = ("anchor", "key", "key_line", "node", "waits_for_key")

    def __init__(self, node: _Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: str | None = None  # None: the value that comes is dropped, its key was at fault
        self.key_line = 0
        self.waits_for_key = True


class Reader:
    """Builds nodes out of events, then plain values and the line of each path."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.lines: dict[Path, int] = {}
        self._anchors: dict[str, _Node | None] = {}  # None: still open
        self._stack: list[_Open] = []
        self._root: _Node | None = None

    def read(self, events: Iterator[yaml.Event]) -> Value:
        documents = 0
        for event in events:
            line = event.start_mark.line + 1 if event.start_mark else 0
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise Stop(line, "must hold one document, has a second one")
            elif isinstance(event, yaml.ScalarEvent):
                self._scalar(event, line)
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event, line)
            elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
                self._open(event, line)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._close(line)
        return self._plain(self._root, ()) if self._root is not None else None

    def _path(self) -> str:
        steps = [
            str(len(opened.node.value)) if isinstance(opened.node.value, list) else str(opened.key)
            for opened in self._stack
            if isinstance(opened.node.value, list) or not opened.waits_for_key
        ]
        return ".".join(steps)

    def _fault(self, line: int, path: str, reason: str) -> None:
        if len(self.faults) >= MAX_FAULTS:
            raise Stop(line, f"must have fewer faults than {MAX_FAULTS}; what follows was not read")
        self.faults.append(Fault(self.file, line, path, reason))

    def _check_tag(self, event: Any, line: int) -> None:
        if event.tag not in _PLAIN_TAGS:
            self._fault(line, self._path(), f"must have no tag, has {event.tag.replace('tag:yaml.org,2002:', '!!')}")

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        self._check_tag(event, line)
        plain = event.style is None or event.style == ""
        text: str = event.value
        if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
            raise Stop(line, "must be Unicode text, has half of a surrogate pair")
        if self._stack and isinstance(self._stack[-1].node.value, dict) and self._stack[-1].waits_for_key:
            self._key(text, plain, line)
            return
        node = _Node(None if plain and event.tag is None and text in _NULLS else text, line)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._add(node, line)

    def _key(self, text: str, plain: bool, line: int) -> None:
        opened = self._stack[-1]
        assert isinstance(opened.node.value, dict)  # noqa: S101  told apart by the caller; nothing depends on it at run time
        if len(text) > MAX_KEY:
            raise Stop(line, f"must have keys of at most {MAX_KEY} characters, has one of {len(text)}")
        opened.waits_for_key = False
        opened.key_line = line
        opened.key = text
        if plain and text == "<<":
            self._fault(line, self._path(), "must not be a merge key; write the keys out")
            opened.key = None
        elif text in opened.node.value:
            first = opened.node.value[text].line
            self._fault(line, self._path(), f"must not stand twice, stands in line {first} already")
            opened.key = None

    def _alias(self, event: yaml.AliasEvent, line: int) -> None:
        if event.anchor not in self._anchors:
            raise Stop(line, f"must name an anchor that stands before it, is *{event.anchor}")
        node = self._anchors[event.anchor]
        if node is None:
            raise Stop(line, f"must not hold itself: *{event.anchor} stands inside of &{event.anchor}")
        if self._stack and isinstance(self._stack[-1].node.value, dict) and self._stack[-1].waits_for_key:
            if not isinstance(node.value, str):
                raise Stop(line, "must be text: a key of a mapping")
            self._key(node.value, False, line)
            return
        copy = _Node(node.value, line)
        copy.size, copy.depth = node.size, node.depth
        self._add(copy, line)

    def _open(self, event: Any, line: int) -> None:
        self._check_tag(event, line)
        if self._stack and isinstance(self._stack[-1].node.value, dict) and self._stack[-1].waits_for_key:
            raise Stop(line, "must be text: a key of a mapping")
        if len(self._stack) >= MAX_DEPTH:
            raise Stop(line, f"must not be nested deeper than {MAX_DEPTH}")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node = _Node({} if isinstance(event, yaml.MappingStartEvent) else [], line)
        self._stack.append(_Open(node, event.anchor))

    def _close(self, line: int) -> None:
        opened = self._stack.pop()
        if opened.anchor is not None:
            self._anchors[opened.anchor] = opened.node
        self._add(opened.node, line)

    def _add(self, node: _Node, line: int) -> None:
        if not self._stack:
            self._root = node
            return
        opened = self._stack[-1]
        parent = opened.node
        parent.size += node.size
        parent.depth = max(parent.depth, node.depth + 1)
        if parent.size > MAX_VALUES:
            raise Stop(line, f"must hold at most {MAX_VALUES} values, aliases counted as often as they are used")
        if parent.depth + len(self._stack) - 1 > MAX_DEPTH + 1:
            raise Stop(line, f"must not be nested deeper than {MAX_DEPTH}")
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif isinstance(parent.value, dict):
            if opened.key is not None:
                kept = _Node(node.value, opened.key_line)
                parent.value[opened.key] = kept
            opened.waits_for_key = True

    def _plain(self, node: _Node, path: Path) -> Value:
        """Recursion is bounded: nothing deeper than MAX_DEPTH was let in."""
        self.lines[path] = node.line
        if isinstance(node.value, dict):
            return {key: self._plain(inner, (*path, key)) for key, inner in node.value.items()}
        if isinstance(node.value, list):
            return [self._plain(inner, (*path, str(index))) for index, inner in enumerate(node.value)]
        return node.value
