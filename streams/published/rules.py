"""What may be published, decided over values: what is there, what is given, and up to when the workers have settled.

The same text again changes nothing. A version that begins later than what is settled may come, and another text of it may take its
place until then. What begins earlier would judge anew what has been judged, so it must be meant (`late`): late records are judged by it
then, and what has been judged stays. What never changes once there are entries does not change by either way.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from agents import made_under
from schemas.document import read_document
from schemas.instants import Instant, format_instant
from schemas.program import Catalog, Program
from schemas.program_faults import Fault, ProgramFileError
from schemas.program_file import Source, catalog_of, parse_program
from streams.errors import WrongFiles, WrongUsage
from streams.programs import not_in_force
from streams.published.versions import Identity, Published, Versions, identity_of, key_of

MARGIN_SECONDS: Final = 10
"""Beyond what is settled: until every worker has read what is published now."""


class Offer(NamedTuple):
    """A version that is to be published, or that is there already. `replaces`: the key of the text in whose place it comes."""

    key: str
    identity: Identity
    published: Published
    replaces: str | None = None


class Plan(NamedTuple):
    new: list[Offer]
    there: list[Offer]
    catalog: Catalog


def plan(
    versions: Versions,
    given: Sequence[Source],
    settled: Instant | None,
    *,
    late: bool = False,
    without: tuple[str, ...] = (),
    may_replace: bool = True,
) -> Plan:
    """What to write so that these files are published. `settled` None: no worker has kept anything yet.

    Raises `WrongFiles` with every fault, `WrongUsage` where something is not in force yet and not waived.
    """
    try:
        programs = [(source, parse_program(read_document(source.text, source.file))) for source in given]
    except ProgramFileError:
        programs = []
        _all_faults(given)
    offers = [_offer(versions, source, program, late=late, without=without) for source, program in programs]
    new = [offer for offer in offers if not _same(versions, offer)]
    there = [offer for offer in offers if _same(versions, offer)]
    names = {offer.key: source.file for offer, (source, _) in zip(offers, programs, strict=True)}
    kept = versions.current.items() - {(offer.identity, offer.replaces) for offer in new}
    beside = [Source(f"{source.file} (published)", source.text) for source in versions.sources(key for _, key in kept)]
    catalog = _all_faults([*beside, *[Source(names[offer.key], offer.published.text) for offer in new]])
    faults = [fault for offer in new for fault in _faults(versions, offer, names[offer.key], catalog, settled, may_replace)]
    if faults:
        raise WrongFiles(_counted(len(faults)), list(map(str, faults)))
    asked = Catalog([program for _, program in programs])
    if missing := not_in_force(asked, without):
        flags = " ".join(f"--without {path}" for path in missing)
        raise WrongUsage(f"not in force yet: {', '.join(missing)}; to publish it without, add {flags}")
    return Plan(new, there, catalog)


def _offer(versions: Versions, source: Source, program: Program, *, late: bool, without: tuple[str, ...]) -> Offer:
    identity = identity_of(program)
    name = source.file.rsplit("/", 1)[-1]
    waived = tuple(path for path in without if path)
    published = Published(name, source.text, late, waived)
    return Offer(key_of(identity, source.text), identity, published, versions.current.get(identity))


def _same(versions: Versions, offer: Offer) -> bool:
    """Whether this version is there as it is, whatever its comments and its layout."""
    if offer.replaces is None or offer.replaces == offer.key:
        return offer.replaces is not None
    there = versions.texts[offer.replaces]
    return read_document(there.text, there.file).value == read_document(offer.published.text, "").value


def _faults(
    versions: Versions, offer: Offer, file: str, catalog: Catalog, settled: Instant | None, may_replace: bool
) -> list[Fault]:
    document = read_document(offer.published.text, file)

    def fault(path: str, reason: str) -> Fault:
        return Fault(file, document.line(tuple(path.split("."))), path, reason)

    said: list[Fault] = []
    name, begins = offer.identity
    if offer.replaces is not None and not may_replace:
        said.append(
            fault(
                "effective_from",
                f"begins a version of {name} that is published with another text; `pointstream publish` says more",
            )
        )
    elif settled is not None and versions.current and not offer.published.late:
        bound = settled + MARGIN_SECONDS * 1_000_000
        if begins <= bound:
            said.append(
                fault(
                    "effective_from",
                    f"must be later than {format_instant(bound)}, for the workers have settled what was before; "
                    "with --late it is for late records alone",
                )
            )
    before = versions.catalog.programs.get(name, ())
    if settled is not None and before and before[0].effective_from <= settled:
        for path in made_under.changed(before, catalog.programs[name]):
            said.append(fault(path, "must stay as it is published: it cannot change once there are entries"))
    return said


def _all_faults(sources: Sequence[Source]) -> Catalog:
    try:
        return catalog_of(sources)
    except ProgramFileError as error:
        raise WrongFiles(_counted(len(error.faults)), list(map(str, error.faults))) from None


def _counted(count: int) -> str:
    return f"{count} {'fault' if count == 1 else 'faults'}; nothing was published"
