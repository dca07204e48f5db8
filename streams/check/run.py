"""Run the tests of a check file: each in a world of its own, step by step, to its first expectation that does not hold.

Knows no terminal. A program that is refused fails the test that laid the fault over it; a program file that is wrong as it
stands makes the whole check file wrong, for then no test of it says anything.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from schemas.document import Document
from schemas.program import Catalog
from schemas.program_faults import Fault, ProgramFileError
from schemas.program_file import build_catalog
from streams.check import world as out
from streams.check.compare import compare_list, compare_whole, differences, show
from streams.check.file import CheckFileError, read_check_file
from streams.check.model import CheckFile, Clock, Deliver, Expect, Repeat, Restart, Test
from streams.check.nodes import Plain
from streams.check.world import NotThere, World


class Result(NamedTuple):
    """What became of one test. `message` is empty where it passed, else lines for a person."""

    file: str
    name: str
    passed: bool
    message: str


class FileResult(NamedTuple):
    """`faults`: why the file could not be used; `not_in_force`: what its programs ask for and this version does not do yet."""

    file: str
    results: list[Result]
    faults: list[Fault]
    not_in_force: list[str]


class _Failed(Exception):
    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))


def check_file(path: Path, shown: str | None = None) -> FileResult:
    """Read and run one file. Raises `OSError` if it cannot be read."""
    file = shown or str(path)
    try:
        check = read_check_file(path, file)
    except CheckFileError as error:
        return FileResult(file, [], error.faults, [])
    faults: list[Fault] = []
    not_in_force: set[str] = set()
    results: list[Result] = []
    for test in check.tests:
        try:
            documents, catalog = _program(check, test)
        except ProgramFileError as error:
            results.append(_refused(check, test, list(error.faults), faults))
            continue
        not_in_force.update(
            path for versions in catalog.programs.values() for version in versions for path in version.not_in_force
        )
        if test.refused is not None:
            wanted = ", ".join(str(item.get("path") or "something") for item in test.refused)
            results.append(Result(file, test.name, False, f"the program is accepted; expected it to be refused for {wanted}"))
        else:
            results.append(_result(file, test, catalog, _first_program(documents)))
    return FileResult(file, [] if faults else results, faults, sorted(not_in_force))


def _program(check: CheckFile, test: Test) -> tuple[list[Document], Catalog]:
    """The documents with the test's own changes laid over them, and what they mean."""
    documents = check.documents
    if test.overlay:
        documents = [
            document.overlay(_changes_of(number, len(documents), test.overlay)) for number, document in enumerate(documents)
        ]
    return documents, build_catalog(documents)


def _changes_of(number: int, count: int, overlay: dict[str, Plain]) -> dict[str, Plain]:
    """What is laid over one file of several: `1.timezone` over the second alone, `timezone` over each."""
    changes = {}
    for path, value in overlay.items():
        place, _, rest = path.partition(".")
        if not (place.isdigit() and int(place) < count and rest):
            changes[path] = value
        elif int(place) == number:
            changes[rest] = value
    return changes


def _first_program(documents: list[Document]) -> str:
    value = documents[0].value
    return str(value.get("program")) if isinstance(value, dict) else ""


def _refused(check: CheckFile, test: Test, found: list[Fault], of_the_file: list[Fault]) -> Result:
    """A program with faults: what the test wanted, or its failure, or the file's own fault."""
    if test.refused is not None:
        missing = [wanted for wanted in test.refused if not any(_names(wanted, fault) for fault in found)]
        lines = ["refused, but not for", *(f"  - {show(wanted)}" for wanted in missing), "  of these:"]
        lines += [f"  + {{path: {fault.path}, reason: {fault.reason}}}" for fault in found]
        return Result(check.file, test.name, not missing, "\n".join(lines) if missing else "")
    if _wrong_as_it_stands(check, test):
        of_the_file.extend(fault for fault in found if fault not in of_the_file)
    return Result(check.file, test.name, False, "\n".join(["the program is refused", *(f"  {fault}" for fault in found)]))


