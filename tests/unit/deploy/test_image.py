"""The image, as far as it can be judged without building it: what goes in is there, who runs it may little, and its probe is a real one."""

import json
import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from streams.cli.worker import command as worker
from streams.health.checks import Health
from streams.health.server import serve
from tests.conftest import ROOT

DOCKERFILE = ROOT / "deploy" / "image" / "Dockerfile"
SECRET = re.compile(r"password|secret|token|key|credential", re.IGNORECASE)


def _instructions() -> list[tuple[str, str]]:
    """(word, rest) in order, continued lines joined, comments left out."""
    lines = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines)).splitlines()
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined if line.strip()]


def _stages() -> dict[str, list[tuple[str, str]]]:
    stages: dict[str, list[tuple[str, str]]] = {}
    name = "before"
    for word, rest in _instructions():
        if word == "FROM":
            name = rest.partition(" AS ")[2] or "image"
        stages.setdefault(name, []).append((word, rest))
    return stages


def _said(word: str) -> str:
    """What the last stage says of something that it says once."""
    (rest,) = [rest for each, rest in _stages()["image"] if each == word]
    return rest


def _in_context(path: str) -> bool:
    """Whether .dockerignore lets it in: the last pattern that names it, or a folder over it, counts."""
    kept = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!")
        if not line or line.startswith("#"):
            continue
        above = [path, *(path[:at] for at, sign in enumerate(path) if sign == "/")]
        if any(fnmatch(each, pattern) or fnmatch(f"/{each}", pattern.replace("**", "*")) for each in above):
            kept = line.startswith("!")
    return kept


def _copied() -> list[str]:
    return [
        source
        for word, rest in _instructions()
        if word == "COPY" and "--from=" not in rest
        for source in rest.split()[:-1]
    ]  # fmt: skip


def _build() -> Any:
    spec = spec_from_file_location("build_of_the_compiled_core", ROOT / "deploy" / "compiled" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("source", _copied())
def test_what_is_copied_is_there_and_reaches_the_builder(source: str) -> None:
    assert (ROOT / source).exists()
    assert _in_context(source)


def test_all_that_the_wheel_is_made_of_is_copied() -> None:
    needed = {str(path.relative_to(ROOT)) for path in _build().sources().values()}
    missing = {path for path in needed if not any(path == source or path.startswith(f"{source}/") for source in _copied())}
    assert missing == set()


@pytest.mark.parametrize(
    "path",
    [".git/config", ".venv/bin/python", "tests/conftest.py", "deploy/kafka/lib/x.jar", "var/state", "streams/__pycache__/x"],
)
def test_nothing_else_reaches_the_builder(path: str) -> None:
    assert not _in_context(path)


def test_it_runs_as_nobody_in_particular() -> None:
    user, _, group = _said("USER").partition(":")
    assert int(user) >= 10_000
    assert int(group) >= 10_000


def test_no_setting_and_no_secret_is_baked_in() -> None:
    for word, rest in _instructions():
        if word in {"ENV", "ARG"}:
            names = re.findall(r"(\w+)=", rest)
            assert [name for name in names if SECRET.search(name) or name.startswith("POINTSTREAM_")] == []


def test_its_command_is_a_worker_with_flags_that_exist() -> None:
    assert json.loads(_said("ENTRYPOINT")) == ["pointstream"]
    name, *arguments = json.loads(_said("CMD"))
    flags = {flag for parameter in worker.params for flag in parameter.opts}
    assert name == "worker"
    assert {argument for argument in arguments if argument.startswith("--")} <= flags
    told = dict(zip(arguments[::2], arguments[1::2], strict=True))
    assert told["--state"] == _said("WORKDIR")
    assert json.loads(_said("VOLUME")) == [told["--state"]]
    assert told["--metrics-port"] == _said("EXPOSE")


def test_every_stage_has_the_same_python() -> None:
    bases = {rest.partition(" AS ")[0] for word, rest in _instructions() if word == "FROM"}
    assert len(bases) == 1


@pytest.mark.parametrize(("loop_seconds", "code"), [(60, 0), (0, 1)], ids=["it lives", "its loop is silent for too long"])
def test_the_health_check_asks_whether_it_lives(loop_seconds: float, code: int) -> None:
    command = json.loads(_said("HEALTHCHECK").partition("CMD ")[2])
    health = Health(loop_seconds, stuck_seconds=60)
    health.beat()
    with serve(0, "127.0.0.1", CollectorRegistry(), health) as port:
        asked = [sys.executable, *command[1:]]
        done = subprocess.run(asked, env=os.environ | {"POINTSTREAM_METRICS_PORT": str(port)}, capture_output=True, check=False)
    assert command[0] == "python"
    assert done.returncode == code
