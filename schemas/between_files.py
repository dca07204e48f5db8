"""What holds between program files: between the versions of one program, between programs that share an application, and of what a
template says of another program.

Pure. A version in force is taken to have entries: what cannot change once there are any must stay from then on. A draft counts
nothing, so what follows it is free. Whether a state was made under other files is asked where it is opened (`agents/made_under.py`).
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final

from schemas.document import Document
from schemas.program import Program
from schemas.program_faults import Fault, is_mistyped
from schemas.template_faults import asked_of, no_such_point, no_such_program

Parsed = tuple[Document, Program]

FIXED: Final[Mapping[str, Callable[[Program], str]]] = {  # what never differs between versions
    "timezone": lambda program: program.timezone.key,
    "environment": lambda program: program.environment,
    "subledgers.enabled": lambda program: "true" if program.subledgers_enabled else "false",
}


def between_versions(parsed: list[Parsed]) -> list[Fault]:
    """What never differs between the versions of a program, and that no two of them begin at once."""
    faults: list[Fault] = []
    versions: dict[str, list[Parsed]] = {}
    for document, program in sorted(parsed, key=lambda item: item[1].effective_from):
        versions.setdefault(program.program, []).append((document, program))
    for of_one in versions.values():
        first_document, first = of_one[0]
        for (before, earlier), (document, program) in pairwise(of_one):
            found: list[tuple[str, str]] = []
            if program.effective_from == earlier.effective_from:
                found.append(
                    ("effective_from", f"must differ between the versions of {program.program}; {before.file} begins then too")
                )
            for path, value_of in FIXED.items():
                if value_of(program) != value_of(first):
                    found.append((path, f"must not differ between versions; in {first_document.file} it is {value_of(first)}"))
            if earlier.status != "draft":
                found += _frozen(before.file, earlier, program)
            faults += [_fault(document, path, reason) for path, reason in found]
    return faults


def between_programs(parsed: list[Parsed]) -> list[Fault]:
    """One application feeds live programs or sandboxes, never both."""
    live: dict[str, str] = {}
    names = {program.program for _, program in parsed if program.environment == "live"}
    for document, program in parsed:
        if program.environment == "live":
            for application in program.applications:
                live.setdefault(application, document.file)
    return [
        _fault(
            document,
            "applications",
            f"must not name {application}, which feeds a live program ({live[application]}): this one is a sandbox",
        )
        for document, program in parsed
        if program.environment == "sandbox" and program.program not in names  # a version of a live one is at fault already
        for application in sorted(program.applications & live.keys())
    ]


def doubts_of_name(document: Document, program: Program, parsed: list[Parsed]) -> list[Fault]:
    """A program that might be the next version of another one, whose name is nearly the same: mistyped, both would give points."""
    before = [(other_document, other) for other_document, other in parsed if other.effective_from < program.effective_from]
    if any(other.program == program.program for _, other in before):
        return []  # the first version is told of
    in_force = {other.program: (each, other) for each, other in sorted(before, key=lambda item: item[1].effective_from)}
    return [
        _fault(
            document,
            "program",
            f"might be mistyped: it is nearly {other.program} ({each.file}), and would be right as a version of it; "
            "as a program of its own it gives points for the same receipts once more",
        )
        for each, other in in_force.values()
        if is_mistyped(program.program, other.program)
        and other.status == "active"
        and other.applications & program.applications
        and all(value_of(other) == value_of(program) for value_of in FIXED.values())
        and not _frozen(each.file, other, program)
    ]


def in_templates(parsed: list[Parsed]) -> list[Fault]:
    """A template that asks for the points of another program, by name: there is one, with such a point type. Its own are known before."""
    points: dict[str, set[str]] = {}
    for _, program in parsed:
        points.setdefault(program.program, set()).update([point.sid for point in program.points])
    faults: list[Fault] = []
    for document, program in parsed:
        for name, text in program.campaigns.templates.items():
            for asked in asked_of(text):
                if asked.program is None or asked.program == program.program:
                    continue
                known = points.get(asked.program)
                reason = no_such_program(asked, points) if known is None else no_such_point(asked, asked.program, sorted(known))
                if reason is not None and (known is None or "" not in known):  # there a point type is at fault itself
                    faults.append(_fault(document, f"templates.{name}", reason))
    return faults


def _fault(document: Document, path: str, reason: str) -> Fault:
    return Fault(document.file, document.line(tuple(path.split("."))), path, reason)


def _frozen(file: str, earlier: Program, program: Program) -> list[tuple[str, str]]:
    """What never differs once a program has entries (R103, R108, C5): paths and sentences."""
    found: list[tuple[str, str]] = []
    if program.status == "draft":
        found.append(("status", f"must not be draft, is {earlier.status} in {file}: there may be members"))
    for point in earlier.points:
        position = next((n for n, other in enumerate(program.points) if other.sid == point.sid), None)
        if position is None:
            found.append(("points", f"must keep the point type {point.sid} of {file}: ledgers hold points of it"))
        elif program.points[position].scale != point.scale:
            found.append((f"points.{position}.scale", f"must stay {point.scale}, as in {file}: ledgers hold points in it"))
    reason = f"must stay as in {file}: it cannot change once there are entries"
    if program.membership.join != earlier.membership.join:
        found.append(("membership.join", reason))
    if earlier.tiers.definitions and program.tiers != earlier.tiers:  # who had none may still make some
        found.append(("tiers", reason))
        if program.tiers.definitions != earlier.tiers.definitions:
            found.append(("tiers.definitions", reason))
    return found
