"""What stands in `event` of a line of the log is a stable name, for whoever makes alerts of logs: docs/metrics.md has them all."""

import re

from tests.conftest import ROOT

SAID = re.compile(r'\b_?say\(\s*"([a-z-]+)",')


def test_every_event_of_the_log_is_documented_and_no_other() -> None:
    said = {event for path in (ROOT / "streams").rglob("*.py") for event in SAID.findall(path.read_text(encoding="utf-8"))}
    section = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8").partition("\n## Logs\n")[2]
    told = [
        event for row in re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)[1:] for event in re.findall(r"`([a-z-]+)`", row)
    ]
    assert sorted(told) == sorted(said)
