"""Where a broker is, who we are to it, and the first word with it: for every command, the worker included.

`kafka://HOST:PORT[,HOST:PORT]`, `embedded://HOST:PORT`, or plain `HOST:PORT`. A broker that does not answer is a sentence after
a few seconds, not a client that tries for ever; and so is one that answers and does not let us in, with what is wrong: the password,
the certificate, or that one side speaks TLS and the other does not.
"""

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from streams.errors import BrokerAway, WrongUsage
from streams.security import NO_SECURITY, Security, librdkafka

REACH_SECONDS: Final = 10.0
_TRY_SECONDS: Final = 1.0
_SOCKET_MS: Final = 10_000
_CLOSED_SECONDS: Final = 4.0
_SCHEME: Final = re.compile(r"^(?:(kafka|embedded)://)?(.+)$")
_SERVER: Final = re.compile(r"(?:\[[0-9A-Fa-f:]+\]|[^:\s/\[\]]+):[0-9]{1,5}")
_PORT_MAX: Final = 65_535
_LOGIN: Final = KafkaError._AUTHENTICATION  # noqa: SLF001  # its public name
_TLS: Final = KafkaError._SSL  # noqa: SLF001  # likewise
_OUR_CERTIFICATE: Final = re.compile("alert (bad certificate|certificate (required|unknown|expired|revoked)|unknown ca)")
"""What brokers say of a client's certificate; Java's say `unknown` of one that has expired."""
_ALL_DOWN: Final = "brokers are down"


@dataclass(frozen=True)
class Cluster:
    """A broker's address as it was given, and how it is spoken to. Reads as its address: what we are to it is in no sentence."""

    address: str
    security: Security = NO_SECURITY

    def __str__(self) -> str:
        return self.address


Broker = str | Cluster
"""An address alone is a cluster that asks nobody who they are."""


class RefusedError(WrongUsage):
    """The broker is there, and does not let us in."""


class ClosedError(RefusedError):
    """It closes each connection without a word: another protocol, or somebody between who has no broker to go to just now."""


def servers(broker: Broker) -> str:
    """`host:port[,host:port]`, as the clients take it. Raises `WrongUsage`."""
    found = _SCHEME.match(str(broker).strip())
    addresses = found[2].replace("kafka://", "").split(",") if found else []
    if not addresses or not all(_SERVER.fullmatch(address.strip()) for address in addresses):
        raise WrongUsage(f"--broker {broker}: write kafka://HOST:PORT")
    for port in [int(address.rpartition(":")[2]) for address in addresses]:
        if not 1 <= port <= _PORT_MAX:  # the client would take it for another one
            raise WrongUsage(f"--broker {broker}: {port} is no port; they go from 1 to {_PORT_MAX}")
    return ",".join(address.strip() for address in addresses)


def connection(broker: Broker) -> dict[str, Any]:
    """What every client has to be told: the servers, and how they are spoken to. The embedded broker asks nobody who they are."""
    security = broker.security if isinstance(broker, Cluster) and not broker.address.startswith("embedded://") else NO_SECURITY
    return {"bootstrap.servers": servers(broker), **librdkafka(security)}


def client_settings(broker: Broker) -> dict[str, Any]:
    """What the clients of a command set: the connection, and quiet logs, for what matters is said by the command. Of several brokers one that does
    not answer is left for the others while there is still patience; by itself the client keeps to it for a minute.
    """
    quiet = logging.getLogger("pointstream.client")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    return {**connection(broker), "client.id": "pointstream", "logger": quiet, "socket.timeout.ms": _SOCKET_MS}


class Complaint(NamedTuple):
    """What a connection has met: librdkafka's error, or (code None) a line of its log, which is all it has for some refusals."""

    code: int | None
    said: str


