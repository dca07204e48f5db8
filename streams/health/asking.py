"""Asking other processes of this machine whether they live: what a supervisor does for a worker, done for the members of a fleet.

A member hangs where it has lived once, and then has not said so again in as many questions as the patience has room for. One that has
never answered is starting, and ends by itself where it cannot. Questions are counted and not seconds, so that a machine that stood still,
asker and asked alike, ages nobody.
"""

import math
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Final

_PERIOD_SECONDS: Final = 2.0
_ANSWER_SECONDS: Final = 2.0
_LEAST: Final = 5  # a member that starts afresh in place is silent for some seconds
_NEAREST: Final = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104  # of whoever listens on all addresses


class Asked:
    """What one member has answered so far. One thread notes, any may look."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience = max(math.ceil(patience_seconds / _PERIOD_SECONDS), _LEAST)
        self._lived = False
        self._failed = 0

    def note(self, *, alive: bool) -> None:
        self._lived = self._lived or alive
        self._failed = self._failed + 1 if self._lived and not alive else 0

    @property
    def hangs(self) -> bool:
        return self._failed > self._patience


def keep_asking(asked: Asked, ask: Callable[[], bool]) -> None:
    """In a thread of its own, for as long as this process lives: whoever hangs holds up nobody but who asks."""

    def go_on() -> None:
        while True:
            began = time.monotonic()
            asked.note(alive=ask())
            time.sleep(max(_PERIOD_SECONDS - (time.monotonic() - began), 0.0))

    threading.Thread(target=go_on, name="asking", daemon=True).start()


def lives(address: str, port: int) -> bool:
    """Whether /livez there says so, in time. By way of no proxy, whatever the environment names."""
    connection = HTTPConnection(_NEAREST.get(address, address), port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
