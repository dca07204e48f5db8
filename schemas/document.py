"""A file's values before they mean anything: text that knows its line, overlays of it, and the reading of YAML and JSON.

Nothing is typed here: every scalar is what was written (`yaml_tree.py`). JSON is read as the YAML that it is. An overlay is
a copy with values laid over it by path, as check files do for one test.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from schemas.program_faults import Fault, ProgramFileError
from schemas.yaml_tree import Path, Reader, Stop, Value, shown_value

__all__ = ["Document", "Path", "Value", "read_document", "read_with_faults", "shown_value"]

MAX_BYTES: Final = 1 << 20

_SURROGATES: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")

_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # libyaml where PyYAML was built with it


class Document:
    """A file's value (plain dicts, lists, text, None) and the line of each path in it. Never changed once read."""

    def __init__(self, value: object, file: str, lines: Mapping[Path, int] | None = None) -> None:
        self.value: Value = _copied(value)
        self.file = file
        self._lines = lines or {}

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest thing around it that is in the file; 0 where that was laid over the file."""
        for length in range(len(path), -1, -1):
            line = self._lines.get(path[:length])
            if line is not None:
                return line
        return 0

    def part(self, *path: str) -> "Document":
        """What stands at a path, as a document of its own with the lines that it has here. KeyError where nothing does."""
        value: Any = self.value
        for key in path:
            value = value[int(key)] if isinstance(value, list) else value[key]
        depth = len(path)
        lines = {inner[depth:]: line for inner, line in self._lines.items() if inner[:depth] == path}
        return Document(value, self.file, {(): self.line(path), **lines})

    def overlay(self, changes: Mapping[str, object]) -> "Document":
        """A copy with values laid over it by path, in order; a later path may reach into what an earlier one put.

        Keys may be added, also where a section was left out; lists are replaced, or grow by one at their end. Raises
        ProgramFileError where a path leads through something that is neither a mapping nor a list.
        """
        copy = Document(self.value, self.file, self._lines)
        lines = dict(self._lines)
        faults: list[Fault] = []
        for text, value in changes.items():
            try:
                path = _put(copy, text.split("."), value)
            except _NoWay as error:
                faults.append(Fault(self.file, self.line(error.path), text, str(error)))
                continue
            for inner in [inner for inner in lines if inner[: len(path)] == path]:
                del lines[inner]
            lines[path] = 0
        if faults:
            raise ProgramFileError(faults)
        copy._lines = lines
        return copy


class _NoWay(ValueError):
    """An overlay's path leads nowhere."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path


def _put(document: Document, keys: list[str], value: object) -> Path:
    """Lays one value over the document's own copy; returns the path where it went."""
    path: Path = ()
    rest = keys
    if document.value is None:
        document.value = {}
    here: Any = document.value
    while True:
        key, rest = _next_key(here, rest)
        if isinstance(here, list):
            if not key.isascii() or not key.isdigit() or int(key) > len(here):
                raise _NoWay(path, f"must lead to one of the {len(here)} items of {'.'.join(path)}, or the next")
            if int(key) == len(here):
                here.append(None)
        elif not isinstance(here, dict):
            raise _NoWay(path, f"must lead through mappings and lists; {'.'.join(path) or 'the file'} is {shown_value(here)}")
        slot: Any = int(key) if isinstance(here, list) else key
        path = (*path, key)
        if not rest:
            here[slot] = _copied(value)
            return path
        if (here.get(slot) if isinstance(here, dict) else here[slot]) is None:
            here[slot] = {}
        here = here[slot]


def _next_key(here: object, rest: list[str]) -> tuple[str, list[str]]:
    """The next step of a path; a key of the mapping that itself holds dots (`purchases.count`) is one step."""
    if isinstance(here, dict):
        for length in range(len(rest), 1, -1):
            if ".".join(rest[:length]) in here:
                return ".".join(rest[:length]), rest[length:]
    return rest[0], rest[1:]


def _copied(value: object) -> Value:
    """A copy that shares nothing; scalars as text, as a file would have them."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return {str(key): _copied(inner) for key, inner in value.items()}
    if isinstance(value, Sequence):
        return [_copied(inner) for inner in value]
    return str(value)


def read_document(text: str, file: str) -> Document:
    """Reads YAML or JSON. Raises ProgramFileError with every fault of form: `file` is the name that faults carry."""
    document, faults = read_with_faults(text, file)
    if faults:
        raise ProgramFileError(faults)
    return document


def read_with_faults(text: str, file: str) -> tuple[Document, list[Fault]]:
    """Reads as far as one can, so that faults of form and of meaning can be told together."""
    reader = Reader(file)
    try:
        if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            raise Stop(0, f"must be at most {MAX_BYTES >> 20} MiB")
        value = reader.read(yaml.parse(_joined(text), Loader=_LOADER))
    except Stop as stop:
        reader.faults.append(Fault(file, stop.line, "", str(stop)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        reader.faults.append(Fault(file, mark.line + 1 if mark else 0, "", f"must be YAML or JSON: {said}"))
    except yaml.reader.ReaderError as error:
        line = _joined(text).encode("utf-8", "surrogatepass").count(b"\n", 0, error.position) + 1
        reader.faults.append(Fault(file, line, "", f"must be YAML or JSON: {error.reason}"))
    except (yaml.YAMLError, UnicodeError) as error:
        reader.faults.append(Fault(file, 0, "", f"must be YAML or JSON: {' '.join(str(error).split())}"))
    else:
        return Document(value, file, reader.lines), reader.faults
    raise ProgramFileError(reader.faults)


def _joined(text: str) -> str:
    """JSON spells a sign beyond U+FFFF as two escapes, which YAML does not know as one."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    return _SURROGATES.sub(lambda found: found[1] + bytes.fromhex(found[2] + found[3]).decode("utf-16-be"), text)
