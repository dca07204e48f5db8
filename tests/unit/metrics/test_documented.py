"""Each metric has one row in docs/metrics.md, with its type and its labels; and each row has its metric."""

import re
from pathlib import Path

from prometheus_client import generate_latest

from streams.audit.metrics import Metrics
from tests.conftest import ROOT
from tests.unit.deploy.prometheus import promtool
from tests.unit.metrics.scene import PROGRAM, Scene
from tests.unit.metrics.test_events import now_ms, sale

ROW = re.compile(r"^\| `(pointstream_\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)
CAMPAIGNING = """
promotions: [{promotion: thanks, action: accrue, points: "5"}]
scenarios: [{scenario: visited, trigger: {pixel: page_view}, steps: [{award: {promotion: thanks}}]}]
"""
DOCUMENT = ROOT / "docs" / "metrics.md"
SUFFIX = {"counter": "_total", "info": "_info"}


def documented() -> dict[str, tuple[str, set[str]]]:
    rows = ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    assert len(rows) == len({name for name, _, _ in rows}), "a metric has two rows"
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def worked(folder: Path) -> Scene:
    """A worker that has done a little of everything, so that each metric has a series to look at."""
    scene = Scene(folder, PROGRAM + CAMPAIGNING)
    scene.apply("purchases", [sale("R1"), sale("R2", profile_id="p2")], now_ms())
    scene.keep()
    scene.apply("purchases", [b'{"kind": "cancel", "receipt_id": "R1", "application": "pos", "profile_id": "p1"}'], now_ms())
    scene.keep()
    scene.watching.clock({("purchases", 0): 5}, 3, 0.0)
    scene.sweep()
    scene.watching.standing.recovery_left = {0: 1}
    scene.watching.poisoned({1: "its log begins behind its position"})
    scene.watching.copying({1: 7})
    scene.watching.passed_over(2)
    scene.watching.refused()
    scene.watching.topics(4)
    return scene


def exported(folder: Path) -> dict[str, tuple[str, set[str]]]:
    scene = worked(folder)
    found = {}
    for family in scene.watching.registry.collect():
        if family.name.startswith("pointstream_"):
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            kind = "gauge" if family.type == "info" else family.type
            found[family.name + SUFFIX.get(family.type, "")] = (kind, labels)
    return found


def test_every_metric_is_documented_and_every_row_is_exported(tmp_path: Path) -> None:
    found, rows = exported(tmp_path), documented()
    assert sorted(found) == sorted(rows)
    without_series = {"pointstream_debt_points"}  # nobody owes here
    assert {name: told for name, told in found.items() if name not in without_series} == {
        name: told for name, told in rows.items() if name not in without_series
    }


def test_promtool_has_nothing_to_say_of_what_is_exposed(tmp_path: Path) -> None:
    for exposed in (worked(tmp_path).exposed(), generate_latest(Metrics().registry).decode()):
        done = promtool("check", "metrics", given=exposed)
        assert done.returncode == 0, done.stdout + done.stderr


def test_names_are_as_prometheus_wants_them(tmp_path: Path) -> None:
    for name, (kind, labels) in exported(tmp_path).items():
        assert re.fullmatch(r"pointstream_[a-z][a-z_]*[a-z]", name), name
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(ms|millis|minutes|kb|percent)\b", name), name
        assert not labels & {"profile", "profile_id", "receipt", "receipt_id", "key"}, name
