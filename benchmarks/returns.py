"""What expiry, tiers and returns cost: the real receipts of a shop under one rule, and under the whole ledger.

The same file for both, 11,571 sales and 2,618 returns, and the same end, a month after the last of them. Rounds alternate, first
one program and then the other, on one core; start of the process, RocksDB and all output files count. The receipts lie beside the
project; without them there is nothing to measure, and it says so.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.measure import ROOT, Build, Ran, Row, Say, builds, pointstream, run_child, say
from benchmarks.targets import at_least

SHARED: Final = ROOT.parent / "shared"
DATA: Final = SHARED / "data" / "online_retail" / "online_retail_2010-12_2011-07.csv.gz"
TOOL: Final = SHARED / "tools" / "online_retail.py"
ONE_RULE: Final = ROOT / "benchmarks" / "retail-one-rule.yaml"
WHOLE: Final = ROOT / "benchmarks" / "retail-whole.yaml"
UNTIL: Final = "2011-09-01T00:00:00Z"
RUNS: Final = 5


def returns_rates(runs: int = RUNS, tell: Say = say) -> list[Row]:
    """The rows of the table; none where the receipts are not there."""
    if not (DATA.exists() and TOOL.exists()):
        tell("returns: the Online Retail receipts are not beside the project (../shared/data, ../shared/tools): left out")
        return []
    with tempfile.TemporaryDirectory(prefix="pointstream-bench-") as name:
        folder = Path(name)
        records = folder / "records.jsonl"
        with records.open("wb") as file:
            subprocess.run([sys.executable, str(TOOL), "--returns", str(DATA)], check=True, stdout=file)
        with records.open("rb") as lines:
            count = sum(1 for _ in lines)
        contenders = builds(tell)
        pairs: dict[Build, list[tuple[Ran, Ran]]] = {build: [] for build in contenders}
        for build in contenders:
            _replay(records, folder, ONE_RULE, build)  # the first run of all reads everything from a cold disk
        for run in range(runs):
            for build in contenders:
                one, whole = _replay(records, folder, ONE_RULE, build), _replay(records, folder, WHOLE, build)
                pairs[build].append((one, whole))
                tell(
                    f"returns {run + 1} of {runs}, {build.name}: {count / one.seconds:,.0f} and {count / whole.seconds:,.0f} records/s"
                )
    return [row for build in contenders for row in _rows(build, pairs[build], count)]


def _rows(build: Build, pairs: list[tuple[Ran, Ran]], count: int) -> list[Row]:
    note = f"{count:,} real records, process start included"
    return [
        Row(
            f"real receipts and returns, one rule: {build.name}", [count / plain.seconds for plain, _ in pairs], "records/s", note
        ),
        Row(
            "the same with expiry, tiers, returns",
            [count / full.seconds for _, full in pairs],
            "records/s",
            "90 days, three tiers",
        ),
        Row("whole over one rule", [plain.seconds / full.seconds for plain, full in pairs], "×", "", at_least(0.5)),
        Row("the same, by CPU time", [plain.cpu_seconds / full.cpu_seconds for plain, full in pairs], "×"),
    ]


def _replay(records: Path, folder: Path, program: Path, build: Build) -> Ran:
    files = ("--program", str(program), "--input", str(records), "--output", str(folder / program.stem))
    return run_child(pointstream("replay", *files, "--until", UNTIL, one_core=True, build=build))
