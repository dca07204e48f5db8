"""The image and deploy/compose.yaml, as far as can be said without Docker: what they name is there, and nobody has rights that he does not need."""

import importlib
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = (DEPLOY / "image" / "Dockerfile").read_text(encoding="utf-8")
VERSIONED = re.compile(r"[\w./-]+:v?\d+\.\d+[\w.-]*")
WRITES_TO_ITS_ROOT = {"kafka"}  # its launcher writes its configuration beside itself


def instructions(name: str) -> list[str]:
    """The arguments of each instruction of a kind, continued lines joined."""
    text = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^{name} (.+)$", text, re.MULTILINE)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only", False) == (name not in WRITES_TO_ITS_ROOT)
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & service.keys()
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), "open to this machine alone"


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in OURS])
def test_the_image_of_a_service_is_of_one_version(name: str) -> None:
    assert VERSIONED.fullmatch(SERVICES[name]["image"])


def test_the_broker_is_the_one_that_the_tests_run_on() -> None:
    pom = (DEPLOY / "kafka" / "pom.xml").read_text(encoding="utf-8")
    version = SERVICES["kafka"]["image"].partition(":")[2]
    assert f"<version>{version}</version>" in pom


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_waits_for_and_mounts_is_there(name: str) -> None:
    service = SERVICES[name]
    for other, how in service.get("depends_on", {}).items():
        assert other in SERVICES
        assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]
    for mounted in service.get("volumes", ()):
        source, target, *mode = mounted.split(":")
        if source.startswith("."):
            assert (DEPLOY / source).exists(), source
            assert mode == ["ro"], target
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", OURS)
def test_a_command_of_ours_is_one_that_there_is(name: str) -> None:
    command, *arguments = OURS[name]["command"]
    options = {option for param in importlib.import_module(f"streams.cli.{command}").command.params for option in param.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= options
    assert OURS[name]["environment"] == {"POINTSTREAM_BROKER": "kafka://kafka:29092"}
    assert OURS[name]["user"] == instructions("USER")[-1]


def test_prometheus_scrapes_the_ports_that_are_served() -> None:
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text(encoding="utf-8"))["scrape_configs"]
    targets = {target for job in scraped for config in job["static_configs"] for target in config["targets"]}
    served = set()
    for name, service in OURS.items():
        if "--metrics-port" in service["command"]:
            served.add(f"{name}:{service['command'][service['command'].index('--metrics-port') + 1]}")
    assert targets == served


def test_grafana_finds_its_source_and_its_board() -> None:
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text(encoding="utf-8"))
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/pointstream.yaml").read_text(encoding="utf-8"))
    folder = provider["providers"][0]["options"]["path"]
    assert f"./grafana/dashboards:{folder}:ro" in SERVICES["grafana"]["volumes"]


def test_the_image_runs_without_a_name_rights_or_a_shell() -> None:
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", instructions("USER")[-1]), (
        "a number, so that Kubernetes sees that it is not root"
    )
    assert instructions("ENTRYPOINT") == ['["pointstream"]'], "no shell between it and SIGTERM"
    after = DOCKERFILE.partition(f"USER {instructions('USER')[-1]}")[2]
    assert "RUN" not in after
    assert "USER" not in after
    assert instructions("VOLUME") == ['["/state"]']


def test_the_image_is_made_of_versions_and_hashes() -> None:
    assert [VERSIONED.fullmatch(base.partition(" AS ")[0]) is not None for base in instructions("FROM")] == [True, True, True]
    assert any("--require-hashes -r requirements.lock" in run for run in instructions("RUN"))
    assert not instructions("ADD")


def test_what_the_image_copies_is_sent_to_the_builder() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")}
    copied = {part for copy in instructions("COPY") if not copy.startswith("--from") for part in copy.split()[:-1]}
    assert copied <= allowed
    assert {name for name in copied if not (ROOT / name).exists()} == set()
    assert {"streams", "agents", "tables", "schemas"} <= copied


def test_docker_compose_reads_the_file() -> None:
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip("there is no `docker compose` here; the file is checked as YAML only")
    done = subprocess.run(
        ["docker", "compose", "-f", DEPLOY / "compose.yaml", "config", "-q"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
