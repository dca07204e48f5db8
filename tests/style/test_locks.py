"""The lock files say exactly what is installed, satisfy pyproject.toml, and come from no particular registry."""

import re
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock")
QUIX = "benchmarks/quix.lock"
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)")


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _entries(lock: str) -> list[str]:
    """A lock's logical lines: one a package, its hashes joined to it."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]


def _pins(lock: str) -> dict[str, str]:
    return {canonicalize_name(match[1]): match[2] for entry in _entries(lock) if (match := PINNED.match(entry))}


def _wanted(lock: str) -> list[str]:
    project = _project()
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["build"]]
    return wanted if lock == "requirements.lock" else [*wanted, *project["dependency-groups"]["dev"]]


@pytest.mark.parametrize("lock", [*LOCKS, QUIX])
def test_every_entry_is_one_version_with_hashes(lock: str) -> None:
    assert _entries(lock)
    assert [entry for entry in _entries(lock) if not PINNED.match(entry) or "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_satisfies_what_the_project_asks_for(lock: str) -> None:
    pins = _pins(lock)
    wanted = [Requirement(text) for text in _wanted(lock)]
    wrong = [str(it) for it in wanted if not it.specifier.contains(pins.get(canonicalize_name(it.name), "0"))]
    assert not wrong, "run `make lock`"


def test_what_is_tested_is_what_runs() -> None:
    assert _pins("requirements.lock").items() <= _pins("requirements-dev.lock").items()


def test_another_stack_runs_the_core_on_the_libraries_that_we_run_it_on() -> None:
    shared = {"jinja2", "msgspec", "mypy-extensions", "pyyaml", "rocksdict", "tzdata"}
    ours, theirs = _pins("requirements.lock"), _pins(QUIX)
    assert {name: theirs.get(name) for name in shared} == {name: ours[name] for name in shared}
