"""Where the broker is, for the commands that only write to it or look at it: `produce` and `topics`.

`kafka://HOST:PORT[,HOST:PORT]`, `embedded://HOST:PORT`, or plain `HOST:PORT`. A broker that does not answer is a sentence after
a few seconds, not a client that tries for ever.
"""

import logging
import re
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.errors import WrongUsage

REACH_SECONDS: Final = 10.0
_SCHEME: Final = re.compile(r"^(?:(kafka|embedded)://)?(.+)$")
_SERVER: Final = re.compile(r"(?:\[[0-9A-Fa-f:]+\]|[^:\s/\[\]]+):[0-9]{1,5}")


def servers(broker: str) -> str:
    """`host:port[,host:port]`, as the clients take it. Raises `WrongUsage`."""
    found = _SCHEME.match(broker.strip())
    addresses = found[2].replace("kafka://", "").split(",") if found else []
    if not addresses or not all(_SERVER.fullmatch(address.strip()) for address in addresses):
        raise WrongUsage(f"--broker {broker}: write kafka://HOST:PORT")
    return ",".join(address.strip() for address in addresses)


def client_settings(broker: str) -> dict[str, Any]:
    """What every client of ours sets: the servers, and quiet logs, for what matters is said by the command."""
    quiet = logging.getLogger("pointstream.client")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    return {"bootstrap.servers": servers(broker), "client.id": "pointstream", "logger": quiet}


def partitions(admin: AdminClient, broker: str) -> dict[str, int]:
    """The topics that there are, and how many partitions each has. Raises `WrongUsage` if nobody answers."""
    try:
        found = admin.list_topics(timeout=REACH_SECONDS).topics
    except KafkaException as error:
        raise WrongUsage(f"the broker {broker} does not answer within {REACH_SECONDS:.0f} s: {reason(error)}") from None
    return {name: len(topic.partitions) for name, topic in found.items() if topic.error is None}


def reason(error: BaseException) -> str:
    """librdkafka's own words, without its numbers."""
    first = error.args[0] if error.args else error
    return str(first.str()) if hasattr(first, "str") else str(error)
