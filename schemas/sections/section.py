"""Reading a section: every key is asked for by name and kind, faults are collected, and reading goes on.

A reader that meets a fault answers with a stand-in, so that the other faults of the file are found too; a program with faults
is never handed out, so no stand-in gets any further. Keys that nobody asked for are faults, with the nearest one that there is.
A section or list that is empty counts as left out; a single value that is `null` only where null is its default.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from schemas.condition_fields import is_derived
from schemas.conditions import Condition, ConditionError, parse_condition
from schemas.document import Document, Path, shown_value
from schemas.program_faults import Fault, did_you_mean, known_instead
from schemas.sections import values

T = TypeVar("T")
Parser = Callable[[str], T]

_MISSING: Final = object()


class Reading:
    """What is gathered while one file is read: faults, names used and defined, and what is not in force yet."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.faults: list[Fault] = []
        self.not_in_force: list[str] = []
        self.warnings: list[Fault] = []
        self.figures: set[str] = set()
        self._known: dict[str, list[str]] = {}
        self._used: list[tuple[Path, str, str]] = []

    def fault(self, path: Path, reason: str, line_of: Path | None = None) -> None:
        """`line_of`: where to look, if that is a part of what the path names."""
        line = self.document.line(path if line_of is None else line_of)
        self.faults.append(Fault(self.document.file, line, ".".join(path), reason))

    def warn(self, path: Path, reason: str) -> None:
        """This is right by the rules and hardly meant."""
        self.warnings.append(Fault(self.document.file, self.document.line(path), ".".join(path), reason))

    def later(self, path: Path) -> None:
        """This says something that is valid and not built yet."""
        self.not_in_force.append(".".join(path))

    def define(self, what: str, names: list[str]) -> None:
        self._known[what] = names

    def known(self, what: str) -> list[str]:
        return self._known.get(what, [])

    def use(self, path: Path, what: str, name: str) -> None:
        """A name from elsewhere in the file; whether it is there is asked when everything has been read."""
        self._used.append((path, what, name))

    def check_names(self) -> None:
        for path, what, name in self._used:
            known = self.known(what)
            if what == "tier" and not known:
                continue  # a program without tiers: nobody holds one, and a condition may say so
            if name not in known:
                hint = did_you_mean(name, known)
                listed = f"; there are {', '.join(known)}" if known and not hint and len(known) <= 8 else ""
                self.fault(path, f"must be a {what} of this program, is {shown_value(name)}{hint}{listed}")


