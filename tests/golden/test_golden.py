"""Golden records: what a run said once, it says for ever, byte for byte.

Each folder holds program files, one input, what `pointstream replay` made of it and, where it needs any, more arguments for it. They are only added to: a case that has its
expected files is never written again by `make golden-update`; whoever means to change one deletes it and says why.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CASES = sorted(path for path in HERE.iterdir() if (path / "input.jsonl").exists())
KEPT = ("ledger-entries", "tier-changes", "notifications", "redemption-decisions", "dead-letters", "balances")
UPDATE = bool(os.environ.get("POINTSTREAM_GOLDEN_UPDATE"))


def replay(case: Path, output: Path) -> dict[str, str]:
    arguments = case / "arguments"
    more = arguments.read_text(encoding="utf-8").split() if arguments.exists() else []
    command: list[str | Path] = [
        Path(sys.executable).with_name("pointstream"),
        "replay",
        "--program",
        *sorted(case.glob("*.yaml")),
    ]
    subprocess.run([*command, "--input", case / "input.jsonl", "--output", output, *more], check=True, capture_output=True)
    said = {name: (output / f"{name}.jsonl").read_text(encoding="utf-8") for name in KEPT}
    return {**said, "dead-letters": "".join(map(without_message, said["dead-letters"].splitlines()))}


def without_message(line: str) -> str:
    """The sentence of a dead letter is for a person, and may be said better one day."""
    letter = json.loads(line)
    assert letter.pop("message")
    return json.dumps(letter, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_run_says_what_it_always_said(case: Path, tmp_path: Path) -> None:
    said = replay(case, tmp_path / "first")
    assert replay(case, tmp_path / "second") == said
    expected = case / "expected"
    if UPDATE and not expected.exists():
        expected.mkdir()
        for name, text in said.items():
            (expected / f"{name}.jsonl").write_text(text, encoding="utf-8")
    for name in KEPT:
        kept = expected / f"{name}.jsonl"  # a case from before a topic was sent has none of it
        lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
        assert said[name].splitlines() == lines, f"{case.name}: {name}"
