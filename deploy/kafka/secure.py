"""TLS and passwords for the local Kafka: a CA that lives as long as its data directory, one user, two listeners.

For tests and for trying settings out; never for data of anybody. In DATA/secure:

    ca.pem                  whom clients believe
    broker.pem              the broker's key and certificate, for 127.0.0.1 and localhost
    client.pem, client.key  a client's certificate (CN=pointstream) and its key
    password                of the user `pointstream`, who may do everything; others may do what ACLs allow
"""

import secrets
import shlex
import shutil
import subprocess
from pathlib import Path

from failed import Failed

USER = "pointstream"
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256")
DAYS = "3650"
LISTENERS = """\
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CERTIFIED:SSL
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN
listener.name.secure.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.certified.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={place}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={place}/ca.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:{user};User:CN={user}
"""


def ports(port: int) -> tuple[int, int]:
    """Where the listeners are, of a broker whose plain one is here: with a password, with a certificate."""
    return port + 2, port + 3


def is_secure(data: Path) -> bool:
    return (data / "secure" / "ca.pem").exists()


def make(data: Path, host: str) -> None:
    """CA, certificates and password, once."""
    if is_secure(data):
        return
    openssl = shutil.which("openssl")
    if openssl is None:
        raise Failed("openssl is not installed: it makes the certificates (Debian: apt-get install openssl)")
    place = data / "secure"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, mode=0o700)
    (place / "password").touch(mode=0o600)
    (place / "password").write_text(secrets.token_urlsafe(24) + "\n")
    _openssl(
        openssl,
        "req",
        "-x509",
        *_key("ca.key"),
        "-days",
        DAYS,
        "-subj",
        "/CN=pointstream throw-away CA",
        "-out",
        "ca.crt",
        place=place,
    )
    for name, subject, more in (
        ("broker", "/CN=broker", f"subjectAltName=IP:{host},DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n"),
        ("client", f"/CN={USER}", "extendedKeyUsage=clientAuth\n"),
    ):
        (place / f"{name}.ext").write_text(more)
        _openssl(openssl, "req", "-new", *_key(f"{name}.key"), "-subj", subject, "-out", f"{name}.csr", place=place)
        signed = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", DAYS, "-extfile", f"{name}.ext"]
        _openssl(openssl, "x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.crt", place=place)
    (place / "broker.pem").touch(mode=0o600)
    (place / "broker.pem").write_text((place / "broker.key").read_text() + (place / "broker.crt").read_text())
    (place / "client.crt").rename(place / "client.pem")
    (place / "ca.crt").rename(place / "ca.pem")  # last: it says that all is there


def _key(name: str) -> tuple[str, ...]:
    return "-newkey", "rsa:2048", "-noenc", "-keyout", name


def _openssl(openssl: str, *arguments: str, place: Path) -> None:
    done = subprocess.run([openssl, *arguments], cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def _password(data: Path) -> str:
    return (data / "secure" / "password").read_text().strip()


def users(data: Path) -> list[str]:
    """For the tool that formats the data directory."""
    return [part for way in MECHANISMS for part in ("--add-scram", f"{way}=[name={USER},password={_password(data)}]")]


def with_listeners(properties: str, data: Path, host: str, port: int) -> str:
    """The server's properties, with the listeners."""
    kept = []
    for line in properties.splitlines():
        name = line.partition("=")[0]
        if name in {"listeners", "advertised.listeners"}:
            line += "".join(
                f",{listener}://{host}:{at}" for listener, at in zip(("SECURE", "CERTIFIED"), ports(port), strict=True)
            )
        if name != "listener.security.protocol.map":
            kept.append(line)
    return "\n".join(kept) + "\n" + LISTENERS.format(user=USER, password=_password(data), place=data / "secure")


def told(data: Path, host: str, port: int) -> str:
    """How to come in, for the user's eyes."""
    place, (secure, certified) = shlex.quote(str(data / "secure")), ports(port)
    return (
        f"secure: --broker kafka://{host}:{secure} --tls-ca {place}/ca.pem --sasl-username {USER} --sasl-password-file {place}/password\n"
        f"    or: --broker kafka://{host}:{certified} --tls-ca {place}/ca.pem --tls-certificate {place}/client.pem --tls-key {place}/client.key"
    )
