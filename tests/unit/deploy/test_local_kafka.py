"""The local broker's jars: fetched once for a pom, and none that is not what its checksum says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

KAFKA = ROOT / "deploy" / "kafka"
MAVEN = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/asked"
mkdir -p "$(dirname "$0")/../lib"
"""


def test_jars_are_fetched_once_and_by_their_checksums(tmp_path: Path) -> None:
    for name in ("kafka", "failed.py", "secure.py", "pom.xml"):
        shutil.copy(KAFKA / name, tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "mvn").write_text(MAVEN)
    (tools / "mvn").chmod(0o755)
    found_first = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"}
    for _ in range(2):
        subprocess.run([sys.executable, tmp_path / "kafka", "fetch"], check=True, env=found_first)
    (asked,) = (tools / "asked").read_text().splitlines()
    assert "--strict-checksums" in asked.split()
