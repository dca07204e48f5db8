"""The users of the Strimzi manifests, on a broker that knows nobody else: each command works with its user's rights and no others.

The rules are read out of the manifest itself, as Strimzi's user operator would set them.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from schemas.events import DeadLetter, encode
from schemas.topics import CHANGELOG, CONSUMED, DEAD_LETTERS, LEDGER_ENTRIES, PROGRAMS, REQUESTS
from streams.brokers import Cluster, RefusedError, reach
from tests.conftest import ROOT
from tests.kafka.help import Process, new_topics, processes, read_all
from tests.kafka.receipts import PROGRAM, program_file, records, send
from tests.kafka.secured import Secured, pointstream, run
from tests.kafka.test_worker import COMMAND, PARTITIONS, assert_books, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
USERS = ROOT / "deploy" / "kubernetes" / "strimzi" / "users.yaml"
_KINDS = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "transactionalId": ResourceType.TRANSACTIONAL_ID}
_PATTERNS = {"literal": ResourcePatternType.LITERAL, "prefix": ResourcePatternType.PREFIXED}
_OPERATIONS = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}


def bindings(user: dict[str, Any]) -> list[AclBinding]:
    name = f"User:{user['metadata']['name']}"
    return [
        AclBinding(
            _KINDS[rule["resource"]["type"]],
            rule["resource"]["name"],
            _PATTERNS[rule["resource"]["patternType"]],
            name,
            rule["host"],
            _OPERATIONS[operation],
            AclPermissionType.ALLOW,
        )
        for rule in user["spec"]["authorization"]["acls"]
        for operation in rule["operations"]
    ]


@pytest.fixture(scope="module", autouse=True)
def users(secured: Secured) -> None:
    """With the topics, the users of the manifest, and their rights."""
    new_topics(secured.plain, PARTITIONS)
    admin = AdminClient({"bootstrap.servers": secured.plain})
    told = list(yaml.safe_load_all(USERS.read_text(encoding="utf-8")))
    way = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    for user in told:
        name, password = user["metadata"]["name"], secrets.token_urlsafe(16)
        (secured.place / name).write_text(password)
        _done(admin.alter_user_scram_credentials([UserScramCredentialUpsertion(name, way, password.encode())]))
        _done(admin.create_acls(bindings(user)))
    for user in told:
        _known(secured, user["metadata"]["name"])


def _done(answers: Mapping[Any, Any]) -> None:
    for answer in answers.values():
        answer.result()


def _known(secured: Secured, name: str) -> None:
    """The broker knows a user a moment after it has said so."""
    security = replace(secured.security, username=name, password_file=secured.place / name)
    until = time.monotonic() + 20
    while True:
        try:
            reach(Cluster(secured.by_password, security))
        except RefusedError:
            if time.monotonic() > until:
                raise
        else:
            return


def flags(secured: Secured, user: str) -> list[str]:
    return secured.flags(f"pointstream-{user}", secured.place / f"pointstream-{user}")


def test_each_command_works_with_the_rights_of_its_user_and_no_others(secured: Secured, tmp_path: Path) -> None:
    operator = flags(secured, "operator")
    assert run("topics", "--verify-only", *operator).returncode == 0
    lines = [value for _, value in records(300, 2) if value.endswith(b"}")]
    (tmp_path / "receipts.jsonl").write_bytes(b"".join(b"%b\n" % value for value in lines))
    produced = run("produce", "purchases", tmp_path / "receipts.jsonl", *flags(secured, "feed"))
    assert produced.returncode == 0, produced.stderr
    told = [*flags(secured, "worker"), "--program", str(program_file(tmp_path)), "--state", str(tmp_path / "state")]
    told += ["--backfill", "--standby-replicas", "1", "--processes", "2", "--instance-id", "pointstream-0"]
    with processes() as everybody:
        everybody.append(worker := Process(["-c", COMMAND, "worker", *told], tmp_path / "worker.log"))
        wait_until(secured.plain, len(lines), worker)
        released = run("profile", "release", "p1", *operator)
        assert "has followed" in released.stderr, released.stderr
        assert worker.end() == 0, worker.said()
    assert "authoriz" not in worker.said().lower()
    audited = pointstream("audit", *flags(secured, "auditor"))
    assert audited["entries"] == len(read_all(secured.plain, LEDGER_ENTRIES, PARTITIONS)) > 100
    assert run("publish", program_file(tmp_path), *operator).stdout.startswith("there already")
    later = program_file(tmp_path, PROGRAM.replace("2024-01-01", "2044-01-01"))
    assert run("publish", later, *operator).stdout.startswith("published")
    pointstream("export", *operator, "--output", tmp_path / "run.jsonl")
    assert pointstream("dead-letters", "list", *operator)["count"] > 0
    assert pointstream("state-hash", *operator)[0]["states"] > 0


def test_a_worker_whose_right_to_write_is_withdrawn_says_so_and_goes_on_when_it_has_it_again(
    secured: Secured, tmp_path: Path
) -> None:
    new_topics(secured.plain, PARTITIONS)
    admin = AdminClient({"bootstrap.servers": secured.plain})
    told = [*flags(secured, "worker"), "--program", str(program_file(tmp_path)), "--state", str(tmp_path / "state"), "--backfill"]
    right = (
        ResourceType.TOPIC,
        CHANGELOG,
        ResourcePatternType.LITERAL,
        "User:pointstream-worker",
        "*",
        AclOperation.WRITE,
        AclPermissionType.ALLOW,
    )
    sent = records(400, 3)
    with processes() as everybody:
        everybody.append(worker := Process(["-c", COMMAND, "worker", *told], tmp_path / "worker.log"))
        send(secured.plain, sent[:200])
        wait_until(secured.plain, 200, worker)
        _done(admin.delete_acls([AclBindingFilter(*right)]))
        try:
            send(secured.plain, sent[200:])
            assert worker.wait(60) == 2, worker.said()
            everybody.append(again := Process(["-c", COMMAND, "worker", *told], tmp_path / "again.log"))
            assert again.wait(60) == 2, "nor does it start like that"
        finally:
            _done(admin.create_acls([AclBinding(*right)]))
        for ended in (worker, again):
            assert f"does not allow this worker to write {CHANGELOG}:" in ended.said(), ended.said()
        everybody.append(worker := Process(["-c", COMMAND, "worker", *told], tmp_path / "worker.log"))
        wait_until(secured.plain, len(sent), worker)
        assert worker.end() == 0, worker.said()
    assert_books(secured.plain, tmp_path, sent)


def test_a_worker_that_may_not_read_the_programs_says_so_and_does_not_wait_for_them(secured: Secured, tmp_path: Path) -> None:
    new_topics(secured.plain, PARTITIONS)
    published = run("publish", program_file(tmp_path), *flags(secured, "operator"))
    assert published.returncode == 0, published.stderr
    admin = AdminClient({"bootstrap.servers": secured.plain})
    worker = next(
        user for user in yaml.safe_load_all(USERS.read_text(encoding="utf-8")) if user["metadata"]["name"] == "pointstream-worker"
    )
    (right,) = [one for one in bindings(worker) if (one.name, one.operation) == (PROGRAMS, AclOperation.READ)]
    _done(admin.delete_acls([_exactly(right)]))
    began = time.monotonic()
    try:
        refused = run("worker", *flags(secured, "worker"), "--state", tmp_path / "state")
    finally:
        _done(admin.create_acls([right]))
    assert refused.returncode == 2, refused.stderr
    assert "does not allow this user to read the topic programs" in refused.stderr
    assert time.monotonic() - began < 30


def _exactly(right: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        right.restype,
        right.name,
        right.resource_pattern_type,
        right.principal,
        right.host,
        right.operation,
        right.permission_type,
    )


def test_an_operator_puts_back_what_was_refused_of_any_topic(secured: Secured) -> None:
    letters = [
        DeadLetter(topic=topic, partition=0, offset=0, reason="invalid-field", message="", key="p", value="{}")
        for topic in CONSUMED
    ]
    _send(secured, DEAD_LETTERS, [(b"p", encode(letter)) for letter in letters])
    done = pointstream("dead-letters", "replay", *flags(secured, "operator"))
    assert set(done["topics"]) == set(CONSUMED)
    assert done["failed"] == 0


def test_an_auditor_stops_a_profile_with_its_own_rights(secured: Secured, tmp_path: Path) -> None:
    _send(secured, LEDGER_ENTRIES, [(b"p-unbalanced", b"{}")])
    told = [*flags(secured, "auditor"), "--follow", "--state", str(tmp_path / "audit"), "--stop-profiles"]
    with processes() as everybody:
        everybody.append(auditor := Process(["-c", COMMAND, "audit", *told], tmp_path / "audit.log"))
        auditor.hear("ledger-entries partition")
        until = time.monotonic() + 20
        while not any(message.key() == b"p-unbalanced" for message in read_all(secured.plain, REQUESTS, PARTITIONS)):
            assert time.monotonic() < until, auditor.said()
        assert auditor.end() == 1


def _send(secured: Secured, topic: str, pairs: list[tuple[bytes, bytes]]) -> None:
    """By the listener that asks nobody."""
    producer = Producer({"bootstrap.servers": secured.plain})
    for key, value in pairs:
        producer.produce(topic, value, key)
    assert producer.flush(20) == 0


REFUSED = {
    "a feed reads no ledger": ("feed", ["audit"], "is not there"),
    "an auditor sends no receipts": ("auditor", ["produce", "purchases", "-"], "is not there"),
    "a feed sees no dead letters": ("feed", ["dead-letters", "list"], "is not there"),
    "an operator is no worker": ("operator", ["worker", "--program=docs/examples/club.yaml"], "does not allow"),
}


@pytest.mark.parametrize(("user", "command", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_a_user_may_not_is_refused(secured: Secured, tmp_path: Path, user: str, command: list[str], sentence: str) -> None:
    more = [f"--state={tmp_path}"] if command[0] == "worker" else []
    done = run(*command, *flags(secured, user), *more)
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
