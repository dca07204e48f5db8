"""The clients of a port that anybody may reach: a scrape and a few probes at once, and none that holds up the others.

A client that says next to nothing, or reads next to nothing, costs a thread and a file for as long as it likes, and a worker that has no files
left cannot open its state. So the one that has been there longest goes when there are too many: whoever asks a question has its answer
within milliseconds, and is not it. Who cannot be taken in, for want of a file, waits, and asking for one again and again would take the
processor from whoever works.
"""

import socketserver
import threading
import time
from contextlib import suppress
from socket import AF_INET, AF_INET6, AI_PASSIVE, SHUT_RDWR, SOCK_STREAM, getaddrinfo
from typing import Any, Final
from wsgiref.simple_server import WSGIServer

CLIENTS_MAX: Final = 32
_AGAIN_SECONDS: Final = 0.2


class FewClients(socketserver.ThreadingMixIn, WSGIServer):
    """A thread for each client, of which there are at most `CLIENTS_MAX`."""

    daemon_threads = True
    request_queue_size = 2 * CLIENTS_MAX  # of those that are not accepted yet

    def __init__(self, server_address: tuple[str, int], *args: Any, **named: Any) -> None:
        """Raises `OSError` for an address that is none, IPv4's or IPv6's, or not this machine's. A name that is one of both is IPv4's."""
        host, port = server_address
        if host:  # else all of IPv4
            families = {found[0] for found in getaddrinfo(host, port, type=SOCK_STREAM, flags=AI_PASSIVE)}
            self.address_family = AF_INET if AF_INET in families else AF_INET6
        self._clients: dict[Any, None] = {}  # in the order in which they came
        self._lock = threading.Lock()
        super().__init__(server_address, *args, **named)

    def get_request(self) -> Any:
        """Raises `OSError` where nobody can be taken in; a client waits on, and so would be seen again at once."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(_AGAIN_SECONDS)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        longest = None
        with self._lock:
            self._clients[request] = None
            if len(self._clients) > CLIENTS_MAX:
                longest = next(iter(self._clients))
                del self._clients[longest]
        if longest is not None:
            with suppress(OSError):  # it has gone by itself
                longest.shutdown(SHUT_RDWR)  # its thread reads an end, and ends
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._clients.pop(request, None)
        super().shutdown_request(request)
