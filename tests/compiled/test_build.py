"""What is compiled and what is not, and what a machine is told that cannot compile."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.compiled.conftest import of_deploy
from tests.conftest import ROOT

BUILD = ROOT / "deploy" / "compiled" / "build.py"


def test_without_a_compiler_it_says_what_to_install_and_ends_with_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    done = subprocess.run([sys.executable, BUILD, "--into", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no C compiler" in done.stderr
    assert "apt-get install gcc" in done.stderr
    assert not [*tmp_path.iterdir()]


def test_the_tree_is_known_by_all_that_goes_into_it(tmp_path: Path) -> None:
    build = of_deploy("build")
    files = build.sources()
    edited = tmp_path / "ledger.py"
    edited.write_bytes(files["tables/ledger.py"].read_bytes() + b"\n")
    without = {name: file for name, file in files.items() if name != "agents/core.py"}
    numbers = [build.digest(each, tmp_path) for each in (files, {**files, "tables/ledger.py": edited}, without)]
    assert len(set(numbers)) == 3
    assert numbers[0] == build.digest(build.sources(), tmp_path)


def test_no_compiled_file_lies_beside_the_sources() -> None:
    packages = of_deploy("build").PACKAGES
    assert [path for package in packages for path in (ROOT / package).rglob("*.so")] == []


def test_every_module_that_is_named_exists() -> None:
    setup = of_deploy("setup")
    assert [name for name in [*setup.COMPILED, *setup.AS_THEY_ARE] if not (ROOT / name).exists()] == []
    assert not {*setup.modules(ROOT)} & {*setup.AS_THEY_ARE}
