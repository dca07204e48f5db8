"""The published JSON Schema of the program file: committed, fresh, and never stricter than the program itself."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from schemas.json_schema import encoded, published
from schemas.program_file import Document, ProgramFileError, parse_program, read_document
from streams.check.file import read_check_file
from tests.conftest import ROOT
from tests.unit.schemas.shop import SHOP
from tests.unit.schemas.test_program_faults import WRONG

CHECK_FILES = [ROOT / "tests" / "checks" / f"acceptance-{name}.yaml" for name in ("dates", "segments", "triggers")]


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads(published())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_committed_schema_is_fresh() -> None:
    assert published() == encoded(), "run: python -m schemas.json_schema > schemas/published/program.json"


@pytest.mark.parametrize("name", ["settings.yaml", "club.yaml"])
def test_the_files_that_state_the_contract_have_its_shape(
    name: str, validator: Draft202012Validator, shared_checks: Path
) -> None:
    document = read_document((shared_checks / name).read_text(encoding="utf-8"), name)
    assert [error.json_path for error in validator.iter_errors(document.value)] == []


@pytest.mark.parametrize(
    "path",
    [
        *[path for path in (ROOT / "docs" / "examples").glob("*.yaml") if not path.stem.endswith("-check")],
        *(ROOT / "tests" / "checks" / "programs").glob("*.yaml"),
    ],
    ids=lambda path: path.name,
)
def test_every_program_file_here_has_its_shape(path: Path, validator: Draft202012Validator) -> None:
    document = read_document(path.read_text(encoding="utf-8"), path.name)
    assert [error.json_path for error in validator.iter_errors(document.value)] == []


def test_every_program_of_a_check_file_that_is_not_refused_has_its_shape(validator: Draft202012Validator) -> None:
    wrong: list[str] = []
    for path in CHECK_FILES:
        for document, name in programs_of(path):
            wrong += [f"{name}: {error.json_path}" for error in validator.iter_errors(document.value)]
    assert wrong == []


def programs_of(path: Path) -> list[tuple[Document, str]]:
    """Each program that a test of a check file runs, as it lies over the file's own."""
    check = read_check_file(path, path.name)
    return [
        (document.overlay(test.overlay), f"{path.name}: {test.name}")
        for test in check.tests
        if test.refused is None and not any(key[:1].isdigit() for key in test.overlay)
        for document in check.documents
    ]


def test_bare_numbers_and_booleans_have_the_right_shape_too(validator: Draft202012Validator) -> None:
    value = read_document(SHOP, "shop.yaml").value
    assert isinstance(value, dict)
    bare: dict[str, object] = {
        **value,
        "earn_on_paid_by_points": False,
        "points": [{"sid": "pts", "scale": 2, "initial_balance": 1.5}],
    }
    assert [error.json_path for error in validator.iter_errors(bare)] == []


@pytest.mark.parametrize("figure", ["purchases.count", "points_expiring", "balance.active"])
def test_a_figure_that_is_compared_with_nothing_has_the_right_shape(figure: str, validator: Draft202012Validator) -> None:
    document = read_document(SHOP, "shop.yaml").overlay({"segments.0.where": {figure: {}}})
    parse_program(document)
    assert [error.json_path for error in validator.iter_errors(document.value)] == []
    nothing = read_document(SHOP, "shop.yaml").overlay({"earning.0.when": {"total": {}}})
    assert not validator.is_valid(nothing.value)


def test_a_key_that_does_not_exist_has_the_wrong_shape(validator: Draft202012Validator) -> None:
    wrong = read_document(SHOP, "shop.yaml").overlay({"points.0.expire": "never"})
    assert [error.json_path for error in validator.iter_errors(wrong.value)] == ["$.points[0]"]


def test_what_has_the_wrong_shape_is_always_refused_by_the_program_too(validator: Draft202012Validator) -> None:
    """Never stricter: the other way round the program knows more."""
    caught = 0
    for changes, _, _ in WRONG:
        document = read_document(SHOP, "shop.yaml").overlay(changes)
        if not validator.is_valid(document.value):
            caught += 1
            with pytest.raises(ProgramFileError):
                parse_program(document)
    assert caught > len(WRONG) // 2
