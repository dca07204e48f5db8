"""The rules of Prometheus: each alert fires and is silent as it should, has its heading in the runbook, and asks for what there is."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.deploy.prometheus import FOLDER, RULES, RUNBOOK, exported, promtool, rules, unknown

ALERTS = [rule["alert"] for rule in rules("alert")]
TESTS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "tests" / "alerts.yaml").read_text(encoding="utf-8"))["tests"]


def sections() -> dict[str, str]:
    """Heading of the runbook: what stands below it."""
    parts = re.split(r"^## (\w+)$", RUNBOOK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_promtool_finds_the_rules_well_formed() -> None:
    done = promtool("check", "rules", *RULES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_finds_the_configuration_well_formed() -> None:
    done = promtool("check", "config", "--syntax-only", "prometheus.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_and_is_silent_as_its_cases_say() -> None:
    done = promtool("test", "rules", "alerts.yaml", cwd=FOLDER / "tests")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("word", ["fires", "is silent"])
@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_case_that_fires_and_one_that_is_silent(alert: str, word: str) -> None:
    cases = [case for case in TESTS if case["name"].startswith(f"{alert} {word}: ")]
    assert cases
    for case in cases:
        expected = [sample for test in case["promql_expr_test"] for sample in test["exp_samples"]]
        assert [f'{{alertname="{alert}"}}' in sample["labels"] for sample in expected] == [word == "fires"] * len(expected)
        assert bool(expected) == (word == "fires")


def test_no_two_cases_have_one_name() -> None:
    assert len({case["name"] for case in TESTS}) == len(TESTS)


@pytest.mark.parametrize("job", ["pointstream", "pointstream-audit"])
def test_a_job_that_is_not_scraped_at_all_is_an_alert(job: str) -> None:
    """What is not scraped has no series, and so no other alert either: silence would look like health."""
    assert any(f'absent(up{{job="{job}"}})' in rule["expr"] for rule in rules("alert"))


def test_no_case_is_of_an_alert_that_is_gone() -> None:
    assert {case["name"].partition(" ")[0] for case in TESTS} == set(ALERTS)


@pytest.mark.parametrize("rule", rules("alert"), ids=lambda rule: rule["alert"])
def test_every_alert_says_how_bad_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"


def test_the_runbook_has_a_heading_for_each_alert_and_no_other() -> None:
    assert sorted(sections()) == sorted(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_the_runbook_names_the_command_that_mends_it(alert: str) -> None:
    text = sections()[alert]
    assert re.search(r"pointstream [a-z]", text), "a command"
    assert "**mend**" in text.lower()


def test_after_a_stop_the_runbook_puts_back_all_that_the_stop_refused() -> None:
    """The record that failed, and what came when no more could wait."""
    put_back = re.search(r"dead-letters replay .*--reason (.*)", sections()["PointstreamProfileStopped"])
    assert put_back is not None
    assert put_back[1].split() == ["internal-error", "profile-stopped"]


def test_every_series_that_a_rule_asks_for_is_told(tmp_path: Path) -> None:
    known = exported(tmp_path)
    wrong = {rule.get("alert") or rule["record"]: found for rule in rules("expr") if (found := unknown(rule["expr"], known))}
    assert wrong == {}


def test_recorded_names_are_level_metric_operations() -> None:
    for rule in rules("record"):
        assert re.fullmatch(r"[a-z_]+:pointstream_[a-z0-9_]+:[a-z0-9_]+", rule["record"])
