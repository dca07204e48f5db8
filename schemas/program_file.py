"""The program file: from files to programs, or to every fault of every file at once.

The order of reading: text (`yaml_tree.py`), document with overlays (`document.py`), sections (`sections/`), then what holds
between files (`between_files.py`). A wrong file is refused whole. What is valid and not built yet is named in
`Program.not_in_force`; who runs a program decides what to do about it. This is the one module of the pure side that reads files.

    catalog = load_catalog([Path("programs/")])      # ProgramFileError: .faults, each with file, line, path and reason
    program = catalog.in_force("acme-club", at)
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from schemas.between_files import FIXED, between_programs, between_versions, doubts_of_name, in_templates
from schemas.campaigns import Campaigns
from schemas.document import MAX_BYTES, Document, read_document, read_with_faults, shown_value
from schemas.program import Catalog, PointType, Program
from schemas.program_faults import Fault, ProgramFileError
from schemas.sections.codes import read_codes, read_referral
from schemas.sections.doubts import doubts
from schemas.sections.earning import read_earning
from schemas.sections.head import read_head
from schemas.sections.points import Calendar, read_points, warn_of
from schemas.sections.promotions import read_promotions
from schemas.sections.reminders import read_reminders
from schemas.sections.scenarios import read_scenarios
from schemas.sections.section import Reading, Section
from schemas.sections.segments import read_rfm, read_segments
from schemas.sections.templates import read_templates
from schemas.sections.tiers import read_tiers

__all__ = [
    "Document", "Fault", "ProgramFileError", "Source", "build_catalog", "catalog_of", "load_catalog", "parse_program", "read_document",
    "read_sources",
]  # fmt: skip

SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
_IDENTITY: Final = frozenset({"program", "effective_from", *FIXED})  # where these are at fault, versions are not compared


class Source(NamedTuple):
    """A program file as it was written. `file` is the name that faults carry."""

    file: str
    text: str


def parse_program(document: Document) -> Program:
    """One version of one program. Raises ProgramFileError with every fault."""
    program, faults = _parse(document)
    if program is None or faults:
        raise ProgramFileError(faults)
    return program


def build_catalog(documents: Iterable[Document]) -> Catalog:
    """Programs and their versions. Raises ProgramFileError with every fault of all of them."""
    return _build(list(documents), [])


def load_catalog(paths: Iterable[Path | str]) -> Catalog:
    """Programs from files and from folders of `*.yaml`, `*.yml` and `*.json` (not from their subfolders)."""
    faults: list[Fault] = []
    return _read(_sources(paths, faults), faults)


def read_sources(paths: Iterable[Path | str]) -> list[Source]:
    """The same files, unread as yet. Raises ProgramFileError where one cannot be had."""
    faults: list[Fault] = []
    found = _sources(paths, faults)
    if faults:
        raise ProgramFileError(faults)
    return found


def catalog_of(sources: Iterable[Source]) -> Catalog:
    """Programs and their versions from texts. Raises ProgramFileError with every fault of all of them."""
    return _read(sources, [])


def _sources(paths: Iterable[Path | str], faults: list[Fault]) -> list[Source]:
    found: list[Source] = []
    for path in dict.fromkeys(file for given in paths for file in _files(Path(given), faults)):
        try:
            found.append(Source(str(path), _text(path)))
        except ProgramFileError as error:
            faults += error.faults
    return found


def _read(sources: Iterable[Source], faults: list[Fault]) -> Catalog:
    documents: list[Document] = []
    for file, text in sources:
        try:
            document, found = read_with_faults(text, file)
        except ProgramFileError as error:
            faults += error.faults
        else:
            documents.append(document)
            faults += found
    return _build(documents, faults)


def _files(path: Path, faults: list[Fault]) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(
        file for file in path.iterdir() if file.suffix in SUFFIXES and not file.name.startswith(".") and file.is_file()
    )
    if not files:
        faults.append(Fault(str(path), 0, "", "must hold a program file (*.yaml, *.yml, *.json), holds none"))
    return files


def _text(path: Path) -> str:
    file = str(path)
    try:
        with path.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise ProgramFileError([Fault(file, 0, "", f"cannot be read: {error.strerror or error}")]) from None
    if len(data) > MAX_BYTES:
        raise ProgramFileError([Fault(file, 0, "", f"must be at most {MAX_BYTES >> 20} MiB")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ProgramFileError([Fault(file, line, "", f"must be UTF-8: {error.reason}")]) from None


def _build(documents: list[Document], faults: list[Fault]) -> Catalog:
    parsed: list[tuple[Document, Program]] = []
    unread = bool(faults)  # a program may be there that a template speaks of
    for document in documents:
        program, found = _parse(document)
        faults += found
        if program is not None and not any(fault.path in _IDENTITY for fault in found):
            parsed.append((document, program))
        else:
            unread = True
    faults += between_versions(parsed) + between_programs(parsed) + ([] if unread else in_templates(parsed))
    if faults:
        raise ProgramFileError(faults)
    named = [(program, doubts_of_name(document, program, parsed)) for document, program in parsed]
    return Catalog([replace(program, warnings=(*program.warnings, *doubts)) if doubts else program for program, doubts in named])


def _parse(document: Document) -> tuple[Program | None, list[Fault]]:
    """The program as far as it could be read; None where it is not even a mapping. With faults, only its head is of use."""
    reading = Reading(document)
    value = document.value
    if not isinstance(value, dict):
        reading.fault((), f"must be a program file: a mapping, is {shown_value(value)}")
        return None, reading.faults
    if "tests" in value:
        reading.fault((), "must be a program file, is a check file (it has `tests`); `pointstream check` runs those")
        return None, reading.faults
    top = Section(reading, (), value)
    head, calendar = read_head(top)
    points = read_points(top, calendar)
    tiers = read_tiers(top, points, calendar)
    earning = read_earning(top, points, calendar)
    campaigns = _read_campaigns(top, points, calendar, subledgers=head["subledgers_enabled"])
    top.done()
    reading.check_names()
    for index, key, reason in warn_of(points, earning):
        reading.warn(("points", str(index), key), reason)
    if not reading.faults:
        for path, reason in doubts(campaigns, points):
            reading.warn(path, reason)
    program = Program(
        **head,
        points=points,
        tiers=tiers,
        earning=earning,
        campaigns=campaigns,
        not_in_force=tuple(reading.not_in_force),
        warnings=tuple(reading.warnings),
    )
    return program, reading.faults


def _read_campaigns(top: Section, points: tuple[PointType, ...], calendar: Calendar, *, subledgers: bool) -> Campaigns:
    promotions = read_promotions(top, points, calendar)
    return Campaigns(
        promotions={name: promotion for name, (promotion, _) in promotions.items()},
        segments=read_segments(top),
        scenarios=read_scenarios(top, points, promotions, subledgers=subledgers),
        reminders=read_reminders(top, points),
        templates=read_templates(top, points),
        rfm=read_rfm(top),
        codes=read_codes(top),
        referral=read_referral(top, promotions),
        figures=frozenset(top.reading.figures),
    )
