"""`--broker` and all that says how a broker is spoken to: the same settings for every command that has one.

A secret is never a flag, for flags are seen by everybody on the machine: it stands in a file that a flag names, or in the environment.
"""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from streams.settings import Named, setting

_Command = TypeVar("_Command", bound=Callable[..., Any])
_FILE: Final = Named(what="a file", dir_okay=False, path_type=Path)
_ADDRESS: Final = "kafka://HOST:PORT[,HOST:PORT]"


def to_broker(*, required: bool = True, address: str = _ADDRESS, **broker: Any) -> Callable[[_Command], _Command]:
    """The settings, given to the command as one `broker: Cluster` (None where none was named and none is required)."""
    from streams.security import KEY_PASSWORD, MECHANISMS, PROTOCOLS, SASL_PASSWORD

    options = (
        setting("--broker", "broker_address", required=required, metavar="URL", **{"help": address, **broker}),
        setting(
            "--security-protocol",
            type=click.Choice(PROTOCOLS, case_sensitive=False),
            show_default="sasl_ssl with a --sasl-username, ssl with --tls-ca or --tls-certificate, else plaintext",
            help="How the broker's listener is spoken to.",
        ),
        setting(
            "--tls-ca", type=_FILE, metavar="FILE", show_default="the system's", help="The CAs whose brokers are believed, PEM."
        ),
        setting("--tls-certificate", type=_FILE, metavar="FILE", show_default="none", help="Our certificate and its chain, PEM."),
        setting("--tls-key", type=_FILE, metavar="FILE", show_default="in the file of the certificate", help="Its key, PEM."),
        setting(
            "--tls-key-password-file",
            type=_FILE,
            metavar="FILE",
            show_default="none",
            help=f"Holds the key's password; else {KEY_PASSWORD} in the environment does.",
        ),
        setting(
            "--sasl-mechanism",
            type=click.Choice(MECHANISMS, case_sensitive=False),
            metavar=f"[{'|'.join(MECHANISMS)}]",
            default=MECHANISMS[0],
            help="How the password is proven.",
        ),
        setting("--sasl-username", metavar="NAME", show_default="none", help="Who we are to the broker."),
        setting(
            "--sasl-password-file",
            type=_FILE,
            metavar="FILE",
            show_default="none",
            help=f"Holds the password; else {SASL_PASSWORD} in the environment does.",
        ),
    )

    def decorate(command: _Command) -> _Command:
        @functools.wraps(command)
        def with_broker(*args: Any, broker_address: str | None, **rest: Any) -> Any:
            security = {name: rest.pop(name) for name in _NAMES}
            return command(*args, broker=None if broker_address is None else _cluster(broker_address, **security), **rest)

        wrapped: Any = with_broker
        for option in reversed(options):
            wrapped = option(wrapped)
        return wrapped  # type: ignore[no-any-return]  # the same command, with other arguments

    return decorate


_NAMES: Final = (
    "security_protocol",
    "tls_ca",
    "tls_certificate",
    "tls_key",
    "tls_key_password_file",
    "sasl_mechanism",
    "sasl_username",
    "sasl_password_file",
)


def _cluster(
    address: str,
    *,
    security_protocol: str | None,
    tls_ca: Path | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
    tls_key_password_file: Path | None,
    sasl_mechanism: str,
    sasl_username: str | None,
    sasl_password_file: Path | None,
) -> Any:
    """Raises `WrongUsage` where the settings are not to be used."""
    from streams.brokers import Cluster
    from streams.security import KEY_PASSWORD, SASL_PASSWORD, Security, check

    security = Security(
        said=security_protocol,
        ca=tls_ca,
        certificate=tls_certificate,
        key=tls_key,
        key_password_file=tls_key_password_file,
        mechanism=sasl_mechanism,
        username=sasl_username,
        password_file=sasl_password_file,
        key_password=os.environ.get(KEY_PASSWORD),
        password=os.environ.get(SASL_PASSWORD),
    )
    if not address.startswith("embedded://"):
        check(security)
    return Cluster(address, security)
