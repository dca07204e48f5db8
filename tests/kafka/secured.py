"""A broker that asks who we are, for the suites that come in by its listeners: `deploy/kafka/kafka start --secure`."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from streams.security import Security
from tests.conftest import ROOT
from tests.kafka.help import real_kafka
from tests.kafka.test_worker import COMMAND


class Secured(NamedTuple):
    """`plain`: host:port of the listener that asks nobody; the addresses of the other two, and where their certificates lie."""

    plain: str
    by_password: str
    by_certificate: str
    place: Path

    def flags(self, user: str = "pointstream", password: Path | None = None) -> list[str]:
        """Over TLS, with the password out of its file."""
        who = ["--sasl-username", user, "--sasl-password-file", str(password or self.place / "password")]
        return ["--broker", self.by_password, "--tls-ca", str(self.place / "ca.pem"), *who]

    @property
    def security(self) -> Security:
        return Security(ca=self.place / "ca.pem", username="pointstream", password_file=self.place / "password")


@contextmanager
def secured_kafka(data: Path) -> Iterator[Secured]:
    with real_kafka(data, secure=True) as servers:
        port = int(servers.rsplit(":", 1)[1])
        yield Secured(servers, f"kafka://127.0.0.1:{port + 2}", f"kafka://127.0.0.1:{port + 3}", data / "secure")


def run(*arguments: object, environment: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | (environment or {}),
    )


def pointstream(*arguments: object) -> Any:
    """What a command says on standard output, as JSON."""
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
