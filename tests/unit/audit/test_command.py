"""`pointstream audit` as a user runs it: over files, over a topic to its end, and on and on with metrics."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from confluent_kafka import Producer
from rocksdict import Options, Rdict

from streams.audit.accounts import Accounts, Kept
from streams.audit.metrics import Metrics
from streams.audit.run import TOPIC, AuditSettings, audit_topic
from streams.cli.main import run
from streams.embedded import EmbeddedBroker, embedded_broker
from streams.reading import TopicReader
from tests.conftest import ROOT

SPENT = ROOT / "tests" / "golden" / "spent-held-and-given-back" / "expected" / "ledger-entries.jsonl"
LINES = SPENT.read_bytes().splitlines()


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(["audit", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def wrong(line: bytes) -> bytes:
    """The entry with one more active point than there is."""
    entry = json.loads(line)
    entry["balance"]["active"] = "999999.00"
    return json.dumps(entry).encode()


def write(path: Path, lines: list[bytes]) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


# files


def test_books_that_hold_end_with_0(say: Any) -> None:
    code, out, err = say("--input", SPENT)
    assert (code, out) == (0, "")
    assert re.fullmatch(rf"{len(LINES)} entries checked in \d+\.\d s: the books hold\n", err)


def test_the_first_violation_ends_with_1_and_says_where_it_lies_and_what_it_is(say: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "wrong.jsonl", [*LINES[:4], wrong(LINES[4]), wrong(LINES[5])])
    code, _, err = say("--input", path)
    told = err.splitlines()
    assert code == 1
    entry = json.loads(LINES[4])
    assert told[0].startswith(
        f"pointstream: audit: {path} line 5: entry 5 of spending pts ({entry['type']} {entry['id']}) states "
    )
    assert told[1].startswith("5 entries checked")
    assert told[1].endswith(": 1 violation")


def test_what_an_entry_holds_is_told_to_a_terminal_and_never_obeyed_by_it(say: Any, tmp_path: Path) -> None:
    evil = "\x1b]0;title\x07 \u202e\nthe books hold"
    entry = json.loads(LINES[0]) | {"program": evil, "id": evil}
    _, _, err = say("--input", write(tmp_path / "evil.jsonl", [json.dumps(entry).encode()]))
    told = err.splitlines()
    assert len(told) == 2
    assert "]0;title" in told[0]
    assert all(line.isprintable() for line in told)


def test_a_disk_that_takes_no_more_is_a_sentence(tmp_path: Path) -> None:
    joined = json.loads(LINES[0])
    lines = [json.dumps(joined | {"profile_id": f"p{n}", "id": f"{n:032x}"}).encode() for n in range(2_000)]
    command = (
        "import resource, sys; sys.dont_write_bytecode = True; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)); "
        "from streams.cli.main import run; sys.exit(run(sys.argv[1:]))"
    )
    arguments = ["audit", "--input", str(write(tmp_path / "joined.jsonl", lines)), "--state", str(tmp_path / "state")]
    done = subprocess.run([sys.executable, "-c", command, *arguments], cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"pointstream: what is known cannot be read or written in {tmp_path / 'state'}: IO error")
    assert "look at the disk's space" in done.stderr


def test_for_a_machine(say: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "wrong.jsonl", [*LINES[:4], wrong(LINES[4])])
    code, out, err = say("--input", path, "--json")
    violation, total = map(json.loads, out.splitlines())
    assert (code, err) == (1, "")
    assert violation["at"] == {"file": str(path), "line": 5}
    assert {name: violation["violation"][name] for name in ("entry", "program", "point")} == {
        "entry": 5,
        "program": "spending",
        "point": "pts",
    }
    assert (total["entries"], total["violations"]) == (5, 1)


def test_a_run_that_went_on_from_another_is_audited_with_both_or_from_the_auditors_state(say: Any, tmp_path: Path) -> None:
    first, second = write(tmp_path / "first.jsonl", LINES[:5]), write(tmp_path / "second.jsonl", LINES[5:])
    assert say("--input", first, second)[0] == 0
    code, _, err = say("--input", second)
    assert code == 1
    assert "is the first of its numbers" in err
    state = tmp_path / "state"
    assert say("--input", first, "--state", state)[0] == 0
    assert say("--input", second, "--state", state)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "name either --broker or --input"),
        (["--broker", "kafka://127.0.0.1:1", "--input", SPENT], "name either --broker or --input"),
        (["--input", SPENT, "--follow"], "--follow and --metrics-port go with --broker"),
        (["--broker", "kafka://127.0.0.1:1", "--follow", "--stop-profiles"], "--stop-profiles goes with --follow and --state"),
        (["--input", "nowhere.jsonl"], "nowhere.jsonl: No such file"),
        (["--broker", "nonsense"], "write kafka://HOST:PORT"),
    ],
)
def test_wrong_usage_ends_with_2(say: Any, arguments: list[object], sentence: str) -> None:
    code, _, err = say(*arguments)
    assert code == 2
    assert sentence in err


def test_a_flag_counts_before_the_environment(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTSTREAM_BROKER", "kafka://127.0.0.1:1")
    assert say("--input", SPENT)[0] == 0
    monkeypatch.setenv("POINTSTREAM_INPUT", str(SPENT))
    code, _, err = say()
    assert code == 2
    assert "name either --broker or --input" in err


def test_a_state_that_somebody_else_uses_is_refused(say: Any, tmp_path: Path) -> None:
    taken = Accounts(tmp_path / "state")
    code, _, err = say("--input", SPENT, "--state", tmp_path / "state")
    taken.close()
    assert code == 2
    assert "another process uses it" in err


def test_a_state_whose_lock_cannot_be_had_is_told_as_that_and_not_as_somebody_elses(say: Any, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert say("--input", SPENT, "--state", folder)[0] == 0
    (folder / "LOCK").unlink()
    (folder / "LOCK").mkdir()
    code, _, err = say("--input", SPENT, "--state", folder)
    assert (code, "cannot be opened: IO error" in err, "another process" in err) == (2, True, False)


def test_a_state_that_another_process_has_is_told_as_that(say: Any, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    holds = "import sys; from pathlib import Path; from streams.audit.accounts import Accounts; held = Accounts(Path(sys.argv[1])); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holds, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        code, _, err = say("--input", SPENT, "--state", folder)
        other.kill()
    assert (code, "another process uses it" in err) == (2, True)


def ledgers_states(folder: Path) -> dict[str, Path]:
    """Directories in which somebody else keeps a state, by whose it is."""
    made = {name: folder / name for name in ("worker", "starting-worker", "fleet", "replay")}
    (made["worker"] / "partition-0000-of-0004").mkdir(parents=True)
    (made["fleet"] / "process-0" / "partition-0000-of-0004").mkdir(parents=True)
    made["starting-worker"].mkdir()
    (made["starting-worker"] / "worker-id").write_text("w1")
    table = Rdict(str(made["replay"]), Options(raw_mode=True))
    table[b"a profile"] = b"and what is known of it"
    table.close()
    return made


@pytest.mark.parametrize("whose", ["worker", "starting-worker", "fleet", "replay"])
def test_a_directory_in_which_a_ledger_lies_is_refused_and_left_as_it_is(say: Any, tmp_path: Path, whose: str) -> None:
    folder = ledgers_states(tmp_path)[whose]
    before = {path: path.is_dir() or path.read_bytes() for path in folder.rglob("*") if "LOG" not in path.name}
    code, _, err = say("--input", SPENT, "--state", folder)
    assert (code, err) == (
        2,
        f"pointstream: --state {folder}: is the state of a worker or a replay; give the auditor a directory of its own\n",
    )
    assert {path: path.is_dir() or path.read_bytes() for path in folder.rglob("*") if "LOG" not in path.name} == before


def test_a_state_in_which_nothing_has_been_kept_yet_is_the_auditors(say: Any, tmp_path: Path) -> None:
    Accounts(tmp_path / "state").close()  # as after a crash right at the start
    assert say("--input", SPENT, "--state", tmp_path / "state")[0] == 0


def test_violations_of_earlier_runs_are_told_with_the_first_of_them(say: Any, tmp_path: Path) -> None:
    state, rest = tmp_path / "state", write(tmp_path / "rest.jsonl", LINES[5:])
    assert say("--input", write(tmp_path / "first.jsonl", LINES[:5]), "--state", state)[0] == 0
    accounts = Accounts(state)
    kept = accounts.kept()
    kept.violations, kept.first = 4, "ledger-entries partition 3 offset 1042: entry 17 of club pts is wrong"
    accounts.keep(kept)
    accounts.close()
    code, _, err = say("--input", rest, "--state", state)
    assert code == 1
    assert err.endswith(f": 4 violations, all found by earlier runs; the first of all: {kept.first}\n")
    code, out, _ = say("--input", write(tmp_path / "none.jsonl", []), "--state", state, "--json")
    total = json.loads(out)
    assert (code, total["violations"], total["earlier"], total["earliest"]) == (1, 4, 4, kept.first)
    accounts = Accounts(state)
    accounts.keep(Kept(violations=4))  # as an earlier version has kept it
    accounts.close()
    code, _, err = say("--input", write(tmp_path / "wrong.jsonl", [wrong(LINES[-1])]), "--state", state)
    assert code == 1
    assert err.endswith(": 5 violations, 4 found by earlier runs\n")


# a topic


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with embedded_broker(announce=lambda _: None) as started:
        yield started


def send(broker: EmbeddedBroker, owner: str, lines: list[bytes]) -> None:
    """As entries of a profile of its own."""
    producer = Producer({"bootstrap.servers": broker.address, "partitioner": "murmur2"})
    for line in lines:
        producer.produce(TOPIC, json.dumps(json.loads(line) | {"profile_id": owner}).encode(), owner.encode())
    assert producer.flush(10) == 0


def settings(folder: Path, **more: Any) -> AuditSettings:
    return AuditSettings(**{"state": folder / "state", **more})


def port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        number: int = one.getsockname()[1]
        return number


def get(number: int, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{number}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def figures(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"^(pointstream_audit_\w+(?:{.*})?) (\S+)$", text, re.MULTILINE)}


def test_a_topic_is_audited_to_its_end_and_on_from_there_and_what_is_wrong_is_told_by_its_place(
    broker: EmbeddedBroker, say: Any, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    for owner in ("p1", "p2", "p3"):
        send(broker, owner, LINES[:8])
    told = say("--broker", broker.url, "--state", state)
    assert told[0] == 0, told
    send(broker, "p2", LINES[8:])
    code, out, _ = say("--broker", broker.url, "--state", state, "--json")
    assert (code, json.loads(out)["entries"]) == (0, 3 * 8 + len(LINES) - 8)
    send(broker, "p3", [wrong(LINES[8])])
    for _ in range(2):  # it is found as often as it is looked for
        code, _, err = say("--broker", broker.url, "--state", state)
        assert code == 1
        assert "have come since" not in err
        assert re.match(r"pointstream: audit: ledger-entries partition \d offset \d+: entry 9 of spending pts ", err)
        assert "p3" not in err
    listening = port()
    looked: list[str] = []

    def ended() -> bool:
        looked.append(get(listening, "/metrics")[1])
        return figures(looked[-1])["pointstream_audit_violations_total"] == 2

    seen: list[str] = []

    def tell(place: object, found: object) -> None:
        seen.append(f"{place}: {found}")
        if len(seen) == 1:
            send(broker, "p1", [wrong(LINES[8])])

    stopped: list[bytes] = []
    watching = settings(tmp_path, follow=True, metrics_port=listening, stop=stopped.append)
    audited = audit_topic(broker.url, watching, tell, lambda: ended)
    assert (audited.violations, len(seen)) == (2, 2)
    assert stopped == [b"p3", b"p1"]
    shown = figures(looked[-1])
    assert shown["pointstream_audit_entries_total"] == audited.entries
    assert shown["pointstream_audit_lag_seconds"] == 0
    assert shown['pointstream_audit_position{partition="0"}'] >= 0
    assert "p1" not in looked[-1]
    code, _, err = say("--broker", broker.url, "--state", state)
    assert code == 1
    assert f": 2 violations, all found by earlier runs; the first of all: {seen[0]}\n" in err


def test_behind_is_what_came_after_the_beginning_and_not_what_a_violation_has_left_unread(
    broker: EmbeddedBroker, say: Any, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    audit_topic(broker.url, settings(tmp_path, follow=True), lambda *_: None, lambda: lambda: True)  # what others have sent
    say("--broker", broker.url, "--state", state)
    send(broker, "p4", [LINES[0], wrong(LINES[1]), *LINES[2:]])
    code, _, err = say("--broker", broker.url, "--state", state)
    assert code == 1
    assert "have come since" not in err
    code, out, _ = say("--broker", broker.url, "--state", state, "--json")
    assert (code, json.loads(out.splitlines()[-1])["behind"]) == (1, 0)


class Grown(TopicReader):
    """Of a topic that has grown by three records in its partition 0 since the beginning."""

    def _end(self, number: int) -> int:
        return self._ends[number] + (3 if number == 0 else 0)


def test_a_reader_tells_what_is_still_to_read_and_how_much_of_it_came_since_it_began(broker: EmbeddedBroker) -> None:
    send(broker, "p5", LINES[:4])
    topic = Grown(broker.url, TOPIC)
    topic.begin({})
    assert topic.came_since() == 3
    assert sum(topic.lag().values()) >= 4 + 3
    topic.offsets[0] = topic._end(0) - 1
    assert (topic.came_since(), topic.lag()[0]) == (1, 1)
    topic.close()


def test_each_metric_has_its_row_in_the_docs_and_each_row_its_metric() -> None:
    metrics = Metrics()
    metrics.set(1, 0, 0, {0: 1}, {0: 0}, None)
    shown = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    documented = re.findall(
        r"^\| `(pointstream_audit_\w+)` \|", (ROOT / "docs" / "audit.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(documented) == sorted(shown)
