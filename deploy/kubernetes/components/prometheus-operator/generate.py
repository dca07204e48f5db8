"""The rules for the Prometheus Operator: one PrometheusRule that holds every group of deploy/prometheus/rules as it stands there.

    python deploy/kubernetes/components/prometheus-operator/generate.py      writes prometheusrule.yaml beside itself

The files of rules are what promtool and the tests look at; nothing is said here but where they go.
"""

from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).resolve().parent
RULES: Final = HERE.parents[2] / "prometheus" / "rules"
NAME: Final = "pointstream"
HEAD: Final = "# Made by generate.py, here, of deploy/prometheus/rules; change those, and make this anew.\n"


class _Dumper(yaml.SafeDumper):
    """An expression of several lines stays one."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Dumper.add_representer(str, _Dumper.represent_str)


def rule() -> dict[str, Any]:
    groups = [
        group for path in sorted(RULES.glob("*.yaml")) for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    ]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": NAME, "labels": {"app.kubernetes.io/name": NAME}},
        "spec": {"groups": groups},
    }


def files() -> dict[Path, str]:
    """What the file must hold."""
    return {
        HERE / "prometheusrule.yaml": HEAD + yaml.dump(rule(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=130)
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
