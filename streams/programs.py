"""Program files for a command that runs them: all of them or none, and nothing that is not in force goes unsaid.

What is valid but not built yet stops a command that would act on it, unless the user names it (`--without`): then he has
decided to run without it.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from schemas.program import Catalog
from streams.errors import WrongFiles, WrongUsage


def read_programs(paths: Sequence[Path]) -> Catalog:
    """The programs in these files and folders. Raises `WrongFiles` with every fault of every file."""
    from schemas.program_faults import ProgramFileError
    from schemas.program_file import load_catalog

    try:
        catalog = load_catalog(paths)
    except ProgramFileError as error:
        count = len(error.faults)
        raise WrongFiles(
            f"{count} {'fault' if count == 1 else 'faults'} in the program files; nothing was started",
            list(map(str, error.faults)),
        ) from None
    if not catalog.programs:
        raise WrongUsage(
            f"there is no program file in {', '.join(map(str, paths))}; name a *.yaml, *.yml or *.json, or a folder of them"
        )
    return catalog


def programs_in_force(paths: Sequence[Path], without: Iterable[str]) -> Catalog:
    """As `read_programs`; raises `WrongUsage` where something in them is not built yet and `without` does not name it."""
    catalog = read_programs(paths)
    missing = not_in_force(catalog, without)
    if missing:
        flags = " ".join(f"--without {path}" for path in missing)
        raise WrongUsage(f"not in force yet: {', '.join(missing)}; to run without it, add {flags}")
    return catalog


def not_in_force(catalog: Catalog, without: Iterable[str] = ()) -> list[str]:
    """What the programs ask for and this version does not do, less what `without` names, itself or a section around it."""
    waived = {path.strip() for named in without for path in named.split(",")}
    asked = {path for versions in catalog.programs.values() for version in versions for path in version.not_in_force}
    return sorted(path for path in asked if not any(path == name or path.startswith(name + ".") for name in waived))
