"""A proxy of our own between clients and one local broker, that can keep back what the broker gives to a consumer.

It forwards whole requests and answers of the Kafka protocol, has the broker's address in answers be its own, and knows of each answer what had
been asked. Nothing is closed and nothing else is held up: to a client it looks as though the broker simply had no records for it. Or it passes nothing
on at all for a while, as a network that is cut somewhere.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_FETCH = 1
_HOST = b"127.0.0.1"


class Between:
    """`address` is what clients are told; records are kept back from `keep_back` on."""

    def __init__(self, servers: str) -> None:
        self._port = int(servers.rpartition(":")[2])
        self._listener = socket.create_server((_HOST.decode(), 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._told = _HOST + struct.pack(">i", self._port), _HOST + struct.pack(">i", self._listener.getsockname()[1])
        self._open: list[socket.socket] = [self._listener]
        self._robbed: set[int] = set()  # connections, by their number
        self._all_robbed = False
        self.kept_back = 0
        self._passes = threading.Event()
        self._passes.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def keep_back(self, *, from_new_ones_too: bool) -> None:
        """From now on no records reach the clients that are connected; nor, perhaps, those that come."""
        self._robbed = set(range(len(self._open)))
        self._all_robbed = from_new_ones_too

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Meanwhile nothing is passed on; then everything that came."""
        self._passes.clear()
        try:
            yield
        finally:
            self._passes.set()

    def close(self) -> None:
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                broker = socket.create_connection((_HOST.decode(), self._port))
                self._open += [client, broker]
                asked: dict[int, int] = {}
                number = len(self._open) - 1
                threading.Thread(target=self._requests, args=(client, broker, asked), daemon=True).start()
                threading.Thread(target=self._answers, args=(broker, client, asked, number), daemon=True).start()

    def _requests(self, client: socket.socket, broker: socket.socket, asked: dict[int, int]) -> None:
        for frame in _frames(client, broker):
            kind, _, correlation = struct.unpack(">hhi", frame[:8])
            asked[correlation] = kind
            self._passes.wait()
            _send(broker, frame)

    def _answers(self, broker: socket.socket, client: socket.socket, asked: dict[int, int], number: int) -> None:
        for frame in _frames(broker, client):
            kind = asked.pop(struct.unpack(">i", frame[:4])[0], None)
            self._passes.wait()
            if kind == _FETCH and (self._all_robbed or number in self._robbed):
                self.kept_back += 1
                continue
            _send(client, frame if kind == _FETCH else frame.replace(*self._told))


def _frames(source: socket.socket, other: socket.socket) -> Iterator[bytes]:
    """Until it is closed; then the other end is, too."""
    with suppress(OSError, struct.error):
        while True:
            size = struct.unpack(">i", _exactly(source, 4))[0]
            yield _exactly(source, size)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)


def _exactly(source: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        part = source.recv(min(size - len(found), 1 << 20))
        if not part:
            raise OSError("closed")
        found += part
    return bytes(found)


def _send(target: socket.socket, frame: bytes) -> None:
    with suppress(OSError):
        target.sendall(struct.pack(">i", len(frame)) + frame)


@contextmanager
def between(servers: str) -> Iterator[Between]:
    proxy = Between(servers)
    try:
        yield proxy
    finally:
        proxy.close()
