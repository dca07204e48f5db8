"""Who we say we are to a broker: what settings come to, in both client libraries, and where a secret never shows."""

import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from streams.brokers import ClosedError, Cluster, Complaint, client_settings, connection, refusal
from streams.cli.broker import to_broker
from streams.errors import WrongUsage
from streams.security import NO_SECURITY, Security, aiokafka, check, librdkafka
from streams.worker.app import build_app
from streams.worker.fleet import _command
from streams.worker.settings import WorkerSettings

SECRET = "n0t-f0r-eyes"
NOBODYS_CA = """\
-----BEGIN CERTIFICATE-----
MIIBgzCCASmgAwIBAgIUDdbbak08pBSSjDy6JVUuno4rv1swCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLbm9ib2R5J3MgQ0EwIBcNMjYxMTIyMTA0MzQ1WhgPMjEyNjEw
MjkxMDQzNDVaMBYxFDASBgNVBAMMC25vYm9keSdzIENBMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAES/Pf2NuLG/jIZ1y4uuEwOlkqyttitH/ykHettLMyX094JtEm
Vd5Lve6GcDQKfdZk6VuAPw0dBV7H668GgX6F/aNTMFEwHQYDVR0OBBYEFBsrvXPD
TShJ4OxaK8+Yupl4+OGnMB8GA1UdIwQYMBaAFBsrvXPDTShJ4OxaK8+Yupl4+OGn
MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgdGGCwycLaQYrhHE5
5i2VwPnQidKAsSdB4vhpkcg0ZtoCIQD4wG53bnQxAGF4p+93aYsAWphOEGfjJE2T
obYCVeRgBg==
-----END CERTIFICATE-----
"""
BY_PASSWORD = Security(username="till", password=SECRET)


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_text(NOBODYS_CA)
    return path


PROTOCOLS = {
    "nothing said": (NO_SECURITY, "plaintext"),
    "a CA asks for TLS": (Security(ca=Path("ca")), "ssl"),
    "a certificate asks for TLS": (Security(certificate=Path("pem")), "ssl"),
    "a password goes over TLS": (BY_PASSWORD, "sasl_ssl"),
    "unless it is said that it need not": (replace(BY_PASSWORD, said="sasl_plaintext"), "sasl_plaintext"),
    "TLS by the system's CAs": (Security(said="ssl"), "ssl"),
}


@pytest.mark.parametrize(("security", "protocol"), PROTOCOLS.values(), ids=PROTOCOLS)
def test_the_protocol_is_what_the_settings_ask_for(security: Security, protocol: str) -> None:
    assert security.protocol == protocol


WRONG = {
    "no name": (Security(said="sasl_ssl", password=SECRET), "wants a --sasl-username"),
    "no password": (Security(username="till"), "POINTSTREAM_SASL_PASSWORD in the environment"),
    "a name where nobody asks": (replace(BY_PASSWORD, said="ssl"), "--sasl-username goes with"),
    "a CA on a plain connection": (Security(said="plaintext", ca=Path("ca")), "go with TLS"),
    "a key without a certificate": (Security(said="ssl", key=Path("key")), "--tls-key goes with --tls-certificate"),
    "a password file without a name": (Security(password_file=Path("nowhere")), "--sasl-password-file goes with --sasl-username"),
    "a key's password without a certificate": (Security(key_password_file=Path("nowhere")), "goes with --tls-certificate"),
    "two at once": (
        Security(said="plaintext", username="till", key=Path("key")),
        "--sasl-username goes .*; --tls-ca.*; --tls-key goes",
    ),
    "no such CA": (Security(ca=Path("nowhere.pem")), "--tls-ca nowhere.pem: No such file"),
    "a CA that is none": (Security(ca=Path(click.__file__)), "holds no certificate in PEM"),
    "no such certificate": (Security(certificate=Path("nowhere.pem")), "--tls-certificate nowhere.pem: No such file"),
    "a certificate that is none": (Security(certificate=Path(click.__file__)), "do not fit, are not PEM"),
    "a password that is no text": (
        Security(username="till", password=f"{SECRET}\udcff"),
        "POINTSTREAM_SASL_PASSWORD in the .* no text",
    ),
    "a key's password that is no text": (Security(key_password="\udcff"), "POINTSTREAM_TLS_KEY_PASSWORD in the .* no text"),
    "no such password file": (
        Security(username="till", password_file=Path("nowhere")),
        "--sasl-password-file nowhere: No such file",
    ),
}


