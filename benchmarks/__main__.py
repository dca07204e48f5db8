"""`make bench`: every benchmark, a table each, and below what machine and versions. `--quick` for a look, `--only NAME` for some of them.

A benchmark that fails is told and the others go on; then the exit code is 1. A target that is missed is a line in a table and no failure.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.bad_records import bad_record_costs
from benchmarks.birthdays import birthdays
from benchmarks.flat import flat_costs
from benchmarks.latency import latencies
from benchmarks.machine import facts
from benchmarks.measure import Row, as_json, print_facts, print_table, say
from benchmarks.midnight import midnight
from benchmarks.profiles import profile_rates
from benchmarks.replay import replay_rates
from benchmarks.restore import restore_rates
from benchmarks.returns import returns_rates
from benchmarks.stacks.run import ENGINE, LEDGER, stack_rates
from benchmarks.worker import worker_rates

QUICK_SHARE: Final = 0.5

BENCHMARKS: Final[dict[str, Callable[[bool], list[Row]]]] = {
    "engine": lambda quick: stack_rates([ENGINE], 1 if quick else 3, say, QUICK_SHARE if quick else 1.0),
    "ledger": lambda quick: stack_rates([LEDGER], 1 if quick else 3, say, QUICK_SHARE if quick else 1.0),
    "restore": lambda quick: restore_rates(160_000 if quick else 480_000, 1 if quick else 3, say),
    "latency": lambda quick: latencies(*((8.0, 1, say, 60_000, 0) if quick else (30.0, 3, say))),
    "profiles": lambda quick: profile_rates(*((400_000, 60_000, 6.0, 1) if quick else (2_000_000, 150_000, 10.0, 3)), say),
    "birthdays": lambda quick: birthdays(*((100_000, 5) if quick else (1_000_000, 10)), say),
    "midnight": lambda quick: midnight(100_000 if quick else 1_000_000, say),
    "replay": lambda quick: replay_rates(40_000 if quick else 150_000, 1 if quick else 3, say),
    "returns": lambda quick: returns_rates(1 if quick else 5, say),
    "flat": lambda quick: flat_costs(1 if quick else 3, say),
    "bad-records": lambda quick: bad_record_costs(8_000 if quick else 40_000, 1 if quick else 3, say),
    "worker": lambda quick: worker_rates(60_000 if quick else 300_000, 1 if quick else 3, say),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", choices=[*BENCHMARKS], action="append", help="just this one; may be said several times")
    parser.add_argument("--quick", action="store_true", help="fewer records, one run: a look, not a measurement")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too, unrounded")
    options = parser.parse_args()
    told = facts()
    print_facts(told)
    rows: list[Row] = []
    failed = False
    for name in options.only or BENCHMARKS:
        began = time.monotonic()
        try:
            found = BENCHMARKS[name](options.quick)
        except Exception as error:  # noqa: BLE001  # one that fails costs the others nothing
            say(f"{name} failed: {error}")
            failed = True
            continue
        rows += found
        print_table(found, f"{name}, {time.monotonic() - began:.0f} s{', a quick look' * options.quick}")
        if options.json is not None:
            options.json.write_text(as_json(rows, told) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
