"""`pointstream check` as a person or a pipeline runs it: exit codes, the machine's form, faults told in one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """\
program:
  {program: p, timezone: UTC, environment: sandbox, effective_from: 2020-01-01T00:00:00Z, applications: [pos], currency: EUR,
   points: [{sid: pts}], earning: [{rule: base, rate: {points: "1", per: "1.00"}}]}
"""
SALE = """{receipt_id: R, application: pos, profile_id: p1, currency: EUR, closed_at: "2024-07-01T12:00:00Z",
           lines: [{sku: A, quantity: 1, unit_price: "10.00"}]}"""
PASSES = f'{PROGRAM}tests: [{{name: holds, steps: [{{purchase: {SALE}}}, {{expect: {{balance: {{profile_id: p1, active: "10"}}}}}}]}}]\n'
FAILS = PASSES.replace("holds", "fails").replace('active: "10"', 'active: "11"')
UNNAMED = (
    f"{PROGRAM}tests: [{{name: forgotten, steps: [{{purchase: {SALE.replace('EUR', 'USD')}}}, {{expect: {{events: []}}}}]}}]\n"
)


def check(folder: Path, *arguments: str, **files: str) -> subprocess.CompletedProcess[str]:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    command = [str(Path(sys.executable).with_name("pointstream")), "check", *arguments, *(f"{name}.yaml" for name in files)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False)


def test_all_that_passes_ends_with_0(tmp_path: Path) -> None:
    done = check(tmp_path, good=PASSES)
    assert done.returncode == 0
    assert "holds" in done.stdout


def test_one_that_fails_ends_with_1_and_says_what_differs(tmp_path: Path) -> None:
    done = check(tmp_path, good=PASSES, bad=FAILS)
    assert done.returncode == 1
    assert "11" in done.stdout
    assert "10" in done.stdout


def test_a_file_that_is_not_there_keeps_nobody_from_the_others(tmp_path: Path) -> None:
    done = check(tmp_path, "--json", "nowhere.yaml", good=PASSES, empty="")
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert [(test["name"], test["passed"]) for test in told["tests"]] == [("holds", True)]
    assert [fault["file"] for fault in told["faults"]] == ["nowhere.yaml", "empty.yaml"]
    assert "nowhere.yaml: No such file or directory" in done.stderr


def test_a_dead_letter_that_no_expectation_names_fails_the_test(tmp_path: Path) -> None:
    done = check(tmp_path, forgotten=UNNAMED)
    assert done.returncode == 1
    assert "wrong-currency" in done.stdout


@pytest.mark.parametrize(
    "text",
    [
        "tests: [",
        "tests: []\n",
        PASSES.replace("steps", "stesp"),
        PASSES.replace("purchase:", "purchases:"),
        PASSES.replace("timezone: UTC", "timezone: Mars"),
        PASSES.replace("pts}", "pts, scale: 9}"),
        "",
        "- 1\n",
        "tests: &a [*a]\n",
    ],
)
def test_a_wrong_file_ends_with_2_and_a_line_on_standard_error(tmp_path: Path, text: str) -> None:
    done = check(tmp_path, wrong=text, good=PASSES)
    assert done.returncode == 2
    assert "wrong.yaml" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_file_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    done = check(tmp_path, "nowhere.yaml")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "nowhere.yaml" in done.stderr


def test_the_machines_form(tmp_path: Path) -> None:
    done = check(tmp_path, "--json", good=PASSES, bad=FAILS)
    assert done.returncode == 1
    told = json.loads(done.stdout)["tests"]
    assert [(test["name"], test["passed"]) for test in told] == [("holds", True), ("fails", False)]
    assert all(set(test) >= {"file", "name", "passed", "message"} for test in told)
    assert told[1]["message"]
