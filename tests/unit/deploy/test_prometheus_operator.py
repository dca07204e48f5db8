"""The component for the Prometheus Operator: the rules are those of deploy/prometheus, and the jobs are called what the rules call them."""

import re
from typing import Any

import pytest
import yaml

from tests.unit.deploy.kustomize import Key, resolve
from tests.unit.deploy.prometheus import FOLDER as PROMETHEUS
from tests.unit.deploy.prometheus import rules
from tests.unit.deploy.test_manifests import FOLDER, TOPS, generator

JOBS = {"pointstream": "pointstream", "pointstream-auditor": "pointstream-audit"}
"""By the name of the pods."""


@pytest.fixture(scope="module")
def production() -> dict[Key, dict[str, Any]]:
    return resolve(TOPS["production"])


def relabelled(monitor: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is put into each label."""
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    return {each["targetLabel"]: each for each in endpoint["relabelings"]}


def test_its_rules_are_those_of_prometheus() -> None:
    for path, text in generator("components/prometheus-operator").files().items():
        assert path.read_text(encoding="utf-8") == text, (
            f"python {path.parent.relative_to(FOLDER.parents[1])}/generate.py makes it anew"
        )


def test_no_rule_is_left_out(production: dict[Key, dict[str, Any]]) -> None:
    told = [rule for group in production["PrometheusRule", "pointstream"]["spec"]["groups"] for rule in group["rules"]]
    assert told == rules("expr")


def test_everybody_who_serves_metrics_is_scraped(production: dict[Key, dict[str, Any]]) -> None:
    assert {name for kind, name in production if kind == "PodMonitor"} == {
        name for kind, name in production if kind == "StatefulSet"
    }
    for name in JOBS:
        monitor, template = production["PodMonitor", name], production["StatefulSet", name]["spec"]["template"]
        assert monitor["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["port"] in {port["name"] for port in template["spec"]["containers"][0]["ports"]}
        assert endpoint["path"] == "/metrics"


def test_the_jobs_are_those_that_the_rules_ask_for(production: dict[Key, dict[str, Any]]) -> None:
    set_here = {name: relabelled(production["PodMonitor", name])["job"]["replacement"] for name in JOBS}
    assert set_here == JOBS
    asked = {job for rule in rules("expr") for job in re.findall(r'job="([^"]+)"', rule["expr"])}
    assert asked == set(JOBS.values())
    compose = yaml.safe_load((PROMETHEUS / "prometheus.yaml").read_text(encoding="utf-8"))["scrape_configs"]
    assert {each["job_name"] for each in compose} == asked


def test_a_pod_that_is_made_anew_stays_the_same_instance(production: dict[Key, dict[str, Any]]) -> None:
    """It gets another address, and `increase` of what is kept over a restart would begin with it."""
    for name in JOBS:
        assert relabelled(production["PodMonitor", name])["instance"]["sourceLabels"] == ["__meta_kubernetes_pod_name"]


def test_keda_asks_the_prometheus_of_the_operator(production: dict[Key, dict[str, Any]]) -> None:
    (trigger,) = production["ScaledObject", "pointstream"]["spec"]["triggers"]
    host = trigger["metadata"]["serverAddress"].removeprefix("http://").partition(":")[0]
    service, _, namespace = host.partition(".")
    assert service == "prometheus-operated"
    for name in JOBS:
        (allowed,) = production["NetworkPolicy", name]["spec"]["ingress"][0]["from"]
        assert allowed["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": namespace}
