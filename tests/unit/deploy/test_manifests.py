"""The Kubernetes manifests, without a cluster: they resolve, they name what there is, and nobody may more than they must."""

import re
import shutil
import subprocess
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from prometheus_client import CollectorRegistry

from schemas.topics import CONSUMED, DEAD_LETTERS, LEDGER_ENTRIES, PROGRAMS, REQUESTS
from streams.cli.audit import command as audit
from streams.cli.worker import command as worker
from streams.health.checks import Health
from streams.health.server import application
from streams.topics import DEFAULT_PARTITIONS
from tests.conftest import ROOT
from tests.unit.deploy.kustomize import Key, documents, files, resolve

FOLDER = ROOT / "deploy" / "kubernetes"
TOPS = {"base": FOLDER / "base", "production": FOLDER / "overlays" / "production"}
NAME = "pointstream"
AUDITOR = "pointstream-auditor"
COMMANDS: dict[str, click.Command] = {NAME: worker, AUDITOR: audit}
HASHED = re.compile(r"(pointstream-(?:settings|programs))-[a-z0-9]{10}\b")
KUBECTL = shutil.which("kubectl")


def parameters(name: str) -> dict[str, click.Parameter]:
    """Of the command that the pods of this name run, by flag."""
    return {flag: parameter for parameter in COMMANDS[name].params for flag in parameter.opts}


def variables(name: str) -> dict[str, click.Parameter]:
    return {str(parameter.envvar): parameter for parameter in COMMANDS[name].params if isinstance(parameter, click.Option)}


@pytest.fixture(params=TOPS, scope="module")
def found(request: pytest.FixtureRequest) -> dict[Key, dict[str, Any]]:
    return resolve(TOPS[request.param])


@pytest.fixture(scope="module")
def production() -> dict[Key, dict[str, Any]]:
    return resolve(TOPS["production"])


@pytest.fixture(params=COMMANDS)
def name(request: pytest.FixtureRequest) -> str:
    """Of those who run: the workers, and their auditor."""
    return str(request.param)


def pod(found: dict[Key, dict[str, Any]], name: str) -> dict[str, Any]:
    spec: dict[str, Any] = found["StatefulSet", name]["spec"]["template"]["spec"]
    return spec


def container(found: dict[Key, dict[str, Any]], name: str) -> dict[str, Any]:
    (one,) = pod(found, name)["containers"]
    return dict(one)


def settings(found: dict[Key, dict[str, Any]], name: str) -> dict[str, str]:
    """What the environment says, the ConfigMap included; a value that Kubernetes fills in by what it is filled in from."""
    told: dict[str, str] = {}
    for source in container(found, name).get("envFrom", []):
        told |= found["ConfigMap", source["configMapRef"]["name"]]["data"]
    for variable in container(found, name)["env"]:
        told[variable["name"]] = variable.get("value") or _filled_in(found, variable["valueFrom"])
    return told


def _filled_in(found: dict[Key, dict[str, Any]], source: dict[str, Any]) -> str:
    if "configMapKeyRef" not in source:
        return str(source)
    asked = source["configMapKeyRef"]
    return str(found["ConfigMap", asked["name"]]["data"][asked["key"]])


def flags(found: dict[Key, dict[str, Any]], name: str) -> dict[str, str]:
    """By flag; one that takes no value has an empty one."""
    command, *arguments = container(found, name)["args"]
    assert import_module(f"streams.cli.{command}").command is COMMANDS[name]
    return {flag: value for flag, _, value in (argument.partition("=") for argument in arguments)}


def mounts(found: dict[Key, dict[str, Any]], name: str) -> dict[str, str]:
    return {mount["mountPath"]: mount["name"] for mount in container(found, name)["volumeMounts"]}


def test_every_file_belongs_to_a_kustomization() -> None:
    named = {path.resolve() for folder in (*TOPS.values(), FOLDER / "strimzi") for path in files(folder)}
    there = set(FOLDER.rglob("*.yaml"))
    assert there - named == set()
    assert named - there == set()


