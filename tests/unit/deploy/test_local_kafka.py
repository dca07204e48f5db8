"""The local Kafka's command, as far as it needs no Java: its jars are what their checksums say, wrong usage is a sentence, and Java reads the
paths that are written.
"""

import os
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

COMMAND = ROOT / "deploy" / "kafka" / "kafka"
MAVEN = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/asked"
mkdir -p "$(dirname "$0")/../lib"
"""


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(COMMAND.parent))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("local_kafka", str(COMMAND))
    spec = spec_from_loader("local_kafka", loader)
    assert spec is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "local_kafka", module)
    loader.exec_module(module)
    return module


def start(*arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, COMMAND, "start", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(("port", "named"), [("70000", "port 70000"), ("65535", "controller port 65536"), ("-1", "port -1")])
def test_a_port_that_is_none_is_a_sentence(tmp_path: Path, port: str, named: str) -> None:
    assert start("--data", tmp_path / "data", f"--port={port}") == (2, f"kafka: {named} is none: they go from 1 to 65535\n")


@pytest.mark.parametrize("folder", ["kafka", "Bücher und ✓", "𝕂"])
def test_java_reads_the_folder_that_is_meant(kafka: Any, folder: str) -> None:
    """It takes a file of properties for Latin-1, with escapes for what that has not."""
    written = kafka.escaped(f"log.dirs=/data/{folder}/logs\n").encode()
    read = written.decode("latin-1").encode("ascii").decode("unicode_escape").encode("utf-16", "surrogatepass").decode("utf-16")
    assert read == f"log.dirs=/data/{folder}/logs\n"


def test_jars_are_fetched_once_and_by_their_checksums(tmp_path: Path) -> None:
    for name in ("kafka", "failed.py", "secure.py", "pom.xml"):
        shutil.copy(COMMAND.parent / name, tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "mvn").write_text(MAVEN)
    (tools / "mvn").chmod(0o755)
    found_first = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"}
    for _ in range(2):
        subprocess.run([sys.executable, tmp_path / "kafka", "fetch"], check=True, env=found_first)
    (asked,) = (tools / "asked").read_text().splitlines()
    assert "--strict-checksums" in asked.split()
