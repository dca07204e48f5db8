"""The Faust app: one agent an input topic, each reacting to whole fetched batches from a channel of its own.

Faust gives the application, the agents, their channels and their life; its own consumer and producer stay off, for the group, the
fences and the transactions are ours (docs/decisions/0001-who-owns-the-partitions.md). No web server: `faust worker` would open
one, so a worker is started by our command alone.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import faust
import faust.auth
from faust.app.base import BootStrategy

from schemas.topics import CONSUMED
from streams.security import Security, aiokafka
from streams.worker.reader import Fetched

_FETCHED_WAITING: Final = 2  # polls a topic between reader and agent; with what librdkafka prefetches, enough to never wait


class _Boot(BootStrategy):
    enable_kafka = False
    enable_web = False


class _App(faust.App):
    BootStrategy = _Boot


def build_app(
    app_id: str, servers: str, security: Security, state: Path, react: Callable[[Fetched], Awaitable[None]]
) -> tuple[Any, dict[str, Any]]:
    """The app, not yet started, and its channels by topic."""
    app = _App(
        app_id,
        broker=[f"kafka://{server}" for server in servers.split(",")],
        broker_credentials=_credentials(security),
        datadir=str(state / "faust"),
        web_enabled=False,
        topic_disable_leader=True,
    )
    channels: dict[str, Any] = {}
    for topic in CONSUMED:
        channels[topic] = app.channel(maxsize=_FETCHED_WAITING)
        app.agent(channels[topic], name=f"on-{topic}")(_agent(react))
    app.finalize()
    return app, channels


def _credentials(security: Security) -> faust.auth.Credentials | None:
    """For Faust's own client, which stays off: should it ever be used, it goes by the same settings as ours."""
    told = aiokafka(security)
    context = told.get("ssl_context")
    if security.sasl:
        return faust.SASLCredentials(
            username=told["sasl_plain_username"],
            password=told["sasl_plain_password"],
            mechanism=told["sasl_mechanism"],
            ssl_context=context,
        )
    return None if context is None else faust.SSLCredentials(context)


def _agent(react: Callable[[Fetched], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
    async def agent(stream: Any) -> None:
        async for fetched in stream:
            await react(fetched)

    return agent
