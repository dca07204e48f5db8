"""A broker that asks who we are: every command over TLS with a password, and what each says where it is not let in.

The listeners are those of `deploy/kafka/kafka start --secure`; its plain one, which asks nobody, only looks on.
"""

import asyncio
import subprocess
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from schemas.topics import LEDGER_ENTRIES
from streams.brokers import Cluster, reach
from streams.security import Security, aiokafka
from tests.kafka.help import Process, delete_topics, processes, read_all
from tests.kafka.receipts import program_file, records
from tests.kafka.secured import Secured, pointstream, run
from tests.kafka.test_worker import COMMAND, PARTITIONS, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
PASSWORD = "POINTSTREAM_SASL_PASSWORD"


def test_every_command_works_over_tls_with_a_password(secured: Secured, tmp_path: Path) -> None:
    password = (secured.place / "password").read_text().strip()
    delete_topics(secured.plain)
    topics = pointstream("topics", *secured.flags(), "--partitions", PARTITIONS)
    assert {topic["partitions"] for topic in topics} == {PARTITIONS}
    sent = [value for _, value in records(400, 1)]
    (tmp_path / "receipts.jsonl").write_bytes(b"".join(b"%b\n" % value for value in sent if value.endswith(b"}")))
    produced = run("produce", "purchases", tmp_path / "receipts.jsonl", *secured.flags())
    assert produced.returncode == 0, produced.stderr
    count = len((tmp_path / "receipts.jsonl").read_bytes().splitlines())
    with processes() as everybody:
        told = [*secured.flags(), "--program", str(program_file(tmp_path)), "--state", str(tmp_path / "state")]
        worker = Process(["-c", COMMAND, "worker", *told, "--backfill", "--processes", "2"], tmp_path / "worker.log")
        everybody.append(worker)
        wait_until(secured.plain, count, worker)
        children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
        seen = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in (str(worker.pid), *children)]
        assert run("profile", "stop", "p1", *secured.flags()).returncode == 0
        assert run("profile", "release", "p1", *secured.flags()).returncode == 0
        assert worker.end() == 0, worker.said()
    assert len(seen) == 3
    assert password.encode() not in b"".join(seen)
    assert password not in worker.said()
    entries = len(read_all(secured.plain, LEDGER_ENTRIES, PARTITIONS))
    assert entries > 100
    audited = pointstream("audit", *secured.flags())
    assert (audited["entries"], audited["violations"]) == (entries, 0)
    exported = pointstream("export", *secured.flags(), "--output", tmp_path / "run.jsonl")
    assert sum(partition["records"] for partition in exported["partitions"]) == count
    assert pointstream("dead-letters", "list", *secured.flags())["count"] > 0
    assert pointstream("dead-letters", "replay", *secured.flags(), "--dry-run")["put_back"] > 0
    states = pointstream("state-hash", *secured.flags(), *(f"--state={tmp_path}/state/process-{n}" for n in (0, 1)))
    assert len(states) == 3


def test_the_password_may_come_by_the_environment_and_by_plain_sasl(secured: Secured) -> None:
    told = ["--broker", secured.by_password, "--tls-ca", secured.place / "ca.pem", "--sasl-username", "pointstream"]
    environment = {PASSWORD: (secured.place / "password").read_text().strip()}
    for mechanism in ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"):
        reach(Cluster(secured.by_password, Security(**vars(secured.security) | {"mechanism": mechanism})))
    done = run("topics", "--partitions", PARTITIONS, *told, environment=environment)
    assert done.returncode == 0, done.stderr


def test_a_clients_certificate_lets_it_in(secured: Secured) -> None:
    files = {
        name: secured.place / file for name, file in (("ca", "ca.pem"), ("certificate", "client.pem"), ("key", "client.key"))
    }
    reach(Cluster(secured.by_certificate, Security(**files)))  # type: ignore[arg-type]  # all are paths


def test_the_other_client_library_comes_in_by_the_same_settings(secured: Secured) -> None:
    async def ask() -> int:
        client = AIOKafkaProducer(bootstrap_servers=secured.by_password.removeprefix("kafka://"), **aiokafka(secured.security))
        await client.start()
        try:
            return len(client.client.cluster.brokers())
        finally:
            await client.stop()
            await asyncio.sleep(0.5)  # its TLS connections end after it has said that they have

    assert asyncio.run(ask()) == 1


REFUSED = {
    "a wrong password": ("by_password", {"sasl-password-file": "wrong"}, "does not let --sasl-username pointstream in"),
    "another CA": ("by_password", {"tls-ca": "other.pem"}, "its CA is not the one of --tls-ca"),
    "a plain listener": ("plain", {}, "its listener may speak another --security-protocol than sasl_ssl"),
    "no certificate": ("by_certificate", {}, "name it with --tls-certificate"),
}


@pytest.mark.parametrize(
    ("command", "listener", "other", "sentence"),
    [*(("topics", *case) for case in REFUSED.values()), ("worker", *REFUSED["a wrong password"])],
    ids=[*REFUSED, "a worker with a wrong password"],
)
def test_who_is_not_let_in_hears_why_in_one_sentence(
    secured: Secured, tmp_path: Path, command: str, listener: str, other: dict[str, str], sentence: str
) -> None:
    (tmp_path / "wrong").write_text("a wrong password")
    made = f"openssl req -x509 -newkey rsa:2048 -noenc -subj /CN=other -keyout {tmp_path}/other.key -out {tmp_path}/other.pem"
    subprocess.run(made.split(), check=True, capture_output=True)
    told = {"sasl-password-file": secured.place / "password", "tls-ca": secured.place / "ca.pem"}
    told |= {flag: tmp_path / file for flag, file in other.items()}
    address = f"kafka://{secured.plain}" if listener == "plain" else getattr(secured, listener)
    flags = [f"--broker={address}", "--sasl-username=pointstream", *(f"--{flag}={file}" for flag, file in told.items())]
    more = ["--verify-only"] if command == "topics" else [f"--program={program_file(tmp_path)}", f"--state={tmp_path / 'state'}"]
    done = run(command, *flags, *more)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert sentence in done.stderr
    assert told["sasl-password-file"].read_text().strip() not in done.stdout + done.stderr


def test_a_certificate_of_ours_that_has_expired_is_named(secured: Secured, tmp_path: Path) -> None:
    ca = f"-CA {secured.place}/ca.pem -CAkey {secured.place}/ca.key -set_serial 7 -days -1"
    made = "openssl req -newkey rsa:2048 -noenc -subj /CN=pointstream -keyout till.key -out till.csr"
    for step in (made, f"openssl x509 -req -in till.csr {ca} -out till.pem"):
        subprocess.run(step.split(), check=True, capture_output=True, cwd=tmp_path)
    files = ["--tls-ca", secured.place / "ca.pem", "--tls-certificate", tmp_path / "till.pem", "--tls-key", tmp_path / "till.key"]
    done = run("topics", "--verify-only", "--broker", secured.by_certificate, *files)
    assert done.returncode == 2
    assert f"does not take --tls-certificate {tmp_path / 'till.pem'}: it has expired" in done.stderr


def test_a_plain_client_hears_it_too(secured: Secured) -> None:
    done = run("topics", "--verify-only", "--broker", secured.by_password)
    assert done.returncode == 2
    assert "may speak another --security-protocol than plaintext" in done.stderr
