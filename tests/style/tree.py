"""The files of the project, as the style tests see them: what git knows or would take, read once."""

import subprocess
from functools import cache
from pathlib import Path

from tests.conftest import ROOT

PRODUCT = ("streams", "agents", "tables", "schemas")
PURE = ("agents", "tables", "schemas")
_IGNORED_WITHOUT_GIT = {".venv", "var", "build", "dist", "target", "lib", "__pycache__"}


@cache
def files() -> tuple[Path, ...]:
    """Every file that is in git or would be added; without git (an archive), every file that looks like one."""
    try:
        listed = subprocess.run(
            ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        found = (path for path in ROOT.rglob("*") if not _IGNORED_WITHOUT_GIT & set(path.relative_to(ROOT).parts))
        return tuple(sorted(path for path in found if path.is_file()))
    return tuple(sorted(ROOT / name for name in listed if name and (ROOT / name).is_file()))


def under(*folders: str, suffix: str = ".py") -> list[Path]:
    """The files with a suffix in some top-level folders."""
    return [path for path in files() if path.suffix == suffix and path.relative_to(ROOT).parts[0] in folders]


def name(path: Path) -> str:
    """A file's name in a message or a test's id."""
    return path.relative_to(ROOT).as_posix()