class Admin:
    """A client for the first word, and what its connections have complained of: the answers alone would only say that time is over.

    Not for long: nobody empties its queue of complaints but `metadata`.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._complaints: list[Complaint] = []
        log = logging.Logger("pointstream.admin")  # noqa: LOG001  # of this client alone, and gone with it
        log.addHandler(_Kept(self._complaints))
        told: dict[str, Any] = {**client_settings(broker), "logger": log, "error_cb": self._complain}
        self.client = AdminClient(told)

    def _complain(self, error: KafkaError) -> None:
        self._complaints.append(Complaint(error.code(), error.str()))

    def metadata(self, seconds: float) -> ClusterMetadata:
        """Raises `RefusedError` where the broker does not let us in, else the `KafkaException` of a broker that does not answer."""
        began = time.monotonic()
        self._complaints.clear()
        while True:
            try:
                return self.client.list_topics(timeout=_TRY_SECONDS)
            except KafkaException as error:
                self.client.poll(0)
                past = time.monotonic() - began
                refused = refusal(self._broker, self._complaints, over=past >= min(_CLOSED_SECONDS, seconds))
                if refused is not None:
                    raise refused from None
                if past >= seconds:
                    raise KafkaException(
                        next((each.said for each in self._complaints if each.code is not None), *error.args)
                    ) from None


class _Kept(logging.Handler):
    def __init__(self, complaints: list[Complaint]) -> None:
        super().__init__()
        self._complaints = complaints

    def emit(self, record: logging.LogRecord) -> None:
        self._complaints.append(Complaint(None, record.getMessage()))


def reach(broker: Broker) -> tuple[AdminClient, ClusterMetadata]:
    """A client for questions, and what the broker says of its topics. Raises `BrokerAway` where it does not answer."""
    admin = Admin(broker)
    try:
        return admin.client, admin.metadata(REACH_SECONDS)
    except KafkaException as error:
        raise BrokerAway(f"the broker {broker} does not answer within {REACH_SECONDS:.0f} s: {reason(error)}") from None


def partitions(broker: Broker) -> dict[str, int]:
    """The topics that there are, and how many partitions each has. Raises `WrongUsage` if nobody answers."""
    _, known = reach(broker)
    return {name: len(topic.partitions) for name, topic in known.topics.items() if topic.error is None}


def reason(error: BaseException) -> str:
    """librdkafka's own words, without its numbers."""
    first = error.args[0] if error.args else error
    return str(first.str()) if hasattr(first, "str") else str(error)


def refusal(broker: Broker, complaints: Sequence[Complaint], *, over: bool) -> RefusedError | None:
    """What keeps us out; None where nothing says so. A connection that is closed without a word may be a broker that
    is being restarted: that counts once the time is `over`.
    """
    for code, said in complaints:
        if code == _LOGIN:
            name = broker.security.username if isinstance(broker, Cluster) else None
            return RefusedError(f"the broker {broker} does not let --sasl-username {name} in: {_short(said)}")
        if code == _TLS and "certificate verify failed" in said:
            return RefusedError(  # the client does not say which of these it is
                f"the certificate of the broker {broker} is not one to be believed: its CA is not the one of --tls-ca, "
                "it has expired, or it is of another name than this address"
            )
        if code == _TLS:
            return RefusedError(f"no TLS connection to the broker {broker}: {_short(said)}")
        if _OUR_CERTIFICATE.search(said):
            named = broker.security.certificate if isinstance(broker, Cluster) else None
            if named is None:
                return RefusedError(f"the broker {broker} wants a certificate that it knows: name it with --tls-certificate")
            return RefusedError(
                f"the broker {broker} does not take --tls-certificate {named}: it has expired, or its CA is none that the broker knows"
            )
    last = next((said for _, said in reversed(complaints) if _ALL_DOWN not in said), "")
    if over and "Disconnected" in last:
        protocol = broker.security.protocol if isinstance(broker, Cluster) else "plaintext"
        return ClosedError(
            f"the broker {broker} closes each connection: its listener may speak another --security-protocol than {protocol}"
        )
    return None


def _short(said: str) -> str:
    """librdkafka's words without the address before them and the time after them."""
    return re.sub(r"^\w+://[^ ]+: |\s*\(after \d+ms in state \w+(?:, [^)]*)?\)", "", said).strip()