def test_everything_resolves_and_has_a_kind(found: dict[Key, dict[str, Any]]) -> None:
    kinds = {kind for kind, _ in found}
    assert {"StatefulSet", "Service", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy", "ConfigMap"} <= kinds


@pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl here; the rest is checked without it")
@pytest.mark.parametrize("top", TOPS)
def test_kustomize_itself_makes_the_same_of_it(top: str) -> None:
    done = subprocess.run([str(KUBECTL), "kustomize", TOPS[top]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    theirs = list(yaml.safe_load_all(HASHED.sub(r"\1", done.stdout)))
    assert {(each["kind"], each["metadata"]["name"]): each for each in theirs} == resolve(TOPS[top])


def test_who_runs_it_may_nothing_that_it_does_not_need(found: dict[Key, dict[str, Any]], name: str) -> None:
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "deploy" / "image" / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert user is not None
    told = pod(found, name)["securityContext"]
    assert told["runAsNonRoot"] is True
    assert (str(told["runAsUser"]), str(told["runAsGroup"])) == user.groups()
    assert told["seccompProfile"] == {"type": "RuntimeDefault"}
    for each in [*pod(found, name)["containers"], *pod(found, name).get("initContainers", [])]:
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod(found, name))


def test_it_has_no_token_and_no_rights_in_the_cluster(found: dict[Key, dict[str, Any]], name: str) -> None:
    assert pod(found, name)["automountServiceAccountToken"] is False
    assert found["ServiceAccount", pod(found, name)["serviceAccountName"]]["automountServiceAccountToken"] is False
    assert not {kind for kind, _ in found if "Role" in kind}


def test_no_service_becomes_a_setting(found: dict[Key, dict[str, Any]], name: str) -> None:
    """A Service `pointstream-metrics` would be the variable POINTSTREAM_METRICS_PORT, which says tcp://…"""
    assert pod(found, name)["enableServiceLinks"] is False


def test_every_flag_and_variable_exists_and_takes_its_value(found: dict[Key, dict[str, Any]], name: str) -> None:
    flag, variable = parameters(name), variables(name)
    for told, value in flags(found, name).items():
        _takes(flag[told], value)
    for told, value in settings(found, name).items():
        assert told in variable, f"`{COMMANDS[name].name}` does not know {told}"
        _takes(variable[told], value)
    by_flag, by_variable = (
        {flag[told].name for told in flags(found, name)},
        {variable[told].name for told in settings(found, name)},
    )
    assert {parameter.name for parameter in COMMANDS[name].params if parameter.required} <= by_flag | by_variable
    assert not by_flag & by_variable


def _takes(parameter: click.Parameter, value: str) -> None:
    if isinstance(parameter, click.Option) and parameter.is_flag:
        assert value == ""
    elif not isinstance(parameter.type, click.Path):  # what is mounted is not here
        parameter.type.convert(value, parameter, None)


@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_a_probe_asks_what_the_worker_answers(found: dict[Key, dict[str, Any]], probe: str) -> None:
    asked = container(found, NAME)[probe]["httpGet"]
    said: list[str] = []
    application(CollectorRegistry(), Health(60, 60))({"PATH_INFO": asked["path"]}, lambda status, _headers: said.append(status))
    assert said[0][:3] in {"200", "503"}
    assert asked["port"] == "metrics"
    expected = {"startupProbe": "/startupz", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert asked["path"] == expected[probe]


def test_an_auditor_is_asked_whether_it_lives(found: dict[Key, dict[str, Any]]) -> None:
    told = container(found, AUDITOR)
    assert told["startupProbe"]["httpGet"] == told["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "metrics"}


def test_the_port_of_its_metrics_is_told_to_all_who_ask(found: dict[Key, dict[str, Any]], name: str) -> None:
    port = int(flags(found, name)["--metrics-port"])
    assert {each["name"]: each["containerPort"] for each in container(found, name)["ports"]} == {"metrics": port}
    assert [each["port"] for each in found["Service", name]["spec"]["ports"]] == [port]
    told = found["StatefulSet", name]["spec"]["template"]["metadata"]["annotations"]
    assert told["prometheus.io/port"] == str(port)


def test_a_container_runs_one_process(found: dict[Key, dict[str, Any]]) -> None:
    """Of several each has a port of its own, and a probe sees one."""
    assert "--processes" not in flags(found, NAME)
    assert "POINTSTREAM_PROCESSES" not in settings(found, NAME)


def test_all_that_it_writes_lies_on_a_volume(found: dict[Key, dict[str, Any]], name: str) -> None:
    claims = {claim["metadata"]["name"] for claim in found["StatefulSet", name]["spec"]["volumeClaimTemplates"]}
    state = Path(flags(found, name)["--state"])
    assert {name for path, name in mounts(found, name).items() if state.is_relative_to(path)} == claims
    assert str(state) not in mounts(found, name), "a volume of its own has a lost+found"
    assert "/tmp" in mounts(found, name)
    volumes = {volume["name"] for volume in pod(found, name)["volumes"]} | claims
    assert set(mounts(found, name).values()) == volumes


def test_what_it_reads_is_mounted(found: dict[Key, dict[str, Any]], name: str) -> None:
    if name == NAME:
        assert flags(found, name)["--program"] in mounts(found, name)
    for told, value in settings(found, name).items():
        if isinstance(variables(name)[told].type, click.Path):
            path = Path(value)
            (volume,) = [each for each in pod(found, name)["volumes"] if each["name"] == mounts(found, name)[str(path.parent)]]
            assert path.name in {item["path"] for item in volume["secret"]["items"]}


def test_no_secret_is_in_the_environment_or_in_a_config_map(production: dict[Key, dict[str, Any]], name: str) -> None:
    assert [told for told in settings(production, name) if re.search("PASSWORD|SECRET|TOKEN", told)] == [
        "POINTSTREAM_SASL_PASSWORD_FILE"
    ]
    assert "secretKeyRef" not in str(container(production, name))


def test_each_selects_its_own_pods_and_nobody_else(found: dict[Key, dict[str, Any]], name: str) -> None:
    labels = {"app.kubernetes.io/name": name}
    spec = found["StatefulSet", name]["spec"]
    assert spec["template"]["metadata"]["labels"] == spec["selector"]["matchLabels"] == labels
    assert found["Service", spec["serviceName"]]["spec"]["selector"] == labels
    assert found["NetworkPolicy", name]["spec"]["podSelector"]["matchLabels"] == labels
    if name == NAME:
        assert found["PodDisruptionBudget", name]["spec"]["selector"]["matchLabels"] == labels


def test_there_is_one_auditor(found: dict[Key, dict[str, Any]]) -> None:
    assert found["StatefulSet", AUDITOR]["spec"]["replicas"] == 1
    assert "--follow" in flags(found, AUDITOR)


def test_the_network_policy_lets_the_broker_and_prometheus_through(found: dict[Key, dict[str, Any]], name: str) -> None:
    told = found["NetworkPolicy", name]["spec"]
    assert told["policyTypes"] == ["Ingress", "Egress"]
    assert [port["port"] for rule in told["ingress"] for port in rule["ports"]] == ["metrics"]
    out = {port["port"] for rule in told["egress"] for port in rule["ports"]}
    assert {int(server.rsplit(":", 1)[1]) for server in settings(found, name)["POINTSTREAM_BROKER"].split(",")} <= out


def test_memory_is_within_its_limit_with_room_for_the_rest(found: dict[Key, dict[str, Any]], name: str) -> None:
    limit = int(container(found, name)["resources"]["limits"]["memory"].removesuffix("Mi"))
    told = settings(found, name).get("POINTSTREAM_MEMORY") or flags(found, name)["--memory"]
    assert int(told.removesuffix("MiB")) + 512 <= limit
    assert container(found, name)["resources"]["requests"]["memory"] == container(found, name)["resources"]["limits"]["memory"]


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
    assert told["fallback"]["replicas"] == told["minReplicaCount"]
    (trigger,) = told["triggers"]
    assert trigger["metadata"]["ignoreNullValues"] == "false", "no lag told is no lag of 0"
    (metric,) = re.findall(r"pointstream_\w+", trigger["metadata"]["query"])
    assert f"`{metric}`" in (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    assert f'namespace="{production["ScaledObject", NAME]["metadata"]["namespace"]}"' in trigger["metadata"]["query"]


def generator(folder: str) -> Any:
    spec = spec_from_file_location(f"generate_{folder}", FOLDER / folder / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_topics_and_users_are_what_the_registry_of_topics_says() -> None:
    for path, text in generator("strimzi").files().items():
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


def test_each_has_its_own_user_and_secret_of_strimzi(production: dict[Key, dict[str, Any]], name: str) -> None:
    users = {user["metadata"]["name"]: user for user in documents(FOLDER / "strimzi" / "users.yaml")}
    told = settings(production, name)
    user = told["POINTSTREAM_SASL_USERNAME"]
    assert user == {NAME: "pointstream-worker", AUDITOR: "pointstream-auditor"}[name]
    secrets = {volume["secret"]["secretName"] for volume in pod(production, name)["volumes"] if "secret" in volume}
    cluster = users[user]["metadata"]["labels"]["strimzi.io/cluster"]
    assert secrets == {user, f"{cluster}-cluster-ca-cert"}
    assert told["POINTSTREAM_SASL_MECHANISM"].lower() == users[user]["spec"]["authentication"]["type"]
    assert told["POINTSTREAM_BROKER"].startswith(f"kafka://{cluster}-kafka-bootstrap:")
