"""One port answers for a worker, whatever the worker does; each process of a fleet has its own."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from streams.errors import WrongUsage
from streams.health.server import serve
from streams.worker.fleet import _command
from streams.worker.settings import WorkerSettings
from tests.unit.metrics.scene import Scene


def get(port: int | None, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_and_probes_are_served_on_one_port(tmp_path: Path) -> None:
    watching = Scene(tmp_path).watching
    with serve(0, "127.0.0.1", watching.registry, watching.health) as port:
        status, text = get(port, "/metrics")
        assert status == 200
        assert "# TYPE pointstream_records_total counter" in text
        assert "_created" not in text
        for path in ("/livez", "/readyz", "/startupz"):
            status, text = get(port, path)
            assert (status, json.loads(text)["status"]) == (200, "ok")
        assert get(port, "/table/")[0] == 404
        with (
            pytest.raises(WrongUsage, match=f"--metrics-port {port}"),
            serve(port, "127.0.0.1", watching.registry, watching.health),
        ):
            pass


def test_each_process_of_a_fleet_has_a_port_of_its_own() -> None:
    settings = WorkerSettings(broker="kafka://127.0.0.1:1", state=Path("state"), metrics_port=9_102)
    ports = [part for number in range(3) for part in _command(settings, number, 3) if part.startswith("--metrics-port")]
    assert ports == ["--metrics-port=9102", "--metrics-port=9103", "--metrics-port=9104"]
