"""Ruff and mypy have nothing to say."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

BIN = Path(sys.executable).parent


def _run(*command: str) -> None:
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    _run("ruff", "check", "--quiet", ".")


def test_ruff_would_format_nothing() -> None:
    _run("ruff", "format", "--check", "--quiet", ".")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_mypy_strict_finds_nothing() -> None:
    _run("mypy")
