"""The published JSON Schema of the program file: committed, fresh, and never stricter than the program itself."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from schemas.json_schema import encoded, published
from schemas.program_file import ProgramFileError, parse_program, read_document
from tests.unit.schemas.shop import SHOP
from tests.unit.schemas.test_program_faults import WRONG


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


def test_bare_numbers_and_booleans_have_the_right_shape_too(validator: Draft202012Validator) -> None:
    value = read_document(SHOP, "shop.yaml").value
    assert isinstance(value, dict)
    bare: dict[str, object] = {
        **value,
        "earn_on_paid_by_points": False,
        "points": [{"sid": "pts", "scale": 2, "initial_balance": 1.5}],
    }
    assert [error.json_path for error in validator.iter_errors(bare)] == []


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
