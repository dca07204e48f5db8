"""The Faust app: one agent, reacting to whole fetched batches of all inputs, in one order, from one channel.

An agent for each input would be an order for each (docs/decisions/0016-in-the-order-of-arrival.md).

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

from streams.security import Security, aiokafka
from streams.worker.arrivals import Fetched

_FETCHED_WAITING: Final = 2  # polls between reader and agent; with what librdkafka prefetches, enough to never wait


class _Boot(BootStrategy):
    enable_kafka = False
    enable_web = False


class _App(faust.App):
    BootStrategy = _Boot


def build_app(
    app_id: str, servers: str, security: Security, state: Path, react: Callable[[Fetched], Awaitable[None]]
) -> tuple[Any, Any]:
    """The app, not yet started, and the channel that its agent reads."""
    app = _App(
        app_id,
        broker=[f"kafka://{server}" for server in servers.split(",")],
        broker_credentials=_credentials(security),
        datadir=str(state / "faust"),
        web_enabled=False,
        topic_disable_leader=True,
    )
    channel = app.channel(maxsize=_FETCHED_WAITING)
    app.agent(channel, name="on-inputs")(_agent(react))
    app.finalize()
    return app, channel


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
