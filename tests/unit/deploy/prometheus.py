"""What the tests of rules and boards share: the rules as data, the metrics that there are, and promtool where there is one."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.program import Catalog
from streams.audit.metrics import Metrics
from streams.metrics.watching import Watching
from streams.worker.settings import WorkerSettings
from tests.conftest import REQUIRE_PROMTOOL, ROOT

FOLDER = ROOT / "deploy" / "prometheus"
RULES = sorted((FOLDER / "rules").glob("*.yaml"))
RUNBOOK = ROOT / "docs" / "runbook.md"
NAME = re.compile(r"\b(?:pointstream|process)_\w+")
RECORDED = re.compile(r"\b\w+:\w+:\w+\b")


def rules(kind: str) -> list[dict[str, Any]]:
    """All rules that are alerts (`alert`) or recorded (`record`)."""
    found = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES]
    return [rule for file in found for group in file["groups"] for rule in group["rules"] if kind in rule]


def exported(folder: Path) -> set[str]:
    """The names of all series of a worker and of an auditor."""
    worker = Watching(WorkerSettings(broker="kafka://127.0.0.1:1", state=folder), Catalog([])).registry
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "info": ("_info",)}
    families = [family for registry in (worker, Metrics().registry) for family in registry.collect()]
    return {family.name + suffix for family in families for suffix in suffixes.get(family.type, ("",))}


def unknown(expression: str, known: set[str]) -> set[str]:
    """Series that an expression asks for and nobody tells."""
    recorded = {rule["record"] for rule in rules("record")}
    named = set(RECORDED.findall(expression))
    return (named - recorded) | (set(NAME.findall(RECORDED.sub("", expression))) - known)


def promtool(*arguments: str | Path, cwd: Path = FOLDER, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run it, `given` this on standard input. Where there is none the test skips and says so; in CI it fails."""
    found = shutil.which("promtool")
    if found is None:
        if os.environ.get(REQUIRE_PROMTOOL):
            pytest.fail(f"{REQUIRE_PROMTOOL} is set, and there is no promtool")
        pytest.skip("there is no promtool here, so the rules are not run; on Debian and Ubuntu: apt-get install prometheus")
    return subprocess.run([found, *arguments], cwd=cwd, input=given, capture_output=True, text=True, check=False)
