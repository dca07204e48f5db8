"""What a check file says, read and checked before anything runs: a wrong file is refused whole, with every fault and its line.

Pure but for reading the check file and the program files that it names. What the steps mean is in `run.py`. Records are turned
into the bytes that a feed would send right here, so that nothing of one test can reach another.
"""

from pathlib import Path
from typing import Any, Literal

from schemas.document import MAX_BYTES, Document, read_document
from schemas.instants import parse_instant
from schemas.program_faults import Fault, ProgramFileError
from streams.check.model import (
    FIGURES,
    REPEAT_MAX,
    TIER_FIGURES,
    TOPICS,
    CheckFile,
    Clock,
    Deliver,
    Expect,
    Figures,
    Listed,
    Lots,
    Repeat,
    Restart,
    Step,
    Test,
)
from streams.check.nodes import (
    FILE_BYTES_MAX,
    Mapping,
    Node,
    Plain,
    Scalar,
    Sequence,
    YamlError,
    json_bytes,
    lines_of,
    plain,
    read_yaml,
)


class CheckFileError(Exception):
    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults


def read_check_file(path: Path, shown: str | None = None) -> CheckFile:
    """Read a check file and the programs that it names. Raises `CheckFileError` with every fault, or `OSError`."""
    file = shown or str(path)
    try:
        root = read_yaml(_text_of(path, FILE_BYTES_MAX))
    except UnicodeDecodeError as error:
        raise CheckFileError([Fault(file, 1, "", f"is not UTF-8: {error.reason} at byte {error.start}")]) from None
    except YamlError as error:
        raise CheckFileError([Fault(file, error.line, "", error.message)]) from None
    reader = _Reader(file, path.parent)
    found = reader.check_file(root)
    if found is None or reader.faults:
        raise CheckFileError(reader.faults)
    return found


def _text_of(path: Path, at_most: int) -> str:
    """What a file holds; of one that is too large no more is read, for it may have no end. Raises `YamlError`, `UnicodeDecodeError` or `OSError`."""
    with path.open("rb") as opened:
        data = opened.read(at_most + 1)
    if len(data) > at_most:
        raise YamlError(1, f"the file is larger than {at_most // 2**20} MiB")
    return data.decode("utf-8-sig")


