"""The board: as its source says, and asking only for what there is."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.unit.deploy.prometheus import exported, promtool, unknown

BUILD = ROOT / "deploy" / "grafana" / "build.py"
BOARD: dict[str, Any] = json.loads((BUILD.parent / "dashboards" / "pointstream.json").read_text(encoding="utf-8"))
QUERIES = [(panel["title"], target["expr"]) for panel in BOARD["panels"] for target in panel.get("targets", ())]


def test_it_is_what_its_source_writes() -> None:
    done = subprocess.run([sys.executable, BUILD, "--check"], check=False)
    assert done.returncode == 0, "run `python deploy/grafana/build.py`"


def test_every_series_that_it_asks_for_is_told(tmp_path: Path) -> None:
    known = exported(tmp_path)
    assert {title: found for title, expr in QUERIES if (found := unknown(expr, known))} == {}


def test_every_metric_of_a_worker_and_an_auditor_is_on_it(tmp_path: Path) -> None:
    """Or in a rule that it shows; what nobody looks at need not be told."""
    rules = (ROOT / "deploy" / "prometheus" / "rules" / "recording.yaml").read_text(encoding="utf-8")
    shown = " ".join([expr for _, expr in QUERIES]) + rules
    told = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exported(tmp_path) if name.startswith("pointstream_")}
    assert {name for name in told if name not in shown} == set()


def test_no_two_panels_lie_upon_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_what_has_not_happened_yet_is_not_shown_as_long_ago(tmp_path: Path) -> None:
    """A time of 0 says that it has not, and is as many seconds ago as there were since 1970."""
    since = {title: expr for title, expr in QUERIES if "time() -" in expr}
    assert since
    for title, expr in since.items():
        (tmp_path / "since.yaml").write_text(_since(expr, kept_at=0, shown=[]))
        done = promtool("test", "rules", "since.yaml", cwd=tmp_path)
        assert done.returncode == 0, title + done.stdout + done.stderr
        (tmp_path / "since.yaml").write_text(_since(expr, kept_at=60, shown=[{"labels": '{instance="a"}', "value": 240}]))
        done = promtool("test", "rules", "since.yaml", cwd=tmp_path)
        assert done.returncode == 0, title + done.stdout + done.stderr


def _since(expr: str, kept_at: int, shown: list[dict[str, Any]]) -> str:
    name = re.findall(r"pointstream_\w+", expr)[0]
    series = {"series": f'{name}{{job="pointstream", instance="a"}}', "values": f"{kept_at}x10"}
    asked = {"expr": expr.replace("$job", ".*"), "eval_time": "5m", "exp_samples": shown}
    return yaml.safe_dump({"tests": [{"interval": "1m", "input_series": [series], "promql_expr_test": [asked]}]})


def test_debits_and_credits_by_hand_are_not_added_up() -> None:
    assert all("direction" in expr for _, expr in QUERIES if "pointstream_points_total" in expr)


def test_promtool_can_read_every_query(tmp_path: Path) -> None:
    rules = [
        {"record": f"query:number:{number}", "expr": expr.replace("$job", ".*").replace("$__rate_interval", "5m")}
        for number, (_, expr) in enumerate(QUERIES)
    ]
    (tmp_path / "queries.yaml").write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}), encoding="utf-8")
    done = promtool("check", "rules", tmp_path / "queries.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "path", sorted((ROOT / "deploy" / "grafana" / "provisioning").rglob("*.yaml")), ids=lambda path: path.stem
)
def test_what_grafana_is_told_is_yaml(path: Path) -> None:
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["apiVersion"] == 1


SAID_BY_THE_LOG = {"Its log ends at", "Records were deleted unread", "The newest position cannot be read"}


@pytest.mark.parametrize("page", ["runbook.md", "deployment.md"])
def test_a_panel_that_the_docs_send_somebody_to_is_on_the_board(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    named = set(re.findall(r"(?<!\*)\*([A-Z][^*\n]+)\*(?!\*)", text)) - SAID_BY_THE_LOG
    assert named
    assert named <= {panel["title"] for panel in BOARD["panels"]}
