"""One port for whoever watches an auditor that runs on: /metrics for Prometheus, /livez for whoever would start it again.

Threads of its own, so it answers while the auditor reads or hangs. Only reads: nothing here names a person or changes anything. The worker's
port is not this one, for what it imports is the ledger's.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

import msgspec
from prometheus_client import make_wsgi_app

from streams.audit.metrics import Metrics
from streams.clients import FewClients
from streams.errors import WrongUsage

ADDRESS: Final = "0.0.0.0"  # noqa: S104  # whoever scrapes is another machine
ALIVE_SECONDS: Final = 60.0
"""Cut off for longer than this, or without a round of its loop, an auditor does not do what it is there for."""
_TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")
_JSON: Final = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
_PATHS: Final = b"/metrics, /livez\n"

Answer = Callable[[dict[str, Any], Any], list[bytes]]


class _Server(FewClients):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, resets its connection or says nothing is no news; anything else is."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(WSGIRequestHandler):
    timeout = 10  # a client that says nothing holds no thread for longer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name in the standard library
        """A scrape is no news."""


@contextmanager
def serve(port: int | None, address: str = ADDRESS) -> Iterator[Metrics | None]:
    """In a thread of its own; None where no port is given. Raises `WrongUsage`."""
    if port is None:
        yield None
        return
    metrics = Metrics()
    try:
        server = make_server(address, port, application(metrics), _Server, _Handler)
    except OSError as error:
        raise WrongUsage(f"--metrics-port {port} of the address {address}: {error.strerror or error}") from None
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield metrics
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def application(metrics: Metrics, alive_seconds: float = ALIVE_SECONDS) -> Answer:
    """Both paths as one WSGI application."""
    scraped: Any = make_wsgi_app(metrics.registry)

    def answer(environ: dict[str, Any], start: Any) -> list[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            found: list[bytes] = scraped(environ, start)
            return found
        if path == "/livez":
            silent = time.monotonic() - metrics.heard_at
            start("200 OK" if silent < alive_seconds else "503 Service Unavailable", [*_JSON])
            return [_told(silent, ok=silent < alive_seconds)]
        start("200 OK" if path == "/" else "404 Not Found", [_TEXT])
        return [_PATHS]

    return answer


def _told(silent: float, *, ok: bool) -> bytes:
    """In the form of the worker's answers: `{"status": …, "checks": {NAME: {"ok", "since", "says"}}}`."""
    since = datetime.fromtimestamp(time.time() - silent, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    check = {"ok": ok, "since": since, "says": f"the broker was heard {silent:.1f} s ago"}
    return msgspec.json.encode({"status": "ok" if ok else "failing", "checks": {"broker": check}}) + b"\n"