@pytest.mark.parametrize(("security", "sentence"), WRONG.values(), ids=WRONG)
def test_what_cannot_work_is_refused_before_anything_is_connected(security: Security, sentence: str) -> None:
    with pytest.raises(WrongUsage, match=sentence) as refused:
        check(security)
    assert SECRET not in refused.value.message


def test_nothing_said_sets_nothing() -> None:
    assert librdkafka(NO_SECURITY) == {}
    assert connection("kafka://a:1") == {"bootstrap.servers": "a:1"}


def test_both_client_libraries_are_told_the_same(ca: Path) -> None:
    security = replace(BY_PASSWORD, ca=ca, mechanism="SCRAM-SHA-256")
    assert librdkafka(security) == {
        "security.protocol": "sasl_ssl",
        "ssl.ca.location": str(ca),
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": "till",
        "sasl.password": SECRET,
    }
    other = aiokafka(security)
    context = other.pop("ssl_context")
    assert [each["subject"] for each in context.get_ca_certs()] == [((("commonName", "nobody's CA"),),)]
    assert other == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "till",
        "sasl_plain_password": SECRET,
    }


def test_a_brokers_certificate_and_name_are_always_verified(ca: Path) -> None:
    context = aiokafka(Security(ca=ca))["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert not {"enable.ssl.certificate.verification", "ssl.endpoint.identification.algorithm"} & set(librdkafka(Security(ca=ca)))


async def _nothing(_: Any) -> None: ...


@pytest.mark.parametrize("by_password", [True, False])
def test_fausts_own_client_goes_by_the_same_settings(ca: Path, tmp_path: Path, by_password: bool) -> None:
    security = replace(BY_PASSWORD, ca=ca) if by_password else Security(ca=ca)
    app, _ = build_app("group", "a:1", security, tmp_path, _nothing)
    told = dict(credentials_to_aiokafka_auth(app.conf.broker_credentials, app.conf.ssl_context))
    wanted = aiokafka(security)
    assert isinstance(told.pop("ssl_context"), ssl.SSLContext)
    del wanted["ssl_context"]
    assert {name: value for name, value in told.items() if value is not None} == wanted


def test_without_settings_fausts_own_client_has_no_credentials(tmp_path: Path) -> None:
    app, _ = build_app("group", "a:1", NO_SECURITY, tmp_path, _nothing)
    assert app.conf.broker_credentials is None


def test_a_password_file_is_read_anew_by_each_client(tmp_path: Path) -> None:
    file = tmp_path / "password"
    cluster = Cluster("a:1", Security(said="sasl_plaintext", username="till", password_file=file, password="of the environment"))
    for password in ("one", "two"):
        file.write_text(f"{password}\n")
        assert client_settings(cluster)["sasl.password"] == password


def test_what_an_editor_puts_around_a_password_is_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"\xef\xbb\xbfse cret \r\n")
    cluster = Cluster("a:1", Security(said="sasl_plaintext", username="till", password_file=tmp_path / "password"))
    assert client_settings(cluster)["sasl.password"] == "se cret "


def test_a_secret_shows_nowhere() -> None:
    security = replace(BY_PASSWORD, key_password=SECRET)
    settings = WorkerSettings(broker="kafka://a:1", state=Path("state"), security=security, standby_replicas=1)
    for text in (repr(security), repr(settings), repr(settings.cluster), str(settings.cluster), str(security.flags())):
        assert SECRET not in text


def test_processes_of_a_worker_get_the_settings_as_flags_and_secrets_by_the_environment(ca: Path) -> None:
    security = replace(BY_PASSWORD, ca=ca, key_password=SECRET, password_file=None)
    command = _command(WorkerSettings(broker="kafka://a:1", state=Path("state"), security=security), 0, 2)
    assert {f"--tls-ca={ca}", "--sasl-username=till", "--sasl-mechanism=SCRAM-SHA-512"} <= set(command)
    assert SECRET not in " ".join(command)
    assert security.environment() == {"POINTSTREAM_SASL_PASSWORD": SECRET, "POINTSTREAM_TLS_KEY_PASSWORD": SECRET}