def _wrong_as_it_stands(check: CheckFile, test: Test) -> bool:
    if not test.overlay:
        return True
    try:
        build_catalog(check.documents)
    except ProgramFileError:
        return True
    return False


def _names(wanted: dict[str, Plain], fault: Fault) -> bool:
    """Whether a fault is the one that is meant: at its path or below it, and with a part of its reason."""
    path, reason = wanted.get("path"), wanted.get("reason")
    return (path is None or f"{fault.path}.".startswith(f"{path}.")) and (reason is None or str(reason) in fault.reason)


def _result(file: str, test: Test, catalog: Catalog, first_program: str) -> Result:
    try:
        _run(test, World(catalog, first_program))
    except _Failed as failed:
        return Result(file, test.name, False, str(failed))
    return Result(file, test.name, True, "")


def _run(test: Test, world: World) -> None:
    last: Deliver | None = None
    for step in test.steps:
        match step:
            case Deliver():
                last = step
                world.deliver(step.topic, step.key, step.value)
            case Repeat():
                assert last is not None  # noqa: S101  the reader has seen to it
                for _ in range(step.times):
                    world.deliver(last.topic, last.key, last.value)
            case Clock():
                world.clock(step.at)
            case Restart():
                world.restart()
            case Expect():
                if lines := list(_unmet(step, test, world)):
                    raise _Failed([f"line {step.line}:", *lines, *world.errors])
    if unnamed := out.dead_letters(world.take()):
        raise _Failed([*_unnamed(unnamed), *world.errors])


def _unmet(expect: Expect, test: Test, world: World) -> Iterator[str]:
    """Lines for everything in which an expectation does not hold. The lists start anew with it."""
    seen = world.take()
    if expect.events is not None:
        yield from compare_list("events", expect.events, out.events(seen))
    if expect.decisions is not None:
        yield from compare_list("decisions", expect.decisions, out.decisions(seen))
    dead_letters = out.dead_letters(seen)
    if expect.dead_letters is not None:
        yield from compare_list("dead_letters", expect.dead_letters, dead_letters)
    elif dead_letters:
        yield from _unnamed(dead_letters)
    try:
        yield from _unmet_figures(expect, test, world)
    except NotThere as error:
        yield str(error)


def _unmet_figures(expect: Expect, test: Test, world: World) -> Iterator[str]:
    if (wanted := expect.balance) is not None:
        balance = world.balance(wanted.profile_id, wanted.program, wanted.point, wanted.subledger)
        yield from _figures(f"balance of {wanted.profile_id}", wanted.figures, balance)
    if (listed := expect.lots) is not None:
        owners = test.profiles if listed.profile_id is None else [listed.profile_id]
        lots = [lot for owner in owners for lot in world.lots(owner) if _of_the_ledger(lot, listed.items)]
        yield from compare_whole(f"lots of {listed.profile_id or 'any profile'}", listed.items, lots)
    if (wanted := expect.tier) is not None:
        tier = world.tier(wanted.profile_id, wanted.program, wanted.subledger)
        yield from _figures(f"tier of {wanted.profile_id}", wanted.figures, tier)


def _of_the_ledger(lot: out.Record, items: list[dict[str, Plain]]) -> bool:
    """Where all items name one program, point type or subledger, the list is of that alone; else of the whole profile."""
    for name in ("program", "point", "subledger"):
        named = [item[name] for item in items if name in item]
        if named and len(named) == len(items) and all(value == named[0] for value in named) and lot[name] != named[0]:
            return False
    return True


def _figures(what: str, wanted: dict[str, Plain], got: out.Record) -> Iterator[str]:
    found = differences(wanted, got)
    if found:
        yield what
        yield from (f"  ~ {difference}" for difference in found)


def _unnamed(dead_letters: list[out.Record]) -> list[str]:
    return [
        "a dead letter that no expect names:",
        *(f"  + {{reason: {letter['reason']}, message: {letter['message']}}}" for letter in dead_letters),
    ]
