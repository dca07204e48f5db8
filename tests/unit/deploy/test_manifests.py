"""The Kubernetes manifests, without a cluster: they resolve, they name what there is, and nobody may more than they must."""

import re
import shutil
import subprocess
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from prometheus_client import CollectorRegistry

from schemas.topics import CONSUMED, DEAD_LETTERS, LEDGER_ENTRIES, PROGRAMS, REQUESTS
from streams.cli.worker import command as worker
from streams.health.checks import Health
from streams.health.server import application
from streams.topics import DEFAULT_PARTITIONS
from tests.conftest import ROOT
from tests.unit.deploy.kustomize import Key, documents, files, resolve

FOLDER = ROOT / "deploy" / "kubernetes"
TOPS = {"base": FOLDER / "base", "production": FOLDER / "overlays" / "production"}
NAME = "pointstream"
LABELS = {"app.kubernetes.io/name": NAME}
HASHED = re.compile(r"(pointstream-(?:settings|programs))-[a-z0-9]{10}\b")
KUBECTL = shutil.which("kubectl")
_PARAMETERS = {flag: parameter for parameter in worker.params for flag in parameter.opts}
_VARIABLES = {str(parameter.envvar): parameter for parameter in worker.params if isinstance(parameter, click.Option)}


@pytest.fixture(params=TOPS, scope="module")
def found(request: pytest.FixtureRequest) -> dict[Key, dict[str, Any]]:
    return resolve(TOPS[request.param])


@pytest.fixture(scope="module")
def production() -> dict[Key, dict[str, Any]]:
    return resolve(TOPS["production"])


def pod(found: dict[Key, dict[str, Any]]) -> dict[str, Any]:
    spec: dict[str, Any] = found["StatefulSet", NAME]["spec"]["template"]["spec"]
    return spec


def container(found: dict[Key, dict[str, Any]]) -> dict[str, Any]:
    (one,) = pod(found)["containers"]
    return dict(one)


def settings(found: dict[Key, dict[str, Any]]) -> dict[str, str]:
    """What the environment says, the ConfigMap included; a value that Kubernetes fills in by what it is filled in from."""
    told: dict[str, str] = {}
    for source in container(found).get("envFrom", []):
        told |= found["ConfigMap", source["configMapRef"]["name"]]["data"]
    for variable in container(found)["env"]:
        told[variable["name"]] = variable.get("value") or str(variable["valueFrom"])
    return told


def flags(found: dict[Key, dict[str, Any]]) -> dict[str, str]:
    name, *arguments = container(found)["args"]
    assert name == "worker"
    return dict(argument.split("=", 1) for argument in arguments)


def mounts(found: dict[Key, dict[str, Any]]) -> dict[str, str]:
    return {mount["mountPath"]: mount["name"] for mount in container(found)["volumeMounts"]}


def test_every_file_belongs_to_a_kustomization() -> None:
    named = {path.resolve() for folder in (*TOPS.values(), FOLDER / "strimzi") for path in files(folder)}
    there = set(FOLDER.rglob("*.yaml"))
    assert there - named == set()
    assert named - there == set()


