"""One port answers for a worker, whatever the worker does; each process of a fleet has its own."""

import json
import os
import re
import resource
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from streams.clients import CLIENTS_MAX
from streams.errors import WrongUsage
from streams.health.asking import lives
from streams.health.server import serve
from streams.logs import configure
from streams.worker.fleet import _command
from streams.worker.settings import WorkerSettings
from tests.unit.metrics.scene import Scene


def has_ipv6() -> bool:
    with suppress(OSError), socket.socket(socket.AF_INET6) as one:
        one.bind(("::1", 0))
        return True
    return False


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


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "0.0.0.0", "", "localhost", pytest.param("::1", marks=needs_ipv6), pytest.param("::", marks=needs_ipv6)],
)
def test_they_are_served_of_any_address_and_its_fleet_asks_there(tmp_path: Path, address: str) -> None:
    watching = Scene(tmp_path).watching
    with serve(0, address, watching.registry, watching.health) as port:
        assert lives(address, port or 0)


def test_a_name_that_has_an_address_of_each_kind_is_served_as_it_always_was(tmp_path: Path) -> None:
    watching = Scene(tmp_path).watching
    with serve(0, "localhost", watching.registry, watching.health) as port:
        assert get(port, "/livez")[0] == 200  # of 127.0.0.1


@pytest.mark.parametrize("address", ["no.such.host.invalid", "[::1]", "192.0.2.1"])
def test_an_address_that_is_not_this_machines_is_named(tmp_path: Path, address: str) -> None:
    watching = Scene(tmp_path).watching
    with (
        pytest.raises(WrongUsage, match=re.escape(f"--metrics-port 9102 of the address {address}: ")),
        serve(9102, address, watching.registry, watching.health),
    ):
        pass


def reset(port: int | None, path: str = "") -> None:
    """A client that asks, or does not even ask, and goes away with a reset."""
    with socket.create_connection(("127.0.0.1", port or 0)) as client:
        if path:
            client.sendall(f"GET {path} HTTP/1.1\r\n\r\n".encode())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_client_that_goes_away_is_no_news(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    watching = Scene(tmp_path).watching
    with serve(0, "127.0.0.1", watching.registry, watching.health) as port:
        for path in ("", "/livez", "/metrics"):
            reset(port, path)
        time.sleep(0.3)
        assert get(port, "/livez")[0] == 200
    assert capsys.readouterr().err == ""


def test_clients_that_say_next_to_nothing_hold_up_nobody_and_are_few(tmp_path: Path) -> None:
    watching = Scene(tmp_path).watching
    before = threading.active_count()
    with serve(0, "127.0.0.1", watching.registry, watching.health) as port, ExitStack() as slow:
        clients = []
        for number in range(4 * CLIENTS_MAX):
            clients.append(slow.enter_context(socket.create_connection(("127.0.0.1", port or 0))))
            clients[-1].sendall(b"GET /livez HTTP/1.1\r\nHost: ")
            if number % CLIENTS_MAX == 0:
                assert get(port, "/livez")[0] == 200
        assert clients[0].recv(100) == b"", "who came first has gone"
        deadline = time.monotonic() + 5
        while threading.active_count() - before > CLIENTS_MAX + 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert threading.active_count() - before <= CLIENTS_MAX + 1
        clients[-1].sendall(b"me\r\n\r\n")
        assert clients[-1].recv(100).startswith(b"HTTP/1.0 200 OK"), "who came last is answered, however slow"


class Faulty(Collector):
    """A figure that cannot be collected."""

    def collect(self) -> Iterator[Metric]:
        raise KeyError("p-12345")


def test_a_figure_that_cannot_be_collected_is_told_in_the_log_as_anything_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("json")
    watching = Scene(tmp_path).watching
    with serve(0, "127.0.0.1", watching.registry, watching.health) as port:
        watching.registry.register(Faulty())
        assert get(port, "/metrics") == (500, "the worker's log says why\n")
        assert get(port, "/livez")[0] == 200
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert line["message"] == "the metrics could not be shown"
    assert "p-12345" not in str(line)


def test_each_process_of_a_fleet_has_a_port_of_its_own() -> None:
    settings = WorkerSettings(broker="kafka://127.0.0.1:1", state=Path("state"), metrics_port=9_102)
    ports = [part for number in range(3) for part in _command(settings, number, 3) if part.startswith("--metrics-port")]
    assert ports == ["--metrics-port=9102", "--metrics-port=9103", "--metrics-port=9104"]


def test_a_client_for_whom_there_is_no_file_left_waits_and_takes_no_processor(tmp_path: Path) -> None:
    watching = Scene(tmp_path).watching
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with (
        socket.socket() as client,
        serve(0, "127.0.0.1", watching.registry, watching.health) as port,
    ):
        client.settimeout(10)
        os.close(lowest_free := os.dup(client.fileno()))
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            client.connect(("127.0.0.1", port))
            client.sendall(b"GET /startupz HTTP/1.0\r\n\r\n")
            began = time.process_time()
            time.sleep(1.0)
            assert time.process_time() - began < 0.3
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert client.recv(12).startswith(b"HTTP/1.0")
