"""The auditor's port: figures, whether it lives, and not a word about clients that hang up."""

import json
import socket
import struct
import time

import pytest

from streams.audit.port import serve
from streams.errors import WrongUsage
from tests.unit.audit.test_command import get, port


def test_figures_and_whether_it_lives_are_served_on_one_port() -> None:
    number = port()
    with serve(number, "127.0.0.1") as metrics:
        assert metrics is not None
        status, text = get(number, "/metrics")
        assert status == 200
        assert "# TYPE pointstream_audit_entries_total counter" in text
        assert "_created" not in text
        status, text = get(number, "/livez")
        assert (status, json.loads(text)["status"]) == (200, "ok")
        assert get(number, "/")[0] == 200
        assert get(number, "/table/")[0] == 404
        with pytest.raises(WrongUsage, match=f"--metrics-port {number} of the address 127.0.0.1"), serve(number, "127.0.0.1"):
            pass


def test_an_auditor_that_has_heard_nothing_for_a_minute_is_as_good_as_dead() -> None:
    number = port()
    with serve(number, "127.0.0.1") as metrics:
        assert metrics is not None
        metrics.heard_at = time.monotonic() - 50
        assert get(number, "/livez")[0] == 200
        metrics.heard_at = time.monotonic() - 70
        status, text = get(number, "/livez")
        told = json.loads(text)
        assert (status, told["status"], told["checks"]["broker"]["ok"]) == (503, "failing", False)
        assert told["checks"]["broker"]["says"].startswith("the broker was heard 70.")


@pytest.mark.parametrize("sent", [b"", b"GET /met", b"GET /metrics HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02"])
@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
def test_a_client_that_hangs_up_is_no_news(sent: bytes, reset: bool, capfd: pytest.CaptureFixture[str]) -> None:
    number = port()
    with serve(number, "127.0.0.1"):
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", number)) as client:
                client.sendall(sent)
                if reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert get(number, "/metrics")[0] == 200
        time.sleep(0.2)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_without_a_port_nothing_is_served() -> None:
    with serve(None) as metrics:
        assert metrics is None
