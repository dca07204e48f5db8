"""Every key of the program file has a claim about it in a check file here, and README.md says where.

What counts as a claim about a key is told in coverage.py. The keys are those of the file that came with the requirements; where it is not beside the
project the test says so and skips.
"""

import pytest

from tests.checks import coverage

pytestmark = pytest.mark.skipif(
    not coverage.SETTINGS.exists(),
    reason="settings.yaml is not beside the project (../shared/checks), so there is no list of keys",
)


def test_every_key_of_the_program_file_has_a_claim() -> None:
    spoken = coverage.spoken_of()
    assert [key for key in coverage.keys_of_settings() if not spoken[key]] == []


def test_the_readme_has_a_row_for_every_key() -> None:
    missing = set(coverage.keys_of_settings()) - set(coverage.rows_of_readme())
    assert not missing, "run `python -m tests.checks.coverage`"


def test_the_readme_names_no_file_that_does_not_speak_of_the_key() -> None:
    spoken = coverage.spoken_of()
    wrong = [(key, file) for key, files in coverage.rows_of_readme().items() for file in files if not spoken[key][file]]
    assert not wrong, "run `python -m tests.checks.coverage`"
