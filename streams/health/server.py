"""One port for whoever runs the worker: /metrics, /livez, /readyz, /startupz. Threads of its own, so it answers where the worker hangs.

It only reads. Nothing here changes a worker, names a person or shows a record. What goes wrong is told the way that everything is told:
the standard library would write a traceback with the client's address.
"""

import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

import msgspec
from prometheus_client import CollectorRegistry, make_wsgi_app

from schemas.instants import format_instant
from streams.clients import FewClients
from streams.errors import WrongUsage
from streams.health.checks import Check, Health

ADDRESS: Final = "0.0.0.0"  # noqa: S104  # whoever scrapes is another machine
_TEXT: Final = [("Content-Type", "text/plain; charset=utf-8")]
_JSON: Final = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
_log: Final = logging.getLogger(__name__)
_PATHS: Final = "/metrics, /livez, /readyz, /startupz\n"


class _Server(FewClients):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, or reads no more, is no news."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            _log.warning("a request to the metrics port could not be handled", exc_info=error)


class _Quiet(WSGIRequestHandler):
    timeout = 10  # a client that says nothing holds no thread for longer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name in the standard library
        """A probe a second is no news."""

    def get_stderr(self) -> io.StringIO:
        """Where wsgiref writes its tracebacks: of clients that do not read. Faults of ours never come so far (`application`)."""
        return io.StringIO()


@contextmanager
def serve(port: int | None, address: str, registry: CollectorRegistry, health: Health) -> Iterator[int | None]:
    """The port that it listens on (`port` 0: any); None where no port is given. Raises `WrongUsage`."""
    if port is None:
        yield None
        return
    try:
        server = make_server(address, port, application(registry, health), _Server, _Quiet)
    except OSError as error:
        raise WrongUsage(f"--metrics-port {port} of the address {address}: {error.strerror or error}") from None
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def application(registry: CollectorRegistry, health: Health) -> Callable[[dict[str, Any], Any], list[bytes]]:
    """All paths as one WSGI application."""
    metrics: Any = make_wsgi_app(registry)

    def shown(environ: dict[str, Any], start: Any) -> list[bytes]:
        try:
            found: list[bytes] = metrics(environ, start)
        except Exception as error:  # noqa: BLE001  # a figure that cannot be collected: whoever scrapes sees that there is none
            _log.warning("the metrics could not be shown", exc_info=error)
            start("500 Internal Server Error", [*_TEXT])
            return [b"the worker's log says why\n"]
        return found

    probes: dict[str, Callable[[], list[Check]]] = {"/livez": health.alive, "/readyz": health.ready, "/startupz": health.started}

    def answer(environ: dict[str, Any], start: Any) -> list[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return shown(environ, start)
        if path in probes:
            checks = probes[path]()
            start("200 OK" if all([check.ok for check in checks]) else "503 Service Unavailable", [*_JSON])
            return [body(checks)]
        start("200 OK" if path == "/" else "404 Not Found", [*_TEXT])  # wsgiref adds to the list that it gets
        return [_PATHS.encode()]

    return answer


def body(checks: Sequence[Check]) -> bytes:
    """`{"status": "ok" | "failing", "checks": {NAME: {"ok", "since", "says"}}}`."""
    told = {
        check.name: {"ok": check.ok, "since": format_instant(int(check.since * 1_000_000)), "says": check.says}
        for check in checks
    }
    status = "ok" if all([check.ok for check in checks]) else "failing"
    return msgspec.json.encode({"status": status, "checks": told}) + b"\n"
