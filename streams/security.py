"""Who we say we are to a broker, and whom we believe: TLS and SASL, in Kafka's own words.

One place turns these settings into the configuration of both client libraries: librdkafka, which does the work, and aiokafka, which Faust
brings along. A secret comes from the environment or from a file and goes nowhere but into a client: it is no flag, stands in no `repr`,
log or sentence, and a file is read anew by each client, so that one that was exchanged is followed. A broker's certificate is always
verified, its name included; there is no setting that leaves that out.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from streams.errors import WrongUsage

PROTOCOLS: Final = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")
MECHANISMS: Final = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
SASL_PASSWORD: Final = "POINTSTREAM_SASL_PASSWORD"  # noqa: S105  # the variable's name
KEY_PASSWORD: Final = "POINTSTREAM_TLS_KEY_PASSWORD"  # noqa: S105  # likewise


@dataclass(frozen=True, kw_only=True)
class Security:
    """`said`: the protocol where one is named. Files are PEM. Of a secret that is there twice, the file counts."""

    said: str | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    key_password_file: Path | None = None
    mechanism: str = MECHANISMS[0]
    username: str | None = None
    password_file: Path | None = None
    key_password: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def protocol(self) -> str:
        """As named, else what the other settings ask for. A password never goes over a plain connection unless that was named."""
        if self.said is not None:
            return self.said
        if self.username is not None:
            return "sasl_ssl"
        return "ssl" if self.ca or self.certificate else "plaintext"

    @property
    def tls(self) -> bool:
        return self.protocol in {"ssl", "sasl_ssl"}

    @property
    def sasl(self) -> bool:
        return self.protocol.startswith("sasl_")

    def flags(self) -> dict[str, str]:
        """The same again for a process of our own. Secrets are not among them: the environment hands those on."""
        told = {
            "security-protocol": self.said,
            "tls-ca": self.ca,
            "tls-certificate": self.certificate,
            "tls-key": self.key,
            "tls-key-password-file": self.key_password_file,
            "sasl-mechanism": self.mechanism if self.sasl else None,
            "sasl-username": self.username,
            "sasl-password-file": self.password_file,
        }
        return {name: str(value) for name, value in told.items() if value is not None}

    def environment(self) -> dict[str, str]:
        """The secrets that came by the environment, for a process of our own."""
        told = {SASL_PASSWORD: self.password, KEY_PASSWORD: self.key_password}
        return {name: value for name, value in told.items() if value is not None}


NO_SECURITY: Final = Security()


def check(security: Security) -> None:
    """Before anything is connected: raises `WrongUsage` with all settings that contradict each other, or for a file that is not what it must be."""
    if faults := [*_contradictions(security)]:
        raise WrongUsage("; ".join(faults))
    if security.tls:
        ssl_context(security)


def _contradictions(security: Security) -> Iterator[str]:
    for variable, secret in security.environment().items():
        if not _is_text(secret):
            yield f"{variable} in the environment is no text in UTF-8"
    if security.sasl and not security.username:
        yield f"--security-protocol {security.protocol} wants a --sasl-username"
    elif security.username and not security.sasl:
        yield f"--sasl-username goes with --security-protocol sasl_ssl, not with {security.protocol}"
    elif security.password_file and not security.username:
        yield "--sasl-password-file goes with --sasl-username"
    elif security.sasl and not _password(security):
        yield f"--sasl-username {security.username} wants a password: --sasl-password-file FILE, or {SASL_PASSWORD} in the environment"
    if not security.tls and (security.ca or security.certificate or security.key):
        yield f"--tls-ca, --tls-certificate and --tls-key go with TLS, not with --security-protocol {security.protocol}"
    if security.key and not security.certificate:
        yield "--tls-key goes with --tls-certificate"
    if security.key_password_file and not security.certificate:
        yield "--tls-key-password-file goes with --tls-certificate"


def librdkafka(security: Security) -> dict[str, str]:
    """Settings for a client of confluent-kafka."""
    found = {"security.protocol": security.protocol}
    if security.tls:
        if security.ca is not None:
            found["ssl.ca.location"] = str(security.ca)
        if security.certificate is not None:
            found["ssl.certificate.location"] = str(security.certificate)
            found["ssl.key.location"] = str(security.key or security.certificate)
            if key_password := _key_password(security):
                found["ssl.key.password"] = key_password
    if security.sasl:
        found["sasl.mechanism"] = security.mechanism
        found["sasl.username"] = security.username or ""
        found["sasl.password"] = _password(security) or ""
    return {} if found == {"security.protocol": "plaintext"} else found


def aiokafka(security: Security) -> dict[str, Any]:
    """Arguments for a client of aiokafka."""
    found: dict[str, Any] = {"security_protocol": security.protocol.upper()}
    if security.tls:
        found["ssl_context"] = ssl_context(security)
    if security.sasl:
        found["sasl_mechanism"] = security.mechanism
        found["sasl_plain_username"] = security.username
        found["sasl_plain_password"] = _password(security)
    return found


def ssl_context(security: Security) -> ssl.SSLContext:
    """Verifies the broker's certificate and name, and shows ours where there is one. Raises `WrongUsage` for a file that is no such thing."""
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=security.ca)
    except (OSError, ssl.SSLError) as error:
        raise WrongUsage(f"--tls-ca {security.ca}: {_why(error, 'holds no certificate in PEM')}") from None
    if security.certificate is not None:
        key_password = _key_password(security)
        try:
            context.load_cert_chain(security.certificate, security.key, password=key_password or _nothing)
        except (OSError, ssl.SSLError, ValueError) as error:
            flag = f"--tls-certificate {security.certificate}" + (f" with --tls-key {security.key}" if security.key else "")
            raise WrongUsage(
                f"{flag}: {_why(error, 'certificate and key do not fit, are not PEM, or want another password')}"
            ) from None
    return context


def _nothing() -> str:
    """In place of the question that OpenSSL would put to the terminal."""
    return ""


def _why(error: OSError | ValueError, else_: str) -> str:
    return str(error.strerror) if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else else_


def _password(security: Security) -> str | None:
    return _secret("--sasl-password-file", security.password_file) or security.password


def _key_password(security: Security) -> str | None:
    return _secret("--tls-key-password-file", security.key_password_file) or security.key_password


def _is_text(secret: str) -> bool:
    """Bytes of the environment that are no text come as halves of pairs, which no client takes."""
    return not any("\ud800" <= sign <= "\udfff" for sign in secret)


def _secret(flag: str, file: Path | None) -> str | None:
    """What a file holds, without the end of its line."""
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8-sig").rstrip("\r\n")
    except OSError as error:
        raise WrongUsage(f"{flag} {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WrongUsage(f"{flag} {file}: is no text") from None