class _Reader:
    """Walks the tree once. Each method gives what it read, or None after noting a fault."""

    def __init__(self, file: str, folder: Path) -> None:
        self.faults: list[Fault] = []
        self._file = file
        self._folder = folder
        self._defaults: dict[str, Mapping] = {}

    def fault(self, node: Node, path: str, reason: str) -> None:
        self.faults.append(Fault(self._file, node.line, path, reason))

    def mapping(self, node: Node, path: str, keys: frozenset[str]) -> Mapping | None:
        """The node as a mapping in which every key is one of `keys`."""
        if not isinstance(node, Mapping):
            self.fault(node, path, "must be a mapping")
            return None
        for name, value in node.items.items():
            if name not in keys:
                self.fault(value, _join(path, name), f"is not known here; known are {', '.join(sorted(keys))}")
        return node

    def sequence(self, node: Node, path: str) -> list[Node]:
        if isinstance(node, Sequence):
            return node.items
        self.fault(node, path, "must be a list")
        return []

    def text(self, node: Node | None, path: str) -> str | None:
        if node is None:
            return None
        if isinstance(node, Scalar) and not node.is_null:
            return node.text
        self.fault(node, path, "must be a text")
        return None

    # the file

    def check_file(self, root: Node) -> CheckFile | None:
        if isinstance(root, Mapping) and "tests" not in root.items and "points" in root.items:
            self.fault(root, "", "is a program file; `pointstream validate` checks it, and a check file names it as its program")
            return None
        top = self.mapping(root, "", frozenset({"program", "defaults", "tests"}))
        if top is None:
            return None
        for needed in ("program", "tests"):
            if needed not in top.items:
                self.fault(top, needed, "is missing")
        documents = self.programs(top.items["program"]) if "program" in top.items else []
        if "defaults" in top.items:
            self.defaults(top.items["defaults"])
        listed = self.sequence(top.items["tests"], "tests") if "tests" in top.items else []
        tests = [self.test(node, f"tests.{number}") for number, node in enumerate(listed)]
        return CheckFile(self._file, documents, [test for test in tests if test is not None])

    def programs(self, node: Node) -> list[Document]:
        if isinstance(node, Sequence):
            documents = [self.program(item, f"program.{number}") for number, item in enumerate(node.items)]
            if not documents:
                self.fault(node, "program", "names no program")
        else:
            documents = [self.program(node, "program")]
        return [document for document in documents if document is not None]

    def program(self, node: Node, path: str) -> Document | None:
        """A path relative to this file, or a mapping in place."""
        try:
            if isinstance(node, Mapping):
                return Document(plain(node), self._file, lines_of(node))
            name = self.text(node, path)
            if name is None:
                return None
            where = self._folder / name
            return read_document(_text_of(where, MAX_BYTES), _shown(where))
        except ProgramFileError as error:
            self.faults.extend(error.faults)
        except UnicodeDecodeError:
            self.fault(node, path, "names a file that is not UTF-8")
        except YamlError as error:
            self.fault(node, path, f"names a file that cannot be read: {error.message}")
        except OSError as error:
            self.fault(node, path, f"names a file that cannot be read: {error.strerror or error}")
        return None

    def defaults(self, node: Node) -> None:
        named = self.mapping(node, "defaults", frozenset(TOPICS))
        for step, fields in (named.items if named else {}).items():
            if isinstance(fields, Mapping):
                self._defaults[step] = fields
            else:
                self.fault(fields, f"defaults.{step}", "must be a mapping of fields")

    # a test

    def test(self, node: Node, path: str) -> Test | None:
        found = self.mapping(node, path, frozenset({"name", "with", "steps", "refused"}))
        if found is None:
            return None
        items = found.items
        name = self.text(items.get("name"), f"{path}.name")
        if name is None:
            if "name" not in items:
                self.fault(found, f"{path}.name", "is missing")
            return None
        if ("steps" in items) == ("refused" in items):
            self.fault(found, path, "has either `steps` or `refused`")
        overlay: dict[str, Any] = {}
        if "with" in items and not (isinstance(items["with"], Scalar) and items["with"].is_null):
            if isinstance(items["with"], Mapping):
                overlay = {where: plain(value) for where, value in items["with"].items.items()}
            else:
                self.fault(items["with"], f"{path}.with", "must be a mapping of paths to values")
        profiles: list[str] = []
        steps: list[Step] = []
        if "steps" in items:
            steps = self.steps(self.sequence(items["steps"], f"{path}.steps"), f"{path}.steps", profiles)
        refused = self.refused(items["refused"], f"{path}.refused") if "refused" in items else None
        return Test(name=name, line=found.line, overlay=overlay, steps=steps, refused=refused, profiles=profiles)

    def refused(self, node: Node, path: str) -> list[dict[str, Plain]]:
        items = self.sequence(node, path)
        found = [self.mapping(item, f"{path}.{number}", frozenset({"path", "reason"})) for number, item in enumerate(items)]
        return [{name: plain(value) for name, value in item.items.items()} for item in found if item is not None]

    def steps(self, nodes: list[Node], path: str, profiles: list[str]) -> list[Step]:
        """All steps. `profiles` is filled with the profiles that the records name, each once."""
        named = [self.named_step(node, f"{path}.{number}") for number, node in enumerate(nodes)]
        for step in named:
            record = self.record(step[0], step[1]) if step and step[0] in TOPICS else None
            owner = record.items.get("profile_id") if record else None
            if isinstance(owner, Scalar) and not owner.is_null and owner.text not in profiles:
                profiles.append(owner.text)
        steps: list[Step] = []
        for number, step in enumerate(named):
            found = self.step(*step, f"{path}.{number}", profiles) if step else None
            if isinstance(found, Repeat) and not any(isinstance(before, Deliver) for before in steps):
                self.fault(nodes[number], f"{path}.{number}", "repeats a record, and there is none before it")
            if found is not None:
                steps.append(found)
        return steps

    def named_step(self, node: Node, path: str) -> tuple[str, Node] | None:
        """(`purchase`, its fields): a bare word, or a mapping of one key."""
        if isinstance(node, Scalar) and node.text in {"restart", "repeat"}:
            return node.text, node
        if isinstance(node, Mapping) and len(node.items) == 1:
            return next(iter(node.items.items()))
        self.fault(node, path, f"must be one step: {', '.join([*TOPICS, 'clock', 'restart', 'repeat', 'expect'])}")
        return None

    def step(self, name: str, node: Node, path: str, profiles: list[str]) -> Step | None:
        if name in TOPICS:
            return self.deliver(name, node, path)
        match name:
            case "clock":
                return self.clock(node, path)
            case "restart":
                return Restart(node.line)
            case "repeat":
                return self.repeat(node, path)
            case "expect":
                return self.expect(node, f"{path}.expect", profiles)
        self.fault(node, _join(path, name), "is no step")
        return None

    def record(self, name: str, node: Node) -> Mapping | None:
        """The fields of a record with the defaults of its step under them."""
        if not isinstance(node, Mapping):
            return None
        under = self._defaults.get(name)
        return Mapping(node.line, {**under.items, **node.items}) if under else node

    def deliver(self, name: str, node: Node, path: str) -> Deliver | None:
        record = self.record(name, node)
        if record is None:
            self.fault(node, f"{path}.{name}", "must be a mapping: the fields of the record")
            return None
        owner = record.items.get("profile_id")
        named = isinstance(owner, Scalar) and not owner.is_null
        key = owner.text.encode("utf-8", "surrogatepass") if named and isinstance(owner, Scalar) else None
        return Deliver(node.line, name, TOPICS[name], key, json_bytes(record))

    def clock(self, node: Node, path: str) -> Clock | None:
        text = self.text(node, f"{path}.clock")
        if text is None:
            return None
        try:
            return Clock(node.line, parse_instant(text))
        except ValueError as error:
            self.fault(node, f"{path}.clock", str(error))
            return None

    def repeat(self, node: Node, path: str) -> Repeat | None:
        if isinstance(node, Scalar) and (node.text == "repeat" or node.is_null):
            return Repeat(node.line, 1)
        if isinstance(node, Scalar) and node.text.isascii() and node.text.isdigit() and 1 <= int(node.text[:9]) <= REPEAT_MAX:
            return Repeat(node.line, int(node.text))
        self.fault(node, f"{path}.repeat", f"must be a number of times, 1 to {REPEAT_MAX:,}")
        return None

    # an expectation

    def expect(self, node: Node, path: str, profiles: list[str]) -> Expect | None:
        if isinstance(node, Scalar) and node.is_null:
            return Expect(line=node.line)
        found = self.mapping(node, path, frozenset({"events", "decisions", "dead_letters", "balance", "lots", "tier"}))
        if found is None:
            return None
        items = found.items

        def listed(name: Literal["events", "decisions", "dead_letters"]) -> Listed | None:
            return self.listed(items[name], f"{path}.{name}") if name in items else None

        return Expect(
            line=found.line,
            events=listed("events"),
            decisions=listed("decisions"),
            dead_letters=listed("dead_letters"),
            balance=self.figures(items["balance"], f"{path}.balance", FIGURES, profiles) if "balance" in items else None,
            lots=self.lots(items["lots"], f"{path}.lots", profiles) if "lots" in items else None,
            tier=self.figures(items["tier"], f"{path}.tier", TIER_FIGURES, profiles) if "tier" in items else None,
        )

    def listed(self, node: Node, path: str) -> Listed | None:
        contain = isinstance(node, Mapping)
        if isinstance(node, Mapping):
            if list(node.items) != ["contain"]:
                self.fault(node, path, "must be a list, or {contain: [...]}")
                return None
            return Listed(node.line, self.mappings(node.items["contain"], f"{path}.contain"), contain)
        return Listed(node.line, self.mappings(node, path), contain)

    def mappings(self, node: Node, path: str) -> list[dict[str, Plain]]:
        found: list[dict[str, Plain]] = []
        for number, item in enumerate(self.sequence(node, path)):
            if isinstance(item, Mapping):
                found.append({name: plain(value) for name, value in item.items.items()})
            else:
                self.fault(item, f"{path}.{number}", "must be a mapping of what to compare")
        return found

    def figures(self, node: Node, path: str, known: tuple[str, ...], profiles: list[str]) -> Figures | None:
        about = ("profile_id", "program", "point", "subledger")
        found = self.mapping(node, path, frozenset([*about, *known]))
        if found is None:
            return None
        figures = {name: plain(value) for name, value in found.items.items()}
        program, point, subledger = (_text_or_none(figures.get(name)) for name in about[1:])
        profile_id = self.owner(node, path, figures.get("profile_id"), profiles)
        if profile_id is None:
            return None
        wanted = {name: value for name, value in figures.items() if name not in about}
        return Figures(node.line, profile_id, program, point, subledger, wanted)

    def lots(self, node: Node, path: str, profiles: list[str]) -> Lots | None:
        items = self.mappings(node, path)
        if not items:
            return Lots(node.line, None, [])
        owners = {_text_or_none(item.get("profile_id")) for item in items if "profile_id" in item}
        if len(owners) > 1:
            self.fault(node, path, "speaks of several profiles; use an `expect` for each")
            return None
        profile_id = self.owner(node, path, next(iter(owners), None), profiles)
        return None if profile_id is None else Lots(node.line, profile_id, items)

    def owner(self, node: Node, path: str, named: Plain, profiles: list[str]) -> str | None:
        """Whose figures these are: the profile that is named, else the only one of the test."""
        if isinstance(named, str):
            return named
        if len(profiles) == 1:
            return profiles[0]
        self.fault(node, _join(path, "profile_id"), "is missing")
        return None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _text_or_none(value: Plain) -> str | None:
    return value if isinstance(value, str) else None


def _shown(path: Path) -> str:
    """The path as one would type it from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
