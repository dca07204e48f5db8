"""The tree that `make compile` makes, where it is there and holds what the checkout holds."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT


def of_deploy(name: str) -> ModuleType:
    """A script of deploy/compiled/, which is no package."""
    spec = spec_from_file_location(f"compiled_{name}", ROOT / "deploy" / "compiled" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tree() -> Path:
    """The compiled tree; skips where there is none of these sources."""
    build = of_deploy("build")
    if not build.is_fresh():
        pytest.skip("build/compiled is not there, or is older than the sources: `make compiled-test` makes it (gcc, python3-dev)")
    found: Path = build.TREE
    return found
