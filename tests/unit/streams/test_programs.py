"""What stops a command that would act on programs: what this version does not do, unless the user names it, and faults."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.program import Catalog
from streams.programs import not_in_force
from tests.unit.schemas.shop import program
from tests.unit.streams import shop


@pytest.mark.parametrize(
    ("without", "missing"),
    [
        ([], ["scenarios", "tiers.window"]),
        (["scenarios"], ["tiers.window"]),
        (["scenarios,tiers"], []),
        (["tiers.window", "scenarios"], []),
        (["tiers.win"], ["scenarios", "tiers.window"]),
    ],
)
def test_what_is_not_in_force_is_named_unless_it_or_the_section_around_it_is_waived(
    without: list[str], missing: list[str]
) -> None:
    asking = replace(program({}), not_in_force=("tiers.window", "scenarios"))
    assert not_in_force(Catalog([asking]), without) == missing


def test_this_version_does_all_that_a_program_can_ask_for() -> None:
    assert not_in_force(Catalog([program({})])) == []


def test_the_faults_of_a_worker_s_program_file_come_in_the_form_of_its_log(tmp_path: Path) -> None:
    wrong = shop.program(tmp_path, shop.PROGRAM.replace("UTC", "Mars/Base").replace("EUR", "Taler"))
    arguments = ["worker", "--broker", "embedded://127.0.0.1:1", "--program", wrong, "--state", tmp_path / "state"]
    code = "from streams.cli.main import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments), "--log-format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = [json.loads(text) for text in done.stderr.splitlines()]
    assert (done.returncode, done.stdout) == (2, "")
    assert [(one["event"], one["level"]) for one in told] == [*[("wrong-program", "error")] * 2, ("refused", "error")]
    assert [one["message"].split(": ")[1] for one in told[:2]] == ["timezone", "currency"]
    assert "2 faults in the program files" in told[2]["message"]
