"""A wrong check file is refused whole: every fault at once, each with its line and path."""

from pathlib import Path

import pytest

from streams.check.file import CheckFileError, read_check_file

PROGRAM = """{program: shop, timezone: UTC, environment: sandbox, effective_from: "2000-01-01T00:00:00Z", applications: [pos],
 currency: EUR, points: [{sid: pts}]}"""


def faults(tmp_path: Path, text: str) -> list[tuple[int, str, str]]:
    (tmp_path / "shop.yaml").write_text(PROGRAM, encoding="utf-8")
    file = tmp_path / "tests.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        read_check_file(file, "tests.yaml")
    except CheckFileError as error:
        return [(fault.line, fault.path, fault.reason) for fault in error.faults]
    return []


def of_steps(tmp_path: Path, *lines: str) -> list[tuple[int, str, str]]:
    steps = "".join(f"      - {line}\n" for line in lines)
    return faults(tmp_path, f"program: shop.yaml\ntests:\n  - name: t\n    steps:\n{steps}")


BUY = "purchase: {profile_id: p1}"
STEPS = {
    "an unknown step": (["purchse: {}"], "tests.0.steps.0.purchse", "is no step"),
    "two steps in one": (["{purchase: {}, clock: 2024-01-01T00:00:00Z}"], "tests.0.steps.0", "must be one step"),
    "a bare word that is no step": (["purchase"], "tests.0.steps.0", "must be one step"),
    "a record that is no mapping": (["purchase: [a]"], "tests.0.steps.0.purchase", "must be a mapping"),
    "a clock without an offset": (["clock: 2024-01-01T00:00:00"], "tests.0.steps.0.clock", "offset"),
    "a clock that is a date": (["clock: 2024-01-01"], "tests.0.steps.0.clock", "RFC 3339"),
    "a clock of nothing": (["clock:"], "tests.0.steps.0.clock", "must be a text"),
    "a repeat with nothing before it": (["repeat"], "tests.0.steps.0", "repeats a record, and there is none"),
    "a repeat of no times": ([BUY, "{repeat: 0}"], "tests.0.steps.1.repeat", "must be a number of times"),
    "a repeat of too many times": ([BUY, "{repeat: 1000000}"], "tests.0.steps.1.repeat", "1 to 100,000"),
    "an unknown key of expect": ([BUY, "expect: {event: []}"], "tests.0.steps.1.expect.event", "is not known here"),
    "an unknown figure": ([BUY, "expect: {balance: {actve: 1}}"], "tests.0.steps.1.expect.balance.actve", "is not known here"),
    "an unknown figure of a tier": (
        [BUY, "expect: {tier: {threshold: 1}}"],
        "tests.0.steps.1.expect.tier.threshold",
        "is not known",
    ),
    "events that are a word": ([BUY, "expect: {events: none}"], "tests.0.steps.1.expect.events", "must be a list"),
    "an event that is a word": ([BUY, "expect: {events: [joined]}"], "tests.0.steps.1.expect.events.0", "must be a mapping"),
    "events that contain and more": (
        [BUY, "expect: {events: {contain: [], not: []}}"],
        "tests.0.steps.1.expect.events",
        "{contain",
    ),
    "events that contain a word": (
        [BUY, "expect: {events: {contain: x}}"],
        "tests.0.steps.1.expect.events.contain",
        "must be a list",
    ),
    "lots of two profiles": (
        [BUY, "expect: {lots: [{profile_id: p1}, {profile_id: p2}]}"],
        "tests.0.steps.1.expect.lots",
        "several profiles",
    ),
    "a balance of nobody": (["expect: {balance: {active: 1}}"], "tests.0.steps.0.expect.balance.profile_id", "is missing"),
    "a balance of one of two": (
        [BUY, "purchase: {profile_id: p2}", "expect: {balance: {active: 1}}"],
        "tests.0.steps.2.expect.balance.profile_id",
        "is missing",
    ),
}


@pytest.mark.parametrize(("lines", "path", "reason"), STEPS.values(), ids=STEPS.keys())
def test_a_fault_in_a_step_names_its_line_and_path(tmp_path: Path, lines: list[str], path: str, reason: str) -> None:
    found = of_steps(tmp_path, *lines)
    assert [(line, where) for line, where, _ in found] == [(4 + len(lines), path)]
    assert reason in found[0][2]


FILES = {
    "no program": ("tests: []", "program", "is missing"),
    "no tests": ("program: shop.yaml", "tests", "is missing"),
    "an unknown key": ("program: shop.yaml\ntests: []\ndefault: {}", "default", "is not known here"),
    "an unknown step in defaults": ("program: shop.yaml\ntests: []\ndefaults: {sale: {}}", "defaults.sale", "is not known here"),
    "defaults that are no mapping": (
        "program: shop.yaml\ntests: []\ndefaults: {purchase: []}",
        "defaults.purchase",
        "must be a mapping",
    ),
    "a program that is not there": ("program: shopp.yaml\ntests: []", "program", "cannot be read"),
    "an empty list of programs": ("program: []\ntests: []", "program", "names no program"),
    "tests that are no list": ("program: shop.yaml\ntests: {}", "tests", "must be a list"),
    "a test that is a word": ("program: shop.yaml\ntests: [x]", "tests.0", "must be a mapping"),
    "a test without a name": ("program: shop.yaml\ntests: [{steps: []}]", "tests.0.name", "is missing"),
    "a test without steps": ("program: shop.yaml\ntests: [{name: t}]", "tests.0", "either `steps` or `refused`"),
    "a test with both": (
        "program: shop.yaml\ntests: [{name: t, steps: [], refused: []}]",
        "tests.0",
        "either `steps` or `refused`",
    ),
    "an unknown key of a test": (
        "program: shop.yaml\ntests: [{name: t, steps: [], wit: {}}]",
        "tests.0.wit",
        "is not known here",
    ),
    "with that is a list": ("program: shop.yaml\ntests: [{name: t, steps: [], with: []}]", "tests.0.with", "must be a mapping"),
    "refused that is a word": ("program: shop.yaml\ntests: [{name: t, refused: x}]", "tests.0.refused", "must be a list"),
    "a program file": (PROGRAM, "", "is a program file"),
    "a list": ("[1, 2]", "", "must be a mapping"),
    "no YAML": ("program: [", "", "is not YAML"),
}


@pytest.mark.parametrize(("text", "path", "reason"), FILES.values(), ids=FILES.keys())
def test_a_fault_of_the_file(tmp_path: Path, text: str, path: str, reason: str) -> None:
    found = faults(tmp_path, text)
    assert [where for _, where, _ in found] == [path]
    assert reason in found[0][2]


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    found = of_steps(tmp_path, "purchse: {}", "clock: soon", "expect: {evnts: []}")
    assert [line for line, _, _ in found] == [5, 6, 7]


def test_a_file_that_is_not_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "tests.yaml"
    file.write_bytes(b"program: \xff")
    with pytest.raises(CheckFileError, match="is not UTF-8"):
        read_check_file(file)


def test_of_a_file_without_an_end_no_more_is_read_than_may_be(tmp_path: Path) -> None:
    too_large = [(1, "program", "names a file that cannot be read: the file is larger than 1 MiB")]
    assert faults(tmp_path, "{program: /dev/zero, tests: []}") == too_large
    with pytest.raises(CheckFileError, match="the file is larger than 16 MiB"):
        read_check_file(Path("/dev/zero"))
