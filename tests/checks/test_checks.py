"""Every test of every check file here, and of the files that came with the requirements, as a pytest case of its own.

The files are claims written from the design, so that they can be run without pytest as well: `pointstream check tests/checks/*.yaml`.
"""

from functools import cache
from pathlib import Path

import pytest
import yaml

from streams.check.run import check_file
from tests.checks import matrix, returns_matrix, worth_one_sale

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FROM_OUTSIDE = [
    ROOT.parent / "shared" / "checks" / f"{name}.yaml" for name in ("talon-one-schedules", "altcraft-cases", "loymax-birthday")
]
FILES = (*sorted(HERE.glob("*.yaml")), *sorted((ROOT / "docs" / "examples").glob("*-check.yaml")), *FROM_OUTSIDE)


def cases() -> list[object]:
    found: list[object] = []
    for path in FILES:
        if not path.exists():
            skip = pytest.mark.skip(reason=f"{path.name} is not beside the project (../shared/checks)")
            found.append(pytest.param(path, "", marks=skip, id=path.stem))
            continue
        names = [test["name"] for test in yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)["tests"]]
        assert len(set(names)) == len(names), f"{path.name} names a test twice"
        found += [pytest.param(path, name, id=f"{path.stem}: {name}") for name in names]
    return found


@cache
def outcome(path: Path) -> dict[str, str]:
    """What became of each test of a file: nothing where it passed, else what differs."""
    checked = check_file(path, path.name)
    assert not checked.faults, [str(fault) for fault in checked.faults]
    return {result.name: "" if result.passed else result.message or "failed" for result in checked.results}


@pytest.mark.parametrize(("path", "name"), cases())
def test_check(path: Path, name: str) -> None:
    assert not outcome(path)[name], outcome(path)[name]


def test_the_matrix_of_schedules_is_fresh() -> None:
    assert matrix.FILE.read_text(encoding="utf-8") == matrix.document(), "run `python -m tests.checks.matrix`"


def test_what_is_worth_one_sale_is_fresh() -> None:
    assert worth_one_sale.FILE.read_text(encoding="utf-8") == worth_one_sale.document(), (
        "run `python -m tests.checks.worth_one_sale`"
    )


def test_the_matrix_of_returns_is_fresh() -> None:
    assert returns_matrix.FILE.read_text(encoding="utf-8") == returns_matrix.document(), (
        "run `python -m tests.checks.returns_matrix`"
    )
