"""The documents tell the truth: their links resolve, their commands exist, their lists are complete, their examples run."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from schemas.condition_fields import FIELDS
from schemas.currencies import DECIMALS
from schemas.json_schema import published
from schemas.outcomes import REASONS
from schemas.program_file import load_catalog
from schemas.records import LINES_MAX
from schemas.topics import CYCLES, TOPICS
from streams.check.run import check_file
from streams.cli.record_schemas import NAMES, record_schema
from tests.conftest import ROOT
from tests.style.tree import files, name

POINTSTREAM = Path(sys.executable).with_name("pointstream")
DOCUMENTS = [path for path in files() if path.suffix == ".md"]
EXAMPLES = ROOT / "docs" / "examples"
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
COMMAND = re.compile(r"pointstream ([a-z][a-z-]*)(.*)")
TARGET = re.compile(r"make ([a-z][a-z-]*)")


def _pointstream(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([POINTSTREAM, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


@cache
def _help(*command: str) -> str:
    done = _pointstream(*command, "--help")
    return done.stdout if done.returncode == 0 else ""


def _help_of(command: str, rest: str) -> str:
    """The help of a command, or of its part where it has parts (`profile release`)."""
    known, words = _help(command), rest.split()
    if "Commands:" in known and words and not words[0].startswith("-"):
        return _help(command, words[0])
    return known


def _commands(document: Path) -> list[str]:
    """The command lines in a document's shell blocks and between its backticks, comments taken off."""
    text = document.read_text(encoding="utf-8")
    lines = [line for block in FENCED.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    return [line.partition("#")[0].strip() for line in [*lines, *INLINE.findall(text)]]


def _slug(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _resolves(document: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    if not target.exists():
        return False
    if not anchor or target.suffix != ".md":
        return True
    return anchor in {_slug(heading) for heading in re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_relative_link_resolves(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))
    assert [link for link in links if not link.startswith(("http://", "https://")) and not _resolves(document, link)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_command_and_flag_exists(document: Path) -> None:
    unknown: list[str] = []
    for match in filter(None, map(COMMAND.fullmatch, _commands(document))):
        command, rest = match.groups()
        known = _help_of(command, rest)
        flags = re.findall(r"(--[a-z][a-z-]*)", rest)
        unknown += [f"{command} {flag}" for flag in flags if not re.search(rf"{flag}\b", known)] if known else [command]
    assert unknown == []


def test_the_readme_lists_every_command() -> None:
    listed = re.findall(r"^\| `pointstream ([a-z-]+)`", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    offered = re.findall(r"^  ([a-z-]+)  ", _pointstream("--help").stdout.partition("Commands:")[2], re.MULTILINE)
    assert listed == offered


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_make_target_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {match[1] for line in _commands(document) if (match := TARGET.match(line))}
    assert named - targets == set()


def test_every_reason_of_a_dead_letter_is_explained() -> None:
    explained = re.findall(r"^### (\S+)$", (ROOT / "docs" / "dead-letters.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(explained) == sorted(REASONS)


def test_every_key_and_word_of_the_program_file_is_told() -> None:
    """By the published schema. Fields of records, which conditions may ask for, and types of entries stand in records.md."""
    text = (ROOT / "docs" / "program-file.md").read_text(encoding="utf-8")
    keys, words = _said(json.loads(published()))
    told = {*keys, *words} - set(FIELDS) - {"event_id", "true", "false"} - DECIMALS.keys()
    entries = {word for word in told if word.startswith(("points.", "membership.")) and word in words}
    assert [name for name in sorted(told - entries) if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)] == []
    records = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")
    assert [name for name in sorted(entries) if f"`{name}`" not in records] == []


@pytest.mark.parametrize("kind", NAMES)
def test_every_field_of_a_record_is_told(kind: str) -> None:
    pages = [(ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") for page in ("records", "notifications", "dead-letters")]
    fields, _ = _said(record_schema(kind))
    assert [name for name in sorted(fields) if not any(re.search(rf"(?<![\w-]){name}(?![\w-])", page) for page in pages)] == []


def _said(schema: object) -> tuple[set[str], set[str]]:
    """The keys that a schema knows, and the words that it takes for one of them, at any depth."""
    keys: set[str] = set()
    words: set[str] = set()
    if isinstance(schema, dict):
        keys |= set(schema.get("properties", {}))
        words |= {word for word in schema.get("enum", []) if isinstance(word, str)}
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        more_keys, more_words = _said(inner)
        keys |= more_keys
        words |= more_words
    return keys, words


def test_how_long_each_topic_keeps_a_person_is_told() -> None:
    """By the registry of topics: one that is added has a row here, and the row has its retention."""
    rows = re.findall(r"^\| (.+?) \|(.*)\|$", (ROOT / "docs" / "erasure.md").read_text(encoding="utf-8"), re.MULTILINE)
    inputs = {topic.name: "inputs" for topic in TOPICS if topic.role == "input"}
    for topic in TOPICS:
        told = [rest for places, rest in rows if re.search(rf"\b{inputs.get(topic.name, topic.name)}\b", places)]
        assert len(told) == 1, topic.name
        if topic.retention_days is not None and topic.name != CYCLES:
            assert f"{topic.retention_days} days" in told[0], topic.name


def test_the_most_lines_that_a_receipt_may_have_are_those_of_the_code() -> None:
    for document in ("records.md", "dead-letters.md"):
        told = re.findall(r"([0-9,]+) lines", (ROOT / "docs" / document).read_text(encoding="utf-8"))
        assert told == [f"{LINES_MAX:,}"], document


@pytest.mark.parametrize("program", [path.name for path in EXAMPLES.glob("*.yaml") if not path.stem.endswith("-check")])
def test_an_example_program_is_valid_without_a_warning_and_its_tests_pass(program: str) -> None:
    assert load_catalog([EXAMPLES / program]).programs.popitem()[1][0].warnings == ()
    checked = check_file(EXAMPLES / program.replace(".yaml", "-check.yaml"), program)
    assert checked.faults == []
    assert [result.message for result in checked.results if not result.passed] == []
    assert f"examples/{program}" in (ROOT / ("README.md" if program == "club.yaml" else "docs/scenarios.md")).read_text("utf-8")


def test_the_commands_of_the_first_example_end_well() -> None:
    for arguments in (["validate", "docs/examples/club.yaml"], ["check", "docs/examples/club-check.yaml"]):
        done = _pointstream(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_receipts_give_what_the_rules_say(tmp_path: Path) -> None:
    """Ann: 9 and twice 5 for coffee on Saturday, 21 for tea; a sale in euros set aside. Bob: 512, once, and Silver."""
    arguments = ["--program", "docs/examples/club.yaml", "--input", "docs/examples/receipts.jsonl", "--output", str(tmp_path)]
    done = _pointstream("replay", *arguments, "--until", "2026-03-24T00:00:00Z")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = (tmp_path / "balances.jsonl").read_text(encoding="utf-8").splitlines()
    found = [[json.loads(row)[field] for field in ("profile_id", "active", "pending", "tier")] for row in rows]
    assert found == [["ann", "40", "0", None], ["bob", "512", "0", "Silver"]]
    assert "wrong-currency" in (tmp_path / "dead-letters.jsonl").read_text(encoding="utf-8")
    said = _pointstream("ledger", "ann", "--output", str(tmp_path)).stdout
    shown = (ROOT / "docs" / "provenance.md").read_text(encoding="utf-8").split("```\n")
    assert _words(said) in [_words(block) for block in shown]


def _words(text: str) -> list[str]:
    """Without rules, for a table is as wide as it has room."""
    return text.replace("─", " ").split()