class Section:
    """One mapping of the file, or none where it was left out."""

    def __init__(self, reading: Reading, path: Path, value: Mapping[str, Any] | None) -> None:
        self.reading = reading
        self.path = path
        self.given = value is not None
        self._value: Mapping[str, Any] = value or {}
        self._asked: set[str] = set()

    def fault(self, key: str, reason: str) -> None:
        self.reading.fault((*self.path, key) if key else self.path, reason)

    def has(self, key: str) -> bool:
        """Whether the key stands there with anything but null."""
        return self._value.get(key) is not None

    def written(self) -> list[str]:
        """The keys that stand there, for a mapping whose keys are free."""
        return list(self._value)

    def raw(self, key: str) -> Any:
        """What stands there, unread; None for nothing."""
        self._asked.add(key)
        return self._value.get(key)

    def done(self) -> None:
        """To be called when everything was asked for."""
        for key in self._value:
            if key not in self._asked:
                hint = known_instead(key, sorted(self._asked))
                self.fault(key, f"is not a key of {'.'.join(self.path) or 'a program file'}{hint}")

    # --- single values

    def choice(self, key: str, *words: str) -> Any:
        """One of a few words, the first by default. `Any`: the record that it goes into has a Literal of these words."""
        return self.value(key, values.choice(*words), words[0])

    def value(self, key: str, parser: Parser[T], default: T) -> T:
        """A value whose default is not null."""
        found: T = self._one(key, parser, default, required=False, nullable=False)
        return found

    def value_or_none(self, key: str, parser: Parser[T]) -> T | None:
        """A value whose default is null."""
        found: T | None = self._one(key, parser, None, required=False, nullable=True)
        return found

    def required(self, key: str, parser: Parser[T], stand_in: T) -> T:
        found: T = self._one(key, parser, stand_in, required=True, nullable=False)
        return found

    def _one(self, key: str, parser: Parser[T], default: Any, *, required: bool, nullable: bool) -> Any:
        self._asked.add(key)
        value = self._value.get(key, _MISSING)
        if value is _MISSING:
            if required:
                self.fault(key, "must be given")
        elif value is None:
            if required:
                self.fault(key, "must be given, is null")
            elif not nullable:
                self.fault(key, "must have a value, is null; without the key the default holds")
        elif isinstance(value, str):
            try:
                return parser(value)
            except ValueError as error:
                self.fault(key, str(error))
        else:
            self.fault(key, f"must be one value, is {shown_value(value)}")
        return default

    def use(self, key: str, what: str) -> str:
        """The name of something else in the file."""
        name = self.required(key, values.name, "")
        if name:
            self.reading.use((*self.path, key), what, name)
        return name

    def condition(
        self, key: str, *, also: tuple[str, ...] = (), only: frozenset[str] | None = None, required: bool = False
    ) -> Condition | None:
        """A condition, with the names and the derived figures in it noted."""
        self._asked.add(key)
        value = self._value.get(key)
        if value is None:
            if required:
                self.fault(key, "must be given")
            return None
        path = (*self.path, key)
        condition: Condition | None = None
        try:
            condition = parse_condition(value, also=also, only=only)
            mentions = condition.mentions
            self.reading.figures.update(filter(is_derived, condition.fields))
        except ConditionError as error:
            mentions = tuple(error.mentions)
            for fault in error.faults:
                self.reading.fault((*path, *fault.path), fault.reason)
        for mention in mentions:
            self.reading.use((*path, *mention.path), mention.what, mention.name)
        return condition

    # --- sections and lists

    def section(self, key: str) -> "Section":
        """The section, empty where it was left out."""
        self._asked.add(key)
        value = self._value.get(key)
        if value is not None and not isinstance(value, dict):
            self.fault(key, f"must be a mapping, is {shown_value(value)}")
            value = None
        return Section(self.reading, (*self.path, key), value)

    def sections(self, key: str) -> "list[Section]":
        """A list of mappings, empty where it was left out."""
        return list(self._sections(key))

    def _sections(self, key: str) -> "Iterator[Section]":
        for index, value in enumerate(self.items(key)):
            path = (*self.path, key, str(index))
            if isinstance(value, dict):
                yield Section(self.reading, path, value)
            else:
                self.reading.fault(path, f"must be a mapping, is {shown_value(value)}")

    def items(self, key: str) -> list[Any]:
        """A list of anything, empty where it was left out."""
        self._asked.add(key)
        value = self._value.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fault(key, f"must be a list, is {shown_value(value)}")
            return []
        return value

    def texts(self, key: str, parser: Parser[str], default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of single values, each only once."""
        if self._value.get(key) is None:
            self._asked.add(key)
            return default
        found: list[str] = []
        for index, value in enumerate(self.items(key)):
            path = (*self.path, key, str(index))
            if not isinstance(value, str):
                self.reading.fault(path, f"must be one value, is {shown_value(value)}")
                continue
            try:
                parsed = parser(value)
            except ValueError as error:
                self.reading.fault(path, str(error))
                continue
            if parsed in found:
                self.reading.fault((*self.path, key), f"must name {shown_value(parsed)} only once", line_of=path)
            found.append(parsed)
        return tuple(found)

    def names(self, what: str, key: str, sections: "list[Section]", *, pattern: Parser[str]) -> list[str]:
        """The names of a list's sections. One that stands twice is a fault of the list and of the second: of which a reader
        thinks first depends on the reader.
        """
        found: list[str] = []
        for section in sections:
            name = section.required(key, pattern, "")
            if name and name in found:
                self.reading.fault(
                    section.path[:-1], f"must name each {what} once, names {shown_value(name)} twice", section.path
                )
                section.fault(key, f"must be another {what} than those before it, is {shown_value(name)} again")
            found.append(name)
        self.reading.define(what, [name for name in found if name])
        return found