def test_the_embedded_broker_asks_nobody() -> None:
    settings = WorkerSettings(broker="embedded://127.0.0.1:1", state=Path("state"), security=BY_PASSWORD)
    assert (
        settings.connection == connection(Cluster("embedded://127.0.0.1:1", BY_PASSWORD)) == {"bootstrap.servers": "127.0.0.1:1"}
    )
    assert settings.cluster.security == NO_SECURITY


def test_settings_reach_a_command_as_flags_and_variables(ca: Path) -> None:
    got: list[Cluster | None] = []

    @click.command()
    @to_broker(required=False)
    def command(*, broker: Cluster | None) -> None:
        got.append(broker)

    environment = {"POINTSTREAM_BROKER": "kafka://a:1", "POINTSTREAM_SASL_USERNAME": "till", "POINTSTREAM_SASL_PASSWORD": SECRET}
    done = CliRunner().invoke(
        command, ["--tls-ca", str(ca), "--sasl-mechanism", "PLAIN"], env=environment, catch_exceptions=False
    )
    assert done.exit_code == 0
    assert got == [Cluster("kafka://a:1", Security(ca=ca, mechanism="PLAIN", username="till", password=SECRET))]
    assert SECRET not in CliRunner().invoke(command, ["--help"], env=environment).output
    CliRunner().invoke(command, [], catch_exceptions=False)
    assert got[1:] == [None]


COMPLAINTS = {
    "a wrong password": (
        Complaint(-169, "sasl_ssl://a:1/bootstrap: SASL failed: no (after 3ms in state AUTH_REQ)"),
        "let --sasl-username till in: SASL failed: no",
    ),
    "a broker's certificate that is of another CA, another name or another time": (
        Complaint(-181, "SSL handshake failed: certificate verify failed: …"),
        "its CA is not the one of --tls-ca, it has expired, or it is of another name than this address",
    ),
    "another fault of TLS": (
        Complaint(-181, "ssl://a:1/bootstrap: no shared cipher"),
        "no TLS connection to the broker kafka://a:1: no shared cipher",
    ),
    "no certificate of ours": (Complaint(-195, "Receive failed: tls alert bad certificate"), "name it with --tls-certificate"),
    "another protocol": (
        Complaint(None, "FAIL: Disconnected: connection closed by peer"),
        "another --security-protocol than sasl_ssl",
    ),
}


@pytest.mark.parametrize(("complaint", "sentence"), COMPLAINTS.values(), ids=COMPLAINTS)
def test_what_keeps_us_out_is_a_sentence(complaint: Complaint, sentence: str) -> None:
    told = refusal(Cluster("kafka://a:1", BY_PASSWORD), [Complaint(None, "FAIL"), complaint], over=True)
    assert told is not None
    assert sentence in told.message
    assert isinstance(told, ClosedError) == ("another --security-protocol" in sentence)


@pytest.mark.parametrize("alert", ["bad certificate", "certificate unknown", "certificate expired", "unknown ca"])
def test_a_certificate_of_ours_that_is_not_taken_is_named(alert: str) -> None:
    ours = Cluster("kafka://a:1", Security(ca=Path("ca.pem"), certificate=Path("till.pem")))
    told = refusal(ours, [Complaint(-195, f"Receive failed: ssl/tls alert {alert}: SSL alert number 46")], over=False)
    assert told is not None
    assert "does not take --tls-certificate till.pem: it has expired, or its CA is none that the broker knows" in told.message


def test_a_broker_that_is_away_keeps_nobody_out() -> None:
    away = [Complaint(-195, "Connect to ipv4#127.0.0.1:1 failed: Connection refused"), Complaint(-187, "1/1 brokers are down")]
    assert refusal("a:1", away, over=True) is None


def test_a_connection_that_is_closed_once_is_no_refusal_yet() -> None:
    assert refusal("a:1", [Complaint(None, "Disconnected: connection closed by peer")], over=False) is None


def test_a_broker_that_closed_a_connection_and_went_away_is_away() -> None:
    gone = [
        Complaint(None, "Disconnected: connection closed by peer"),
        Complaint(-195, "Connect to ipv4#127.0.0.1:1 failed: Connection refused"),
    ]
    assert refusal("a:1", [*gone, Complaint(-187, "1/1 brokers are down")], over=True) is None
    assert refusal("a:1", [*reversed(gone), Complaint(-187, "1/1 brokers are down")], over=True) is not None
