"""The command line as a user meets it: exit codes, one line on standard error, and help that tells every setting."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import click
import jsonschema
import msgspec
import pytest

from streams.cli.main import group, run
from streams.worker.position import Position
from tests.unit.streams.shop import PROGRAM, line, program, read_lines, sale, write_lines
from tests.unit.streams.wrong_usage import WRONG

COMMANDS = [
    "demo",
    "worker",
    "replay",
    "ledger",
    "segment",
    "check",
    "validate",
    "schema",
    "produce",
    "topics",
    "publish",
    "audit",
    "dead-letters",
    "profile",
    "export",
    "state-hash",
]


class Said(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> "Caller":
    return Caller(capsys)


class Caller:
    """Runs a command line and tells what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object, commands: click.Group = group) -> Said:
        code = run([str(argument) for argument in arguments], commands)
        captured = self._capsys.readouterr()
        return Said(code, captured.out, captured.err)


def commands() -> list[tuple[str, click.Command]]:
    context = click.Context(group)
    return [(name, command) for name in group.list_commands(context) if (command := group.get_command(context, name)) is not None]


# help


def test_the_commands_of_this_version() -> None:
    assert [name for name, _ in commands()] == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(say: Caller, name: str) -> None:
    said = say(name, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: pointstream {name} ")


@pytest.mark.parametrize(("name", "command"), commands(), ids=[name for name, _ in commands()])
def test_every_setting_is_a_flag_a_variable_and_a_default_and_says_so(name: str, command: click.Command) -> None:
    for option in command.params:
        if isinstance(option, click.Option):
            flag = next(text for text in option.opts if text.startswith("--"))
            assert option.envvar == "POINTSTREAM_" + flag[2:].replace("-", "_").upper(), flag
            assert option.show_envvar, flag
            assert option.show_default, flag
            assert option.help, flag
            assert option.required or option.is_flag or option.default is not None or isinstance(option.show_default, str), flag


def test_no_variable_means_a_number_of_partitions_to_one_command_and_some_of_them_to_another() -> None:
    """Who sets what `topics` makes for a whole deployment must not have one partition of it exported."""
    meant = {
        option.type.name
        for _, command in commands()
        for option in command.params
        if isinstance(option, click.Option) and option.envvar == "POINTSTREAM_PARTITIONS"
    }
    assert len(meant) == 1


def test_a_flag_comes_before_the_variable_and_the_variable_before_the_default(
    say: Caller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = write_lines(tmp_path / "in.jsonl", line(sale("R1")))
    monkeypatch.setenv("POINTSTREAM_PROGRAM", str(program(tmp_path)))
    monkeypatch.setenv("POINTSTREAM_OUTPUT", str(tmp_path / "by variable"))
    assert say("replay", "--input", file).code == 0
    assert (tmp_path / "by variable" / "balances.jsonl").exists()
    assert say("replay", "--input", file, "--output", tmp_path / "by flag").code == 0
    assert (tmp_path / "by flag" / "balances.jsonl").exists()
    monkeypatch.setenv("POINTSTREAM_MEMORY", "plenty")
    assert say("replay", "--input", file).code == 2


def test_the_version(say: Caller) -> None:
    said = say("--version")
    assert said.code == 0
    assert said.out.startswith("pointstream ")
    assert "pure Python (" in said.out or "compiled (" in said.out


def test_no_command_shows_the_help(say: Caller) -> None:
    said = say()
    assert said.code == 2
    assert "Usage: pointstream" in said.err


@pytest.mark.parametrize("command", ["dead-letters", "profile"])
def test_a_command_that_needs_another_one_shows_its_help_line_by_line(say: Caller, command: str) -> None:
    said = say(command)
    assert said.code == 2
    assert said.err.splitlines()[0].startswith(f"Usage: pointstream {command}")
    assert "Commands:" in said.err.splitlines()


HEAVY = ["aiokafka", "confluent_kafka", "faust", "jinja2", "mode", "rich", "rocksdict", "yaml"]


def test_help_is_there_at_once_because_it_loads_no_more_than_it_needs() -> None:
    code = "import sys; from streams.cli.main import run; run(['--help']); sys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert sorted({name.partition(".")[0] for name in done.stderr.split()} & set(HEAVY)) == []


# errors


@pytest.mark.parametrize(("arguments", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_wrong_usage_is_one_line_on_standard_error_and_2(say: Caller, arguments: list[str], sentence: str) -> None:
    said = say(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("pointstream: ")
    assert said.err.count("\n") == 1
    assert sentence in said.err


def test_a_fault_of_our_own_is_one_line_too_and_a_developer_may_see_where(say: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    spoilt = click.Group("pointstream", [click.Command("spoilt", callback=lambda: 1 // 0)])
    said = say("spoilt", commands=spoilt)
    assert said.code == 2
    assert said.err.startswith("pointstream: internal error: ZeroDivisionError")
    assert said.err.count("\n") == 1
    monkeypatch.setenv("POINTSTREAM_TRACEBACK", "1")
    assert "Traceback" in say("spoilt", commands=spoilt).err


def _process(*arguments: object, **how: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from streams.cli.main import main; main()", *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, **how)


def test_a_reader_that_leaves_ends_the_command_quietly_and_with_no_word_about_the_data() -> None:
    with _process("schema", "program", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141, "as a shell tells it of any program in a pipe; 1 is something wrong in the data"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8:strict"])
def test_what_standard_output_has_no_character_for_is_escaped(tmp_path: Path, encoding: str) -> None:
    name = os.fsdecode(b"\xe2\x9c\x93\xff.yaml")  # a tick, and a byte that is no text
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    with _process("check", "--json", name, stdout=subprocess.PIPE, env=environment, cwd=tmp_path) as process:
        out, err = process.communicate()
    assert process.returncode == 2
    assert b"internal error" not in err
    assert json.loads(out)["tests"] == []


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no device that is always full")
def test_a_standard_error_that_takes_no_more_changes_no_exit_code(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from streams.cli.main import main; main()", "check", str(tmp_path / "none.yaml")]
    with Path("/dev/full").open("wb") as full:
        assert subprocess.run(command, stdout=subprocess.DEVNULL, stderr=full, check=False).returncode == 2


# replay


def test_replay_takes_all_values_up_to_the_next_flag(say: Caller, tmp_path: Path) -> None:
    files = [write_lines(tmp_path / f"{n}.jsonl", line(sale(f"R{n}"))) for n in range(3)]
    said = say("replay", "--input", *files[:2], "--program", program(tmp_path), "--output", tmp_path / "out", "--input", files[2])
    assert said.code == 0
    assert len(read_lines(tmp_path / "out" / "ledger-entries.jsonl")) == 4


def test_replay_sums_up_on_standard_error_and_for_a_machine_on_standard_output(say: Caller, tmp_path: Path) -> None:
    arguments = [
        "replay",
        "--program",
        program(tmp_path),
        "--input",
        write_lines(tmp_path / "in", line(sale("R1"))),
        "--output",
        tmp_path / "o",
    ]
    said = say(*arguments)
    assert said.out == ""
    assert "1 records in" in said.err
    said = say(*arguments, "--json")
    assert json.loads(said.out)["outcomes"] == {"applied": 1}
    assert said.err == ""


def test_replay_ends_with_1_where_a_line_is_no_record_and_with_0_where_a_record_is_a_dead_letter(
    say: Caller, tmp_path: Path
) -> None:
    shop = program(tmp_path)
    usual = write_lines(tmp_path / "usual", line(sale("R1", currency="USD")))
    broken = write_lines(tmp_path / "broken", line(sale("R1")), *["nope"] * 15)
    assert say("replay", "--program", shop, "--input", usual, "--output", tmp_path / "out").code == 0
    said = say("replay", "--program", shop, "--input", broken, "--output", tmp_path / "out", "--json")
    assert said.code == 1
    assert said.err.splitlines()[0].startswith(f"pointstream: {broken}:2: not-json: ")
    assert said.err.splitlines()[-1] == "pointstream: and 5 more lines that are no record; all are in dead-letters.jsonl"


def test_a_wrong_program_file_is_refused_with_every_fault(say: Caller, tmp_path: Path) -> None:
    wrong = program(tmp_path, PROGRAM.replace("UTC", "Mars/Base").replace("EUR", "Taler"))
    for arguments in (["replay", "--program", wrong, "--input", "-", "--output", tmp_path / "out"], ["validate", wrong]):
        said = say(*arguments)
        assert said.code == 2
        told = said.err.splitlines()
        assert [text.split(": ")[1] for text in told[:-1]] == ["timezone", "currency"]
        assert told[-1].startswith("pointstream: ")


# check


def check_file(folder: Path, expected: str) -> Path:
    program(folder)
    path = folder / "tests.yaml"
    path.write_text(
        f"""
program: shop.yaml
tests:
  - name: ten
    steps:
      - purchase: {json.dumps(sale("R1"))}
      - expect: {{balance: {{active: "{expected}"}}}}
""",
        encoding="utf-8",
    )
    return path


def test_check_ends_with_0_1_or_2(say: Caller, tmp_path: Path) -> None:
    assert say("check", check_file(tmp_path, "10")).code == 0
    said = say("check", check_file(tmp_path, "11"))
    assert said.code == 1
    assert said.out.splitlines()[:4] == [
        f"FAIL {tmp_path / 'tests.yaml'}: ten",
        "       line 7:",
        "       balance of p1",
        '         ~ active: expected "11", got "10"',
    ]
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("tests: []", encoding="utf-8")
    said = say("check", wrong, check_file(tmp_path, "10"))
    assert said.code == 2
    assert said.err == f"pointstream: {wrong}:1: program: is missing\n"
    assert "ok   " in said.out


EVIL = "\x1b]0;title\x07\x1b[31m \u202eno\nok   all of it"


def test_what_a_file_holds_is_told_to_a_terminal_and_never_obeyed_by_it(say: Caller, tmp_path: Path) -> None:
    file = check_file(tmp_path, "11")
    text = file.read_text(encoding="utf-8").replace("name: ", f"name: {json.dumps(EVIL)} # ", 1)
    file.write_text(text, encoding="utf-8")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(f"{{program: shop, {json.dumps(EVIL)}: 1}}", encoding="utf-8")
    for arguments in (["check", file], ["check", wrong], ["validate", wrong]):
        said = say(*arguments)
        shown = said.out + said.err
        assert "title" in shown
        assert all(sign.isprintable() or sign == "\n" for sign in shown)
        assert not any(row.startswith("ok ") for row in shown.splitlines())


def test_check_for_a_machine(say: Caller, tmp_path: Path) -> None:
    file = check_file(tmp_path, "10")
    said = say("check", "--json", file)
    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out)["tests"] == [{"file": str(file), "name": "ten", "passed": True, "message": ""}]
    failed = json.loads(say("check", "--json", check_file(tmp_path, "11")).out)["tests"]
    assert [(test["passed"], "expected" in test["message"]) for test in failed] == [(False, True)]


# validate and schema


def test_validate_says_what_a_program_does(say: Caller, tmp_path: Path) -> None:
    said = say("validate", program(tmp_path))
    assert (said.code, said.err) == (0, "")
    assert "shop" in said.out
    assert "not in force yet" not in said.out
    assert "warning: " in said.out


def test_validate_for_a_machine(say: Caller, tmp_path: Path) -> None:
    shown = json.loads(say("validate", "--json", program(tmp_path)).out)
    assert (shown["faults"], shown["not_in_force"]) == ([], [])
    assert [found["program"] for found in shown["programs"]] == ["shop"]
    said = say("validate", "--json", program(tmp_path, PROGRAM.replace("UTC", "Mars/Base")))
    assert said.code == 2
    assert [fault["path"] for fault in json.loads(said.out)["faults"]] == ["timezone"]


def test_schema_lists_its_names_and_each_is_a_schema(say: Caller) -> None:
    names = [text.split()[0] for text in say("schema").out.splitlines()]
    assert {"program", "purchases", "sale", "ledger-entries", "dead-letters"} <= set(names)
    for name in names:
        jsonschema.Draft202012Validator.check_schema(json.loads(say("schema", name).out))


def test_a_schema_takes_what_the_code_takes_and_gives(say: Caller, tmp_path: Path) -> None:
    def schema(name: str) -> jsonschema.Draft202012Validator:
        return jsonschema.Draft202012Validator(json.loads(say("schema", name).out))

    purchases = schema("purchases")
    assert purchases.is_valid(sale("R1"))
    assert purchases.is_valid(
        {"kind": "cancel", "receipt_id": "R1", "application": "pos", "profile_id": "p", "closed_at": "2024-01-01T00:00:00Z"}
    )
    assert not purchases.is_valid(sale("R1", price="1e3"))
    assert not purchases.is_valid({**sale("R1"), "closed_at": 5})
    assert not purchases.is_valid({**sale("R1"), "kind": "gift"})
    file = write_lines(tmp_path / "in", line(sale("R1")), "nope")
    say(
        "replay", "--program", program(tmp_path), "--input", file, "--output", tmp_path / "out", "--until", "2025-01-01T00:00:00Z"
    )
    for topic in ("ledger-entries", "dead-letters"):
        records = read_lines(tmp_path / "out" / f"{topic}.jsonl")
        assert records
        for record in records:
            schema(topic).validate(record)
    for row in read_lines(tmp_path / "out" / "balances.jsonl"):
        schema("balances.jsonl").validate(row)


@pytest.mark.parametrize("name", ["sale", "return", "cancel", "pixels", "profiles", "redemptions", "adjustments"])
def test_a_schema_bounds_a_profiles_id_as_its_record_is_bounded(say: Caller, name: str) -> None:
    schema = json.loads(say("schema", name).out)
    found = [error.json_path for error in jsonschema.Draft202012Validator(schema).iter_errors({"profile_id": "p" * 129})]
    assert "$.profile_id" in found
    found = [error.json_path for error in jsonschema.Draft202012Validator(schema).iter_errors({"profile_id": "p" * 128})]
    assert "$.profile_id" not in found


def test_the_schema_of_balances_takes_a_partitions_position_too(say: Caller) -> None:
    balances = jsonschema.Draft202012Validator(json.loads(say("schema", "balances").out))
    assert balances.is_valid({"profile_id": "p", "programs": []})
    assert balances.is_valid(json.loads(msgspec.json.encode(Position(cycle=1, inputs={"purchases": 17}))))
    assert not balances.is_valid({"profile_id": "p"})