def test_everything_resolves_and_has_a_kind(found: dict[Key, dict[str, Any]]) -> None:
    kinds = {kind for kind, _ in found}
    assert {"StatefulSet", "Service", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy", "ConfigMap"} <= kinds


@pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl here; the rest is checked without it")
@pytest.mark.parametrize("name", TOPS)
def test_kustomize_itself_makes_the_same_of_it(name: str) -> None:
    done = subprocess.run([str(KUBECTL), "kustomize", TOPS[name]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    theirs = list(yaml.safe_load_all(HASHED.sub(r"\1", done.stdout)))
    assert {(each["kind"], each["metadata"]["name"]): each for each in theirs} == resolve(TOPS[name])


def test_who_runs_it_may_nothing_that_it_does_not_need(found: dict[Key, dict[str, Any]]) -> None:
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "deploy" / "image" / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert user is not None
    told = pod(found)["securityContext"]
    assert told["runAsNonRoot"] is True
    assert (str(told["runAsUser"]), str(told["runAsGroup"])) == user.groups()
    assert told["seccompProfile"] == {"type": "RuntimeDefault"}
    for each in [*pod(found)["containers"], *pod(found).get("initContainers", [])]:
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod(found))


def test_it_has_no_token_and_no_rights_in_the_cluster(found: dict[Key, dict[str, Any]]) -> None:
    assert pod(found)["automountServiceAccountToken"] is False
    assert found["ServiceAccount", pod(found)["serviceAccountName"]]["automountServiceAccountToken"] is False
    assert not {kind for kind, _ in found if "Role" in kind}


def test_no_service_becomes_a_setting(found: dict[Key, dict[str, Any]]) -> None:
    """A Service `pointstream-metrics` would be the variable POINTSTREAM_METRICS_PORT, which says tcp://…"""
    assert pod(found)["enableServiceLinks"] is False


def test_every_flag_and_variable_exists_and_takes_its_value(found: dict[Key, dict[str, Any]]) -> None:
    for flag, value in flags(found).items():
        _takes(_PARAMETERS[flag], value)
    for name, value in settings(found).items():
        assert name in _VARIABLES, f"no command knows {name}"
        _takes(_VARIABLES[name], value)
    given = {_PARAMETERS[flag].name for flag in flags(found)} | {_VARIABLES[name].name for name in settings(found)}
    assert {parameter.name for parameter in worker.params if parameter.required} <= given
    assert not {_PARAMETERS[flag].name for flag in flags(found)} & {_VARIABLES[name].name for name in settings(found)}


def _takes(parameter: click.Parameter, value: str) -> None:
    if not isinstance(parameter.type, click.Path):  # what is mounted is not here
        parameter.type.convert(value, parameter, None)


@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_a_probe_asks_what_the_worker_answers(found: dict[Key, dict[str, Any]], probe: str) -> None:
    asked = container(found)[probe]["httpGet"]
    said: list[str] = []
    application(CollectorRegistry(), Health(60, 60))({"PATH_INFO": asked["path"]}, lambda status, _headers: said.append(status))
    assert said[0][:3] in {"200", "503"}
    ports = {port["name"]: port["containerPort"] for port in container(found)["ports"]}
    assert str(ports[asked["port"]]) == flags(found)["--metrics-port"]
    expected = {"startupProbe": "/startupz", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert asked["path"] == expected[probe]


def test_all_that_it_writes_lies_on_a_volume(found: dict[Key, dict[str, Any]]) -> None:
    claims = {claim["metadata"]["name"] for claim in found["StatefulSet", NAME]["spec"]["volumeClaimTemplates"]}
    state = Path(flags(found)["--state"])
    assert {name for path, name in mounts(found).items() if state.is_relative_to(path)} == claims
    assert str(state) not in mounts(found), "a volume of its own has a lost+found"
    assert "/tmp" in mounts(found)
    volumes = {volume["name"] for volume in pod(found)["volumes"]} | claims
    assert set(mounts(found).values()) == volumes


def test_what_it_reads_is_mounted(found: dict[Key, dict[str, Any]]) -> None:
    assert flags(found)["--program"] in mounts(found)
    for name, value in settings(found).items():
        if isinstance(_VARIABLES[name].type, click.Path):
            path = Path(value)
            (volume,) = [each for each in pod(found)["volumes"] if each["name"] == mounts(found)[str(path.parent)]]
            assert path.name in {item["path"] for item in volume["secret"]["items"]}


def test_no_secret_is_in_the_environment_or_in_a_config_map(production: dict[Key, dict[str, Any]]) -> None:
    assert [name for name in settings(production) if re.search("PASSWORD|SECRET|TOKEN", name)] == [
        "POINTSTREAM_SASL_PASSWORD_FILE"
    ]
    assert "secretKeyRef" not in str(container(production))


def test_each_selects_the_workers_and_nobody_else(found: dict[Key, dict[str, Any]]) -> None:
    spec = found["StatefulSet", NAME]["spec"]
    assert spec["template"]["metadata"]["labels"] == spec["selector"]["matchLabels"] == LABELS
    assert found["Service", spec["serviceName"]]["spec"]["selector"] == LABELS
    assert found["PodDisruptionBudget", NAME]["spec"]["selector"]["matchLabels"] == LABELS
    assert found["NetworkPolicy", NAME]["spec"]["podSelector"]["matchLabels"] == LABELS


def test_the_network_policy_lets_the_broker_and_prometheus_through(found: dict[Key, dict[str, Any]]) -> None:
    told = found["NetworkPolicy", NAME]["spec"]
    assert told["policyTypes"] == ["Ingress", "Egress"]
    assert [port["port"] for rule in told["ingress"] for port in rule["ports"]] == ["metrics"]
    out = {port["port"] for rule in told["egress"] for port in rule["ports"]}
    assert {int(server.rsplit(":", 1)[1]) for server in settings(found)["POINTSTREAM_BROKER"].split(",")} <= out


def test_memory_is_within_its_limit_with_room_for_the_rest(found: dict[Key, dict[str, Any]]) -> None:
    limit = int(container(found)["resources"]["limits"]["memory"].removesuffix("Mi"))
    assert int(settings(found)["POINTSTREAM_MEMORY"].removesuffix("MiB")) + 512 <= limit
    assert container(found)["resources"]["requests"]["memory"] == container(found)["resources"]["limits"]["memory"]


def test_a_state_never_outlives_its_worker(found: dict[Key, dict[str, Any]]) -> None:
    """The changelog forgets its tombstones after 14 days: an older state could bring an erased person back."""
    told = found["StatefulSet", NAME]["spec"]["persistentVolumeClaimRetentionPolicy"]
    assert told == {"whenScaled": "Delete", "whenDeleted": "Delete"}


def test_the_programs_of_the_base_are_the_documents_example() -> None:
    assert (FOLDER / "base/programs/club.yaml").read_bytes() == (ROOT / "docs/examples/club.yaml").read_bytes()


def test_keda_scales_seldom_and_never_beyond_the_partitions(production: dict[Key, dict[str, Any]]) -> None:
    told = production["ScaledObject", NAME]["spec"]
    assert (told["scaleTargetRef"]["kind"], told["scaleTargetRef"]["name"]) in production
    assert "replicas" not in production["StatefulSet", NAME]["spec"]
    assert 2 <= told["minReplicaCount"] <= told["maxReplicaCount"] <= DEFAULT_PARTITIONS
    behavior = told["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] >= 1_800
    (trigger,) = told["triggers"]
    (metric,) = re.findall(r"pointstream_\w+", trigger["metadata"]["query"])
    assert f"`{metric}`" in (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    assert f'namespace="{production["ScaledObject", NAME]["metadata"]["namespace"]}"' in trigger["metadata"]["query"]


def _strimzi() -> Any:
    spec = spec_from_file_location("strimzi_generate", FOLDER / "strimzi" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_topics_and_users_are_what_the_registry_of_topics_says() -> None:
    for path, text in _strimzi().files().items():
        assert path.read_text(encoding="utf-8") == text, f"python deploy/kubernetes/strimzi/generate.py makes {path.name} anew"


def test_no_user_may_everything() -> None:
    for user in documents(FOLDER / "strimzi" / "users.yaml"):
        for rule in user["spec"]["authorization"]["acls"]:
            assert not {"All", "Alter", "AlterConfigs", "Create", "Delete", "ClusterAction"} & set(rule["operations"])
            assert rule["resource"]["name"] not in {"*", ""}
            assert rule["resource"]["type"] in {"topic", "group", "transactionalId"}


def test_who_puts_back_may_send_to_every_topic_that_a_dead_letter_can_be_of() -> None:
    assert rights("pointstream-operator", "Write") == {*CONSUMED, PROGRAMS}
    assert rights("pointstream-operator", "Read") >= {DEAD_LETTERS}


def test_an_auditor_reads_the_ledger_and_may_order_a_profile_to_stop() -> None:
    assert rights("pointstream-auditor", "Read") == {LEDGER_ENTRIES}
    assert rights("pointstream-auditor", "Write") == {REQUESTS}


def rights(user: str, operation: str) -> set[str]:
    """The topics with which a user may do something."""
    (told,) = [each for each in documents(FOLDER / "strimzi" / "users.yaml") if each["metadata"]["name"] == user]
    rules = told["spec"]["authorization"]["acls"]
    return {rule["resource"]["name"] for rule in rules if rule["resource"]["type"] == "topic" and operation in rule["operations"]}


def test_the_workers_user_and_its_secret_are_those_of_strimzi(production: dict[Key, dict[str, Any]]) -> None:
    users = {user["metadata"]["name"]: user for user in documents(FOLDER / "strimzi" / "users.yaml")}
    name = settings(production)["POINTSTREAM_SASL_USERNAME"]
    secrets = {volume["secret"]["secretName"] for volume in pod(production)["volumes"] if "secret" in volume}
    cluster = users[name]["metadata"]["labels"]["strimzi.io/cluster"]
    assert secrets == {name, f"{cluster}-cluster-ca-cert"}
    assert settings(production)["POINTSTREAM_SASL_MECHANISM"].lower() == users[name]["spec"]["authentication"]["type"]
    assert settings(production)["POINTSTREAM_BROKER"].startswith(f"kafka://{cluster}-kafka-bootstrap:")
